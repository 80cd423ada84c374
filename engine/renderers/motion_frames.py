"""The last pictures of a finished piece, kept in the work directory: the next piece begins with them.

A place is the latent frame of the shot that follows the pictures.
"""

import hashlib
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.media.atomic import atomic_path

Pictures = NDArray[np.uint8]

_DIGEST_BYTES = hashlib.sha256().digest_size


class MotionFrames:
    """Pictures [K, H, W, 3], BGR, by the place they lead up to."""

    def __init__(self, work: Path) -> None:
        self._work = work

    def keep(self, place: int, pictures_KHWC: Pictures) -> None:
        """Keep the pictures a piece begins with; they appear whole. Raises UserError(DISK_FULL)."""
        content = BytesIO()  # numpy's own writing into a file does not say why a disk took less
        np.save(content, pictures_KHWC, allow_pickle=False)
        with atomic_path(self._path(place)) as path, path.open("wb") as file:
            file.write(hashlib.sha256(content.getbuffer()).digest())
            file.write(content.getbuffer())

    def of(self, place: int, count: int | None = None) -> Pictures | None:
        """Return the pictures a piece begins with, the last `count` of them or all that were kept; None where
        they are not there, not whole, or too few.
        """
        try:
            data = self._path(place).read_bytes()
        except OSError:
            return None
        digest, content = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        if digest != hashlib.sha256(content).digest():  # numpy does not foresee what damage does to a header
            return None
        pictures = np.load(BytesIO(content), allow_pickle=False)
        wanted = len(pictures) if count is None else count
        return pictures[len(pictures) - wanted :] if wanted <= len(pictures) else None

    def _path(self, place: int) -> Path:
        return self._work / f"motion-{place:06d}.frames"
