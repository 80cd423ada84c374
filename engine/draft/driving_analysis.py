"""Analysing a driving clip: survey, track, measure the flow, bridge what is lost, smooth over time."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.draft.driver_survey import DriverSurvey, shrunken, survey_driver
from engine.draft.driving_motion import DrivingMotion
from engine.draft.face_frame import HEAD_PIVOT, Pose, apply, compose, invert, pose_of
from engine.draft.face_tracking import FaceTracker, TrackedFace
from engine.draft.head_turn import fit_turn, turn_basis, turn_field
from engine.draft.lip_following import with_lips_followed
from engine.draft.motion_smoothing import bridge, lost_spans, rested, smooth_over_time
from engine.draft.mouth_observation import WINDOW, MouthObserver, cut_mouth, skin_colour
from engine.draft.mouth_seam import seam_of, seam_of_gap
from engine.draft.residual_flow import GRID, FlowToNeutral
from engine.draft.turned_away import head_kept, presence_of, turned_away
from engine.media.video_reader import VideoReader

REVERSE_CHUNK = 120
LIKENESS_FULL, LIKENESS_NOTHING = 0.65, 0.30
MOUTH_FULL, MOUTH_NOTHING = 0.52, 0.40


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverPart:
    """What is analysed: a face of a video between two source times (end exclusive), and its neutral time if
    chosen.
    """

    path: Path
    content_hash: str
    face_index: int
    neutral_s: Fraction | None
    start_s: Fraction
    end_s: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class _FrameMotion:
    """One frame's raw measurement."""

    head: NDArray[np.float32]
    turn: NDArray[np.float32]
    flow: NDArray[np.float16]
    confidence: NDArray[np.float16]
    mouth_bgr: NDArray[np.uint8]
    mouth_inside: NDArray[np.uint8]
    away: np.float32


def analyse_driver(
    part: DriverPart, on_progress: Callable[[float], None], check: Callable[[], None]
) -> DrivingMotion:
    """Analyse a part of a driving clip. `on_progress` takes a share from 0 to 1, `check` may raise to stop.

    Raises UserError: NO_FACE, and what reading the file raises.
    """
    with VideoReader(part.path) as reader:
        times = frame_times(reader.times_s, part.start_s, part.end_s)
        survey = survey_driver(reader, part.path, times, part.face_index, part.neutral_s, check)
        on_progress(0.15)
        measured = _Measurement(survey)
        measured.run(reader, times, lambda share: on_progress(0.15 + 0.75 * share), check)
    motion = measured.motion(times)
    on_progress(1.0)
    return motion


def frame_times(times: tuple[Fraction, ...], start_s: Fraction, end_s: Fraction) -> list[Fraction]:
    """Return the times of the frames that are shown from `start_s` to `end_s`; at least one."""
    before = [time for time in times if time <= start_s]
    first = before[-1] if before else times[0]
    inside = [time for time in times if first <= time < end_s]
    return inside or [first]


class _Measurement:
    """Tracks and measures all frames of a part, forwards, then backwards through what was lost."""

    def __init__(self, survey: DriverSurvey) -> None:
        self._survey = survey
        self._pose = pose_of(survey.neutral_features, survey.neutral_box)
        self._tracker = FaceTracker(survey.neutral, self._pose)
        self._flow = FlowToNeutral(self._tracker.neutral_crop)
        closed_seam = seam_of(survey.neutral_features)
        self._mouth = MouthObserver(self._tracker.neutral_crop, closed_seam)
        y, x = ((np.mgrid[0:GRID, 0:GRID] + 0.5) / GRID).astype(np.float32)
        self._basis = turn_basis(x, y)
        self._seam = (
            seam_of_gap(self._mouth.neutral_gap(), (WINDOW[0], WINDOW[2]))
            if self._mouth.neutral_is_open
            else closed_seam
        )
        self._frames: list[_FrameMotion | None] = []

    def run(
        self,
        reader: VideoReader,
        times: list[Fraction],
        on_progress: Callable[[float], None],
        check: Callable[[], None],
    ) -> None:
        """Measure the frames at `times`."""
        for number, frame in enumerate(reader.frames(times)):
            check()
            expected = self._survey.seen_box if number == 0 else None
            self._frames.append(self._measured(self._tracker.follow(self._small(frame), expected)))
            on_progress((number + 1) / len(times))
        for first, last in _lost_runs([frame is None for frame in self._frames]):
            if last + 1 < len(times):
                self._search_backwards(reader, times, first, last, check)

    def _search_backwards(
        self,
        reader: VideoReader,
        times: list[Fraction],
        first: int,
        last: int,
        check: Callable[[], None],
    ) -> None:
        """From the frame where the face came back, follow it back through the lost frames."""
        self._tracker.restart(None)
        self._tracker.follow(self._small(reader.frame_at(times[last + 1])))
        for end in range(last, first - 1, -REVERSE_CHUNK):
            begin = max(first, end - REVERSE_CHUNK + 1)
            frames = [self._small(frame) for frame in reader.frames(times[begin : end + 1])]
            for number in range(end, begin - 1, -1):
                check()
                found = self._measured(self._tracker.follow(frames[number - begin]))
                if found is None:
                    return
                self._frames[number] = found

    def _small(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return shrunken(frame, self._survey.shrink)

    def _measured(self, face: TrackedFace | None) -> _FrameMotion | None:
        if face is None:
            return None
        residual = self._flow.measure(face.crop_grey)
        turn = fit_turn(residual)
        away = turned_away(residual, turn)
        span = LIKENESS_FULL - LIKENESS_NOTHING
        trust = float(np.clip((face.likeness - LIKENESS_NOTHING) / span, 0.0, 1.0))
        seen = np.clip((face.likeness - MOUTH_NOTHING) / (MOUTH_FULL - MOUTH_NOTHING), 0.0, 1.0)
        inside = self._mouth.inside(face.crop_bgr, residual.explained_bgr)
        inside = np.rint(seen * max(1.0 - 2.0 * away, 0.0) * inside).astype(np.uint8)
        flow = residual.flow
        if not self._mouth.neutral_is_open:
            flow = with_lips_followed(flow, inside, self._seam)
        flow = trust * (flow - turn_field(self._basis, turn))
        return _FrameMotion(
            head=head_numbers(self._pose, face.pose),
            turn=trust * turn,
            flow=flow.astype(np.float16),
            confidence=(trust * residual.confidence + 0.02).astype(np.float16),
            mouth_bgr=cut_mouth(face.crop_bgr),
            mouth_inside=inside,
            away=np.float32(away),
        )

    def motion(self, times: list[Fraction]) -> DrivingMotion:
        """Return the whole motion, bridged and smoothed."""
        seconds = np.array([float(time) for time in times])
        lost = np.array([frame is None for frame in self._frames])
        found = [frame for frame in self._frames if frame is not None]
        known = np.flatnonzero(~lost)
        step_s = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.04
        head = bridge(np.stack([frame.head for frame in found]), known, len(times))
        turn = bridge(np.stack([frame.turn for frame in found]), known, len(times))
        flow = bridge(np.stack([frame.flow for frame in found]), known, len(times))
        trust = bridge(np.stack([frame.confidence for frame in found]), known, len(times))
        mouth = bridge(np.stack([frame.mouth_bgr for frame in found]), known, len(times))
        inside = bridge(np.stack([frame.mouth_inside for frame in found]), known, len(times))
        inside = smooth_over_time(inside, None, 0.022 / step_s)
        away = bridge(np.stack([frame.away for frame in found]), known, len(times))
        rest = rested(seconds, known) * presence_of(away.astype(np.float32), step_s)
        return DrivingMotion(
            times_s=seconds,
            head=head_kept(rest)[:, None] * smooth_over_time(head, None, 0.035 / step_s),
            turn=(rest[:, None] * smooth_over_time(turn, None, 0.045 / step_s)).astype(np.float32),
            flow=(rest * smooth_over_time(flow, trust[..., None], 0.022 / step_s).T).T.astype(np.float16),
            mouth_bgr=mouth.astype(np.uint8),
            mouth_inside=np.rint((rest * inside.T).T).astype(np.uint8),
            neutral_gap=self._mouth.neutral_gap(),
            skin_bgr=skin_colour(self._tracker.neutral_crop),
            seam=self._seam.numbers(),
            presence=rest,
            neutral_s=float(self._survey.neutral_s),
            lost_s=lost_spans(lost, seconds, step_s),
        )


def head_numbers(neutral: Pose, now: Pose) -> NDArray[np.float32]:
    """Return the head motion [4] (see `MotionSample`) that carries the neutral pose onto the pose now."""
    moved = compose(now, invert(neutral))
    pivot = np.array(HEAD_PIVOT)
    travel = apply(compose(invert(neutral), now), pivot) - pivot
    roll = np.arctan2(moved[1, 0], moved[0, 0])
    scale = np.log(np.hypot(moved[0, 0], moved[1, 0]))
    return np.array([roll, scale, travel[0], travel[1]], np.float32)


def _lost_runs(lost: list[bool]) -> list[tuple[int, int]]:
    """Return the runs of lost frames as (first, last)."""
    runs: list[tuple[int, int]] = []
    for number, missing in enumerate(lost):
        if missing and runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        elif missing:
            runs.append((number, number))
    return runs
