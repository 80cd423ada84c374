"""The plate as the transformer sees it: fitted into the result's size, padded to whole tokens, cropped back.

A token covers 16 x 16 pixels: 8 x 8 by the VAE, 2 x 2 latents by the patch (Wan2.1).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_features import PixelBox
from engine.draft.plate_fit import FittedPlate, fit_plate
from engine.media.opencv import cv2
from engine.media.still import StillPicture
from engine.planning.latent_grid import TOKEN_PIXELS, model_side

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureFit:
    """`plate`: the still in the result's size; `left` and `top`: how much is padded before it, in pixels.

    `model_width` and `model_height` are multiples of TOKEN_PIXELS.
    """

    plate: FittedPlate
    left: int
    top: int
    model_width: int
    model_height: int

    @property
    def tokens_across(self) -> int:
        """How many tokens lie side by side."""
        return self.model_width // TOKEN_PIXELS

    @property
    def tokens_down(self) -> int:
        """How many tokens lie one below the other."""
        return self.model_height // TOKEN_PIXELS

    @property
    def model_picture(self) -> Picture:
        """The padded plate, uint8 BGR [model_height, model_width, 3]; edges are repeated into the padding."""
        colours = np.ascontiguousarray(self.plate.picture[:, :, :3])
        rows, columns = colours.shape[:2]
        below, after = self.model_height - rows - self.top, self.model_width - columns - self.left
        padded = cv2.copyMakeBorder(colours, self.top, below, self.left, after, cv2.BORDER_REPLICATE)
        return np.asarray(padded, np.uint8)

    def cropped(self, picture: Picture) -> Picture:
        """Return the result's part of a picture [model_height, model_width, ...]."""
        rows, columns = self.plate.picture.shape[:2]
        return picture[self.top : self.top + rows, self.left : self.left + columns]

    def model_box(self, x: float, y: float, width: float, height: float) -> PixelBox:
        """Return a box given in plate coordinates (0..1) in pixels of the padded picture."""
        area = self.plate.area
        return PixelBox(
            x=self.left + area.x + x * area.width,
            y=self.top + area.y + y * area.height,
            width=width * area.width,
            height=height * area.height,
        )


def fit_picture(still: StillPicture, width: int, height: int) -> PictureFit:
    """Fit a still into the result's `width` x `height` and pad that evenly to whole tokens."""
    model_width = model_side(width)
    model_height = model_side(height)
    return PictureFit(
        plate=fit_plate(still, width, height),
        left=(model_width - width) // 2,
        top=(model_height - height) // 2,
        model_width=model_width,
        model_height=model_height,
    )
