"""A small painter: smooth shapes with soft edges, laid over each other on a picture of floating-point colour.

Points are float64 arrays [n, 2] of (x, y) in pixels, y downwards. Colours are written "#rrggbb".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.media.opencv import cv2

Points = NDArray[np.float64]
Plane = NDArray[np.float32]

OVERSAMPLING = 3
FINE_SHIFT = 4
LARGE_SOFTNESS = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """Coverage from 0 to 1 of a part of the picture whose top left pixel is (left, top)."""

    left: int
    top: int
    alpha: Plane

    def times(self, factor: float) -> "Patch":
        """Return the patch with its coverage scaled."""
        return Patch(left=self.left, top=self.top, alpha=self.alpha * np.float32(factor))

    def within(self, clip: "Patch | None") -> "Patch":
        """Return what both patches cover."""
        if clip is None:
            return self
        left, top = max(self.left, clip.left), max(self.top, clip.top)
        right = min(self.left + self.alpha.shape[1], clip.left + clip.alpha.shape[1])
        bottom = min(self.top + self.alpha.shape[0], clip.top + clip.alpha.shape[0])
        if right <= left or bottom <= top:
            return Patch(left=left, top=top, alpha=np.zeros((0, 0), np.float32))
        alpha = self._part(left, top, right, bottom) * clip._part(left, top, right, bottom)
        return Patch(left=left, top=top, alpha=alpha)

    def _part(self, left: int, top: int, right: int, bottom: int) -> Plane:
        return self.alpha[top - self.top : bottom - self.top, left - self.left : right - self.left]


class Canvas:
    """A picture that shapes are painted on. `pixels` is float32 [height, width, 3], BGR, 0 to 255."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.pixels: Plane = np.zeros((height, width, 3), np.float32)

    def shape(self, outline: Points, *, soften: float = 0.0) -> Patch:
        """Return the inside of a closed outline; `soften` is the blur of its edge in pixels (one sigma)."""
        return self._draw([outline], soften=soften, stroke=None)

    def strokes(self, lines: Sequence[Points], *, thickness: float, soften: float = 0.0) -> Patch:
        """Return open lines of one thickness in pixels, drawn together."""
        return self._draw(lines, soften=soften, stroke=thickness)

    def everywhere(self) -> Patch:
        """Return a patch that covers the picture."""
        return Patch(left=0, top=0, alpha=np.ones((self.height, self.width), np.float32))

    def paint(self, patch: Patch, colour: str, opacity: float = 1.0) -> None:
        """Lay a colour over the picture."""
        target, alpha = self._target(patch, opacity)
        target += (bgr(colour) - target) * alpha

    def darken(self, patch: Patch, colour: str, opacity: float = 1.0) -> None:
        """Multiply the picture by a colour, as a shadow does."""
        target, alpha = self._target(patch, opacity)
        target *= 1.0 - alpha * (1.0 - bgr(colour) / 255.0)

    def lighten(self, patch: Patch, colour: str, opacity: float = 1.0) -> None:
        """Screen the picture with a colour, as light does."""
        target, alpha = self._target(patch, opacity)
        target += (255.0 - target) * alpha * (bgr(colour) / 255.0)

    def blend(
        self, patch: Patch, colours: tuple[str, str], start: Sequence[float], end: Sequence[float]
    ) -> None:
        """Lay a straight gradient of two colours over the picture, from point `start` to point `end`."""
        target, alpha = self._target(patch, 1.0)
        height, width = target.shape[:2]
        rows = np.arange(height, dtype=np.float32)[:, None] + (max(0, patch.top) - start[1])
        columns = np.arange(width, dtype=np.float32)[None, :] + (max(0, patch.left) - start[0])
        along = (end[0] - start[0], end[1] - start[1])
        share = (columns * along[0] + rows * along[1]) / (along[0] ** 2 + along[1] ** 2)
        weight = np.clip(share, 0, 1).astype(np.float32)[..., None]
        colour = bgr(colours[0]) * (1 - weight) + bgr(colours[1]) * weight
        target += (colour - target) * alpha

    def blur(self, sigma: float) -> None:
        """Throw everything painted so far out of focus."""
        self.pixels = np.asarray(cv2.GaussianBlur(self.pixels, (0, 0), sigma), np.float32)

    def picture(self) -> NDArray[np.uint8]:
        """Return the picture as uint8 [height, width, 3], BGR."""
        return np.asarray(np.clip(self.pixels + 0.5, 0, 255), np.uint8)

    def _target(self, patch: Patch, opacity: float) -> tuple[Plane, Plane]:
        top, left = max(0, patch.top), max(0, patch.left)
        bottom = min(self.height, patch.top + patch.alpha.shape[0])
        right = min(self.width, patch.left + patch.alpha.shape[1])
        if bottom <= top or right <= left:
            empty = np.zeros((0, 0, 3), np.float32)
            return empty, empty[..., :1]
        alpha = patch.alpha[top - patch.top : bottom - patch.top, left - patch.left : right - patch.left]
        return self.pixels[top:bottom, left:right], (alpha * np.float32(opacity))[..., None]

    def _draw(self, lines: Sequence[Points], *, soften: float, stroke: float | None) -> Patch:
        margin = int(np.ceil(3 * soften + (stroke or 0) + 3))
        every = np.concatenate(lines)
        low = np.maximum(np.floor(every.min(axis=0)).astype(int) - margin, -margin)
        limit = np.array([self.width + margin, self.height + margin])
        high = np.minimum(np.ceil(every.max(axis=0)).astype(int) + margin, limit)
        if high[0] <= low[0] or high[1] <= low[1]:
            return Patch(left=0, top=0, alpha=np.zeros((0, 0), np.float32))
        size = high - low
        drawn = np.zeros((size[1] * OVERSAMPLING, size[0] * OVERSAMPLING), np.uint8)
        fine = [_fixed_point((line - low) * OVERSAMPLING) for line in lines]
        if stroke is None:
            cv2.fillPoly(drawn, fine, 255, cv2.LINE_8, FINE_SHIFT)
        else:
            width = max(1, round(stroke * OVERSAMPLING))
            cv2.polylines(drawn, fine, False, 255, width, cv2.LINE_AA, FINE_SHIFT)
        alpha = cv2.resize(drawn, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
        softened = soften_plane(alpha.astype(np.float32) / 255.0, soften)
        return Patch(left=int(low[0]), top=int(low[1]), alpha=softened)


def soften_plane(plane: Plane, sigma: float) -> Plane:
    """Return the plane blurred by `sigma` pixels; wide blurs are made at a quarter of the size."""
    if sigma <= 0:
        return plane
    if sigma < LARGE_SOFTNESS or min(plane.shape) < 16:
        return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)
    height, width = plane.shape
    small = cv2.resize(plane, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 4, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32).clip(
        0, 1
    )


def rim(patch: Patch, *, offset: tuple[float, float], softness: float) -> Patch:
    """Return the part of a shape near its edge, on the side that `offset` (pixels) points away from."""
    height, width = patch.alpha.shape
    padding = int(3 * softness)
    padded = np.pad(patch.alpha, padding)
    move = np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float64)
    moved = cv2.warpAffine(padded, move, (padded.shape[1], padded.shape[0]))
    inner = soften_plane(np.asarray(moved, np.float32), softness)[
        padding : padding + height, padding : padding + width
    ]
    return Patch(left=patch.left, top=patch.top, alpha=patch.alpha * (1 - inner))


def bgr(colour: str) -> Plane:
    """Return "#rrggbb" as three floats, blue first."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return np.array([blue, green, red], np.float32)


def mix(first: str, second: str, share: float) -> str:
    """Return the colour that lies `share` of the way from the first to the second."""
    blue, green, red = np.rint(bgr(first) * (1 - share) + bgr(second) * share).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


def closed_curve(points: Sequence[Sequence[float]], *, steps: int = 10) -> Points:
    """Return a smooth closed curve through the points (Catmull-Rom)."""
    corners = np.asarray(points, np.float64)
    return _spline(np.roll(corners, 1, 0), corners, np.roll(corners, -1, 0), np.roll(corners, -2, 0), steps)


def open_curve(points: Sequence[Sequence[float]], *, steps: int = 10) -> Points:
    """Return a smooth curve through the points from the first to the last (Catmull-Rom)."""
    corners = np.asarray(points, np.float64)
    led = np.concatenate([2 * corners[:1] - corners[1:2], corners, 2 * corners[-1:] - corners[-2:-1]])
    curve = _spline(led[:-3], led[1:-2], led[2:-1], led[3:], steps)
    return np.concatenate([curve, corners[-1:]])


def ellipse(centre: Sequence[float], radii: Sequence[float], *, turn: float = 0.0) -> Points:
    """Return an ellipse; `turn` in radians, clockwise on the screen."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    x, y = radii[0] * np.cos(angle), radii[1] * np.sin(angle)
    cosine, sine = np.cos(turn), np.sin(turn)
    return np.stack([centre[0] + x * cosine - y * sine, centre[1] + x * sine + y * cosine], axis=1)


def _spline(before: Points, start: Points, end: Points, after: Points, steps: int) -> Points:
    share = (np.arange(steps) / steps)[None, :, None]
    before, start, end, after = (side[:, None, :] for side in (before, start, end, after))
    curve = 0.5 * (
        2 * start
        + (end - before) * share
        + (2 * before - 5 * start + 4 * end - after) * share**2
        + (3 * start - before - 3 * end + after) * share**3
    )
    return np.asarray(curve.reshape(-1, 2), np.float64)


def _fixed_point(points: Points) -> NDArray[np.int32]:
    return np.rint((points - 0.5 / OVERSAMPLING) * (1 << FINE_SHIFT)).astype(np.int32)
