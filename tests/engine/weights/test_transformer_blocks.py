"""The transformer block by block: the numbers of the whole, in little memory, from files that may change."""

import os
import threading
from pathlib import Path

import psutil
import pytest
import torch
from diffusers import WanTransformer3DModel
from safetensors.torch import load_file, save_file

from engine.protocol.errors import ErrorCode, UserError
from engine.weights.random_bundle_transformer import (
    BLOCKS,
    HEADS,
    IMAGE_WIDTH,
    TEXT_WIDTH,
    write_diffusers_transformer,
    write_original_transformer,
)
from engine.weights.transformer_layout import original_name
from engine.weights.transformer_loader import load_transformer, open_transformer_blocks

MOST_BESIDE_A_BLOCK = 16_000_000


@pytest.fixture(scope="module")
def layouts(tmp_path_factory):
    """The files of one random transformer in either layout."""
    folder = tmp_path_factory.mktemp("transformers")
    write_diffusers_transformer(folder, 1)
    (folder / "original").mkdir()
    write_original_transformer(folder / "original", 1)
    return {name: sorted((folder / name).iterdir()) for name in ("transformer", "original")}


@pytest.fixture
def path(tmp_path, layouts):
    """A transformer in one file of diffusers' layout, for a test to damage."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(layouts["transformer"][1].read_bytes())
    return path


def opened(path, dtype=torch.float32):
    return open_transformer_blocks([path], dtype=dtype, heads=HEADS)


def change(path, **changes):
    save_file({**load_file(path), **changes}, path)


def assembled(blocks):
    model = blocks.frame()
    for number in range(len(blocks)):
        model.blocks[number] = blocks.block(number)
    return model


def moved(model):
    """The model with its weights where a tensor begins of itself: products round by where a weight begins."""
    model.load_state_dict({key: each.clone() for key, each in model.state_dict().items()}, assign=True)
    return model


def forward(model, dtype):
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        return model(
            hidden_states=torch.randn(1, 36, 2, 4, 4, generator=noise).to(dtype),
            timestep=torch.tensor([500]),
            encoder_hidden_states=torch.randn(1, 512, TEXT_WIDTH, generator=noise).to(dtype),
            encoder_hidden_states_image=torch.randn(1, 257, IMAGE_WIDTH, generator=noise).to(dtype),
            return_dict=False,
        )[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", ["transformer", "original"])
def test_frame_and_blocks_are_the_transformer(layouts, layout, dtype):
    blocks = open_transformer_blocks(layouts[layout], dtype=dtype)
    parts, whole = assembled(blocks), load_transformer(layouts[layout], dtype=dtype)
    weights, expected = parts.state_dict(), whole.state_dict()
    assert weights.keys() == expected.keys()
    assert all(weights[key].dtype == expected[key].dtype for key in weights)
    assert all(torch.equal(weights[key], expected[key]) for key in weights)
    assert torch.equal(forward(parts, dtype), forward(moved(whole), dtype))


def test_the_frame_has_all_but_the_blocks(path):
    blocks = opened(path, torch.bfloat16)
    frame = blocks.frame()
    without_memory = {key for key, tensor in frame.state_dict().items() if tensor.is_meta}
    assert len(blocks) == BLOCKS
    assert without_memory == {
        f"blocks.{n}.{key}" for n in range(BLOCKS) for key in blocks.block(n).state_dict()
    }
    assert not frame.rope.freqs_cos.is_meta
    assert not frame.training
    assert not any(parameter.requires_grad for parameter in frame.parameters())


def test_a_block_is_ready_to_compute_in_the_formats_of_diffusers(path):
    block = opened(path, torch.bfloat16).block(2)
    kept = {name for name, tensor in block.named_parameters() if tensor.dtype == torch.float32}
    assert {"scale_shift_table", "norm2.weight", "norm2.bias"} == kept
    assert not block.training
    assert not any(parameter.requires_grad or parameter.is_meta for parameter in block.parameters())


def test_a_block_twice_is_two_blocks(path):
    blocks = opened(path)
    first, second = blocks.block(1), blocks.block(1)
    first.scale_shift_table.add_(1)
    assert torch.equal(first.scale_shift_table, second.scale_shift_table + 1)


@pytest.mark.parametrize("number", [-1, BLOCKS])
def test_there_is_no_block_outside_the_transformer(path, number):
    with pytest.raises(IndexError):
        opened(path).block(number)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not tell what is mapped")
def test_no_weight_lies_in_the_mapped_file(path):
    blocks = opened(path)
    parts = [blocks.frame(), blocks.block(0)]
    lines = [line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(path.name)]
    places = [tuple(int(edge, 16) for edge in line.split()[0].split("-")) for line in lines]
    weights = [each.data_ptr() for part in parts for each in part.parameters() if not each.is_meta]
    assert not any(start <= weight < end for start, end in places for weight in weights)


class LargeTransformer:
    """A transformer of 12 blocks of 18 MB each, as it is stored."""

    blocks = 12

    def __init__(self, stored):
        width = {torch.bfloat16: 704, torch.float32: 512}[stored]
        with torch.device("meta"):
            model = WanTransformer3DModel(
                num_attention_heads=4,
                attention_head_dim=width // 4,
                in_channels=36,
                ffn_dim=4 * width,
                num_layers=self.blocks,
                cross_attn_norm=True,
                image_dim=64,
                added_kv_proj_dim=width,
                text_dim=64,
            )
        row = torch.randn(6 * width * width, generator=torch.Generator().manual_seed(1)).to(stored)
        self.weights = {key: row[: each.numel()].view(each.shape) for key, each in model.state_dict().items()}
        self.block_bytes = sum(each.nbytes for key, each in self.weights.items() if "blocks.3." in key)

    def write(self, folder, form):
        if form == "checkpoint":
            torch.save({key: each.clone() for key, each in self.weights.items()}, folder / "large.ckpt")
        elif form == "safetensors":
            save_file({key: each.clone() for key, each in self.weights.items()}, folder / "large.safetensors")
        else:
            names = sorted(self.weights)
            for number, half in enumerate((names[::2], names[1::2]), start=1):
                shard = {original_name(key): self.weights[key].clone() for key in half}
                save_file(shard, folder / f"large-0000{number}-of-00002.safetensors")
        return sorted(folder.iterdir())


class PeakMemory:
    """Watches how much memory of this process is resident: its own, and pages of mapped files."""

    def __enter__(self):
        self._process, self._ended = psutil.Process(), threading.Event()
        self._before = self._peak = self._process.memory_info().rss
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def _watch(self):
        while not self._ended.wait(0.001):
            self.look()

    def look(self):
        self._peak = max(self._peak, self._process.memory_info().rss)

    def __exit__(self, *_):
        self._ended.set()
        self._watcher.join()

    @property
    def growth(self):
        return self._peak - self._before


@pytest.mark.parametrize(
    ("stored", "form", "most_blocks"),
    [
        (torch.bfloat16, "safetensors", 1),
        (torch.float32, "safetensors", 1),
        (torch.bfloat16, "original shards", 1),
        (torch.bfloat16, "checkpoint", 2),
    ],
)
def test_blocks_one_after_another_take_the_memory_of_one(tmp_path, stored, form, most_blocks):
    large = LargeTransformer(stored)
    paths = large.write(tmp_path, form)
    assert sum(path.stat().st_size for path in paths) > 200_000_000
    blocks = open_transformer_blocks(paths, dtype=torch.bfloat16, heads=4)
    blocks.block(0)  # what a first block takes for good is no growth
    with PeakMemory() as memory:
        for number in range(large.blocks):
            block = blocks.block(number)
            memory.look()
            assert torch.equal(block.ffn.net[2].bias, large.weights["blocks.0.ffn.net.2.bias"].bfloat16())
            del block
    for path in paths:
        path.unlink()
    assert memory.growth < most_blocks * large.block_bytes + MOST_BESIDE_A_BLOCK


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-1000])


def replace(path):
    other = path.with_name("other")
    other.write_bytes(path.read_bytes() + b"more")
    other.replace(path)


def write_again(path):
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("form", ["safetensors", "checkpoint"])
@pytest.mark.parametrize(
    ("what", "code"),
    [
        (cut_short, ErrorCode.WRONG_STATE),
        (replace, ErrorCode.WRONG_STATE),
        (write_again, ErrorCode.WRONG_STATE),
        (Path.unlink, ErrorCode.FILE_MISSING),
    ],
)
def test_a_file_that_changed_since_it_was_opened_is_named(path, what, code, form):
    if form == "checkpoint":
        torch.save(load_file(path), path.with_suffix(".ckpt"))
        path = path.with_suffix(".ckpt")
    blocks = opened(path)
    blocks.block(0)
    what(path)
    for load in (blocks.frame, lambda: blocks.block(1)):
        with pytest.raises(UserError, match=f"The weights {path.name} ") as error:
            load()
        assert error.value.report.code is code


def test_a_value_that_is_no_number_shows_with_its_block(path):
    broken = load_file(path)["blocks.1.ffn.net.0.proj.weight"]
    broken[100, 50] = float("nan")
    change(path, **{"blocks.1.ffn.net.0.proj.weight": broken})
    blocks = opened(path, torch.bfloat16)
    blocks.frame()
    blocks.block(0)
    with pytest.raises(
        UserError, match=r"values in blocks\.1\.ffn\.net\.0\.proj\.weight that are not numbers"
    ):
        blocks.block(1)


def test_a_value_too_large_for_half_precision_shows_with_its_block(path):
    change(path, **{"blocks.2.attn2.to_k.bias": torch.full((96,), 1e6)})
    with pytest.raises(UserError, match=r"blocks\.2\.attn2\.to_k\.bias that are too large for float16"):
        opened(path, torch.float16).block(2)


def test_a_value_of_the_frame_that_is_no_number_is_named(path):
    change(path, **{"proj_out.bias": torch.full((64,), float("inf"))})
    with pytest.raises(UserError, match=r"values in proj_out\.bias that are not numbers"):
        opened(path).frame()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"blocks.0.extra": torch.ones(2)}, "hold blocks.0.extra"),
        ({"blocks.2.attn1.to_q.weight": torch.ones(96, 95)}, "blocks.2.attn1.to_q.weight as 96 x 95"),
        ({"blocks.1.ffn.net.2.bias": torch.ones(96, dtype=torch.int32)}, "in the wrong number format"),
        ({"condition_embedder.image_embedder.pos_embed": torch.ones(1, 514, 64)}, "first-and-last-frame"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_read(path, changes, words):
    change(path, **changes)
    with pytest.raises(UserError) as error:
        opened(path)
    assert words in error.value.report.message


def test_a_missing_key_is_refused_before_anything_is_read(path):
    weights = load_file(path)
    del weights["blocks.2.attn2.add_k_proj.bias"]
    save_file(weights, path)
    with pytest.raises(UserError, match=r"lack blocks\.2\.attn2\.add_k_proj\.bias"):
        opened(path)
