"""Bringing peaks back below full scale without distortion."""

import numpy as np
import numpy.typing as npt

from engine.media.opencv import cv2

Samples = npt.NDArray[np.float32]

CEILING = 10 ** (-0.1 / 20)
_LOOK_AHEAD_S = 0.005


def peak_of(samples: Samples) -> float:
    """Return the largest magnitude; 1 is full scale."""
    return float(np.abs(samples).max(initial=0.0))


def limited(samples: Samples, sample_rate: int) -> Samples:
    """Return float32 [count, 2] samples with no peak above full scale; unchanged where none was.

    Both channels are turned down together around each peak, 5 ms before to 5 ms after it, by a gain that
    moves smoothly: the lowest gain needed nearby, averaged over as long a window, so that it is in time for
    every peak.
    """
    if peak_of(samples) <= 1.0:
        return samples
    peaks = np.abs(samples).max(axis=1)
    needed = np.where(peaks > CEILING, CEILING / np.maximum(peaks, CEILING), 1.0).astype(np.float64)
    reach = max(1, round(_LOOK_AHEAD_S * sample_rate))
    window = 2 * reach + 1
    lowest = cv2.erode(needed[None], np.ones((1, window), np.uint8), borderType=cv2.BORDER_REPLICATE)
    smooth = cv2.blur(lowest, (window, 1), borderType=cv2.BORDER_REPLICATE)[0]
    gain = np.minimum(smooth, needed)
    turned_down: Samples = (samples * gain[:, None]).astype(np.float32)
    return turned_down
