"""The adapters and the expression encoder of a test bundle, as published and as repackaged."""

from collections.abc import Mapping
from pathlib import Path

import torch

from engine.networks.expression_encoder import ExpressionEncoder
from engine.networks.expression_tokens import ExpressionTokens, ExpressionTokensConfig
from engine.networks.voice_tokens import VoiceTokens
from engine.weights.random_bundle_transformer import BLOCKS, WIDTH
from engine.weights.random_bundle_weights import random_like, seeded, write_tensors

ADAPTER_WIDTH = 32
SPEECH_WIDTH = 40
# The width of a head is the published one: the shapes of weights do not tell it.
_EXPRESSION = ExpressionTokensConfig(
    width=ADAPTER_WIDTH, resampler_width=48, resampler_depth=2, resampler_heads=2
)

Weights = dict[str, torch.Tensor]


def write_expression_adapter(folder: Path, seed: int) -> None:
    """Write `fantasyportrait_model.ckpt`. Raises OSError."""
    tokens, projections = _expression_adapter(seed)
    parts = {name: _below(tokens, f"{name}.") for name in _top_names(tokens)}
    named = {_expression_name(key, processor=".processor"): value for key, value in projections.items()}
    torch.save({**parts, "ip_adapter": named}, folder / "fantasyportrait_model.ckpt")


def write_expression_encoder(folder: Path, seed: int) -> None:
    """Write `pd_fpg.pth`. Raises OSError."""
    torch.save(_expression_encoder(seed), folder / "pd_fpg.pth")


def write_voice_adapter(folder: Path, seed: int) -> None:
    """Write `fantasytalking_model.ckpt`. Raises OSError."""
    tokens, projections = _voice_adapter(seed)
    named = {_voice_name(key): value for key, value in projections.items()}
    torch.save({"proj_model": tokens, "audio_processor": named}, folder / "fantasytalking_model.ckpt")


def write_repackaged_expression(folder: Path, seed: int) -> None:
    """Write `fantasyportrait_model.safetensors`: the adapter and the encoder. Raises OSError."""
    tokens, projections = _expression_adapter(seed)
    named = {f"ip_adapter.{_expression_name(key, processor='')}": value for key, value in projections.items()}
    encoder = {f"pd_fpg.{name}": value for name, value in _expression_encoder(seed).items()}
    write_tensors(folder / "fantasyportrait_model.safetensors", {**tokens, **named, **encoder})


def write_repackaged_voice_adapter(folder: Path, seed: int) -> None:
    """Write `fantasytalking_model.safetensors`. Raises OSError."""
    tokens, projections = _voice_adapter(seed)
    named = {f"audio_processor.{_voice_name(key)}": value for key, value in projections.items()}
    tokens = {f"proj_model.{name}": value for name, value in tokens.items()}
    write_tensors(folder / "fantasytalking_model.safetensors", {**tokens, **named})


def _expression_adapter(seed: int) -> tuple[Weights, dict[tuple[int, str], torch.Tensor]]:
    with seeded("expression adapter", seed):
        return random_like(ExpressionTokens(_EXPRESSION).state_dict()), _projections()


def _voice_adapter(seed: int) -> tuple[Weights, dict[tuple[int, str], torch.Tensor]]:
    with seeded("voice adapter", seed):
        tokens = VoiceTokens(speech_width=SPEECH_WIDTH, width=ADAPTER_WIDTH)
        return random_like(tokens.state_dict()), _projections()


def _expression_encoder(seed: int) -> Weights:
    """Return the encoder in its published size, in half precision: most of a bundle is in it."""
    with seeded("expression encoder", seed):
        weights = random_like(ExpressionEncoder().state_dict())
    return {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}


def _projections() -> dict[tuple[int, str], torch.Tensor]:
    """Return the key and value projections of each block, by block and letter."""
    scale = ADAPTER_WIDTH**-0.5
    return {
        (block, letter): torch.randn(WIDTH, ADAPTER_WIDTH) * scale
        for block in range(BLOCKS)
        for letter in ("k", "v")
    }


def _expression_name(key: tuple[int, str], *, processor: str) -> str:
    block, letter = key
    return f"blocks.{block}.cross_attn{processor}.ip_adapter_single_stream_{letter}_proj.weight"


def _voice_name(key: tuple[int, str]) -> str:
    block, letter = key
    return f"blocks.{block}.cross_attn.processor.{letter}_proj.weight"


def _top_names(weights: Mapping[str, torch.Tensor]) -> list[str]:
    return sorted({name.split(".")[0] for name in weights})


def _below(weights: Mapping[str, torch.Tensor], prefix: str) -> Weights:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
