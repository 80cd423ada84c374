"""Strictness about weights: the names and shapes that are expected, no others, and numbers only."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from engine.protocol.errors import UserError
from engine.weights.file_sources import Shape
from engine.weights.tensor_file import TensorFile
from engine.weights.weight_errors import first_and_how_many, unfitting_file

_PIECE = 1 << 22
_SMALL_FORMATS = frozenset({torch.float8_e4m3fn, torch.float8_e5m2})


def nothing_passed_over(key: str) -> bool:
    """Say of every name that it has to be expected."""
    del key
    return False


def check_keys(
    file: TensorFile,
    expected: Mapping[str, Shape],
    *,
    passed_over: Callable[[str], bool] = nothing_passed_over,
) -> None:
    """Check that a file has what is expected, by name and shape, and nothing else.

    `passed_over` says of a name that is not expected whether it may be there all the same. Raises UserError
    (BAD_INPUT) that names the file, the first key and how many more there are.
    """
    missing = [key for key in expected if key not in file]
    if missing:
        raise unfitting_file(
            file.paths[0], f"{_among(file)}lack {first_and_how_many(missing)}", key=missing[0]
        )
    extra = [key for key in file.keys() if key not in expected and not passed_over(key)]  # noqa: SIM118
    if extra:
        what = f"hold {first_and_how_many(extra)}, which does not belong to them"
        raise unfitting_file(file.path_of(extra[0]), what, key=extra[0])
    wrong = [key for key, shape in expected.items() if file.shape(key) != shape]
    if wrong:
        key = wrong[0]
        sizes = f"{shown_shape(file.shape(key))} where {shown_shape(expected[key])} is needed"
        raise unfitting_file(file.path_of(key), f"hold {first_and_how_many(wrong)} as {sizes}", key=key)


def check_finite(file: TensorFile) -> None:
    """Check every tensor of a file for values that are no numbers; the file is read once, piece by piece.

    Raises UserError (BAD_INPUT) that names the file and the first such key.
    """
    for key in file.keys():  # noqa: SIM118
        if not is_finite(file.tensor(key)):
            raise not_finite(file.path_of(key), key)


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether a tensor holds numbers only, neither NaN nor infinity; its size is not taken a second time."""
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return True
    if tensor.dtype in _SMALL_FORMATS:
        # There is no minimum of eight-bit numbers, so they are looked at in pieces of a larger format.
        pieces = (piece.to(torch.float16) for piece in tensor.reshape(-1).split(_PIECE))
        return all(is_finite(piece) for piece in pieces)
    least, most = torch.aminmax(tensor)
    return bool(torch.isfinite(least) and torch.isfinite(most))


def not_finite(path: Path, key: str) -> UserError:
    """Say that a tensor holds what is no number."""
    return unfitting_file(path, f"hold values in {key} that are not numbers (NaN or infinity)", key=key)


def shown_shape(shape: Shape) -> str:
    """Return a shape for people: `5120 x 2048`; a single number has none."""
    return " x ".join(str(size) for size in shape) or "a single number"


def _among(file: TensorFile) -> str:
    more = len(file.paths) - 1
    return f"and {more} more file{'s' if more > 1 else ''} with them " if more else ""
