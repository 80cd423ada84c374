"""The golden tensors, and the weights that belong to them."""

import pytest
import torch
from safetensors.torch import load_file

from engine.networks.expression_tokens import ExpressionTokens, ExpressionTokensConfig
from engine.networks.voice_tokens import VoiceTokens
from tests import golden_encoder
from tests.golden_model import GOLDEN


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
def encoder():
    return golden_encoder.encoder()


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
