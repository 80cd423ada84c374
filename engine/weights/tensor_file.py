"""Tensors by name out of one or several files: safetensors shards, memory mapped, or a torch checkpoint.

Nothing is read before it is asked for, and nothing in a file is ever run.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open

from engine.weights.torch_checkpoint import looks_like_checkpoint, read_checkpoint
from engine.weights.weight_errors import (
    GET_AGAIN,
    first_and_how_many,
    missing_file,
    unfitting_file,
    unreadable_description,
    unreadable_file,
)

Shape = tuple[int, ...]

INDEX_SUFFIX = ".index.json"
_BEGINNING_BYTES = 512
_HEADER_BEGINS = slice(8, 9)
_SHARD_NAME = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<suffix>\..+)$")
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


class _Source(Protocol):
    """Where the tensors of one file come from; it is no dict, so its keys are always asked for by name."""

    path: Path

    def keys(self) -> Iterable[str]: ...
    def shape(self, key: str) -> Shape: ...
    def dtype(self, key: str) -> torch.dtype: ...
    def tensor(self, key: str) -> torch.Tensor: ...


class TensorFile:
    """The tensors of one or several files under one set of names. An unknown name is a KeyError."""

    def __init__(self, sources: Sequence[_Source]) -> None:
        self._sources = {key: source for source in sources for key in source.keys()}  # noqa: SIM118
        self.paths = tuple(source.path for source in sources)

    def keys(self) -> tuple[str, ...]:
        """Return all names, file by file."""
        return tuple(self._sources)

    def __contains__(self, key: object) -> bool:
        return key in self._sources

    def shape(self, key: str) -> Shape:
        """Return a tensor's shape without reading it."""
        return self._sources[key].shape(key)

    def shapes(self) -> dict[str, Shape]:
        """Return the shapes of all tensors by name."""
        return {key: source.shape(key) for key, source in self._sources.items()}

    def dtype(self, key: str) -> torch.dtype:
        """Return a tensor's number format without reading it."""
        return self._sources[key].dtype(key)

    def tensor(self, key: str) -> torch.Tensor:
        """Return a tensor; it shares the file's memory mapping where the file can be mapped."""
        return self._sources[key].tensor(key)

    def path_of(self, key: str) -> Path:
        """Return the file that holds a tensor."""
        return self._sources[key].path


class _SafetensorsSource:
    """One safetensors file, mapped; it stays mapped as long as it or one of its tensors is used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            file: Any = safe_open(path, framework="pt", device="cpu")
            self._file = file
            self._described = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
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
            raise unreadable_file(self.path, f"break off or are damaged at {key}") from error
        return tensor


class _CheckpointSource:
    """One torch checkpoint; the tensors of a zip file are mapped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tensors = read_checkpoint(path)

    def keys(self) -> Iterable[str]:
        return self._tensors

    def shape(self, key: str) -> Shape:
        return tuple(self._tensors[key].shape)

    def dtype(self, key: str) -> torch.dtype:
        return self._tensors[key].dtype

    def tensor(self, key: str) -> torch.Tensor:
        return self._tensors[key]


def open_tensors(paths: Sequence[Path]) -> TensorFile:
    """Open files of weights: safetensors or torch checkpoints, told apart by what is in them.

    Raises UserError for a file that is missing, empty, cut short, no weights at all or holds code, for shards
    that lack one of their number, and for a name that two files have.
    """
    if not paths:
        raise ValueError("there are no files to open")
    for path in paths:
        _check_is_a_file(path)
    _check_every_shard_is_there(paths)
    sources = [_open(path) for path in paths]
    _check_names_are_unique(sources)
    return TensorFile(sources)


def shards_of_index(index: Path) -> tuple[Path, ...]:
    """Return the shards that an index (`*.index.json`) names, in order.

    Raises UserError for an index that cannot be read or leads out of its folder, and for a missing shard.
    """
    content = read_json(index)
    names = content.get("weight_map")
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
        raise unreadable_description(index, "names no shards")
    shards = [index.parent / name for name in sorted(set(names.values()))]
    for shard in shards:
        if shard.parent != index.parent:
            raise unreadable_description(index, f"looks for {shard.name} in another folder")
        _check_is_a_file(shard)
    return tuple(shards)


def read_json(path: Path) -> Mapping[str, object]:
    """Return what a small JSON file beside weights says. Raises UserError for a missing or damaged one."""
    _check_is_a_file(path)
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable_description(path, "is no valid JSON") from error
    if not isinstance(content, dict):
        raise unreadable_description(path, "holds no names")
    return content


def _check_is_a_file(path: Path) -> None:
    if not path.exists():
        raise missing_file(path)
    if not path.is_file():
        raise unreadable_file(path, "are a folder, not a file")
    if path.stat().st_size == 0:
        raise unreadable_file(path, "are an empty file")


def _check_every_shard_is_there(paths: Sequence[Path]) -> None:
    given = set(paths)
    for path in paths:
        if match := _SHARD_NAME.match(path.name):
            for number in range(1, int(match["count"]) + 1):
                name = f"{match['stem']}-{number:05}-of-{match['count']}{match['suffix']}"
                if path.with_name(name) not in given:
                    raise missing_file(path.with_name(name))


def _open(path: Path) -> _Source:
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING_BYTES)
    except OSError as error:
        raise unreadable_file(
            path, f"cannot be read ({error.strerror})", next_step="Check who may read the file."
        ) from error
    if beginning[_HEADER_BEGINS] == b"{":
        return _SafetensorsSource(path)
    if looks_like_checkpoint(beginning):
        return _CheckpointSource(path)
    raise _no_weights(path, beginning)


def _no_weights(path: Path, beginning: bytes) -> Exception:
    if beginning.startswith(b"version https://git-lfs"):
        pull = "Fetch the file itself with git lfs pull, or download it from the project's page."
        return unreadable_file(path, "are only a pointer to the file, left by Git LFS", next_step=pull)
    if beginning.lstrip()[:1] == b"<":
        return unreadable_file(path, "are a web page, not weights; the download went wrong")
    return unreadable_file(path, "are neither safetensors nor a torch checkpoint")


def _unreadable_safetensors(path: Path, error: Exception) -> Exception:
    if "not fully covered" in str(error) or "invalid header length" in str(error):
        size = path.stat().st_size
        return unreadable_file(
            path, f"were cut short or are damaged: {size:,} bytes is not what they should hold"
        )
    return unreadable_file(path, "are not a safetensors file, or are damaged", next_step=GET_AGAIN)


def _check_names_are_unique(sources: Sequence[_Source]) -> None:
    owners: dict[str, Path] = {}
    for source in sources:
        twice = [key for key in source.keys() if key in owners]  # noqa: SIM118
        if twice:
            other = owners[twice[0]].name
            what = f"hold {first_and_how_many(twice)} a second time, after {other}"
            raise unfitting_file(source.path, what, key=twice[0])
        owners.update(dict.fromkeys(source.keys(), source.path))
