"""Reading torch's own checkpoint files as data: nothing in them is run.

A checkpoint is a pickle, in a zip file since torch 1.6 and bare before. A pickle can name code to run when it
is read; `torch.load(weights_only=True)` builds tensors and plain containers and refuses the rest.
"""

import pickle
import pickletools
import re
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from engine.weights.memory_shortage import let_memory_shortage_through
from engine.weights.weight_errors import GET_ANOTHER, unfitting_file, unreadable_file

_ZIP_BEGINS = b"PK\x03\x04"
_NOT_MAPPED = "unable to mmap"  # asks for no more than the file's size, however damaged it is
_MOST_LEVELS = 4
_NAMED_CODE = re.compile(r"GLOBAL ([\w.]+)\s")
_CODE_INSTRUCTIONS = frozenset({"GLOBAL", "STACK_GLOBAL", "INST", "REDUCE", "OBJ", "NEWOBJ", "NEWOBJ_EX"})
# torch's reader trusts what it reads: damage shows as whatever it stumbles over first.
_DAMAGE = (
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    struct.error,
)


def looks_like_checkpoint(beginning: bytes) -> bool:
    """Whether a file that begins so is a zip file or a pickle."""
    return beginning.startswith(_ZIP_BEGINS) or beginning[:1] in {b"\x80", b"("}


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a checkpoint on the processor, nested names joined with dots.

    A zip file's tensors are memory mapped. Raises UserError for a file that is damaged, or that holds code or
    anything else that is no tensor.
    """
    content = _load(path)
    if not isinstance(content, Mapping):
        raise unfitting_file(path, "hold no names for their tensors")
    tensors: dict[str, torch.Tensor] = {}
    for key, tensor in _flat(path, content, prefix="", level=1):
        if key in tensors:
            raise unfitting_file(path, f"hold {key} a second time", key=key)
        tensors[key] = tensor
    return tensors


def _load(path: Path) -> object:
    try:
        with warnings.catch_warnings():
            # torch warns of unusual pickle protocols, which are then read right or refused.
            warnings.filterwarnings("ignore", message="Detected pickle protocol", category=UserWarning)
            # torch reads the old file format by a class of its own that it has deprecated.
            warnings.filterwarnings("ignore", message="TypedStorage is deprecated", category=UserWarning)
            return _load_mapped_or_read(path)
    except pickle.UnpicklingError as error:
        named = _NAMED_CODE.search(str(error))
        if named or _holds_code(path):
            code = f" ({named.group(1)})" if named else ""
            what = f"contain program code{code} beside numbers; none of it was run"
            raise unreadable_file(path, what, next_step=GET_ANOTHER) from error
        raise unreadable_file(path, "are damaged") from error
    except _DAMAGE as error:
        if _NOT_MAPPED in str(error) or not _fits_into_memory(path):
            let_memory_shortage_through(error)
        raise unreadable_file(path, "were cut short or are damaged") from error


def _fits_into_memory(path: Path) -> bool:
    """Whether there is memory for a whole file: where there is, a damaged one asked for too much."""
    try:
        torch.empty(path.stat().st_size, dtype=torch.uint8)
    except RuntimeError:
        return False
    return True


def is_mapped(path: Path) -> bool:
    """Whether the tensors of a checkpoint are mapped when it is read, not held. Raises OSError."""
    with path.open("rb") as file:
        zipped = file.read(len(_ZIP_BEGINS)) == _ZIP_BEGINS
    # By its path torch would take a file so named for safetensors, whatever is in it.
    return zipped and path.suffix != ".safetensors"


def _load_mapped_or_read(path: Path) -> object:
    if is_mapped(path):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    with path.open("rb") as file:
        return torch.load(file, map_location="cpu", weights_only=True)


def _holds_code(path: Path) -> bool:
    """Whether a bare pickle's first part has instructions that look up or call code; it is only listed."""
    if zipfile.is_zipfile(path):
        return False
    try:
        with path.open("rb") as file:
            return any(opcode.name in _CODE_INSTRUCTIONS for opcode, _, _ in pickletools.genops(file))
    except (ValueError, IndexError, UnicodeDecodeError):
        return False


def _flat(
    path: Path, content: Mapping[Any, Any], *, prefix: str, level: int
) -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in content.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and level < _MOST_LEVELS:
            yield from _flat(path, value, prefix=f"{key}.", level=level + 1)
        elif isinstance(value, torch.Tensor) and _is_plain(value):
            yield key, value.detach()
        else:
            raise unfitting_file(path, f"hold something under {key} that is no plain tensor", key=key)


def _is_plain(tensor: torch.Tensor) -> bool:
    """Whether a tensor has memory for all its numbers: a repeated one can pretend to be many."""
    if tensor.layout != torch.strided or tensor.is_meta:
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
