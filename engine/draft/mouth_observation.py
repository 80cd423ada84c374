"""What a driver shows between the lips: a small picture of the mouth and which pixels of it are its inside.

With a closed neutral mouth the inside is what the neutral face cannot explain, near the lips, dark or
without the red of skin. With a neutral mouth that already shows teeth it is told by colour alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_crop import CROP_PX
from engine.draft.face_frame import MOUTH
from engine.draft.mouth_opening import opening_of
from engine.draft.mouth_seam import MouthSeam
from engine.media.opencv import cv2

WINDOW = (0.5 - 0.17, MOUTH[1] - 0.10, 0.5 + 0.17, MOUTH[1] + 0.17)
LEFT_PX, TOP_PX, RIGHT_PX, BOTTOM_PX = (round(edge * CROP_PX) for edge in WINDOW)
REDDEST_TEETH = 1.45
TRUSTED_TO, TRUSTED_SPAN = 18.0, 5.0
MANY_TEETH, SOME_TEETH, WIDE_OPEN = 0.7, 0.4, 0.22

Plane = NDArray[np.float32]
_Y, _X = np.mgrid[TOP_PX:BOTTOM_PX, LEFT_PX:RIGHT_PX].astype(np.float32)
_ACROSS = (_X + 0.5) / CROP_PX - MOUTH[0]
_ALONG = (_Y + 0.5) / CROP_PX - MOUTH[1]
RING = ((_ACROSS / 0.15) ** 2 + (_ALONG / 0.11) ** 2 > 1.0) & (np.abs(_ACROSS) < 0.15) & (_ALONG < 0.12)


def _near_lips(middle: tuple[float, float], half_width: float, above: float, below: float) -> Plane:
    """Return 1 around `middle` (in shares of the face frame), falling to 0 outside the reaches."""
    across, along = _ACROSS + MOUTH[0] - middle[0], _ALONG + MOUTH[1] - middle[1]
    distance = (across / half_width) ** 2 + (along / np.where(along > 0, below, above)) ** 2
    return np.asarray(np.clip((1.15 - distance) * 3.0, 0.0, 1.0), np.float32)


_WIDE_LIPS = _near_lips(MOUTH, 0.125, 0.055, 0.125)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Colours:
    """How far pixels are dark or like teeth, strictly and loosely judged, how far they are like teeth, and
    how far they lack the red of lips; from 0 to 1.
    """

    strict: Plane
    loose: Plane
    teeth: Plane
    not_lips: Plane


def skin_colour(crop_bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the median colour [3] of the skin around the mouth of a stabilised crop."""
    return np.asarray(np.median(cut_mouth(crop_bgr)[RING], axis=0), np.float32)


def cut_mouth(crop_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the mouth's part of a stabilised crop, uint8 [BOTTOM_PX - TOP_PX, RIGHT_PX - LEFT_PX, 3]."""
    return crop_bgr[TOP_PX:BOTTOM_PX, LEFT_PX:RIGHT_PX].copy()


class MouthObserver:
    """Tells the inside of a driver's mouth, given its neutral mouth and where its lips meet."""

    def __init__(self, neutral_crop_bgr: NDArray[np.uint8], seam: MouthSeam) -> None:
        colours = _colours(_lab(cut_mouth(neutral_crop_bgr)))
        middle = np.abs(_ACROSS[0]) < 0.05
        rows = np.abs(_ALONG[:, 0]) < 0.06
        teeth = float(((colours.teeth * _WIDE_LIPS)[rows][:, middle].max(axis=0) > 0.6).mean())
        filled = float((colours.strict * _WIDE_LIPS)[rows][:, middle].mean())
        self.neutral_is_open = teeth > MANY_TEETH or (teeth > SOME_TEETH and filled > WIDE_OPEN)
        self._neutral_inside = _closed(colours.strict * _WIDE_LIPS)
        middle = (seam.middle, float(seam.height(np.array([seam.middle], np.float32))[0]))
        self._lips = _near_lips(middle, min(1.65 * seam.half_width, 0.15), 0.065, 0.10)

    def inside(self, crop_bgr: NDArray[np.uint8], explained_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the inside of the mouth of a stabilised crop from 0 to 255; `explained_bgr` is the neutral
        crop carried along by the measured flow.
        """
        now, before = _lab(cut_mouth(crop_bgr)), _lab(cut_mouth(explained_bgr))
        change = np.abs(now - before)
        error = 0.6 * change[..., 0] + 1.6 * change[..., 1]
        colours = _colours(now)
        if self.neutral_is_open:
            mask = _closed(colours.strict * _WIDE_LIPS)
        else:
            trust = float(np.clip((TRUSTED_TO - error[RING].mean()) / TRUSTED_SPAN, 0.0, 1.0))
            changed = np.clip((error - 10.0) / 12.0, 0.0, 1.0)
            seeds = trust * changed * colours.loose * self._lips
            members = np.maximum(changed * colours.not_lips, colours.strict) * self._lips
            mask = opening_of(seeds, members)
        return np.asarray(np.rint(255.0 * mask), np.uint8)

    def neutral_gap(self) -> Plane:
        """Return how far the neutral mouth's inside reaches above and below the line between the lips, [2,
        width] in shares of the face frame for every column of the mouth's window; 0 for a closed neutral
        mouth.
        """
        columns = self._neutral_inside.shape[1]
        if not self.neutral_is_open:
            return np.zeros((2, columns), np.float32)
        open_ = self._neutral_inside > 0.5
        above = np.where(open_, -_ALONG, 0.0).max(axis=0)
        below = np.where(open_, _ALONG, 0.0).max(axis=0)
        taps = np.hanning(11) / np.hanning(11).sum()
        return np.stack([np.convolve(edge, taps, mode="same") for edge in (above, below)]).astype(np.float32)


def _lab(mouth_bgr: NDArray[np.uint8]) -> Plane:
    soft = cv2.GaussianBlur(mouth_bgr, (0, 0), 0.8)
    return np.asarray(cv2.cvtColor(soft, cv2.COLOR_BGR2LAB), np.float32)


def _colours(lab: Plane) -> _Colours:
    skin = np.median(lab[RING], axis=0)
    light = lab[..., 0] / max(float(skin[0]), 1.0)
    redness = (lab[..., 1] - 128.0) / (lab[..., 0] + 8.0)
    redness = redness / (max(float(skin[1]) - 128.0, 3.0) / (float(skin[0]) + 8.0))
    dark = np.clip((0.50 - light) / 0.15, 0.0, 1.0)
    teeth = np.clip((0.62 - redness) / 0.2, 0.0, 1.0) * np.clip((light - 0.55) / 0.15, 0.0, 1.0)
    darkish = np.clip((0.68 - light) / 0.15, 0.0, 1.0)
    pale = np.clip((1.05 - redness) / 0.25, 0.0, 1.0) * np.clip((light - 0.5) / 0.2, 0.0, 1.0)
    return _Colours(
        strict=np.maximum(dark, teeth).astype(np.float32),
        loose=np.maximum(darkish, pale).astype(np.float32),
        teeth=teeth.astype(np.float32),
        not_lips=np.maximum(darkish, np.clip((REDDEST_TEETH - redness) / 0.25, 0.0, 1.0)).astype(np.float32),
    )


def _closed(mask: Plane) -> Plane:
    """Close small holes, drop specks, soften."""
    whole = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 5)))
    whole = cv2.morphologyEx(whole, cv2.MORPH_OPEN, np.ones((2, 3)))
    return np.asarray(cv2.GaussianBlur(whole, (0, 0), 1.0), np.float32)
