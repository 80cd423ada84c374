"""A safetensors file read forward with plain reads.

A mapped page counts as the process's memory until the whole file is let go, and a file that is cut short
while it is mapped ends the process; a plain read does neither.
"""

import json
import os
import struct
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

import torch

from engine.weights.weight_errors import refused_by_system, unreadable_file

_PIECE_BYTES = 1 << 22  # a piece is converted and looked at while the processor's cache still has it
_LENGTH = struct.Struct("<Q")


def read_pieces(
    path: Path, formats: Mapping[str, torch.dtype]
) -> Iterator[tuple[str, Iterator[torch.Tensor]]]:
    """Yield tensors in the order in which they lie in a file that safetensors has accepted.

    `formats`: the number formats in which they are stored, by name. Each tensor comes as its numbers in a
    row, in pieces; a piece holds only until the next one is asked for. Raises UserError for a file that
    cannot be read to where it should end.
    """
    with _readable(path):
        file = path.open("rb")
    with file:
        with _readable(path):
            places = _places(file, formats)
            _announce(file, places.values())
        buffer = torch.empty(_PIECE_BYTES, dtype=torch.uint8)
        for key in sorted(places, key=places.__getitem__):
            yield key, (piece.view(formats[key]) for piece in _pieces(file, path, *places[key], buffer))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise refused_by_system(path, error) from error
    except (EOFError, ValueError, LookupError, struct.error) as error:
        raise unreadable_file(path, "were cut short or are damaged") from error


def _places(file: BufferedReader, keys: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return where tensors begin in the file and how long they are, in bytes."""
    (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
    header = json.loads(file.read(length))
    places = {}
    for key in keys:
        begin, end = header[key]["data_offsets"]
        places[key] = (_LENGTH.size + length + begin, end - begin)
    return places


def _announce(file: BufferedReader, places: Iterable[tuple[int, int]]) -> None:
    """Let the system fetch what is going to be read, where it can be told: the disk works meanwhile."""
    if sys.platform != "linux":
        return
    with suppress(OSError):  # a file system that takes no advice is read without it
        for begin, length in sorted(places):
            for at in range(begin, begin + length, _PIECE_BYTES):
                count = min(_PIECE_BYTES, begin + length - at)
                os.posix_fadvise(file.fileno(), at, count, os.POSIX_FADV_WILLNEED)


def _pieces(
    file: BufferedReader, path: Path, begin: int, left: int, buffer: torch.Tensor
) -> Iterator[torch.Tensor]:
    """Yield the bytes of one tensor, in pieces that share the buffer."""
    with _readable(path):
        file.seek(begin)
    while left:
        piece = buffer[:left]
        with _readable(path):
            if file.readinto(piece.numpy().data) != len(piece):
                raise EOFError
        yield piece
        left -= len(piece)
