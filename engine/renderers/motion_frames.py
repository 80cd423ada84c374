"""The last pictures of a finished piece, kept in the work directory: the next piece begins with them."""

import hashlib
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.media.atomic import atomic_path

Pictures = NDArray[np.uint8]

_DIGEST_BYTES = hashlib.sha256().digest_size


class MotionFrames:
    """Pictures [K, H, W, 3], BGR, by the number of the piece that begins with them."""

    def __init__(self, work: Path) -> None:
        self._work = work

    def keep(self, piece: int, pictures_KHWC: Pictures) -> None:
        """Keep the pictures a piece begins with; they appear whole. Raises UserError(DISK_FULL)."""
        content = BytesIO()  # numpy's own writing into a file does not say why a disk took less
        np.save(content, pictures_KHWC, allow_pickle=False)
        with atomic_path(self._path(piece)) as path, path.open("wb") as file:
            file.write(hashlib.sha256(content.getbuffer()).digest())
            file.write(content.getbuffer())

    def of(self, piece: int, count: int | None = None) -> Pictures | None:
        """Return the pictures a piece begins with, the last `count` of them or all that were kept; None where
        they are not there, not whole, or too few.
        """
        try:
            data = self._path(piece).read_bytes()
        except OSError:
            return None
        digest, content = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        if digest != hashlib.sha256(content).digest():  # numpy does not foresee what damage does to a header
            return None
        pictures = np.load(BytesIO(content), allow_pickle=False)
        wanted = len(pictures) if count is None else count
        return pictures[len(pictures) - wanted :] if wanted <= len(pictures) else None

    def _path(self, piece: int) -> Path:
        return self._work / f"motion-{piece:04d}.frames"
