"""The transformer's blocks through slots: not a bit differs from the blocks in their place."""

import copy
import threading

import pytest
import torch

from engine.memory.block_building import BlockBuilder, BlockPlaces
from engine.memory.block_modules import USED_ONCE, BlockShape
from engine.memory.copy_lane import PlainLane
from engine.memory.eight_bit import ScaledLinear
from engine.protocol.errors import BugError, UserError
from engine.protocol.memory_plan import HostPlace, WeightStorage
from engine.sampling.block_forward import (
    Arithmetic,
    BranchContext,
    Modulation,
    add_cross_attention,
    add_feed_forward,
    add_self_attention,
)
from tests.engine.memory.simulated_lane import SimulatedLane, copies_late
from tests.engine.sampling.random_shots import random_model

HEADS, WIDTH, TOKENS = 2, 12, 10
PROCESSOR = torch.device("cpu")
WEIGHTS = ("weight", "bias")


@pytest.fixture
def model():
    """A transformer of five blocks; its norms and tables are float32 whatever the rest is."""
    return random_model(3, heads=HEADS, head_width=WIDTH, blocks=5).transformer


def narrowed(model, dtype):
    """Return the model as it is loaded in a narrower number format."""
    for block in model.blocks:
        for name, parameter in block.named_parameters():
            if "norm1" not in name and "norm2" not in name and "norm3" not in name and "table" not in name:
                parameter.data = parameter.data.to(dtype)
    return model


def context(generator, dtype):
    text, image = (
        tuple(torch.randn(1, HEADS, length, WIDTH, generator=generator).to(dtype) for _ in range(2))
        for length in (7, 5)
    )
    return BranchContext(text=text, image=image, adapters=[])


@torch.inference_mode()
def through(used, count, dtype):
    """Send tokens through all blocks; `used(number)` gives each for a while."""
    generator = torch.Generator().manual_seed(5)
    hidden = torch.randn(1, TOKENS, HEADS * WIDTH, generator=generator)
    vectors = torch.randn(1, 6, HEADS * WIDTH, generator=generator)
    angles = torch.randn(1, TOKENS, 1, WIDTH // 2, generator=generator)
    arithmetic = Arithmetic(dtype=dtype, piece_tokens=4)
    known = context(generator, dtype)
    for number in range(count):
        with used(number) as block:
            parts = Modulation.of(block, vectors)
            add_self_attention(block, hidden, parts, (angles.cos(), angles.sin()), arithmetic)
            add_cross_attention(block, hidden, known, arithmetic)
            add_feed_forward(block, hidden, parts, arithmetic)
    return hidden


class InPlace:
    """Gives a model's own blocks."""

    def __init__(self, blocks):
        self.block = None
        self.blocks = blocks

    def __call__(self, number):
        self.block = self.blocks[number]
        return self

    def __enter__(self):
        return self.block

    def __exit__(self, *error):
        return None


def built(model, places, lane=None):
    builder = BlockBuilder(
        model.blocks[0], len(model.blocks), places=places, lane=lane or PlainLane(PROCESSOR)
    )
    for number, block in enumerate(model.blocks):
        builder.add(number, block)
    return builder


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("residents", "slots"), [((), 1), ((), 2), ((0, 3), 2), ((2,), 3), (range(5), 0)])
def test_blocks_that_are_streamed_compute_exactly_what_blocks_in_their_place_do(
    model, dtype, residents, slots
):
    narrowed(model, dtype)
    expected = through(InPlace(copy.deepcopy(model.blocks)), 5, dtype)
    places = BlockPlaces(residents=frozenset(residents), slots=slots, host_place=HostPlace.PAGEABLE)
    blocks = built(model, places).finished()
    for _ in range(3):
        blocks.restart()
        assert (through(blocks.use, 5, dtype) - expected).abs().max().item() == 0.0
    blocks.release()
    assert blocks.device_bytes == 0
    blocks.refill()
    assert (through(blocks.use, 5, dtype) - expected).abs().max().item() == 0.0
    blocks.close()


def test_a_block_keeps_what_a_step_needs_and_the_module_it_came_from_nothing(model):
    narrowed(model, torch.bfloat16)
    whole = {name: tensor.clone() for name, tensor in model.blocks[1].named_parameters()}
    blocks = built(model, BlockPlaces(residents=frozenset({1}))).finished()
    with blocks.use(0), pytest.raises(BugError):
        blocks.release()
    with blocks.use(1) as block:
        kept = dict(block.named_parameters())
        assert set(whole) - set(kept) == {f"attn2.{name}.{part}" for name in USED_ONCE for part in WEIGHTS}
        for name, tensor in kept.items():
            assert torch.equal(tensor, whole[name])
            assert tensor.dtype is whole[name].dtype
            assert not tensor.requires_grad
        assert not block.training
    assert all(parameter.is_meta for parameter in model.blocks.parameters())
    blocks.close()


def test_the_blocks_of_all_slots_share_their_memory_with_the_buffers(model):
    blocks = built(model, BlockPlaces(residents=frozenset({0}), slots=2)).finished()
    with blocks.use(0) as first:
        address = first.attn1.to_q.weight.data_ptr()
    with blocks.use(1) as second, pytest.raises(BugError), blocks.use(2):
        pass
    assert second.attn1.to_q.weight.data_ptr() != address
    blocks.close()
    assert blocks.device_bytes == 0


@pytest.mark.parametrize("storage", WeightStorage)
def test_blocks_taken_over_inside_inference_work_outside_too(storage):
    with torch.inference_mode():
        model = random_model(3, heads=HEADS, head_width=WIDTH, blocks=5).transformer
        blocks = built(model, BlockPlaces(residents=frozenset({1}), storage=storage)).finished()
        expected = through(blocks.use, 5, torch.float32)
        blocks.release()
        blocks.refill()
    with torch.no_grad():
        assert torch.equal(through(blocks.use, 5, torch.float32), expected)
    blocks.release()
    blocks.refill()
    assert torch.equal(through(blocks.use, 5, torch.float32), expected)
    blocks.close()


def test_what_blocks_take_on_the_host_is_told_and_is_the_layout_no_more(model):
    size = BlockShape(model.blocks[0]).layout.size_bytes
    dropped = sum(
        parameter.numel() * 4
        for name in USED_ONCE
        for parameter in getattr(model.blocks[0].attn2, name).parameters()
    )
    whole = sum(parameter.numel() * 4 for parameter in model.blocks[0].parameters())
    assert whole - dropped <= size < whole - dropped + 512 * 30
    keeps = built(copy.deepcopy(model), BlockPlaces(residents=frozenset({1, 2})))
    assert keeps.host.size_bytes == 5 * size
    gives_up = built(model, BlockPlaces(residents=frozenset({1, 2}), residents_return=False))
    assert gives_up.host.size_bytes == 3 * size
    blocks = gives_up.finished()
    blocks.release()
    assert blocks.device_bytes == 2 * size
    blocks.close()


def test_blocks_in_eight_bits_are_near_those_in_full_and_streamed_exactly_as_resident(model):
    exact = through(InPlace(copy.deepcopy(model.blocks)), 5, torch.float32)
    results = []
    for residents in (frozenset(range(5)), frozenset({3})):
        places = BlockPlaces(residents=residents, slots=2, storage=WeightStorage.EIGHT_BIT)
        blocks = built(copy.deepcopy(model), places).finished()
        with blocks.use(0) as block:
            linears = [layer for layer in block.modules() if isinstance(layer, ScaledLinear)]
            assert len(linears) == 8  # q, k, v, o of one attention, q and o of the other, two of ffn
            assert not any(isinstance(layer, torch.nn.Linear) for layer in block.modules())
        for number in range(1, 5):
            with blocks.use(number):
                pass
        results.append(through(blocks.use, 5, torch.float32))
        blocks.close()
    assert torch.equal(results[0], results[1])
    error = ((results[0] - exact).norm() / exact.norm()).item()
    assert 0 < error < 0.05
    size, small = (BlockShape(model.blocks[0], storage).layout.size_bytes for storage in WeightStorage)
    assert small < size


def test_an_attention_backend_chosen_beforehand_is_kept(model):
    for block in model.blocks:
        block.attn1.processor._attention_backend = "native"
    blocks = built(model, BlockPlaces()).finished()
    with blocks.use(0) as block:
        assert block.attn1.processor._attention_backend == "native"
    blocks.close()


def test_a_block_that_is_missing_comes_twice_or_is_another_is_refused(model):
    other = random_model(3, heads=HEADS, head_width=WIDTH + 2).transformer
    builder = BlockBuilder(model.blocks[0], 2, places=BlockPlaces(), lane=PlainLane(PROCESSOR))
    builder.add(1, model.blocks[1])
    for number in (1, 2, -1):
        with pytest.raises(BugError, match="is there already or is none of these"):
            builder.add(number, model.blocks[2])
    with pytest.raises(BugError, match="do not fit the layout"):
        builder.add(0, other.blocks[0])
    with pytest.raises(BugError, match=r"\[0\] were never added"):
        builder.finished()
    assert not other.blocks[0].attn1.to_q.weight.is_meta


def test_a_block_is_whole_on_a_device_that_copies_as_late_as_it_may(model):
    expected = [block.ffn.net[2].weight.clone() for block in model.blocks]
    lane, seen = SimulatedLane(copies_late), []
    blocks = built(model, BlockPlaces(residents=frozenset({2})), lane).finished()
    for number in (*range(5), *range(5)):
        with blocks.use(number) as block:
            weight = block.ffn.net[2].weight
            lane.compute(lambda weight=weight, n=number: seen.append(torch.equal(weight, expected[n])))
    blocks.close()
    assert seen == [True] * 10


@pytest.mark.parametrize("residents", [(), (1, 4)])
def test_blocks_on_the_disk_are_written_once_and_streamed_exactly(model, tmp_path, residents):
    expected = through(InPlace(copy.deepcopy(model.blocks)), 5, torch.float32)
    for _ in range(2):
        places = on_disk(tmp_path, residents=frozenset(residents))
        builder = built(copy.deepcopy(model), places)
        assert builder.host.size_bytes == 0
        blocks = builder.finished()
        (file,) = tmp_path.iterdir()
        written_ns = file.stat().st_mtime_ns
        for _ in range(2):
            assert torch.equal(through(blocks.use, 5, torch.float32), expected)
        blocks.release()
        assert blocks.device_bytes == 0
        blocks.refill()
        assert torch.equal(through(blocks.use, 5, torch.float32), expected)
        blocks.close()
    assert file.stat().st_mtime_ns == written_ns


def on_disk(folder, *, identity="weights of a test", **places):
    return BlockPlaces(host_place=HostPlace.DISK, folder=folder, identity=identity, **places)


def test_a_damaged_block_on_the_disk_ends_the_render_once(model, tmp_path):
    built(copy.deepcopy(model), on_disk(tmp_path)).finished().close()
    (file,) = tmp_path.iterdir()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    blocks = built(copy.deepcopy(model), on_disk(tmp_path)).finished()
    with pytest.raises(UserError, match="damaged"):
        through(blocks.use, 5, torch.float32)
    blocks.close()
    assert list(tmp_path.iterdir()) == []
    expected = through(InPlace(copy.deepcopy(model.blocks)), 5, torch.float32)
    blocks = built(model, on_disk(tmp_path)).finished()
    assert torch.equal(through(blocks.use, 5, torch.float32), expected)
    blocks.close()


def test_other_weights_and_what_was_begun_leave_the_disk(model, tmp_path):
    built(copy.deepcopy(model), on_disk(tmp_path)).finished().close()
    with (
        pytest.raises(ZeroDivisionError),
        BlockBuilder(
            model.blocks[0], 5, places=on_disk(tmp_path, identity="others"), lane=PlainLane(PROCESSOR)
        ) as builder,
    ):
        builder.add(0, model.blocks[0])
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with BlockBuilder(model.blocks[1], 5, places=on_disk(tmp_path), lane=PlainLane(PROCESSOR)) as builder:
        builder.add(1, model.blocks[1])
    assert list(tmp_path.iterdir()) == []


def test_blocks_on_the_disk_need_a_folder(model):
    with pytest.raises(BugError, match="folder"):
        built(model, BlockPlaces(host_place=HostPlace.DISK))


def test_blocks_that_a_card_cannot_read_by_itself_are_brought_by_a_thread(model):
    expected = [block.attn1.to_q.weight.clone() for block in model.blocks]
    lane, seen = SimulatedLane(copies_late), []
    builder = built(model, BlockPlaces(residents=frozenset({1}), slots=1), lane)
    assert builder.host_place is HostPlace.PAGEABLE
    blocks = builder.finished()
    for number in (*range(5), *range(5)):
        with blocks.use(number) as block:
            weight = block.attn1.to_q.weight
            lane.compute(lambda weight=weight, n=number: seen.append(torch.equal(weight, expected[n])))
    names = [thread.name for thread in threading.enumerate()]
    assert any(name.startswith("read-ahead") for name in names)
    blocks.close()
    assert seen == [True] * 10
    assert not any(thread.name.startswith("read-ahead") for thread in threading.enumerate())


def test_where_not_all_can_be_pinned_none_is_but_what_the_thread_brings_them_to(model, monkeypatch):
    size, pinned = BlockShape(model.blocks[0]).layout.size_bytes, []

    def registered(bytes_B, device):  # noqa: N803
        if len(pinned) < 3:
            pinned.append(bytes_B.data_ptr())
            return True
        return False

    monkeypatch.setattr("engine.memory.host_buffer._registered", registered)
    monkeypatch.setattr("engine.memory.host_buffer._unregister", pinned.remove)
    builder = built(model, BlockPlaces(residents=frozenset({0})), SimulatedLane(copies_late))
    assert builder.host.pinned_bytes == 3 * size
    assert builder.host_place is HostPlace.PAGEABLE
    blocks = builder.finished()
    assert builder.host.pinned_bytes == 0
    assert len(pinned) == 2  # the buffers of the thread
    blocks.close()
    assert pinned == []


def test_where_all_are_pinned_they_are_copied_from_where_they_are(model, monkeypatch):
    pinned = []
    monkeypatch.setattr("engine.memory.host_buffer._registered", lambda *block: not pinned.append(block))
    monkeypatch.setattr("engine.memory.host_buffer._unregister", lambda address: pinned.pop())
    builder = built(model, BlockPlaces(residents=frozenset({0})), SimulatedLane(copies_late))
    assert builder.host_place is HostPlace.PINNED
    builder.finished().close()
    assert pinned == []
