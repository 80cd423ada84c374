"""Encoders whose results are not numbers: damaged weights, or a number format too small for them."""

from torch import Tensor

from engine.protocol.errors import ErrorCode, UserError


def require_numbers(values: Tensor, maker: str) -> Tensor:
    """Return `values` as they are; UserError naming `maker` ("The text encoder") where one is no number."""
    if not bool(values.isfinite().all()):
        raise UserError(
            f"{maker} of the bundle gave values that are not numbers.",
            next_step="Verify the bundle's files; if they are whole, choose the precision float32.",
            code=ErrorCode.BAD_INPUT,
            details={"part": maker},
        )
    return values
