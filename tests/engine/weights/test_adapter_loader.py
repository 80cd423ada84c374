"""Both adapters out of every layout they are found in, and each wrong file named."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.protocol.errors import ErrorCode, UserError
from engine.weights.adapter_loader import load_expression_adapter, load_voice_adapter
from engine.weights.tensor_file import open_tensors

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "golden"
PORTRAIT = GOLDEN / "fantasyportrait_tiny.ckpt"
TALKING = GOLDEN / "fantasytalking_tiny.ckpt"
HEAD_WIDTH = 12
EXPRESSION_K = "blocks.1.cross_attn.processor.ip_adapter_single_stream_k_proj.weight"


@pytest.fixture
def portrait():
    return torch.load(PORTRAIT, weights_only=True)


@pytest.fixture
def talking():
    return torch.load(TALKING, weights_only=True)


def flat(published, *, without=()):
    """The names of a repackaged file: joined with dots, without some pieces."""
    weights = {f"{part}.{key}": value for part, values in published.items() for key, value in values.items()}
    for piece in without:
        weights = {key.replace(piece, ""): value for key, value in weights.items()}
    return weights


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a nested dictionary as published, or plain names as safetensors."""

    def write_file(content):
        if isinstance(next(iter(content.values())), dict):
            path = tmp_path / "adapter.ckpt"
            torch.save(content, path)
        else:
            path = tmp_path / "adapter.safetensors"
            save_file({key: value.contiguous() for key, value in content.items()}, path)
        return path

    return write_file


def expression(path, dtype=torch.float32):
    return load_expression_adapter(path, dtype, head_width=HEAD_WIDTH)


def refused(load, path):
    with pytest.raises(UserError) as error:
        load(path)
    assert error.value.report.code is ErrorCode.BAD_INPUT
    return error.value.report.message


def voice(path, dtype=torch.float32):
    return load_voice_adapter(path, dtype)


def same(first, second):
    pairs = zip(
        (*first.tokens.state_dict().values(), *first.projections.state_dict().values()),
        (*second.tokens.state_dict().values(), *second.projections.state_dict().values()),
        strict=True,
    )
    return all(torch.equal(a, b) for a, b in pairs)


def test_the_published_expression_adapter_is_read_with_its_sizes(portrait):
    adapter = expression(PORTRAIT)
    config = adapter.tokens.config
    assert (config.width, config.resampler_width, config.resampler_depth) == (32, 48, 2)
    assert (config.resampler_heads, config.head_width, config.feed_forward_factor) == (4, 12, 4)
    assert (config.mouth_queries, config.emotion_queries, config.tokens_per_frame) == (16, 4, 24)
    projections = adapter.projections
    assert (projections.width, projections.model_width, len(projections.keys)) == (32, 96, 3)
    assert torch.equal(projections.keys[1].weight, portrait["ip_adapter"][EXPRESSION_K])
    assert torch.equal(adapter.tokens.mouth_proj_model.latents, portrait["mouth_proj_model"]["latents"])
    assert torch.equal(adapter.tokens.proj_model.eye_proj.weight, portrait["proj_model"]["eye_proj.weight"])


def test_keys_and_values_of_every_block_are_their_own(portrait):
    adapter = expression(PORTRAIT)
    for block in range(3):
        stem = f"blocks.{block}.cross_attn.processor.ip_adapter_single_stream"
        assert torch.equal(
            adapter.projections.keys[block].weight, portrait["ip_adapter"][f"{stem}_k_proj.weight"]
        )
        assert torch.equal(
            adapter.projections.values[block].weight, portrait["ip_adapter"][f"{stem}_v_proj.weight"]
        )


@pytest.mark.parametrize("name", ["expression", "voice"])
def test_tokens_may_be_exact_where_projections_are_not(name):
    if name == "expression":
        adapter = load_expression_adapter(
            PORTRAIT, torch.bfloat16, tokens_in_float32=True, head_width=HEAD_WIDTH
        )
        exact = expression(PORTRAIT)
    else:
        adapter, exact = load_voice_adapter(TALKING, torch.bfloat16, tokens_in_float32=True), voice(TALKING)
    exact.projections.to(torch.bfloat16)
    assert same(adapter, exact)
    assert {each.dtype for each in adapter.tokens.parameters()} == {torch.float32}
    assert {each.dtype for each in adapter.projections.parameters()} == {torch.bfloat16}


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not tell what is mapped")
@pytest.mark.parametrize("layout", ["published", "repackaged"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_file_stays_mapped_for_an_adapter(write, talking, layout, dtype):
    path = write(talking if layout == "published" else flat(talking))
    adapter = voice(path, dtype)
    assert adapter.projections.keys[0].weight.dtype is dtype
    assert str(path) not in Path("/proc/self/maps").read_text()


def test_the_adapter_computes_and_is_not_to_be_trained():
    adapter = expression(PORTRAIT)
    tokens = adapter.tokens(torch.randn(5, 554, generator=torch.Generator().manual_seed(1)))
    assert tokens.shape == (5 * 24, 32)
    assert tokens.isfinite().all()
    assert not any(parameter.requires_grad for parameter in adapter.tokens.parameters())
    assert not any(parameter.is_meta for parameter in adapter.projections.parameters())


@pytest.mark.parametrize("without", [(), (".processor",), (".processor", "ip_adapter.")])
@pytest.mark.parametrize("encoder", [{}, {"pd_fpg.model.conv1.bias": torch.ones(2)}])
def test_repackaged_expression_adapters_are_the_same(write, portrait, without, encoder):
    path = write({**flat(portrait, without=without), **encoder})
    assert same(expression(path), expression(PORTRAIT))


def test_the_published_voice_adapter_is_read_with_its_sizes(talking):
    adapter = voice(TALKING)
    assert adapter.tokens.proj.weight.shape == (32, 40)
    assert (adapter.projections.width, adapter.projections.model_width) == (32, 96)
    for block in range(3):
        stem = f"blocks.{block}.cross_attn.processor"
        assert torch.equal(
            adapter.projections.keys[block].weight, talking["audio_processor"][f"{stem}.k_proj.weight"]
        )
        assert torch.equal(
            adapter.projections.values[block].weight, talking["audio_processor"][f"{stem}.v_proj.weight"]
        )


@pytest.mark.parametrize("without", [(), (".processor",), (".processor", "audio_processor.")])
def test_repackaged_voice_adapters_are_the_same(write, talking, without):
    assert same(voice(write(flat(talking, without=without))), voice(TALKING))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_adapters_come_in_the_format_that_is_asked_for(dtype):
    for adapter in (expression(PORTRAIT, dtype), voice(TALKING, dtype)):
        held = (*adapter.tokens.parameters(), *adapter.projections.parameters())
        assert {parameter.dtype for parameter in held} == {dtype}


def test_a_repackaged_file_in_half_precision_widens(write, portrait):
    path = write({key: value.half() for key, value in flat(portrait).items()})
    assert expression(path).projections.keys[0].weight.dtype is torch.float32


def test_published_heads_are_64_wide(write, portrait):
    for part in ("mouth_proj_model", "emo_proj_model"):
        for layer in range(2):
            stem = f"layers.{layer}.0"
            portrait[part][f"{stem}.to_q.weight"] = torch.ones(128, 48)
            portrait[part][f"{stem}.to_kv.weight"] = torch.ones(256, 48)
            portrait[part][f"{stem}.to_out.weight"] = torch.ones(48, 128)
    config = load_expression_adapter(write(portrait), torch.float32).tokens.config
    assert (config.resampler_heads, config.head_width) == (2, 64)


def test_a_width_that_is_no_heads_is_refused():
    message = refused(lambda path: load_expression_adapter(path, torch.float32), PORTRAIT)
    assert "mouth_proj_model.layers.0.0.to_q.weight with 48 rows, which are not heads of 64" in message


def test_the_talking_checkpoint_given_as_portrait_is_called_by_its_name():
    message = refused(expression, TALKING)
    assert "fantasytalking_tiny.ckpt are the voice adapter (FantasyTalking), not the expression" in message


def test_the_portrait_checkpoint_given_as_talking_is_called_by_its_name():
    message = refused(voice, PORTRAIT)
    assert "fantasyportrait_tiny.ckpt are the expression adapter (FantasyPortrait), not the voice" in message


@pytest.mark.parametrize("without", [(".processor",), (".processor", "audio_processor.")])
def test_a_repackaged_talking_file_given_as_portrait_is_called_by_its_name(write, talking, without):
    assert "are the voice adapter" in refused(expression, write(flat(talking, without=without)))


def test_the_transformer_given_as_an_adapter_is_called_by_its_name(write):
    shards = sorted(GOLDEN.glob("diffusion_pytorch_model-*.safetensors"))
    file = open_tensors(shards)
    path = write({key: file.tensor(key) for key in file.keys()})  # noqa: SIM118
    for load in (expression, voice):
        assert "are a Wan transformer" in refused(load, path)


@pytest.mark.parametrize(
    ("part", "key", "name"),
    [
        ("proj_model", "norm.weight", "proj_model.norm.weight"),
        ("proj_model", "eye_proj.weight", "proj_model.eye_proj.weight"),
        ("mouth_proj_model", "latents", "mouth_proj_model.latents"),
        ("emo_proj_model", "layers.1.1.3.weight", "emo_proj_model.layers.1.1.3.weight"),
        ("ip_adapter", EXPRESSION_K, f"ip_adapter.{EXPRESSION_K}"),
    ],
)
def test_a_missing_key_is_named_as_in_the_file(write, portrait, part, key, name):
    del portrait[part][key]
    assert f"adapter.ckpt lack {name}" in refused(expression, write(portrait))


def test_an_adapter_without_projections_is_refused(write, portrait):
    del portrait["ip_adapter"]
    assert "lack the projections" in refused(expression, write(portrait))


@pytest.mark.parametrize("key", ["proj_model.odd", "ip_adapter.blocks.0.cross_attn.processor.norm_k.weight"])
def test_an_extra_key_is_named(write, portrait, key):
    assert f"hold {key}, which does not belong" in refused(
        expression, write({**flat(portrait), key: torch.ones(1)})
    )


def test_a_gap_in_the_blocks_is_named(write, talking):
    values = talking["audio_processor"]
    for letter in "kv":
        values[f"blocks.7.cross_attn.processor.{letter}_proj.weight"] = values.pop(
            f"blocks.1.cross_attn.processor.{letter}_proj.weight"
        )
    assert "blocks.1.cross_attn.processor.k_proj.weight" in refused(voice, write(talking))


def test_a_wrong_shape_is_named(write, talking):
    talking["proj_model"]["norm.weight"] = torch.ones(33)
    assert "proj_model.norm.weight as 33 where 32 is needed" in refused(voice, write(talking))


@pytest.mark.parametrize("shape", [(), (3,), (0, 40), (32, 40, 1)])
def test_an_odd_shape_where_sizes_are_read_is_named(write, talking, shape):
    talking["proj_model"]["proj.weight"] = torch.ones(shape)
    assert "proj_model.proj.weight" in refused(voice, write(talking))


def test_a_value_that_is_no_number_names_its_key(write, portrait, talking):
    portrait["ip_adapter"][EXPRESSION_K][3, 3] = float("nan")
    assert f"values in ip_adapter.{EXPRESSION_K} that are not numbers" in refused(expression, write(portrait))
    talking["proj_model"]["norm.bias"][0] = float("inf")
    assert "values in proj_model.norm.bias that are not numbers" in refused(voice, write(talking))
