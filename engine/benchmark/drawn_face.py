"""A drawn face that detectors take for one: material that needs no file."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.media.opencv import cv2

SIDE_PX = 512
SKIN, LIPS, DARK, HAIR = (150, 178, 214), (96, 92, 176), (28, 22, 48), (34, 44, 62)
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnExpression:
    """What the drawn face does: `mouth_open` and `blink` from 0 to 1, `smile` from -1 to 1, the head's
    `roll` in radians and its travel in pixels of a picture SIDE_PX wide.
    """

    mouth_open: float = 0.0
    blink: float = 0.0
    smile: float = 0.0
    roll: float = 0.0
    travel_x: float = 0.0
    travel_y: float = 0.0


def draw_face(
    expression: DrawnExpression = DrawnExpression(),
    *,
    background: tuple[int, int, int] = (196, 190, 180),
) -> Picture:
    """Return a drawn head and shoulders as BGR uint8 [SIDE_PX, SIDE_PX, 3]; the same expression, the same
    picture.
    """
    canvas = np.full((SIDE_PX, SIDE_PX, 3), background, np.uint8)
    cv2.ellipse(canvas, (256, 560), (190, 150), 0, 0, 360, (92, 70, 60), -1, cv2.LINE_AA)
    head = _head(expression)
    turn = cv2.getRotationMatrix2D((256, 330), float(np.degrees(expression.roll)), 1.0)
    turn[:, 2] += np.array([expression.travel_x, expression.travel_y])
    placed = cv2.warpAffine(head, turn, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR)
    cover = placed[..., 3:].astype(np.float32) / 255.0
    mixed = canvas * (1.0 - cover) + placed[..., :3] * cover
    return np.asarray(np.rint(mixed), np.uint8)


def _head(expression: DrawnExpression) -> Picture:
    """Return the head alone, BGRA."""
    head = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    cover = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    for shape in (((256, 225), (140, 172)), ((256, 420), (58, 70))):
        cv2.ellipse(cover, *shape, 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.ellipse(head, (256, 225), (140, 172), 0, 0, 360, HAIR, -1)
    cv2.ellipse(head, (256, 420), (58, 70), 0, 0, 360, (128, 152, 186), -1)
    cv2.ellipse(head, (256, 255), (116, 148), 0, 0, 360, SKIN, -1, cv2.LINE_AA)
    _draw_eyes(head, expression.blink)
    _draw_nose(head)
    _draw_mouth(head, expression)
    return np.dstack([_shaded(head), cover])


def _draw_eyes(head: Picture, blink: float) -> None:
    for middle in (208, 304):
        cv2.ellipse(head, (middle, 216), (34, 24), 0, 0, 360, (128, 152, 192), -1, cv2.LINE_AA)
        height = max(2, round(12 * (1.0 - blink)))
        cv2.ellipse(head, (middle, 218), (23, height), 0, 0, 360, (236, 238, 240), -1, cv2.LINE_AA)
        cv2.ellipse(head, (middle, 218), (10, min(10, height)), 0, 0, 360, (52, 40, 30), -1, cv2.LINE_AA)
        cv2.ellipse(head, (middle, 218), (24, height + 1), 0, 180, 360, (36, 36, 52), 4, cv2.LINE_AA)
        cv2.ellipse(head, (middle, 196), (32, 12), 0, 195, 345, HAIR, 8, cv2.LINE_AA)


def _draw_nose(head: Picture) -> None:
    cv2.ellipse(head, (256, 252), (10, 44), 0, 0, 360, (166, 194, 228), -1, cv2.LINE_AA)
    cv2.ellipse(head, (256, 294), (24, 10), 0, 0, 180, (104, 124, 166), 5, cv2.LINE_AA)
    for middle in (244, 268):
        cv2.circle(head, (middle, 297), 4, (60, 66, 96), -1, cv2.LINE_AA)


def _draw_mouth(head: Picture, expression: DrawnExpression) -> None:
    gap = round(34 * expression.mouth_open)
    across = np.linspace(-1.0, 1.0, 33)
    corner = -12.0 * expression.smile * across**2
    half = 46.0 + 10.0 * expression.smile
    lens = 1.0 - across**2
    upper = 344.0 + corner - (9.0 + 0.15 * gap) * lens
    top = 344.0 + corner - 0.15 * gap * lens
    bottom = 344.0 + corner + 0.85 * gap * lens
    lower = bottom + 13.0 * lens
    x = 256.0 + half * across
    _fill(head, x, upper, lower, LIPS)
    _fill(head, x, top, bottom, DARK)
    cv2.polylines(
        head, [_points(x, top)], isClosed=False, color=(48, 40, 84), thickness=3, lineType=cv2.LINE_AA
    )


def _fill(
    head: Picture,
    x: NDArray[np.float64],
    above: NDArray[np.float64],
    below: NDArray[np.float64],
    colour: tuple[int, int, int],
) -> None:
    outline = np.concatenate([_points(x, above), _points(x, below)[::-1]])
    cv2.fillPoly(head, [outline], colour, cv2.LINE_AA)


def _points(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.asarray(np.rint(np.column_stack([x, y])), np.int32)


def _shaded(head: Picture) -> Picture:
    """Give the face a light from above and a grain that trackers can hold on to."""
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX].astype(np.float32)
    light = 1.12 - 0.32 * (((x - 246) / 150) ** 2 + ((y - 220) / 210) ** 2)
    soft = cv2.GaussianBlur(head, (0, 0), 1.2).astype(np.float32)
    lit = soft * np.clip(light, 0.45, 1.15)[..., None] + _grain()[..., None]
    return np.asarray(np.clip(np.rint(lit), 0, 255), np.uint8)


@cache
def _grain() -> NDArray[np.float32]:
    chance = np.random.Generator(np.random.PCG64(7))
    grain = chance.normal(0.0, 1.0, (SIDE_PX, SIDE_PX)).astype(np.float32)
    soft = 18.0 * cv2.GaussianBlur(grain, (0, 0), 2.0) + 5.0 * cv2.GaussianBlur(grain, (0, 0), 1.0)
    return np.asarray(soft, np.float32)
