"""The transformer out of either layout: the same network, the right formats, and each wrong file named."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import WanTransformer3DModel
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from safetensors.torch import load_file, save_file

from engine.bundles.installed_bundle import PartName
from engine.networks.adapter_projections import AdapterProjections
from engine.protocol.errors import ErrorCode, UserError
from engine.weights.network_sizes import adapter_sizes, transformer_sizes
from engine.weights.part_fit import check_fit
from engine.weights.transformer_config import transformer_config
from engine.weights.transformer_layout import diffusers_name, original_name
from engine.weights.transformer_loader import load_transformer

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "golden"
SHARDS = tuple(sorted(GOLDEN.glob("diffusion_pytorch_model-*.safetensors")))
HEADS = 4
CLOSE = 1e-5  # matrix products round by where in memory, and so where in the file, a weight begins


@pytest.fixture(scope="module")
def original():
    """The golden weights under their published names."""
    return {key: tensor for shard in SHARDS for key, tensor in load_file(shard).items()}


@pytest.fixture(scope="module")
def converted(original):
    """The same under diffusers' names, by diffusers' own function."""
    return convert_wan_transformer_to_diffusers(dict(original))


@pytest.fixture(scope="module")
def golden_model():
    return load_transformer(SHARDS, dtype=torch.float32, heads=HEADS)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes weights as one file."""

    def write_file(weights, name="model.safetensors"):
        save_file({key: tensor.contiguous() for key, tensor in weights.items()}, tmp_path / name)
        return tmp_path / name

    return write_file


@pytest.fixture
def diffusers_folder(tmp_path, golden_model):
    """The golden network as diffusers saves it, in several shards."""
    golden_model.save_pretrained(tmp_path / "transformer", max_shard_size="900KB")
    return tmp_path / "transformer"


only_where_maps_are_told = pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="the system does not tell what is mapped"
)


def refused(paths, **options):
    with pytest.raises(UserError) as error:
        load_transformer(paths, dtype=torch.float32, **{"heads": HEADS, **options})
    return error.value.report


def forward(model, dtype=torch.float32):
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        return model(
            hidden_states=torch.randn(1, 36, 2, 4, 4, generator=noise).to(dtype),
            timestep=torch.tensor([500]),
            encoder_hidden_states=torch.randn(1, 512, 64, generator=noise).to(dtype),
            encoder_hidden_states_image=torch.randn(1, 257, 64, generator=noise).to(dtype),
            return_dict=False,
        )[0]


def test_names_become_what_diffusers_makes_of_them(original, converted):
    assert {diffusers_name(key) for key in original} == set(converted)
    assert all(torch.equal(original[key], converted[diffusers_name(key)]) for key in original)
    assert all(original_name(diffusers_name(key)) == key for key in original)


@pytest.mark.parametrize(
    "name", ["blocks.0.self_attn.r.weight", "blocks.x.norm3.weight", "vace_blocks.0.o", ""]
)
def test_unknown_names_are_not_renamed(name):
    with pytest.raises(KeyError):
        diffusers_name(name)


def test_golden_shards_give_every_weight_under_its_name(golden_model, converted):
    weights = golden_model.state_dict()
    assert weights.keys() == converted.keys()
    assert all(torch.equal(weights[key], converted[key]) for key in weights)


def test_golden_shards_give_a_network_that_computes(golden_model, converted):
    reference = WanTransformer3DModel(**golden_model.config).eval()
    reference.load_state_dict(converted)
    torch.testing.assert_close(forward(golden_model), forward(reference), atol=CLOSE, rtol=0)


def test_nothing_is_left_without_memory_and_nothing_is_to_be_trained(golden_model):
    held = [*golden_model.parameters(), *golden_model.buffers()]
    assert not any(tensor.is_meta for tensor in held)
    assert not any(tensor.requires_grad for tensor in held)
    assert not golden_model.training


def test_sizes_are_read_from_shapes(converted):
    config = transformer_config({key: tuple(tensor.shape) for key, tensor in converted.items()}, heads=HEADS)
    assert config == {
        "patch_size": (1, 2, 2),
        "num_attention_heads": 4,
        "attention_head_dim": 24,
        "in_channels": 36,
        "out_channels": 16,
        "text_dim": 64,
        "freq_dim": 64,
        "ffn_dim": 192,
        "num_layers": 3,
        "cross_attn_norm": True,
        "qk_norm": "rms_norm_across_heads",
        "image_dim": 64,
        "added_kv_proj_dim": 96,
        "pos_embed_seq_len": None,
    }


def published_shapes():
    config = {"in_channels": 36, "image_dim": 1280, "added_kv_proj_dim": 5120, "num_layers": 40}
    with torch.device("meta"):
        return {key: tuple(each.shape) for key, each in WanTransformer3DModel(**config).state_dict().items()}


def test_the_published_size_has_forty_heads_without_being_told():
    config = transformer_config(published_shapes())
    assert (config["num_attention_heads"], config["attention_head_dim"]) == (40, 128)
    assert (config["num_layers"], config["ffn_dim"], config["text_dim"]) == (40, 13824, 4096)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_formats_are_those_of_diffusers_own_loading(diffusers_folder, dtype):
    own = load_transformer(SHARDS, dtype=dtype, heads=HEADS).state_dict()
    theirs = WanTransformer3DModel.from_pretrained(diffusers_folder, torch_dtype=dtype).state_dict()
    assert own.keys() == theirs.keys()
    assert all(own[key].dtype == theirs[key].dtype for key in own)
    assert all(torch.equal(own[key], theirs[key]) for key in own)


def test_half_precision_keeps_what_has_to_be_exact():
    model = load_transformer(SHARDS, dtype=torch.bfloat16, heads=HEADS)
    kept = {name for name, tensor in model.named_parameters() if tensor.dtype == torch.float32}
    assert {"scale_shift_table", "blocks.2.scale_shift_table", "blocks.0.norm2.weight"} <= kept
    assert "condition_embedder.time_embedder.linear_1.weight" in kept
    assert "blocks.0.attn1.to_q.weight" not in kept
    assert model.rope.freqs_cos.dtype is torch.float32
    assert forward(model, torch.bfloat16).isfinite().all()


def test_the_layout_of_diffusers_loads_with_its_index_and_description(diffusers_folder, golden_model):
    paths = sorted(diffusers_folder.iterdir())
    assert len(paths) > 3
    model = load_transformer(paths, dtype=torch.float32)
    assert model.config.num_attention_heads == HEADS
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), golden_model.parameters(), strict=True))


def test_one_file_of_either_layout_loads(write, original, converted, golden_model):
    for weights in (original, converted):
        model = load_transformer([write(weights)], dtype=torch.float32, heads=HEADS)
        torch.testing.assert_close(forward(model), forward(golden_model), atol=CLOSE, rtol=0)


def mapped_places(path):
    """Where in this process's memory a file is mapped."""
    lines = [line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(path.name)]
    return [tuple(int(edge, 16) for edge in line.split()[0].split("-")) for line in lines]


@only_where_maps_are_told
def test_weights_that_need_no_conversion_stay_mapped(write, original):
    path = write(original, "mapped.safetensors")
    model = load_transformer([path], dtype=torch.float32, heads=HEADS)
    places = mapped_places(path)
    weights = [parameter.data_ptr() for parameter in model.parameters()]
    assert all(any(start <= weight < end for start, end in places) for weight in weights)


@only_where_maps_are_told
def test_a_file_that_was_converted_is_let_go(write, original):
    path = write(original, "converted.safetensors")
    model = load_transformer([path], dtype=torch.bfloat16, heads=HEADS)
    assert model.scale_shift_table.dtype is torch.float32
    assert mapped_places(path) == []


def describe(folder, **content):
    path = folder / "config.json"
    path.write_text(json.dumps({"_class_name": "WanModel", **content}))
    return path


def test_heads_come_from_the_description_of_the_authors(tmp_path):
    path = describe(tmp_path, num_heads=4, dim=96, num_layers=3, in_dim=36, eps=1e-5, text_len=512)
    model = load_transformer(SHARDS, dtype=torch.float32, config=path)
    assert (model.config.num_attention_heads, model.config.eps) == (4, 1e-5)
    assert load_transformer([*SHARDS, path], dtype=torch.float32).config.num_attention_heads == 4


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"num_heads": 4, "num_layers": 40}, "num_layers is 40 where the weights have 3"),
        ({"num_heads": 4, "ffn_dim": 13824}, "ffn_dim is 13824"),
        ({"num_heads": "4"}, "no whole number"),
        ({"num_heads": 0}, "no whole number"),
        ({"num_heads": 4.5}, "no whole number"),
        ({"num_heads": 10**9}, "no whole number"),
        ({"num_heads": 4, "eps": True}, "eps is True"),
        ({"num_heads": 4, "eps": float("nan")}, "eps is nan"),
        ({"num_heads": 4, "eps": 2}, "eps is 2"),
        (
            {"_class_name": "WanTransformer3DModel", "num_attention_heads": 4, "rope_max_seq_len": 10**12},
            "rope_max",
        ),
        (
            {"_class_name": "WanTransformer3DModel", "num_attention_heads": 4, "attention_head_dim": 128},
            "head_dim",
        ),
        ({"_class_name": "WanTransformer3DModel", "num_attention_heads": 4, "qk_norm": "none"}, "qk_norm"),
        (
            {"_class_name": "WanTransformer3DModel", "num_attention_heads": 4, "patch_size": [1, 1, 1]},
            "patch_size",
        ),
        ({"num_heads": 5}, "cannot have 5 heads"),
        ({"_class_name": "UNet"}, "not of a Wan transformer"),
    ],
)
def test_a_description_of_something_else_is_refused(tmp_path, said, words):
    assert words in refused(SHARDS, heads=None, config=describe(tmp_path, **said)).message


def test_a_width_that_gives_no_heads_is_refused():
    assert "width 96 cannot have 0 heads" in refused(SHARDS, heads=None).message


@pytest.mark.parametrize("key", ["blocks.1.ffn.2.bias", "head.modulation", "patch_embedding.weight"])
def test_a_missing_key_is_named_as_in_the_file(write, original, key):
    report = refused([write({name: each for name, each in original.items() if name != key})])
    assert report.code is ErrorCode.BAD_INPUT
    assert f"model.safetensors lack {key}" in report.message
    assert report.details["key"] == key


def test_a_missing_key_of_diffusers_layout_is_named_as_in_the_file(write, converted):
    weights = {key: each for key, each in converted.items() if key != "blocks.1.ffn.net.2.bias"}
    assert "lack blocks.1.ffn.net.2.bias" in refused([write(weights)]).message


def test_blocks_with_a_gap_are_refused(write, original):
    weights = {key: each for key, each in original.items() if not key.startswith("blocks.1.")}
    assert "lack blocks.1." in refused([write(weights)]).message


@pytest.mark.parametrize("key", ["blocks.0.self_attn.lora.weight", "vace_patch_embedding.weight"])
def test_an_extra_key_is_named(write, original, key):
    assert key in refused([write({**original, key: torch.ones(2)})]).message


def test_an_extra_key_of_diffusers_layout_is_named(write, converted):
    message = refused([write({**converted, "blocks.0.extra": torch.ones(2), "z": torch.ones(1)})]).message
    assert "hold blocks.0.extra and 1 more, which does not belong" in message


def test_a_wrong_shape_says_both(write, original):
    weights = {**original, "blocks.2.self_attn.q.weight": torch.ones(96, 95)}
    message = refused([write(weights)]).message
    assert "blocks.2.self_attn.q.weight as 96 x 95 where 96 x 96 is needed" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_no_number_names_its_key(write, original, value):
    broken = original["blocks.1.ffn.0.weight"].clone()
    broken[100, 50] = value
    report = refused([write({**original, "blocks.1.ffn.0.weight": broken})])
    assert "values in blocks.1.ffn.0.weight that are not numbers" in report.message


def test_a_value_too_large_for_half_precision_says_so(write, original):
    large = original["blocks.1.ffn.0.weight"].clone()
    large[0, 0] = 1e6
    path = write({**original, "blocks.1.ffn.0.weight": large})
    with pytest.raises(UserError, match=r"blocks\.1\.ffn\.0\.weight that are too large for float16"):
        load_transformer([path], dtype=torch.float16, heads=HEADS)
    assert load_transformer([path], dtype=torch.bfloat16, heads=HEADS)


def test_whole_numbers_are_no_weights(write, original):
    weights = {**original, "head.head.bias": torch.ones(64, dtype=torch.int32)}
    assert "head.head.bias in the wrong number format" in refused([write(weights)]).message


def without_image(weights):
    return {key: each for key, each in weights.items() if "img" not in key}


def test_a_text_to_video_model_is_called_by_its_name(write, original):
    weights = without_image(original)
    weights["patch_embedding.weight"] = torch.ones(96, 16, 1, 2, 2)
    assert "model.safetensors is a text-to-video model" in refused([write(weights)]).message


def test_a_model_without_image_attention_is_refused(write, original):
    assert "does not look at the picture" in refused([write(without_image(original))]).message


def test_a_first_and_last_frame_model_is_called_by_its_name(write, original):
    weights = {**original, "img_emb.emb_pos": torch.zeros(1, 514, 64)}
    assert "first-and-last-frame" in refused([write(weights)]).message


def test_another_number_of_channels_is_refused(write, original):
    weights = {**original, "patch_embedding.weight": torch.ones(96, 52, 1, 2, 2)}
    assert "52 channels where image-to-video has 36" in refused([write(weights)]).message


def test_other_patches_are_refused(write, original):
    weights = {**original, "patch_embedding.weight": torch.ones(96, 36, 1, 1, 4)}
    assert "tokens of (1, 1, 4)" in refused([write(weights)]).message


def test_an_adapter_in_place_of_the_transformer_is_called_by_its_name():
    message = refused([GOLDEN / "fantasytalking_tiny.ckpt"]).message
    assert "are the voice adapter (FantasyTalking), not a Wan transformer" in message


def test_something_unknown_is_not_taken_for_a_transformer(write):
    assert "nothing in them is known" in refused([write({"a": torch.ones(1)})]).message


def test_a_truncated_shard_is_named(tmp_path):
    cut = tmp_path / SHARDS[1].name
    cut.write_bytes(SHARDS[1].read_bytes()[:-100])
    whole = tmp_path / SHARDS[0].name
    whole.write_bytes(SHARDS[0].read_bytes())
    assert f"{cut.name} were cut short" in refused([whole, cut]).message


def test_a_shard_that_was_left_out_is_named():
    assert "diffusion_pytorch_model-00002-of-00002.safetensors are missing" in refused(SHARDS[:1]).message


def sizes_with_adapter(transformer, width, blocks):
    projections = AdapterProjections(width=8, model_width=width, blocks=blocks)
    return {
        PartName.TRANSFORMER: transformer_sizes(transformer.config),
        PartName.VOICE_ADAPTER: adapter_sizes(projections),
    }


def test_an_adapter_of_the_same_sizes_fits(golden_model):
    check_fit(sizes_with_adapter(golden_model, 96, 3))


@pytest.mark.parametrize(
    ("width", "blocks", "said"),
    [
        (128, 3, "its width is 128, the transformer has 96"),
        (96, 4, "its number of blocks is 4, the transformer has 3"),
    ],
)
def test_an_adapter_of_another_size_does_not_fit(golden_model, width, blocks, said):
    with pytest.raises(UserError, match="The voice adapter does not fit the transformer") as error:
        check_fit(sizes_with_adapter(golden_model, width, blocks))
    assert said in str(error.value)
