"""A network that was built without memory gets its weights from a file: checked, converted, held once."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import nn

from engine.weights.strict_keys import check_keys, is_finite, not_finite, nothing_passed_over
from engine.weights.tensor_file import TensorFile
from engine.weights.weight_errors import too_large_values, unfitting_file


def same_name(key: str) -> str:
    """Say that a tensor has the same name in the file as in the network."""
    return key


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What the network's tensors are called in the file, and which other names may be there."""

    name_in_file: Callable[[str], str] = same_name
    passed_over: Callable[[str], bool] = nothing_passed_over


def fill_module(
    module: nn.Module,
    file: TensorFile,
    *,
    naming: Naming,
    dtype: torch.dtype,
    keep_float32: Collection[str] = (),
) -> None:
    """Give a network on the meta device its weights, in `dtype`, ready to compute and not to be trained.

    A tensor whose name has one of `keep_float32` as a part (between dots) is kept in float32; whole numbers
    stay as they are. Tensors of a file that is in `dtype` share its memory. Raises UserError (BAD_INPUT)
    for a missing, extra or misshapen key, and for values that are no numbers.
    """
    wanted = module.state_dict()
    names = {key: naming.name_in_file(key) for key in wanted}
    expected = {names[key]: tuple(tensor.shape) for key, tensor in wanted.items()}
    check_keys(file, expected, passed_over=naming.passed_over)
    kept = frozenset(keep_float32)
    filled = {}
    for key, tensor in wanted.items():
        asked = dtype if tensor.is_floating_point() else tensor.dtype
        keeps = tensor.is_floating_point() and kept.intersection(key.split("."))
        target = torch.float32 if keeps else asked
        # What is kept from a file that is converted is copied too: one tensor would keep the file mapped.
        filled[key] = _taken(file, names[key], target, copy=file.dtype(names[key]) != asked)
    module.load_state_dict(filled, strict=True, assign=True)
    module.eval().requires_grad_(False)


def _taken(file: TensorFile, key: str, dtype: torch.dtype, *, copy: bool) -> torch.Tensor:
    stored = file.tensor(key)
    if stored.is_floating_point() != dtype.is_floating_point:
        raise unfitting_file(file.path_of(key), f"hold {key} in the wrong number format", key=key)
    taken = stored.to(dtype, copy=copy).contiguous()
    if not is_finite(taken):
        if not is_finite(stored):
            raise not_finite(file.path_of(key), key)
        raise too_large_values(file.path_of(key), key, str(dtype).removeprefix("torch."))
    return taken
