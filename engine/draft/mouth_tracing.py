"""Tracing the line between the lips: the darkest path across the mouth, and the corners where it ends.

A curve of few numbers was refused: lips dip in the middle, tilt and smile, and a line beside the lips opens
skin.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.media.opencv import cv2

Plane = NDArray[np.float32]

COURSE_POINTS = 17
USUAL_HALF_WIDTH = 0.18
LEAST_HALF_WIDTH, LARGEST_HALF_WIDTH = 0.11, 0.25
TRACED_HALF_WIDTH = 0.29
CORE_HALF_WIDTH = 0.085
LARGEST_SHIFT = 0.07
REACH, REACH_AT_ENDS = 0.035, 0.075
STEEPEST_STEP = 2
STEP_COST, HEIGHT_COST = 0.03, 0.25
CORNER_SHARE, CORNER_LEAST = 0.42, 1.0
ENDED_COLUMNS = 4
CORNER_BLUR = 0.014


@dataclass(frozen=True, slots=True, kw_only=True)
class MouthLine:
    """The line between the lips, in shares of the face box: half its width, and how much lower than its
    middle it is at COURSE_POINTS places from the left corner to the right one.
    """

    half_width: float
    course: tuple[float, ...]

    @classmethod
    def straight(cls, half_width: float) -> "MouthLine":
        """Return a straight line of this half width."""
        return cls(half_width=half_width, course=(0.0,) * COURSE_POINTS)


def trace_mouth(level_bgr: NDArray[np.uint8], middle: tuple[float, int]) -> tuple[MouthLine, float, float]:
    """Trace the line near `middle` (column, row) of a square picture of a face box that stands upright.

    Return the line, the row of its middle in pixels, and how far its middle is to the right of `middle` in
    shares of the box.
    """
    side = level_bgr.shape[0]
    ridge = _ridge(level_bgr)
    first = max(0, round(middle[0] - TRACED_HALF_WIDTH * side))
    last = min(side, round(middle[0] + TRACED_HALF_WIDTH * side))
    offsets = (np.arange(first, last) - middle[0]) / side
    path, strength = _darkest_path(ridge[:, first:last], offsets, middle[1])
    left, right = _corners(offsets, strength)
    shift = float(np.clip((left + right) / 2, -LARGEST_SHIFT, LARGEST_SHIFT))
    half_width = float(np.clip((right - left) / 2, LEAST_HALF_WIDTH, LARGEST_HALF_WIDTH))
    smooth = _smoothed(path, 6)
    # beyond the corners that were found the path is a guess
    places = np.clip(shift + half_width * np.linspace(-1.0, 1.0, COURSE_POINTS), left, right)
    rows = np.interp(places, offsets, smooth)
    height = float(rows[COURSE_POINTS // 2])
    course = tuple(float(row - height) / side for row in rows)
    return MouthLine(half_width=half_width, course=course), height, shift


def _ridge(level_bgr: NDArray[np.uint8]) -> Plane:
    """Return how much darker than above and below each place is; fine along the mouth."""
    light = cv2.cvtColor(level_bgr, cv2.COLOR_BGR2LAB)[..., 0].astype(np.float32)
    fine = cv2.GaussianBlur(light, (0, 0), sigmaX=2.0, sigmaY=1.0)
    return np.asarray(cv2.GaussianBlur(fine, (0, 0), sigmaX=1.0, sigmaY=5.0) - fine, np.float32)


def _darkest_path(ridge: Plane, offsets: NDArray[np.float64], row: int) -> tuple[Plane, Plane]:
    """Return the rows of the darkest path through all columns near `row`, and the darkness along it."""
    side = ridge.shape[0]
    share = np.clip(np.abs(offsets) / TRACED_HALF_WIDTH, 0.0, 1.0)
    reach = np.maximum(side * (REACH + share * (REACH_AT_ENDS - REACH)), 3.0)
    most = int(reach.max()) + 1
    top, bottom = max(0, row - most), min(side, row + most + 1)
    away = (np.arange(top, bottom)[:, None] - row) / reach
    usual = max(float(np.median(ridge[top:bottom, share < 0.3].max(axis=0))), 1.0)
    value = np.clip(ridge[top:bottom] / usual, -0.5, 1.5) - HEIGHT_COST * away**2
    value = np.where(np.abs(away) <= 1.0, value, -1e3)
    rows = _best_rows(value)
    columns = np.arange(len(offsets))
    rows = np.clip(rows + top, 1, side - 2)
    above, here, below = (ridge[rows + step, columns] for step in (-1, 0, 1))
    bow = 2.0 * here - above - below
    peak = np.where(bow > 1e-3, 0.5 * (below - above) / np.maximum(bow, 1e-3), 0.0)
    return (rows + np.clip(peak, -0.5, 0.5)).astype(np.float32), here


def _best_rows(value: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return one row of every column, so that the sum of values less the cost of steps is the largest."""
    height, width = value.shape
    steps = np.arange(-STEEPEST_STEP, STEEPEST_STEP + 1)
    total = value[:, 0]
    came_from = np.zeros((height, width), np.intp)
    rows = np.arange(height)
    for column in range(1, width):
        source = rows[:, None] + steps
        inside = (source >= 0) & (source < height)
        options = np.where(inside, total[np.clip(source, 0, height - 1)] - STEP_COST * steps**2, -np.inf)
        best = options.argmax(axis=1)
        came_from[:, column] = rows + steps[best]
        total = options[rows, best] + value[:, column]
    path = np.empty(width, np.intp)
    path[-1] = int(total.argmax())
    for column in range(width - 1, 0, -1):
        path[column - 1] = came_from[path[column], column]
    return path


def _corners(offsets: NDArray[np.float64], strength: Plane) -> tuple[float, float]:
    """Return the offsets at which the line ends on both sides."""
    core = np.abs(offsets) <= CORE_HALF_WIDTH
    usual = float(np.median(strength[core])) if core.any() else 0.0
    present = _smoothed(strength, 3) > max(CORNER_SHARE * usual, CORNER_LEAST)
    ends = (
        [-CORE_HALF_WIDTH, CORE_HALF_WIDTH] if usual > CORNER_LEAST else [-USUAL_HALF_WIDTH, USUAL_HALF_WIDTH]
    )
    for number, sign in enumerate((-1, 1)):
        outward = np.flatnonzero(sign * offsets > CORE_HALF_WIDTH)[::sign]
        missing = 0
        for index in outward:
            missing = 0 if present[index] else missing + 1
            if missing == 0:
                ends[number] = float(offsets[index])
            if missing >= ENDED_COLUMNS:
                break
    # the blurs carry the line beyond its ends
    return ends[0] + CORNER_BLUR, ends[1] - CORNER_BLUR


def _smoothed(values: Plane, reach: int) -> Plane:
    padded = np.pad(values, reach, mode="edge")
    taps = np.hanning(2 * reach + 3)[1:-1]
    return np.convolve(padded, taps / taps.sum(), mode="valid").astype(np.float32)
