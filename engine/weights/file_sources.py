"""One file of weights: safetensors, memory mapped, or a torch checkpoint, told apart by what is in it."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open

from engine.protocol.errors import UserError
from engine.weights.file_state import FileState
from engine.weights.memory_shortage import let_memory_shortage_through
from engine.weights.safetensors_reading import read_pieces
from engine.weights.torch_checkpoint import is_mapped, looks_like_checkpoint, read_checkpoint
from engine.weights.weight_errors import GET_AGAIN, refused_by_system, unfitting_file, unreadable_file

Shape = tuple[int, ...]
Pieces = Iterator[tuple[str, Iterator[torch.Tensor]]]
"""Tensors by name, each as its numbers in a row in pieces; a piece holds until the next one is asked for."""

_BEGINNING_BYTES = 512
_PIECE_NUMBERS = 1 << 20
_HEADER_BEGINS = slice(8, 9)
_TORCH_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


class Source(Protocol):
    """Where the tensors of one file come from; it is no dict, so its keys are always asked for by name."""

    path: Path

    def keys(self) -> Iterable[str]: ...
    def shape(self, key: str) -> Shape: ...
    def dtype(self, key: str) -> torch.dtype: ...
    def tensor(self, key: str) -> torch.Tensor: ...
    def read(self, keys: Collection[str]) -> Pieces: ...


class SafetensorsSource:
    """One safetensors file, mapped; it stays mapped as long as it or one of its tensors is used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state = FileState.of(path)
        try:
            file: Any = safe_open(path, framework="pt", device="cpu")
            self._file = file
            self._described = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            let_memory_shortage_through(error)
            raise _unreadable_safetensors(path, error) from error

    def keys(self) -> Iterable[str]:
        return self._described

    def shape(self, key: str) -> Shape:
        return tuple(self._described[key].get_shape())

    def dtype(self, key: str) -> torch.dtype:
        name = self._described[key].get_dtype()
        if name not in _TORCH_DTYPES:
            raise unfitting_file(self.path, f"hold {key} in the unknown number format {name}", key=key)
        return _TORCH_DTYPES[name]

    def tensor(self, key: str) -> torch.Tensor:
        try:
            tensor: torch.Tensor = self._file.get_tensor(key)
        except (SafetensorError, OSError) as error:
            let_memory_shortage_through(error)
            raise unreadable_file(self.path, f"break off or are damaged at {key}") from error
        return tensor

    def read(self, keys: Collection[str]) -> Pieces:
        """Yield tensors in the order in which they lie in the file; nothing of it is mapped for that."""
        self._state.check()
        yield from read_pieces(self.path, {key: self.dtype(key) for key in keys})
        self._state.check()


class CheckpointSource:
    """One torch checkpoint; the tensors of a zip file are mapped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state = FileState.of(path)
        self._tensors = read_checkpoint(path)
        self._mapped = is_mapped(path)

    def keys(self) -> Iterable[str]:
        return self._tensors

    def shape(self, key: str) -> Shape:
        return tuple(self._tensors[key].shape)

    def dtype(self, key: str) -> torch.dtype:
        return self._tensors[key].dtype

    def tensor(self, key: str) -> torch.Tensor:
        return self._tensors[key]

    def read(self, keys: Collection[str]) -> Pieces:
        """Yield tensors in the order in which they lie in the file, which is mapped anew until the last."""
        self._state.check()
        tensors = read_checkpoint(self.path) if self._mapped else self._tensors
        for key in sorted(keys, key=lambda key: tensors[key].data_ptr()):
            yield key, iter(tensors[key].reshape(-1).split(_PIECE_NUMBERS))
        self._state.check()


def open_source(path: Path) -> Source:
    """Open one file by what is in it. Raises UserError for one that is damaged, no weights, or holds code."""
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING_BYTES)
    except OSError as error:
        raise refused_by_system(path, error) from error
    if beginning[_HEADER_BEGINS] == b"{":
        return SafetensorsSource(path)
    if looks_like_checkpoint(beginning):
        return CheckpointSource(path)
    raise _no_weights(path, beginning)


def _no_weights(path: Path, beginning: bytes) -> UserError:
    if beginning.startswith(b"version https://git-lfs"):
        pull = "Fetch the file itself with git lfs pull, or download it from the project's page."
        return unreadable_file(path, "are only a pointer to the file, left by Git LFS", next_step=pull)
    if beginning.lstrip()[:1] == b"<":
        return unreadable_file(path, "are a web page, not weights; the download went wrong")
    return unreadable_file(path, "are neither safetensors nor a torch checkpoint")


def _unreadable_safetensors(path: Path, error: Exception) -> UserError:
    if "not fully covered" in str(error) or "invalid header length" in str(error):
        size = path.stat().st_size
        return unreadable_file(
            path, f"were cut short or are damaged: {size:,} bytes is not what they should hold"
        )
    return unreadable_file(path, "are not a safetensors file, or are damaged", next_step=GET_AGAIN)
