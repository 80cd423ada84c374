"""The last pictures of a finished piece, kept in the work directory: the next piece begins with them."""

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.media.atomic import atomic_path

Pictures = NDArray[np.uint8]


class MotionFrames:
    """Pictures [K, H, W, 3], BGR, by the number of the piece that begins with them."""

    def __init__(self, work: Path) -> None:
        self._work = work

    def keep(self, piece: int, pictures_KHWC: Pictures) -> None:
        """Keep the pictures a piece begins with; they appear whole. Raises UserError(DISK_FULL)."""
        content = BytesIO()  # numpy's own writing into a file does not say why a disk took less
        np.save(content, pictures_KHWC, allow_pickle=False)
        with atomic_path(self._path(piece)) as path:
            path.write_bytes(content.getbuffer())

    def of(self, piece: int) -> Pictures | None:
        """Return the pictures a piece begins with; None where they are not there or not whole."""
        try:
            pictures = np.load(self._path(piece), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return pictures if pictures.dtype == np.uint8 and pictures.ndim == 4 else None

    def _path(self, piece: int) -> Path:
        return self._work / f"motion-{piece:04d}.npy"
