"""What the encoders made, kept on disk under the name of all it depends on: a second take encodes nothing.

A file that is damaged is made again; what cannot be kept is used all the same, and said.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from engine.media.atomic import atomic_path
from engine.media.write_errors import writing
from engine.protocol.errors import BugError, UserError

MOST_BYTES = 8 * 1024**3

_SUFFIX = ".safetensors"
_HEADER_LENGTH_BYTES = 8


def cache_key(kind: str, **parts: str | int | float | Fraction | None) -> str:
    """Return a name that is the same for the same parts on every machine: the kind, then a digest.

    Parts of different types are different parts. A kind is lower-case words joined by underscores.
    """
    if not kind.replace("_", "").isalpha() or not kind.isascii() or kind != kind.lower():
        raise BugError(f"{kind!r} is no kind of condition")
    described = json.dumps([[name, *_described(parts[name])] for name in sorted(parts)])
    return f"{kind}-{hashlib.sha256(described.encode()).hexdigest()[:40]}"


def array_digest(array: NDArray[np.generic]) -> str:
    """Return a digest of an array's type, shape and values, for `cache_key`."""
    digest = hashlib.sha256(repr((array.dtype.str, array.shape)).encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


class ConditionCache:
    """Tensors in the safetensors files of one folder, the least recently used removed beyond `most_bytes`.

    `hits` and `misses` count by kind; `warnings` holds a sentence for each reason why something could not
    be kept. Several processes may use one folder at once.
    """

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self.hits: Counter[str] = Counter()
        self.misses: Counter[str] = Counter()
        self.warnings: list[str] = []
        self._told: set[str] = set()

    def tensors(
        self,
        key: str,
        make: Callable[[], Mapping[str, Tensor]],
        *,
        suits: Callable[[Mapping[str, Tensor]], bool] = lambda kept: True,
    ) -> dict[str, Tensor]:
        """Return what is kept under a key (see `cache_key`), on the processor; else make it and keep it.

        What is kept and does not suit is replaced by what is made. Raises what `make` raises, and nothing of
        its own.
        """
        kind = key.rpartition("-")[0]
        path = self._folder / f"{key}{_SUFFIX}"
        kept = _load(path)
        if kept is not None and suits(kept):
            self.hits[kind] += 1
            with suppress(OSError):
                os.utime(path)
            return kept
        made = {name: _owned(tensor) for name, tensor in make().items()}
        self.misses[kind] += 1
        self._keep(path, made)
        return made

    def _keep(self, path: Path, tensors: dict[str, Tensor]) -> None:
        """Write a file; a disk that takes no more costs the next take its time, not this take its life."""
        data = save(tensors, metadata={"digest": _digest(tensors)})
        if len(data) > self._most_bytes:
            return
        try:
            with writing(self._folder):
                self._folder.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as temporary, writing(self._folder):
                temporary.write_bytes(data)
            self._remove_least_used()
        except (UserError, OSError) as error:
            self._warn(error)

    def _warn(self, error: UserError | OSError) -> None:
        """Say once why something was not kept, however much of it there is."""
        reason = error.report.code.value if isinstance(error, UserError) else str(error.errno)
        if reason not in self._told:
            self._told.add(reason)
            self.warnings.append(f"What was prepared for this take is not kept for the next one. {error}")

    def _remove_least_used(self) -> None:
        """Remove the files used longest ago until the rest fits; another process may remove them as well."""
        files = sorted(_kept_files(self._folder))
        bytes_kept = sum(size for _, size, _ in files)
        for _, size, path in files:
            if bytes_kept <= self._most_bytes:
                return
            with suppress(OSError):
                path.unlink(missing_ok=True)
                bytes_kept -= size


def _described(part: str | int | float | Fraction | None) -> tuple[str, str]:
    """Return a part's type and value in words; a float of numpy is a float."""
    if part is None or isinstance(part, str):
        return ("none", "") if part is None else ("text", str(part))
    if isinstance(part, float):
        return "float", float(part).hex()
    return ("fraction" if isinstance(part, Fraction) else "whole", str(part))


def _owned(tensor: Tensor) -> Tensor:
    """Return a tensor of its own memory on the processor: files cannot hold views that share it."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def _kept_files(folder: Path) -> list[tuple[int, int, Path]]:
    """Return when each file was used, its size and its path; files being written have hidden names."""
    found = []
    for path in folder.glob(f"[!.]*{_SUFFIX}"):
        with suppress(FileNotFoundError):
            state = path.stat()
            found.append((state.st_mtime_ns, state.st_size, path))
    return found


def _load(path: Path) -> dict[str, Tensor] | None:
    """Return the tensors of a file; None where there is none or it is not what was written.

    The bytes are read, not mapped: on a mapped file a fault of the disk ends the process.
    """
    try:
        data = path.read_bytes()
        tensors = load(data)
        end = _HEADER_LENGTH_BYTES + int.from_bytes(data[:_HEADER_LENGTH_BYTES], "little")
        written = json.loads(data[_HEADER_LENGTH_BYTES:end])["__metadata__"]["digest"]
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None
    return tensors if written == _digest(tensors) else None


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(repr((name, str(tensor.dtype), tuple(tensor.shape))).encode())
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
