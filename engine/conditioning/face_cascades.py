"""Faces of a driving clip without any network: OpenCV's cascades, and the draft's tracker.

All frames are registered to the clip's calmest one. Where that fails or the face looks too different, a frame
in the middle of it is measured as another anchor, and the frames about that are registered to it.
"""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from engine.conditioning.face_anchor import AnchoredFace, FaceAnchor, find_anchor
from engine.conditioning.face_finder import DriverFrames, FoundFace, runs
from engine.draft.driver_survey import DriverSurvey, shrunken, survey_driver
from engine.draft.face_features import PixelBox
from engine.draft.motion_smoothing import bridge, smooth_over_time

Picture = NDArray[np.uint8]

SURVEY_SHARE, FORWARD_SHARE = 0.2, 0.8
SMOOTHING_S, JOINING_S, LARGEST_JUMP = 0.03, 0.3, 0.9
REVERSE_BYTES = 256 * 2**20
ENOUGH_LIKENESS = 0.5
MOST_ANCHORS, LEAST_RUN = 12, 4
LOOKS = (0.5, 0.2, 0.8)


class CascadeFaceFinder:
    """Finds faces with what every installation has."""

    @property
    def name(self) -> str:
        """What finds."""
        return "cascades"

    def find(
        self, frames: DriverFrames, face_index: int, on_progress: Callable[[float], None]
    ) -> list[FoundFace | None]:
        """Return the face in every frame; see `FaceFinder`."""
        times = list(frames.times)
        survey = survey_driver(frames.reader, frames.path, times, face_index, None, frames.check)
        on_progress(SURVEY_SHARE)
        following = _Following(frames, survey)
        span = FORWARD_SHARE - SURVEY_SHARE
        following.follow_from_survey(lambda share: on_progress(SURVEY_SHARE + span * share))
        following.follow_from_more_anchors()
        on_progress(1.0)
        return following.faces()


class _Following:
    """Registers all frames to anchors."""

    def __init__(self, frames: DriverFrames, survey: DriverSurvey) -> None:
        self._frames, self._survey = frames, survey
        self._faces: list[AnchoredFace | None] = [None] * len(frames.times)

    def follow_from_survey(self, on_progress: Callable[[float], None]) -> None:
        """Register all frames to the calmest one, forwards, then backwards through what was lost."""
        anchor, count = self._first_anchor(), len(self._faces)
        for number, picture in enumerate(self._small()):
            expected = self._survey.seen_box if number == 0 else None
            self._faces[number] = anchor.follow(picture, expected)
            on_progress((number + 1) / count)
        for number in range(count - 1, 0, -1):
            if self._faces[number] is not None and self._faces[number - 1] is None:
                self._go_back(anchor, number)

    def follow_from_more_anchors(self) -> None:
        """Look for another anchor in the longest weak run, until there is none that is worth it."""
        given_up = np.zeros(len(self._faces), np.bool_)
        for _ in range(MOST_ANCHORS):
            weak = np.array([face is None or face.likeness < ENOUGH_LIKENESS for face in self._faces])
            run = max(runs(weak & ~given_up), key=len, default=range(0))
            if len(run) < LEAST_RUN:
                return
            anchored = self._anchor_in(run)
            given_up[run.start : run.stop] |= anchored is None
            if anchored is not None:
                given_up[anchored] = True

    def _first_anchor(self) -> FaceAnchor:
        """Return the neutral frame, or the one the driver was seen in where only that can be measured."""
        survey = self._survey
        neutral = FaceAnchor(survey.neutral, survey.neutral_box)
        if neutral.is_sure:
            return neutral
        seen = FaceAnchor(
            shrunken(self._frames.reader.frame_at(survey.seen_s), survey.shrink), survey.seen_box
        )
        return seen if seen.is_sure else neutral

    def _anchor_in(self, run: range) -> int | None:
        """Register a run of frames to one of its own: the first looked at that is sure, else any; return its
        number, or None where none shows a face.
        """
        best: tuple[int, Picture, FaceAnchor] | None = None
        for share in LOOKS:
            number = run[round(share * (len(run) - 1))]
            picture = next(self._small([number]))
            anchor = find_anchor(picture, self._expected(number))
            if anchor is not None and (best is None or anchor.is_sure):
                best = (number, picture, anchor)
            if anchor is not None and anchor.is_sure:
                break
        if best is None:
            return None
        number, picture, anchor = best
        self._improve(number, anchor.follow(picture))
        for after, later in enumerate(self._small(range(number + 1, run.stop)), number + 1):
            if not self._improve(after, anchor.follow(later)):
                break
        self._go_back(anchor, number, run.start)
        return number

    def _go_back(self, anchor: FaceAnchor, back: int, first: int = 0) -> None:
        """Follow the face back from frame `back`, where it is known, until it is lost or known."""
        anchor.restart()
        chunk = max(2, REVERSE_BYTES // self._survey.neutral.nbytes)
        for end in range(back, first - 1, -chunk):
            begin = max(first, end - chunk + 1)
            pictures = list(self._small(range(begin, end + 1)))
            for number in range(end, begin - 1, -1):
                self._frames.check()
                found = anchor.follow(pictures[number - begin], self._box_at(number))
                if number != back and not self._improve(number, found):
                    return

    def _improve(self, number: int, found: AnchoredFace | None) -> bool:
        """Take what was found unless a face more like its anchor is known; return whether it was taken."""
        known = self._faces[number]
        if found is None or (known is not None and known.likeness >= found.likeness):
            return False
        self._faces[number] = found
        return True

    def _expected(self, number: int) -> NDArray[np.float64]:
        """Return the box of the nearest frame in which the face is known."""
        known = [other for other, face in enumerate(self._faces) if face is not None]
        nearest = self._faces[min(known, key=lambda other: abs(other - number))] if known else None
        if nearest is not None:
            return nearest.box
        box = self._survey.neutral_box
        return np.array([box.x, box.y, box.x + box.width, box.y + box.height])

    def _box_at(self, number: int) -> PixelBox | None:
        face = self._faces[number]
        if face is None:
            return None
        left, top, right, bottom = face.box.tolist()
        return PixelBox(x=left, y=top, width=right - left, height=bottom - top)

    def _small(self, numbers: Sequence[int] | None = None) -> Iterator[Picture]:
        for picture in self._frames.pictures(numbers):
            yield shrunken(picture, self._survey.shrink)

    def _switches(self, known: NDArray[np.intp]) -> list[int]:
        """Return which of the known frames follow right after a frame with another anchor, and show the face
        about where that does: a cut is no fault of measuring.
        """
        faces = [face for face in self._faces if face is not None]
        return [
            place
            for place in range(1, len(known))
            if known[place] == known[place - 1] + 1
            and faces[place].anchor is not faces[place - 1].anchor
            and _is_near(faces[place - 1].points, faces[place].points)
        ]

    def faces(self) -> list[FoundFace | None]:
        """Return the faces, smoothed over time, in pixels of the whole frames."""
        known = np.flatnonzero([face is not None for face in self._faces])
        if len(known) == 0:
            return [None] * len(self._faces)
        found = np.stack([np.vstack([f.points, f.box.reshape(2, 2)]) for f in self._faces if f is not None])
        step_s = _usual_step_s(self._frames.times)
        joined = without_jumps(found, self._switches(known), max(1, round(JOINING_S / step_s)))
        bridged = bridge(joined, known, len(self._faces))
        steady = smooth_over_time(bridged, None, SMOOTHING_S / step_s) / self._survey.shrink
        faces: list[FoundFace | None] = [None] * len(self._faces)
        for number in known.tolist():
            numbers = steady[number].astype(np.float64)
            # tracked is from a pixel's corner, points count from its middle
            faces[number] = FoundFace(points=numbers[:5] - 0.5, box=numbers[5:].ravel())
        return faces


def without_jumps(values: NDArray[np.float64], switches: Sequence[int], reach: int) -> NDArray[np.float64]:
    """Return values [n, ...] whose jumps at `switches` (beyond the motion on both sides) are spread over
    `reach` frames before and after.
    """
    result = values.copy()
    for place in switches:
        steps = [values[end] - values[end - 1] for end in (place - 1, place + 1) if 0 < end < len(values)]
        motion = np.mean(steps, axis=0) if steps else np.zeros_like(values[0])
        jump = values[place] - values[place - 1] - motion
        for step in range(reach):
            share = 0.5 * (1.0 - (step + 0.5) / reach)
            if place - 1 - step >= 0:
                result[place - 1 - step] += share * jump
            if place + step < len(values):
                result[place + step] -= share * jump
    return result


def _is_near(before: NDArray[np.float64], after: NDArray[np.float64]) -> bool:
    apart = float(np.linalg.norm(after[1] - after[0]))
    return float(np.abs(after - before).max()) < LARGEST_JUMP * apart


def _usual_step_s(times: Sequence[Fraction]) -> float:
    seconds = np.array([float(time) for time in times])
    return float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.04
