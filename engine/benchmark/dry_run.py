"""Tensors without arithmetic: what a computation allocates is there, what it would compute is not.

The published sizes, which a machine could neither hold nor compute, can be gone through so, and whoever
counts what the allocator gives sees every tensor. Whole numbers and small tensors are computed all the same:
shapes and choices follow from them. At full size that takes minutes of a busy machine, some 6 GB of memory,
and a system that gives memory only to what is touched: Linux and macOS do, Windows charges for all of it.
"""

from collections.abc import Mapping, Sequence

import torch
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

_COMPUTED = 2**21
"""So large a tensor is computed: a prompt's tokens."""

_REUSED_BYTES = 2**25
"""Memory of blocks up to this size may come from ones given back (glibc), larger ones are new, so zeros."""


class DryRun(TorchDispatchMode):
    """While its `with` lasts, results of operations on large floating-point tensors are left as they are.

    `computed`: how many numbers the largest tensor has that is computed. What an operation allocates for
    itself alone does not show.
    """

    def __init__(self, *, computed: int = _COMPUTED) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._computed = computed

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Do what is asked, or only make room for its result."""
        kwargs = dict(kwargs or {})
        if not self._is_heavy(args, kwargs):
            return func(*args, **kwargs)
        if func._can_decompose():  # made of others, which arrive here one by one; some only look, some copy
            with self:
                return func.decompose(*args, **kwargs)
        if _is_view(func) or not _makes_tensors(func):
            return func(*args, **kwargs)
        if func._schema.is_mutable:
            return _given_back(func, args, kwargs)
        return _room_for(func, args, kwargs)

    def _is_heavy(self, args: Sequence[object], kwargs: Mapping[str, object]) -> bool:
        tensors = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, torch.Tensor)]
        return any(tensor.is_floating_point() and tensor.numel() > self._computed for tensor in tensors)


def _makes_tensors(func: OpOverload) -> bool:
    """Whether a result is a tensor, and not an answer such as whether two are equal."""
    return any("Tensor" in str(each.type) for each in func._schema.returns)


def _is_view(func: OpOverload) -> bool:
    """Whether the result is another look at what was given: nothing is computed then."""
    found = [each.alias_info for each in func._schema.returns]
    return any(alias is not None and not alias.is_write for alias in found)


def _given_back(func: OpOverload, args: Sequence[object], kwargs: Mapping[str, object]) -> object:
    """Return what an operation that writes in place returns: what was to be written."""
    named = dict(zip((argument.name for argument in func._schema.arguments), args, strict=False)) | dict(
        kwargs
    )
    written = [
        named[argument.name]
        for argument in func._schema.arguments
        if argument.alias_info is not None and argument.alias_info.is_write
    ]
    return written[0] if len(func._schema.returns) == 1 else tuple(written[: len(func._schema.returns)])


def _room_for(func: OpOverload, args: Sequence[object], kwargs: Mapping[str, object]) -> object:
    """Return tensors of the results' shapes."""
    shapes = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, torch.Tensor)]
    device = shapes[0].device
    on_meta = tree_map_only(torch.Tensor, _shape_of, (tuple(args), dict(kwargs)))
    if on_meta[1].get("device") is not None:
        device, on_meta[1]["device"] = on_meta[1]["device"], torch.device("meta")
    results = func(*on_meta[0], **on_meta[1])
    return tree_map_only(torch.Tensor, lambda result: _room_like(result, device), results)


def _room_like(result: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return room for a result: zeros, or true where numbers are asked whether they are finite, say."""
    room = torch.empty_strided(result.size(), result.stride(), dtype=result.dtype, device=device)
    if room.dtype is torch.bool:
        return room.fill_(True)
    return room.zero_() if room.nbytes <= _REUSED_BYTES else room


def _shape_of(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype, device="meta")
