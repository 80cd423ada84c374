"""Where the eyes and the mouth are inside a face box, and the pose that carries one face onto another.

The eyes come from OpenCV's eye cascade, the mouth from the dark line between the lips; what is not found is
put where it is on the average face.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_detection import load_cascade
from engine.draft.mouth_tracing import USUAL_HALF_WIDTH, MouthLine, trace_mouth
from engine.media.opencv import cv2

PATCH_PX = 192
AVERAGE_EYE = (0.315, 0.40)
AVERAGE_MOUTH = (0.5, 0.795)
EYE_REACH = 0.11
MOUTH_REACH = 0.10
LIP_HEIGHT_PX, ALIKE_SHARE, FAINTER_SHARE = (9, 20), 0.8, 0.4
REDDER, LIPS_ABOUT_PX = 2.0, 13


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelBox:
    """A box in pixels of a picture; it may reach over the picture's edge."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceFeatures:
    """Eye and mouth centres in shares of the face box; which of them were found rather than assumed."""

    left_eye: tuple[float, float]
    right_eye: tuple[float, float]
    mouth: tuple[float, float]
    mouth_line: MouthLine
    eyes_found: bool
    mouth_found: bool


AVERAGE_FEATURES = FaceFeatures(
    left_eye=AVERAGE_EYE,
    right_eye=(1.0 - AVERAGE_EYE[0], AVERAGE_EYE[1]),
    mouth=AVERAGE_MOUTH,
    mouth_line=MouthLine.straight(USUAL_HALF_WIDTH),
    eyes_found=False,
    mouth_found=False,
)


def find_features(picture_bgr: NDArray[np.uint8], box: PixelBox) -> FaceFeatures:
    """Return the features of the face in `box` of a BGR picture."""
    patch = _patch(picture_bgr, box)
    if patch is None:
        return AVERAGE_FEATURES
    eyes = _find_eyes(np.asarray(cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY), np.uint8))
    left, right = eyes or (AVERAGE_FEATURES.left_eye, AVERAGE_FEATURES.right_eye)
    guess = _mouth_below(left, right)
    found = _find_mouth(patch, guess, math.atan2(right[1] - left[1], right[0] - left[0]))
    mouth, line = found or (guess, AVERAGE_FEATURES.mouth_line)
    return FaceFeatures(
        left_eye=left,
        right_eye=right,
        mouth=mouth,
        mouth_line=line,
        eyes_found=eyes is not None,
        mouth_found=found is not None,
    )


def traced_features(
    picture_bgr: NDArray[np.uint8],
    box: PixelBox,
    eyes: tuple[tuple[float, float], tuple[float, float]],
    mouth: tuple[float, float] | None,
    *,
    eyes_found: bool,
) -> FaceFeatures:
    """Return the features of the face in `box` whose eyes and mouth (None where it was not found) are known,
    in shares of the box; the mouth's line is traced at that place.
    """
    left, right = eyes
    place, line = mouth or _mouth_below(left, right), AVERAGE_FEATURES.mouth_line
    patch = _patch(picture_bgr, box)
    if mouth is not None and patch is not None:
        roll = math.atan2(right[1] - left[1], right[0] - left[0])
        place, line = _traced(_levelled(patch, mouth, roll), mouth, round(mouth[1] * PATCH_PX), roll)
    return FaceFeatures(
        left_eye=left,
        right_eye=right,
        mouth=place,
        mouth_line=line,
        eyes_found=eyes_found,
        mouth_found=mouth is not None,
    )


def _patch(picture_bgr: NDArray[np.uint8], box: PixelBox) -> NDArray[np.uint8] | None:
    """Return the box as a square of PATCH_PX, or None where too little of it is on the picture."""
    height, width = picture_bgr.shape[:2]
    across = min(box.x + box.width, width) - max(box.x, 0.0)
    down = min(box.y + box.height, height) - max(box.y, 0.0)
    if across < 0.6 * box.width or down < 0.6 * box.height or min(box.width, box.height) < 24:
        return None
    matrix = np.array([[box.width / PATCH_PX, 0, box.x], [0, box.height / PATCH_PX, box.y]], np.float64)
    shrunk = box.width > 2 * PATCH_PX
    source = cv2.GaussianBlur(picture_bgr, (0, 0), 0.4 * box.width / PATCH_PX) if shrunk else picture_bgr
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(source, matrix, (PATCH_PX, PATCH_PX), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(patch, np.uint8)


def _find_eyes(grey: NDArray[np.uint8]) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return both eyes, or None unless each was found near its usual place and the two agree."""
    upper = cv2.equalizeHist(grey[: round(0.62 * PATCH_PX)])
    found: list[tuple[float, float]] = []
    left = right = None
    for name in ("eye", "eye_tree_eyeglasses"):
        boxes = load_cascade(name).detectMultiScale(
            upper, scaleFactor=1.05, minNeighbors=2, minSize=(26, 26), maxSize=(80, 80)
        )
        found += [
            ((float(x) + float(side) / 2) / PATCH_PX, (float(y) + float(side) * 0.52) / PATCH_PX)
            for x, y, side, _ in boxes
        ]
        left = _nearest_mean(found, AVERAGE_FEATURES.left_eye)
        right = _nearest_mean(found, AVERAGE_FEATURES.right_eye)
        if left is not None and right is not None:
            break
    if left is None or right is None:
        return None
    apart = right[0] - left[0]
    level = abs(math.atan2(right[1] - left[1], apart))
    return (left, right) if 0.25 < apart < 0.55 and level < 0.45 else None


def _nearest_mean(found: list[tuple[float, float]], usual: tuple[float, float]) -> tuple[float, float] | None:
    near = [point for point in found if math.dist(point, usual) < EYE_REACH]
    if not near:
        return None
    return (sum(point[0] for point in near) / len(near), sum(point[1] for point in near) / len(near))


def _mouth_below(left: tuple[float, float], right: tuple[float, float]) -> tuple[float, float]:
    """Return where the mouth is expected under these eyes: about one eye distance below them, at right
    angles.
    """
    middle = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2)
    across = (right[0] - left[0], right[1] - left[1])
    reach = (AVERAGE_MOUTH[1] - AVERAGE_EYE[1]) / (1.0 - 2 * AVERAGE_EYE[0])
    return (middle[0] - reach * across[1], middle[1] + reach * across[0])


def _find_mouth(
    patch: NDArray[np.uint8], guess: tuple[float, float], roll: float
) -> tuple[tuple[float, float], MouthLine] | None:
    """Return the middle of the dark line between the lips near `guess` and its course, or None without such
    a line.
    """
    centre = (guess[0] * PATCH_PX, guess[1] * PATCH_PX)
    level = _levelled(patch, guess, roll)
    darkness, redness = _lip_evidence(level)
    score = darkness + 0.8 * redness
    half_width, half_height = 0.13 * PATCH_PX, MOUTH_REACH * PATCH_PX
    columns = slice(max(0, round(centre[0] - half_width)), round(centre[0] + half_width))
    rows = np.arange(PATCH_PX)
    profile = score[:, columns].mean(axis=1) - 6.0 * ((rows - centre[1]) / half_height) ** 2
    top, bottom = max(0, round(centre[1] - half_height)), min(PATCH_PX - 1, round(centre[1] + half_height))
    if bottom - top < 6:
        return None
    about = cv2.blur(redness[:, columns].mean(axis=1, keepdims=True), (1, LIPS_ABOUT_PX))
    row = top + _line_between_lips(profile[top:bottom], about[top:bottom].ravel())
    if float(score[row, columns].mean()) < 2.0:
        return None
    return _traced(level, guess, row, roll)


def _levelled(patch: NDArray[np.uint8], about: tuple[float, float], roll: float) -> NDArray[np.uint8]:
    """Return the patch turned about a point so that the eyes are level."""
    centre = (about[0] * PATCH_PX, about[1] * PATCH_PX)
    turn = cv2.getRotationMatrix2D(centre, math.degrees(roll), 1.0)
    level = cv2.warpAffine(patch, turn, (PATCH_PX, PATCH_PX), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(level, np.uint8)


def _traced(
    level: NDArray[np.uint8], about: tuple[float, float], row: int, roll: float
) -> tuple[tuple[float, float], MouthLine]:
    """Return the middle and the course of the line at `row` of a patch levelled about a point."""
    line, height, shift = trace_mouth(level, (about[0] * PATCH_PX, row))
    offset = height / PATCH_PX - about[1]
    cosine, sine = math.cos(roll), math.sin(roll)
    return (about[0] + shift * cosine - offset * sine, about[1] + shift * sine + offset * cosine), line


def _line_between_lips(profile: NDArray[np.float32], redness: NDArray[np.float32]) -> int:
    """Return the row of the strongest line; of two alike a lip apart the upper one, for the other is the
    shadow under the lower lip, unless lips are about the lower one: then the upper one is a moustache.
    """
    best = int(np.argmax(profile))
    nearest, farthest = LIP_HEIGHT_PX
    above = profile[max(0, best - farthest) : max(0, best - nearest)]
    if len(above) and float(above.max()) >= ALIKE_SHARE * float(profile[best]):
        row = max(0, best - farthest) + int(np.argmax(above))
        return row if redness[best] < redness[row] + REDDER else best
    below = profile[best + nearest : best + farthest]
    if len(below) and float(below.max()) >= FAINTER_SHARE * float(profile[best]):
        row = best + nearest + int(np.argmax(below))
        return row if redness[row] >= redness[best] + REDDER else best
    return best


def _lip_evidence(level: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return how much darker than above and below, and how much redder than around, each place is."""
    lab = cv2.cvtColor(level, cv2.COLOR_BGR2LAB).astype(np.float32)
    light = cv2.GaussianBlur(lab[..., 0], (0, 0), sigmaX=5.0, sigmaY=1.2)
    darkness = cv2.GaussianBlur(light, (0, 0), sigmaX=1, sigmaY=5.0) - light
    wide = cv2.GaussianBlur(lab[..., 1], (0, 0), 14.0)
    redness = cv2.GaussianBlur(lab[..., 1], (0, 0), sigmaX=6.0, sigmaY=4.0) - wide
    return np.asarray(darkness, np.float32), np.asarray(redness, np.float32)
