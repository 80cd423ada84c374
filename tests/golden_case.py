"""One golden result: what kind it is, how far ours is from it, and how far it may be."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import torch


class Kind(Enum):
    """What a result is; the value is how it is called in the table."""

    NETWORK = "network output"
    SAMPLING = "sampling result"
    MEASURE = "measure"
    EXACT = "exact"


ALLOWED = {Kind.NETWORK: 1e-4, Kind.SAMPLING: 5e-4, Kind.MEASURE: 1e-6, Kind.EXACT: 0.0}


@dataclass(frozen=True, kw_only=True)
class GoldenCase:
    """`found` computes ours, `expected` loads the published; indices, masks, boxes and pixels are exact."""

    name: str
    kind: Kind
    found: Callable[[], torch.Tensor]
    expected: Callable[[], torch.Tensor]

    @property
    def allowed(self) -> float:
        """The largest difference that is allowed."""
        return ALLOWED[self.kind]

    def error(self) -> float:
        """Return the largest absolute difference; infinite where a number is none or the sizes differ."""
        found, expected = self.found(), self.expected()
        if found.numel() != expected.numel():
            return float("inf")
        difference = (found.to(torch.float64) - expected.to(torch.float64).reshape(found.shape)).abs().max()
        return float(torch.nan_to_num(difference, nan=torch.inf))
