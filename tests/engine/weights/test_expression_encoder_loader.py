"""The expression encoder out of its file, published or beside an adapter."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.networks.expression_encoder import ExpressionEncoder
from engine.protocol.errors import UserError
from engine.weights.encoder_loaders import load_expression_encoder

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "golden"


@pytest.fixture(scope="module")
def expression_weights():
    """The golden weights of the expression encoder, by their published rule."""
    shapes = json.loads((GOLDEN / "expression_encoder_shapes.json").read_text())
    generator = torch.Generator().manual_seed(20261122)
    return {key: expression_value(key, shapes[key], generator) for key in sorted(shapes)}


def expression_value(key, shape, generator):
    if key.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    drawn = torch.randn(shape, generator=generator)
    if key.endswith("running_var"):
        return 1 + 0.1 * drawn.abs()
    if len(shape) >= 2:
        return drawn / drawn[0].numel() ** 0.5
    return 1 + 0.1 * drawn if key.endswith("weight") else 0.1 * drawn


@pytest.fixture
def expression_file(tmp_path, expression_weights):
    """Return a function that writes the published file with changes (None: taken out)."""

    def write(**changes):
        weights = {**expression_weights, **changes}
        path = tmp_path / "pd_fpg.pth"
        torch.save({key: value for key, value in weights.items() if value is not None}, path)
        return path

    return write


def expression_refused(path):
    with pytest.raises(UserError) as error:
        load_expression_encoder(path)
    return error.value.report.message


def test_the_published_expression_encoder_gives_the_golden_features(expression_file):
    golden = load_file(GOLDEN / "expression_encoder.safetensors")
    encoder = load_expression_encoder(expression_file())
    with torch.no_grad():
        features = encoder(golden["images"])
    assert features.shape == (3, 554)
    expected = torch.cat([golden[part] for part in ("headpose", "eye", "emotion", "mouth")], dim=1)
    torch.testing.assert_close(features, expected, atol=1e-4, rtol=0)


def test_the_repackaged_expression_encoder_is_the_same(tmp_path, expression_weights):
    portrait = torch.load(GOLDEN / "fantasyportrait_tiny.ckpt", weights_only=True)
    adapter = {f"{part}.{key}": value for part, each in portrait.items() for key, value in each.items()}
    encoder = {f"pd_fpg.{key}": value for key, value in expression_weights.items()}
    path = tmp_path / "fantasyportrait_model.safetensors"
    save_file({**adapter, **encoder}, path)
    loaded = load_expression_encoder(path).state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in expression_weights.items())


def test_the_expression_encoder_in_half_precision_widens(expression_file, expression_weights):
    changes = {key: value.half() for key, value in expression_weights.items() if value.is_floating_point()}
    encoder = load_expression_encoder(expression_file(**changes))
    assert isinstance(encoder, ExpressionEncoder)
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}


def test_heads_of_the_training_network_are_passed_over(expression_file):
    load_expression_encoder(expression_file(**{"classifier.0.weight": torch.ones(4, 512)}))


@pytest.mark.parametrize("key", ["model.conv9.weight", "to_mouth.4.weight"])
def test_an_extra_key_inside_the_encoder_is_named(expression_file, key):
    assert f"hold {key}" in expression_refused(expression_file(**{key: torch.ones(1)}))


@pytest.mark.parametrize("key", ["model.conv1.weight", "to_eye.2.running_mean", "emo_embed.1.bias"])
def test_a_missing_key_of_the_expression_encoder_is_named(expression_file, key):
    assert f"pd_fpg.pth lack {key}" in expression_refused(expression_file(**{key: None}))


def test_a_value_of_the_expression_encoder_that_is_no_number_is_named(expression_file):
    path = expression_file(**{"to_eye.2.running_mean": torch.full((512,), float("nan"))})
    assert "values in to_eye.2.running_mean" in expression_refused(path)


def test_an_adapter_without_the_encoder_is_called_by_its_name():
    message = expression_refused(GOLDEN / "fantasyportrait_tiny.ckpt")
    assert "are the expression adapter (FantasyPortrait), not the expression encoder" in message
