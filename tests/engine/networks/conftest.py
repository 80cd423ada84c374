"""The golden tensors, and the weights that belong to them."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.networks.expression_encoder import ExpressionEncoder
from engine.networks.expression_tokens import ExpressionTokens, ExpressionTokensConfig
from engine.networks.voice_tokens import VoiceTokens

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "golden"


@pytest.fixture(scope="session")
def golden_inputs():
    return load_file(GOLDEN / "inputs.safetensors")


@pytest.fixture(scope="session")
def golden_outputs():
    return load_file(GOLDEN / "outputs.safetensors")


@pytest.fixture(scope="session")
def portrait_checkpoint():
    return torch.load(GOLDEN / "fantasyportrait_tiny.ckpt", weights_only=True)


@pytest.fixture(scope="session")
def talking_checkpoint():
    return torch.load(GOLDEN / "fantasytalking_tiny.ckpt", weights_only=True)


@pytest.fixture(scope="session")
def encoder_shapes():
    return json.loads((GOLDEN / "expression_encoder_shapes.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def encoder_weights(encoder_shapes):
    """Weights for the expression encoder by the rule in the golden tensors' README."""
    generator = torch.Generator().manual_seed(20261122)
    return {name: _drawn(name, encoder_shapes[name], generator) for name in sorted(encoder_shapes)}


def _drawn(name, shape, generator):
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    drawn = torch.randn(shape, generator=generator)
    if name.endswith("running_var"):
        return 1 + 0.1 * drawn.abs()
    if drawn.ndim >= 2:
        return drawn / drawn[0].numel() ** 0.5
    return 1 + 0.1 * drawn if name.endswith("weight") else 0.1 * drawn


@pytest.fixture(scope="session")
def encoder(encoder_weights):
    made = ExpressionEncoder()
    made.load_state_dict(encoder_weights)
    return made


@pytest.fixture(scope="session")
def encoder_case():
    """Pictures, and what the published encoder makes of them."""
    return load_file(GOLDEN / "expression_encoder.safetensors")


@pytest.fixture(scope="session")
def expression_tokens(portrait_checkpoint):
    """The tiny portrait adapter's tokens, from the published layout."""
    made = ExpressionTokens(
        ExpressionTokensConfig(
            width=32, resampler_width=48, resampler_depth=2, resampler_heads=4, head_width=12
        )
    )
    parts = ("proj_model", "mouth_proj_model", "emo_proj_model")
    made.load_state_dict(
        {f"{part}.{name}": v for part in parts for name, v in portrait_checkpoint[part].items()}
    )
    return made.eval()


@pytest.fixture(scope="session")
def voice_tokens(talking_checkpoint):
    made = VoiceTokens(speech_width=40, width=32)
    made.load_state_dict(talking_checkpoint["proj_model"])
    return made.eval()
