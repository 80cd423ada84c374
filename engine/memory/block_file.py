"""Flat buffers in one file on the disk, for a machine whose host memory cannot hold them.

The file is a cache: written once, whole under its name or not there, and made again where it is not exactly
what is wanted. It begins with eight bytes that say what it is, the length of a description and its SHA-256;
the description (JSON) names the weights it was made of, the layouts, and where each buffer lies with the
SHA-256 of its bytes. Buffers begin at multiples of 4096 bytes.

A buffer's digest is checked when it is first read, which is in the first step and off the render's thread:
reading tens of gigabytes twice would cost more than it could find.

Shapes: B bytes.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

import torch

from engine.media.atomic import atomic_path
from engine.media.write_errors import writing
from engine.memory.flat_buffer import FlatLayout
from engine.memory.host_buffer import HostBuffer
from engine.protocol.errors import BugError, ErrorCode, UserError

FORMAT = 1
BLOCK_FOLDER = "blocks"
"""In the engine's cache directory."""

_MAGIC = b"MASQBLK\x00"
_PAGE_BYTES = 4096
_LENGTH_BYTES = 8
_DIGEST_BYTES = 32
_FRONT_BYTES = len(_MAGIC) + _LENGTH_BYTES + _DIGEST_BYTES
_MOST_DESCRIBED_BYTES = 64 * 1024**2
_NAME = "blocks-{}.masque-blocks"
_NOT_READ_YET = "0" * 64


def block_file_path(folder: Path, identity: str, layouts: Sequence[FlatLayout]) -> Path:
    """Return the file's name in a folder: one for each set of weights and way of keeping them."""
    described = json.dumps([identity, [_described_layout(layout) for layout in layouts]])
    return folder / _NAME.format(hashlib.sha256(described.encode()).hexdigest()[:32])


def remove_other_block_files(kept: Path) -> None:
    """Remove the files of other weights beside one: each is as large as a transformer."""
    for path in kept.parent.glob(_NAME.format("*")):
        if path != kept:
            with suppress(OSError):  # another process may be reading it
                path.unlink()


def block_files_bytes(folder: Path) -> int:
    """Return how much the block files in a folder take: whoever needs the room takes it, or uses them."""
    try:
        return sum(path.stat().st_size for path in folder.glob(_NAME.format("*")))
    except OSError:
        return 0


@contextmanager
def written_block_file(
    path: Path, layouts: Sequence[FlatLayout], identity: str
) -> Iterator["BlockFileWriter"]:
    """Let every item be put into a new file, in any order; on a clean exit it is durable and has its name.

    Raises UserError: DISK_FULL, NOT_WRITABLE, FILE_MISSING (the folder); BugError where an item is missing.
    """
    _check_room(path, _file_bytes(layouts, identity))
    with atomic_path(path) as temporary:
        with writing(path):
            file = FileIO(temporary, "wb")
        with file:
            writer = BlockFileWriter(file, path, layouts, identity)
            yield writer
            writer.finish()


class BlockFileWriter:
    """Puts items into a block file that is being made."""

    def __init__(self, file: FileIO, path: Path, layouts: Sequence[FlatLayout], identity: str) -> None:
        self._file, self._path, self._layouts, self._identity = file, path, layouts, identity
        self._begins = _begins(layouts, identity)
        self._digests = [_NOT_READ_YET] * len(layouts)
        self._room = HostBuffer(max(layout.size_bytes for layout in layouts))

    def put(self, number: int, tensors: Mapping[str, torch.Tensor]) -> None:
        """Write an item. Raises UserError as `written_block_file`, BugError for tensors of another layout."""
        layout = self._layouts[number]
        buffer_B = self._room.bytes_B[: layout.size_bytes]
        layout.fill(buffer_B, tensors)
        data = buffer_B.numpy().data
        self._write(self._begins[number], data)
        self._digests[number] = hashlib.sha256(data).hexdigest()

    def finish(self) -> None:
        """Write the description. Raises BugError where an item was never put."""
        if _NOT_READ_YET in self._digests:
            raise BugError("an item of the block file was never written")
        self._write(0, memoryview(_front(_description(self._layouts, self._identity, self._digests))))

    def _write(self, begin: int, data: memoryview) -> None:
        with writing(self._path):
            self._file.seek(begin)
            written = 0
            while written < len(data):
                written += self._file.write(data[written:]) or 0


def open_block_file(path: Path, layouts: Sequence[FlatLayout], identity: str) -> "BlockFile | None":
    """Return the file of these weights; None where it has to be made: missing, damaged, or another's."""
    try:
        file = FileIO(path, "rb")
    except OSError:
        return None
    try:
        digests = _read_digests(file, layouts, identity)
        whole = os.fstat(file.fileno()).st_size == _file_bytes(layouts, identity)
    except (OSError, ValueError, KeyError, TypeError):
        digests, whole = None, False
    if digests is None or not whole:
        file.close()
        return None
    return BlockFile(file, path, layouts, identity, digests)


class BlockFile:
    """An open block file. Removing it meanwhile does no harm; reading is for one thread at a time."""

    def __init__(
        self, file: FileIO, path: Path, layouts: Sequence[FlatLayout], identity: str, digests: Sequence[str]
    ) -> None:
        self._file, self._path, self._layouts, self._digests = file, path, layouts, digests
        self._begins = _begins(layouts, identity)
        self._checked: set[int] = set()

    def item_bytes(self, number: int) -> int:
        """Return how much memory an item takes."""
        return self._layouts[number].size_bytes

    def holds(self, number: int) -> bool:
        """Return whether there is such an item."""
        return 0 <= number < len(self._layouts)

    def load(self, number: int, destination_B: torch.Tensor) -> None:
        """Read an item into host memory.

        Raises UserError (FILE_UNREADABLE) where the disk fails or the bytes are not those that were written:
        then the file is removed, and the next render makes it again.
        """
        data = destination_B.numpy().data
        self._read(self._begins[number], data)
        if number not in self._checked:
            if hashlib.sha256(data).hexdigest() != self._digests[number]:
                raise self._damaged()
            self._checked.add(number)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self, begin: int, data: memoryview) -> None:
        try:
            self._file.seek(begin)
            filled = 0
            while filled < len(data):
                count = self._file.readinto(data[filled:])
                if not count:
                    raise self._damaged()
                filled += count
        except OSError as error:
            raise UserError(
                f"The transformer's blocks could not be read back from {self._path.parent}: "
                f"{error.strerror or error}.",
                next_step="Check the disk or the connection to it, then render again.",
                code=ErrorCode.FILE_UNREADABLE,
                details={"path": str(self._path)},
            ) from error

    def _damaged(self) -> UserError:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        return UserError(
            f"The transformer's blocks kept in {self._path.name} are damaged.",
            next_step="Render again: they are made anew. If it happens twice, check the disk.",
            code=ErrorCode.FILE_UNREADABLE,
            details={"path": str(self._path)},
        )


def _check_room(path: Path, needed_bytes: int) -> None:
    """Raise UserError (DISK_FULL) before hours of writing end there."""
    with writing(path):
        free_bytes = shutil.disk_usage(path.parent).free
    if free_bytes < needed_bytes:
        raise UserError(
            f"The transformer's blocks take {needed_bytes / 1e9:.1f} GB on the disk; "
            f"{free_bytes / 1e9:.1f} GB are free in {path.parent}.",
            next_step="Free some space there (old takes are the largest), or close programs that use memory.",
            code=ErrorCode.DISK_FULL,
            details={"folder": str(path.parent)},
        )


def _description(layouts: Sequence[FlatLayout], identity: str, digests: Sequence[str]) -> bytes:
    """Return what a file says of itself; its length does not depend on the digests."""
    kinds = list(dict.fromkeys(layouts))
    described = {
        "format": FORMAT,
        "identity": identity,
        "layouts": [_described_layout(layout) for layout in kinds],
        "items": [
            {"layout": kinds.index(layout), "digest": digest}
            for layout, digest in zip(layouts, digests, strict=True)
        ],
    }
    return json.dumps(described, separators=(",", ":")).encode()


def _described_layout(layout: FlatLayout) -> list[list[object]]:
    return [
        [place.name, list(place.shape), str(place.dtype).removeprefix("torch."), place.offset_bytes]
        for place in layout.places
    ]


def _front(description: bytes) -> bytes:
    length = len(description).to_bytes(_LENGTH_BYTES, "little")
    return _MAGIC + length + hashlib.sha256(description).digest() + description


def _read_digests(file: FileIO, layouts: Sequence[FlatLayout], identity: str) -> list[str] | None:
    """Return each item's digest as a file tells; None where it is not what was written for these weights."""
    front = file.read(_FRONT_BYTES)
    length = int.from_bytes(front[len(_MAGIC) : len(_MAGIC) + _LENGTH_BYTES], "little")
    if not front.startswith(_MAGIC) or length > _MOST_DESCRIBED_BYTES:
        return None
    description = file.read(length)
    if front + description != _front(description):
        return None
    digests = [str(item["digest"]) for item in json.loads(description)["items"]]
    same = len(digests) == len(layouts) and description == _description(layouts, identity, digests)
    return digests if same else None


def _begins(layouts: Sequence[FlatLayout], identity: str) -> list[int]:
    """Return where each item begins, and at last where the file ends."""
    end = _FRONT_BYTES + len(_description(layouts, identity, [_NOT_READ_YET] * len(layouts)))
    begins = []
    for layout in layouts:
        begins.append(-(-end // _PAGE_BYTES) * _PAGE_BYTES)
        end = begins[-1] + layout.size_bytes
    return [*begins, end]


def _file_bytes(layouts: Sequence[FlatLayout], identity: str) -> int:
    return _begins(layouts, identity)[-1]
