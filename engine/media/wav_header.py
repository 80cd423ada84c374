"""What a WAV file says of its own length: FFmpeg takes a file that was cut short for a shorter one."""

import struct
from pathlib import Path

from engine.media.container import damaged
from engine.media.read_errors import reading

_UNKNOWN_LENGTHS = (0, 0xFFFFFFFF, 0x7FFFFFFF)  # what programs write that do not know the length yet


def require_whole_wav(path: Path) -> None:
    """Raise UserError(FILE_UNREADABLE) for a RIFF WAV whose sound data ends before its header says.

    RF64, files of unknown length and files of other kinds are left to the decoder (RIFF WAVE, "data" chunk).
    """
    with reading(path), path.open("rb") as file:
        if file.read(4) != b"RIFF" or file.read(8)[4:] != b"WAVE":
            return
        size = path.stat().st_size
        while len(header := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", header)
            if name == b"data":
                if length not in _UNKNOWN_LENGTHS and file.tell() + length > size:
                    raise damaged(path)
                return
            file.seek(length + length % 2, 1)
