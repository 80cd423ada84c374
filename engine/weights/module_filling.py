"""A network that was built without memory gets its weights from a file: checked, converted, held once."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from engine.protocol.errors import UserError
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFormats:
    """The number format of a network's weights, and the parts of names that are kept in float32 in each."""

    dtype: torch.dtype
    keep_float32: Collection[str] = ()

    def of(self, key: str, tensor: torch.Tensor) -> torch.dtype:
        """Return the format of one tensor of the network; whole numbers stay as they are."""
        if not tensor.is_floating_point():
            return tensor.dtype
        return torch.float32 if set(self.keep_float32).intersection(key.split(".")) else self.dtype


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
    check_module(module, file, naming)
    fill_mapped(module, file, naming, NumberFormats(dtype=dtype, keep_float32=keep_float32))


def check_module(module: nn.Module, file: TensorFile, naming: Naming) -> None:
    """Check that a file has a network's tensors, by name, shape and kind of number, without reading them.

    Raises UserError (BAD_INPUT) for a missing, extra or misshapen key, and for whole numbers as weights.
    """
    wanted = {naming.name_in_file(key): tensor for key, tensor in module.state_dict().items()}
    expected = {key: tuple(tensor.shape) for key, tensor in wanted.items()}
    check_keys(file, expected, passed_over=naming.passed_over)
    for key, tensor in wanted.items():
        if file.dtype(key).is_floating_point != tensor.is_floating_point():
            raise unfitting_file(file.path_of(key), f"hold {key} in the wrong number format", key=key)


def fill_mapped(module: nn.Module, file: TensorFile, naming: Naming, formats: NumberFormats) -> None:
    """Fill a network that was checked; what needs no conversion shares the file's memory.

    Raises UserError for values that are no numbers.
    """
    filled = {}
    for key, tensor in module.state_dict().items():
        name, target = naming.name_in_file(key), formats.of(key, tensor)
        # What is kept from a file that is converted is copied too: one tensor would keep the file mapped.
        asked = formats.dtype if tensor.is_floating_point() else tensor.dtype
        stored = file.tensor(name)
        filled[key] = stored.to(target, copy=stored.dtype != asked).contiguous()
        if not is_finite(filled[key]):
            raise _no_numbers(file, name, stored, target)
    _give(module, filled)


def fill_apart(
    module: nn.Module, file: TensorFile, *, names: Mapping[str, str], formats: NumberFormats
) -> None:
    """Fill tensors of a network that was checked, in memory that belongs to it alone.

    `names`: what each tensor that is to be filled is called in the file; the others stay as they are. No more
    than a few megabytes are needed beside what is filled. Raises UserError for values that are no numbers,
    and for a file that changed or cannot be read any more.
    """
    keys = {name: key for key, name in names.items()}
    tensors = module.state_dict()
    filled = {}
    for name, pieces in file.read(keys):
        key = keys[name]
        taken = torch.empty(tensors[key].shape, dtype=formats.of(key, tensors[key]))
        _fill_tensor(taken, pieces, file, name)
        filled[key] = taken
    _give(module, filled)


def _fill_tensor(taken: torch.Tensor, pieces: Iterator[torch.Tensor], file: TensorFile, name: str) -> None:
    begin, flat = 0, taken.view(-1)
    for piece in pieces:
        part = flat[begin : begin + len(piece)].copy_(piece)
        if not is_finite(part):
            raise _no_numbers(file, name, piece, taken.dtype)
        begin += len(piece)


def _no_numbers(file: TensorFile, name: str, stored: torch.Tensor, target: torch.dtype) -> UserError:
    if not is_finite(stored):
        return not_finite(file.path_of(name), name)
    return too_large_values(file.path_of(name), name, str(target).removeprefix("torch."))


def _give(module: nn.Module, filled: Mapping[str, torch.Tensor]) -> None:
    module.load_state_dict(filled, strict=False, assign=True)
    module.eval().requires_grad_(False)
