"""The first look at a driving clip: which face is meant, and which frame is neutral."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.draft.face_detection import FaceBox, find_faces
from engine.draft.face_features import FaceFeatures, PixelBox, find_features
from engine.draft.face_tracking import find_nearby, pixel_box
from engine.draft.neutral_frame import calmest, measure_calmness
from engine.media.opencv import cv2
from engine.media.video_reader import VideoReader
from engine.protocol.errors import ErrorCode, UserError

Picture = NDArray[np.uint8]

MOST_LOOKS = 7
LOOK_SIDE_PX = 320
CANDIDATES = 12
LARGEST_FACE_PX = 240.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverSurvey:
    """The chosen face. `shrink` scales frames before anything else; boxes are in pixels of shrunken frames.

    `neutral` is the shrunken neutral frame; `seen_box` is where the face was at `seen_s`.
    """

    shrink: float
    neutral: Picture
    neutral_s: Fraction
    neutral_box: PixelBox
    neutral_features: FaceFeatures
    seen_s: Fraction
    seen_box: PixelBox


def shrunken(frame: Picture, shrink: float) -> Picture:
    """Return the frame scaled by `shrink` (at most 1)."""
    if shrink >= 1.0:
        return frame
    size = (max(16, round(frame.shape[1] * shrink)), max(16, round(frame.shape[0] * shrink)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def survey_driver(
    reader: VideoReader,
    path: Path,
    times: list[Fraction],
    face_index: int,
    neutral_s: Fraction | None,
    check: Callable[[], None],
) -> DriverSurvey:
    """Find face number `face_index` (from the left) among frames at `times`, and its neutral frame.

    `check` is called between steps and may raise to stop. Raises UserError (NO_FACE).
    """
    seen_s, frame, face = _find_driver(reader, path, times, face_index, check)
    shrink = min(1.0, LARGEST_FACE_PX / pixel_box(face, frame).width)
    frame = shrunken(frame, shrink)
    seen_box = pixel_box(face, frame)
    if neutral_s is not None:
        chosen = shrunken(reader.frame_at(neutral_s), shrink)
        box = find_nearby(chosen, seen_box) or _same_place(chosen, face_index)
        if box is None:
            raise UserError(
                f"{path.name}: no face is found at {float(neutral_s):.2f} s, the time of the neutral face.",
                next_step="Choose another time for the neutral face, or leave the choice to Masque.",
                code=ErrorCode.NO_FACE,
            )
        time_s = neutral_s
    else:
        time_s, chosen, box = _calmest_frame(reader, times, shrink, (seen_s, frame, seen_box), check)
    return DriverSurvey(
        shrink=shrink,
        neutral=chosen,
        neutral_s=time_s,
        neutral_box=box,
        neutral_features=find_features(chosen, box),
        seen_s=seen_s,
        seen_box=seen_box,
    )


def _same_place(frame: Picture, face_index: int) -> PixelBox | None:
    faces = find_faces(frame)
    return pixel_box(faces[face_index], frame) if face_index < len(faces) else None


def _find_driver(
    reader: VideoReader, path: Path, times: list[Fraction], face_index: int, check: Callable[[], None]
) -> tuple[Fraction, Picture, FaceBox]:
    """Look at a few frames until two agree on the number of faces; of those with the usual number take the
    surest.
    """
    looks: list[tuple[Fraction, Picture, tuple[FaceBox, ...]]] = []
    for number in _spread_order(len(times), MOST_LOOKS):
        check()
        frame = reader.frame_at(times[number])
        looks.append((times[number], frame, find_faces(frame, LOOK_SIDE_PX)))
        counts = [len(faces) for _, _, faces in looks if len(faces) > face_index]
        if len(counts) > len(set(counts)):
            break
    if not counts:
        raise _no_face(path, face_index, max(len(faces) for _, _, faces in looks))
    usual = max(sorted(set(counts)), key=counts.count)
    time_s, frame, faces = min(
        (look for look in looks if len(look[2]) == usual),
        key=lambda look: -min(face.confidence for face in look[2]),
    )
    return time_s, frame, faces[face_index]


def _spread_order(count: int, most: int) -> list[int]:
    """Return up to `most` indices: first, middle, last, then the gaps between them."""
    spread = [round(share * (count - 1)) for share in np.linspace(0.0, 1.0, most)]
    order = [spread[0], spread[most // 2], spread[-1], *spread]
    return list(dict.fromkeys(order))


def _no_face(path: Path, face_index: int, seen: int) -> UserError:
    if seen == 0:
        message = f"{path.name}: no face is found in the part that drives a character."
        step = "Use a clip in which a face looks towards the camera, large enough and well lit."
    else:
        faces = "one face" if seen == 1 else f"{seen} faces"
        message = f"{path.name} shows {faces}, but face {face_index + 1} from the left was asked for."
        step = f"Choose a face from 1 to {seen}, or another part of the clip."
    return UserError(message, next_step=step, code=ErrorCode.NO_FACE)


def _calmest_frame(
    reader: VideoReader,
    times: list[Fraction],
    shrink: float,
    seen: tuple[Fraction, Picture, PixelBox],
    check: Callable[[], None],
) -> tuple[Fraction, Picture, PixelBox]:
    """Measure candidates from the seen frame outwards, so that the right face is kept among several."""
    seen_s, seen_frame, seen_box = seen
    numbers = sorted({round(share) for share in np.linspace(0, len(times) - 1, CANDIDATES)})
    frames = _with_following(reader, times, [*numbers, times.index(seen_s)], shrink)
    order = [*sorted(number for number in numbers if times[number] > seen_s)]
    order += sorted((number for number in numbers if times[number] < seen_s), reverse=True)
    features = find_features(seen_frame, seen_box)
    first = measure_calmness(*frames[times.index(seen_s)], seen_box, features)
    found = {seen_s: (first, seen_frame, seen_box)}
    box = seen_box
    for number in order:
        check()
        if number == next((one for one in order if times[one] < seen_s), None):
            box = seen_box
        frame, following = frames[number]
        near = find_nearby(frame, box)
        if near is None:
            continue
        box = near
        measured = measure_calmness(frame, following, box, find_features(frame, box))
        found[times[number]] = (measured, frame, box)
    ordered = sorted(found)
    best = ordered[calmest([found[time_s][0] for time_s in ordered])]
    return best, found[best][1], found[best][2]


def _with_following(
    reader: VideoReader, times: list[Fraction], numbers: list[int], shrink: float
) -> dict[int, tuple[Picture, Picture]]:
    """Return frames and the ones after them (the last frame stands for its own), read in one pass."""
    last = len(times) - 1
    wanted = sorted({number for one in numbers for number in (one, min(one + 1, last))})
    read = reader.frames([times[number] for number in wanted])
    pictures = {number: shrunken(frame, shrink) for number, frame in zip(wanted, read, strict=True)}
    return {number: (pictures[number], pictures[min(number + 1, last)]) for number in numbers}
