"""Several tensors in one flat buffer: one copy moves them all.

Shapes: B bytes of a buffer.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from engine.protocol.errors import BugError

ALIGNMENT_BYTES = 512
"""Every tensor starts at a multiple: what torch's allocators promise and matrix products are fast with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorPlace:
    """Where a tensor lies in a buffer."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    offset_bytes: int

    @property
    def size_bytes(self) -> int:
        """Return how many bytes its numbers take."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatLayout:
    """Which tensors a buffer holds and where: one beside the other, in the order they were named.

    Layouts of the same tensors are equal. A buffer may be longer than `size_bytes`; the rest is not used.
    """

    places: tuple[TensorPlace, ...]
    size_bytes: int

    @classmethod
    def of(cls, tensors: Mapping[str, torch.Tensor]) -> "FlatLayout":
        """Return the layout for tensors like these (their numbers do not matter: meta tensors do)."""
        places, end = [], 0
        for name, tensor in tensors.items():
            place = TensorPlace(name=name, shape=tuple(tensor.shape), dtype=tensor.dtype, offset_bytes=end)
            places.append(place)
            end = _aligned(end + place.size_bytes)
        return cls(places=tuple(places), size_bytes=end)

    def views(self, buffer_B: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the tensors as they lie in a buffer: they share its memory."""
        if buffer_B.dtype is not torch.uint8 or buffer_B.dim() != 1 or buffer_B.numel() < self.size_bytes:
            raise BugError(f"{tuple(buffer_B.shape)} {buffer_B.dtype} holds no {self.size_bytes} bytes")
        return {
            place.name: buffer_B[place.offset_bytes : place.offset_bytes + place.size_bytes]
            .view(place.dtype)
            .view(place.shape)
            for place in self.places
        }

    def fill(self, buffer_B: torch.Tensor, tensors: Mapping[str, torch.Tensor]) -> None:
        """Copy tensors into a buffer, from whichever device. Raises BugError for others than the layout's."""
        found = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}
        if found != {place.name: (place.shape, place.dtype) for place in self.places}:
            raise BugError(f"these tensors do not fit the layout: {self._differences(tensors)}")
        for name, view in self.views(buffer_B).items():
            view.copy_(tensors[name].detach())

    def _differences(self, tensors: Mapping[str, torch.Tensor]) -> str:
        wanted = {place.name: f"{place.shape} {place.dtype}" for place in self.places}
        found = {name: f"{tuple(tensor.shape)} {tensor.dtype}" for name, tensor in tensors.items()}
        names = sorted(name for name in wanted | found if wanted.get(name) != found.get(name))
        return "; ".join(f"{name}: {found.get(name)} for {wanted.get(name)}" for name in names)


def _aligned(count: int) -> int:
    return -(-count // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
