"""The scene's still, fitted into the size of the result."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_features import PixelBox
from engine.media.opencv import cv2
from engine.media.still import StillPicture
from engine.protocol.regions import RegionBox


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedPlate:
    """The plate in the result's size: uint8 [height, width, 3 or 4]; where it lies inside, in pixels."""

    picture: NDArray[np.uint8]
    left: float
    top: float
    width: float
    height: float

    @property
    def area(self) -> PixelBox:
        """Where the plate lies in the result."""
        return PixelBox(x=self.left, y=self.top, width=self.width, height=self.height)

    def pixel_box(self, box: RegionBox) -> PixelBox:
        """Return a region's box in pixels of the result."""
        return PixelBox(
            x=self.left + box.x * self.width,
            y=self.top + box.y * self.height,
            width=box.width * self.width,
            height=box.height * self.height,
        )


def fit_plate(still: StillPicture, width: int, height: int) -> FittedPlate:
    """Scale the still to fit inside `width` x `height`, keeping its aspect; pad by its edge colours."""
    stack = still.bgr if still.alpha is None else np.dstack([still.bgr, still.alpha])
    rows, columns = stack.shape[:2]
    scale = min(width / columns, height / rows)
    inner = (min(width, max(1, round(columns * scale))), min(height, max(1, round(rows * scale))))
    if inner != (columns, rows):
        stack = _resized(stack, inner)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    padded = cv2.copyMakeBorder(
        stack, top, height - inner[1] - top, left, width - inner[0] - left, cv2.BORDER_REPLICATE
    )
    return FittedPlate(
        picture=np.asarray(padded, np.uint8), left=left, top=top, width=inner[0], height=inner[1]
    )


def _resized(stack: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale a picture; with alpha the colours are weighted by it, so that hidden colours do not bleed in."""
    interpolation = cv2.INTER_AREA if size[0] < stack.shape[1] else cv2.INTER_CUBIC
    if stack.shape[2] == 3:
        return np.asarray(cv2.resize(stack, size, interpolation=interpolation), np.uint8)
    alpha = stack[..., 3].astype(np.float32) / 255.0
    weighted = cv2.resize(stack[..., :3] * alpha[..., None], size, interpolation=interpolation)
    share = np.clip(cv2.resize(alpha, size, interpolation=interpolation), 0.0, 1.0)
    plain = cv2.resize(stack[..., :3], size, interpolation=interpolation)
    colour = np.where(share[..., None] > 1e-3, weighted / np.maximum(share[..., None], 1e-3), plain)
    return np.dstack([np.clip(np.rint(colour), 0, 255), np.rint(share * 255)]).astype(np.uint8)
