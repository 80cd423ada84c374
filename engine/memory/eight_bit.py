"""Weights as 8-bit floating point numbers with one scale for each output channel.

float8 e4m3 has three bits behind the leading one. A scale of its own puts the largest weight of each channel
at the largest number there is (448): no weight is lost, and those above 1/28,672 of the largest are off by at
most 1/16 of themselves; smaller ones by at most 1/16 of that. For weights drawn from a normal distribution
the error is 2.6 % in the root mean square.

The scale is multiplied into the weights when they are used, not into the result: in float16 the product of
unscaled weights would run out of numbers, and no second copy of the result is needed. What that rounds is
1/256 (bfloat16) of a weight at most, small beside the 1/16.

Shapes: O output channels, I input channels; x is [..., I].
"""

import torch
import torch.nn.functional as F
from torch import nn

from engine.protocol.errors import BugError, ErrorCode, UserError

EIGHT_BIT = torch.float8_e4m3fn
LARGEST = torch.finfo(EIGHT_BIT).max


def scaled_eight_bit(weight_OI: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a weight in 8 bits [O, I] and the float32 scale of each output channel [O].

    The weight is their product. A channel of zeros stays exactly that. Raises BugError for numbers that are
    not finite: weights are checked when they are read.
    """
    exact_OI = weight_OI.float()
    largest_O = exact_OI.abs().amax(dim=1) if weight_OI.shape[1] else exact_OI.new_zeros(weight_OI.shape[0])
    if not bool(torch.isfinite(largest_O).all()):
        raise BugError("a weight that is not finite cannot be scaled")
    # Divided as it is, the smallest float32 would be no scale at all: everything over 0.
    scale_O = (largest_O / LARGEST).clamp(min=torch.finfo(torch.float32).tiny)
    return (exact_OI / scale_O[:, None]).to(EIGHT_BIT), scale_O


class ScaledLinear(nn.Module):
    """A linear layer whose weights are kept in 8 bits; it computes in the number format of what it is given.

    It takes room for the weights in that format while it computes.
    """

    def __init__(self, weight_OI: torch.Tensor, scale_O: torch.Tensor, bias_O: torch.Tensor | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight_OI, requires_grad=False)
        self.scale = nn.Parameter(scale_O, requires_grad=False)
        self.bias = None if bias_O is None else nn.Parameter(bias_O, requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return [..., O]."""
        weight_OI = self.weight.to(x.dtype).mul_(self.scale[:, None])
        return F.linear(x, weight_OI, self.bias)


def has_eight_bit(device: torch.device) -> bool:
    """Return whether a device can turn such numbers into others, tried with some that they hold exactly.

    It need not compute with them.
    """
    try:
        exact = torch.tensor([0.0, 1.5, -LARGEST], device=device)
        return bool(torch.equal(exact.to(EIGHT_BIT).to(torch.float32), exact))
    except (RuntimeError, TypeError):
        return False


def require_eight_bit(device: torch.device) -> None:
    """Raise UserError for a device that has no such numbers."""
    if not has_eight_bit(device):
        raise UserError(
            f"This device ({device.type}) has no 8-bit floating point numbers.",
            next_step="Choose a smaller picture or shorter segments instead of 8-bit weights.",
            code=ErrorCode.BAD_INPUT,
        )
