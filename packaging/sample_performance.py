"""What the performers in the sample clips do: short acted moments, keyed and eased by hand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sample_canvas import Canvas
from sample_figure import FigurePainter
from sample_people import INES, MARA, TOBIAS, Expression, Look, Pose
from sample_room import paint_brushwork, paint_evening_room, paint_studio

Track = Sequence[tuple[float, float]]
FRAMES_PER_SECOND = 24
BLINK_S = 0.28


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Tracks of (seconds, value), eased between keys. Angles in radians, the rest as in Expression."""

    yaw: Track = ((0, 0),)
    pitch: Track = ((0, 0),)
    roll: Track = ((0, 0),)
    smile: Track = ((0, 0.12),)
    mouth_open: Track = ((0, 0),)
    pucker: Track = ((0, 0),)
    brows: Track = ((0, 0),)
    gaze_x: Track = ((0, 0),)
    blinks: tuple[float, ...] = field(default=())

    def expression(self, time_s: float) -> Expression:
        """Return what the face does at a time."""
        return Expression(
            smile=eased(self.smile, time_s),
            mouth_open=eased(self.mouth_open, time_s),
            pucker=eased(self.pucker, time_s),
            brows=eased(self.brows, time_s),
            gaze_x=eased(self.gaze_x, time_s),
            blink=max((_blink(time_s - start) for start in self.blinks), default=0.0),
        )

    def pose(self, place: Pose, time_s: float) -> Pose:
        """Return the head's place at a time, given its place at rest."""
        yaw, pitch, roll = (eased(track, time_s) for track in (self.yaw, self.pitch, self.roll))
        return Pose(
            x=place.x + 0.22 * yaw * place.unit,
            y=place.y + 0.10 * pitch * place.unit,
            unit=place.unit,
            yaw=place.yaw + yaw,
            pitch=place.pitch + pitch,
            roll=place.roll + roll,
            light_x=place.light_x,
        )


def eased(track: Track, time_s: float) -> float:
    """Return the track's value at a time, eased in and out of every key."""
    if time_s <= track[0][0]:
        return track[0][1]
    for (start_s, start), (end_s, end) in pairwise(track):
        if time_s < end_s:
            share = (time_s - start_s) / (end_s - start_s)
            return start + (end - start) * share * share * (3 - 2 * share)
    return track[-1][1]


SMILE_AND_NOD = Performance(
    yaw=((0.5, 0), (1.0, -0.24), (1.35, -0.22), (1.9, 0.26), (2.2, 0.24), (2.7, 0), (4.0, 0.0)),
    pitch=((0.5, 0), (0.9, -0.03), (2.5, 0), (2.75, 0.16), (3.0, -0.03), (3.25, 0.12), (3.5, 0), (4.0, 0)),
    roll=((0.5, 0), (1.1, -0.06), (1.9, 0.07), (2.7, 0.0)),
    smile=((0.5, 0.08), (0.9, 0.55), (1.35, 0.30), (2.3, 0.25), (2.7, 0.9), (3.4, 0.95), (3.85, 0.15)),
    mouth_open=(
        (0.9, 0), (1.05, 0.35), (1.2, 0.08), (1.35, 0.5), (1.5, 0.12), (1.68, 0.42), (1.85, 0.1),
        (2.05, 0.55), (2.3, 0.02), (2.6, 0.0), (2.8, 0.42), (3.3, 0.36), (3.6, 0.0),
    ),
    pucker=((1.45, 0), (1.6, 0.7), (1.8, 0)),
    brows=((0.5, 0), (0.75, 0.9), (1.2, 0.1), (1.9, -0.5), (2.3, 0.2), (2.7, 0.7), (3.5, 0)),
    gaze_x=((0.5, 0), (0.7, -0.3), (1.4, -0.2), (1.7, 0.4), (2.2, 0.3), (2.5, 0)),
    blinks=(0.62, 1.52, 2.42, 3.45),
)  # fmt: skip
SHE_TELLS = Performance(
    yaw=((0.5, 0), (0.9, 0.10), (1.6, 0.02), (2.2, 0.12), (2.8, 0)),
    pitch=((0.5, 0), (0.8, 0.05), (1.2, -0.03), (1.8, 0.06), (2.4, 0)),
    smile=((0.5, 0.3), (0.9, 0.2), (2.0, 0.3), (2.4, 0.8), (2.9, 0.5)),
    mouth_open=(
        (0.5, 0), (0.65, 0.4), (0.8, 0.05), (0.98, 0.5), (1.12, 0.1), (1.3, 0.35), (1.45, 0.05), (1.65, 0.55),
        (1.85, 0.1), (2.0, 0.3), (2.2, 0),
    ),
    brows=((0.5, 0), (0.8, 0.7), (1.4, 0), (1.8, 0.6), (2.4, 0)),
    blinks=(0.9, 2.1),
)  # fmt: skip
HE_LISTENS = Performance(
    yaw=((0.5, 0), (1.0, -0.08), (2.6, -0.02)),
    pitch=((1.1, 0), (1.35, 0.12), (1.6, 0), (1.85, 0.10), (2.1, 0)),
    roll=((0.6, 0), (1.2, -0.05), (2.4, 0.0)),
    smile=((0.6, 0.2), (1.4, 0.5), (2.0, 0.4), (2.5, 0.95)),
    mouth_open=((2.1, 0), (2.45, 0.4), (2.9, 0.3)),
    brows=((0.7, 0), (1.1, 0.8), (1.9, -0.2), (2.4, 0.4)),
    blinks=(0.6, 1.6, 2.6),
)  # fmt: skip

MARA_AT_REST = Pose(x=375, y=318, unit=104, yaw=0.14, pitch=0.02, roll=0.04)
TOBIAS_AT_REST = Pose(x=880, y=296, unit=106, yaw=-0.13, roll=-0.03)


def paint_duet() -> Canvas:
    """Paint the still: two people in the evening, 1280x720."""
    canvas = Canvas(1280, 720)
    paint_evening_room(canvas)
    _paint(canvas, MARA, MARA_AT_REST, Expression(smile=0.55, gaze_x=0.1))
    _paint(canvas, TOBIAS, TOBIAS_AT_REST, Expression(smile=0.4, gaze_x=-0.1))
    paint_brushwork(canvas)
    return canvas


def solo_painter() -> Callable[[int], Canvas]:
    """Return what paints a frame of the clip of one person who smiles and nods, 512x512."""
    backdrop = Canvas(512, 512)
    paint_studio(backdrop, ("#8a9aa2", "#3b4854"))
    place = Pose(x=256, y=268, unit=104)

    def paint(frame: int) -> Canvas:
        canvas = _copy(backdrop)
        time_s = frame / FRAMES_PER_SECOND
        _paint(canvas, INES, SMILE_AND_NOD.pose(place, time_s), SMILE_AND_NOD.expression(time_s))
        return canvas

    return paint


def pair_painter() -> Callable[[int], Canvas]:
    """Return what paints a frame of the clip of two people, 768x432."""
    backdrop = Canvas(768, 432)
    paint_studio(backdrop, ("#a08a80", "#4a3d48"))
    cast = (
        (MARA, Pose(x=220, y=190, unit=70, yaw=0.05), SHE_TELLS),
        (TOBIAS, Pose(x=545, y=182, unit=71, yaw=-0.05), HE_LISTENS),
    )

    def paint(frame: int) -> Canvas:
        canvas = _copy(backdrop)
        time_s = frame / FRAMES_PER_SECOND
        for look, place, performance in cast:
            _paint(canvas, look, performance.pose(place, time_s), performance.expression(time_s))
        return canvas

    return paint


def _paint(canvas: Canvas, look: Look, pose: Pose, expression: Expression) -> None:
    FigurePainter(canvas=canvas, look=look, pose=pose, expression=expression).paint()


def _copy(backdrop: Canvas) -> Canvas:
    canvas = Canvas(backdrop.width, backdrop.height)
    canvas.pixels = backdrop.pixels.copy()
    return canvas


def _blink(since_s: float) -> float:
    return eased(((0, 0), (0.3 * BLINK_S, 1), (0.5 * BLINK_S, 1), (BLINK_S, 0)), since_s)
