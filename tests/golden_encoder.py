"""The expression encoder of the golden tensors: its weights are drawn by the rule in their README."""

import json
from functools import cache

import torch

from engine.networks.expression_encoder import ExpressionEncoder
from tests.golden_model import GOLDEN

SEED = 20261122


@cache
def encoder_shapes() -> dict[str, list[int]]:
    """Return the shape of each tensor under its published name."""
    shapes: dict[str, list[int]] = json.loads(
        (GOLDEN / "expression_encoder_shapes.json").read_text(encoding="utf-8")
    )
    return shapes


@cache
def encoder_weights() -> dict[str, torch.Tensor]:
    """Return the weights by their published names."""
    generator = torch.Generator().manual_seed(SEED)
    shapes = encoder_shapes()
    return {name: _drawn(name, shapes[name], generator) for name in sorted(shapes)}


@cache
def encoder() -> ExpressionEncoder:
    """Return the encoder with these weights."""
    made = ExpressionEncoder()
    made.load_state_dict(encoder_weights())
    return made


def _drawn(name: str, shape: list[int], generator: torch.Generator) -> torch.Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    drawn = torch.randn(shape, generator=generator)
    if name.endswith("running_var"):
        return 1 + 0.1 * drawn.abs()
    if drawn.ndim >= 2:
        return drawn / drawn[0].numel() ** 0.5
    return 1 + 0.1 * drawn if name.endswith("weight") else 0.1 * drawn
