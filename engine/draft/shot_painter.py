"""Drawing a frame: the plate, warped in the windows of the characters that move."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.character_motion import FaceMotion
from engine.draft.displacement_limit import without_folds
from engine.draft.face_field import FaceField, PlacedFace, face_field, gap_at
from engine.draft.mouth_observation import WINDOW
from engine.draft.mouth_paint import MouthPaint, between_lips, driver_paint, gap_paint, painted_over
from engine.media.opencv import cv2

Picture = NDArray[np.uint8]
MOST_NODES = 128
SHARP_GROWTH = 0.08
LEAST_MOVE_PX = 1e-4
LEAST_OPENING = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingFace:
    """A face that moves at this frame."""

    face: PlacedFace
    motion: FaceMotion


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rectangle:
    """Whole pixels [left, right) x [top, bottom) of the result."""

    left: int
    top: int
    right: int
    bottom: int

    def touches(self, other: "_Rectangle") -> bool:
        across = min(self.right, other.right) > max(self.left, other.left)
        return across and min(self.bottom, other.bottom) > max(self.top, other.top)

    def joined(self, other: "_Rectangle") -> "_Rectangle":
        return _Rectangle(
            left=min(self.left, other.left),
            top=min(self.top, other.top),
            right=max(self.right, other.right),
            bottom=max(self.bottom, other.bottom),
        )

    def narrowed(self, nodes: tuple[slice, slice], step: int) -> "_Rectangle":
        """Return the part between some nodes (rows, columns) of a grid that starts at this rectangle's
        corner.
        """
        rows, columns = nodes
        return _Rectangle(
            left=self.left + columns.start * step,
            top=self.top + rows.start * step,
            right=min(self.right, self.left + (columns.stop - 1) * step),
            bottom=min(self.bottom, self.top + (rows.stop - 1) * step),
        )


def paint_frame(plate: Picture, faces: Sequence[MovingFace]) -> Picture:
    """Return the plate [height, width, 3 or 4] with the faces moved; untouched outside their windows."""
    picture = plate.copy()
    for rectangle, group in _groups(plate, faces):
        _paint_group(plate, picture, rectangle, group)
    return picture


def _groups(plate: Picture, faces: Sequence[MovingFace]) -> list[tuple[_Rectangle, list[MovingFace]]]:
    """Return the windows on the plate; those that touch are drawn as one, so that their fields add up."""
    groups: list[tuple[_Rectangle, list[MovingFace]]] = []
    for face in faces:
        rectangle = _window_on(plate, face)
        if rectangle is None:
            continue
        members = [face]
        for group in [group for group in groups if group[0].touches(rectangle)]:
            groups.remove(group)
            rectangle, members = rectangle.joined(group[0]), [*group[1], *members]
        # a joined window may touch one that neither of its parts did
        groups.append((rectangle, members))
        groups = _merged(groups)
    return groups


def _merged(
    groups: list[tuple[_Rectangle, list[MovingFace]]],
) -> list[tuple[_Rectangle, list[MovingFace]]]:
    for number, (first, members) in enumerate(groups):
        for other_number in range(number + 1, len(groups)):
            second, others = groups[other_number]
            if first.touches(second):
                rest = [group for index, group in enumerate(groups) if index not in (number, other_number)]
                return _merged([*rest, (first.joined(second), [*members, *others])])
    return groups


def _window_on(plate: Picture, moving: MovingFace) -> _Rectangle | None:
    left, top, right, bottom = moving.face.region.bounds()
    height, width = plate.shape[:2]
    rectangle = _Rectangle(
        left=max(0, int(np.floor(left))),
        top=max(0, int(np.floor(top))),
        right=min(width, int(np.ceil(right)) + 1),
        bottom=min(height, int(np.ceil(bottom)) + 1),
    )
    if rectangle.right - rectangle.left < 2 or rectangle.bottom - rectangle.top < 2:
        return None
    return rectangle


def _paint_group(
    plate: Picture, picture: Picture, rectangle: _Rectangle, group: Sequence[MovingFace]
) -> None:
    width, height = rectangle.right - rectangle.left, rectangle.bottom - rectangle.top
    step = _grid_step(max(width, height))
    columns = np.arange(-(-width // step) + 1, dtype=np.float32) * step + rectangle.left
    rows = np.arange(-(-height // step) + 1, dtype=np.float32) * step + rectangle.top
    x, y = np.meshgrid(columns, rows)
    fields = [face_field(x, y, moving.face, moving.motion) for moving in group]
    moved = sum((field.moved for field in fields), np.zeros((*x.shape, 2), np.float32))
    moved = without_folds((moved / step).astype(np.float32)) * step
    mouths = [_mouth_nodes(moving, field) for moving, field in zip(group, fields, strict=True)]
    live = np.logical_or.reduce([np.abs(moved).max(axis=-1) > LEAST_MOVE_PX, *mouths])
    if not live.any():
        return
    nodes = _around(live)
    # most heads hardly move: what is drawn again is what does, to the pixel
    moved, mouths = moved[nodes], [mouth[nodes] for mouth in mouths]
    fields = [field.cut(nodes) for field in fields]
    rectangle = rectangle.narrowed(nodes, step)
    width, height = rectangle.right - rectangle.left, rectangle.bottom - rectangle.top
    fine = _enlarged(moved, step, width, height)
    across = np.add(fine[..., 0], np.arange(rectangle.left, rectangle.right), dtype=np.float32)
    along = np.add(fine[..., 1], np.arange(rectangle.top, rectangle.bottom)[:, None], dtype=np.float32)
    drawn = np.asarray(
        cv2.remap(plate, across, along, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
    for moving, field, mouth in zip(group, fields, mouths, strict=True):
        _sharpen_face(plate, drawn, rectangle, (across, along), moving)
        if mouth.any():
            _paint_mouth(drawn, step, moving, field, _around(mouth))
    picture[rectangle.top : rectangle.bottom, rectangle.left : rectangle.right] = drawn


def _sharpen_face(
    plate: Picture,
    drawn: Picture,
    rectangle: _Rectangle,
    places: tuple[NDArray[np.float32], NDArray[np.float32]],
    moving: MovingFace,
) -> None:
    """Draw the face itself again by cubic interpolation: sharper, and too slow for the whole window."""
    box = moving.face.region.box
    reach_x, reach_y = SHARP_GROWTH * box.width, SHARP_GROWTH * box.height
    left = max(0, int(box.x - reach_x) - rectangle.left)
    top = max(0, int(box.y - reach_y) - rectangle.top)
    right = min(drawn.shape[1], int(box.x + box.width + reach_x) - rectangle.left)
    bottom = min(drawn.shape[0], int(box.y + box.height + reach_y) - rectangle.top)
    if right <= left or bottom <= top:
        return
    across, along = (np.ascontiguousarray(place[top:bottom, left:right]) for place in places)
    drawn[top:bottom, left:right] = cv2.remap(
        plate, across, along, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def _shows_driver(moving: MovingFace) -> bool:
    """Return whether the driver's mouth is seen; without eyes it is not sure where the still's mouth is."""
    sample = moving.motion.sample
    return moving.face.is_frontal and sample is not None and bool(sample.mouth_inside.max() > 0.02)


def _mouth_nodes(moving: MovingFace, field: FaceField) -> NDArray[np.bool_]:
    """Return the nodes around which something may be seen between the lips."""
    near = np.zeros(field.moved.shape[:2], np.bool_)
    if _shows_driver(moving):
        x, y = field.driver_at[..., 0], field.driver_at[..., 1]
        near |= (x > WINDOW[0]) & (x < WINDOW[2]) & (y > WINDOW[1]) & (y < WINDOW[3])
    if moving.motion.pose.opening >= LEAST_OPENING:
        x, y = field.jaw_at[..., 0], field.jaw_at[..., 1]
        gap = gap_at(x, moving.face, moving.motion)
        height = gap.rise + gap.fall
        near |= (height > 0.0) & (np.abs(y - gap.seam) < height + 0.02)
    return near


def _around(nodes: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the rows and columns that hold all marked nodes and one more on every side."""
    rows, columns = np.flatnonzero(nodes.any(axis=1)), np.flatnonzero(nodes.any(axis=0))
    return (
        slice(max(0, int(rows[0]) - 1), min(nodes.shape[0], int(rows[-1]) + 2)),
        slice(max(0, int(columns[0]) - 1), min(nodes.shape[1], int(columns[-1]) + 2)),
    )


def _paint_mouth(
    drawn: Picture, step: int, moving: MovingFace, field: FaceField, nodes: tuple[slice, slice]
) -> None:
    """Paint what is seen between the lips, around `nodes`, over the drawn window."""
    sample = moving.motion.sample
    at = field.driver_at
    top, bottom = nodes[0].start * step, min((nodes[0].stop - 1) * step, drawn.shape[0])
    left, right = nodes[1].start * step, min((nodes[1].stop - 1) * step, drawn.shape[1])
    if bottom <= top or right <= left:
        return
    size = (right - left, bottom - top)
    part = drawn[top:bottom, left:right]
    jaw_at = _enlarged(field.jaw_at[nodes], step, *size)
    if moving.motion.pose.opening >= LEAST_OPENING:
        gap = gap_at(jaw_at[..., 0], moving.face, moving.motion)
        soft = 1.6 / float(np.hypot(moving.face.pose[0, 1], moving.face.pose[1, 1]))
        part = painted_over(part, gap_paint(jaw_at[..., 1], gap, moving.face.colours, max(soft, 0.005)))
    if _shows_driver(moving) and sample is not None:
        at = _enlarged(at[nodes], step, *size)
        paint = driver_paint(at[..., 0], at[..., 1], sample, moving.motion.gains.mouth, moving.face.colours)
        pixel = 1.0 / float(np.hypot(moving.face.pose[0, 1], moving.face.pose[1, 1]))
        lips = between_lips(_enlarged(field.from_at[nodes], step, *size), moving.face.seam, pixel)
        part = painted_over(part, MouthPaint(colour=paint.colour, cover=paint.cover * lips))
    drawn[top:bottom, left:right] = part


def _grid_step(side: int) -> int:
    """Return the pixels between grid nodes: a power of two, so that enlarging is exact."""
    step = 1
    while side / step > MOST_NODES and step < 16:
        step *= 2
    return step


def _enlarged(field: NDArray[np.float32], step: int, width: int, height: int) -> NDArray[np.float32]:
    """Return the field at every pixel; node n is at pixel n x step."""
    if step == 1:
        return field[:height, :width]
    matrix = np.array([[1.0 / step, 0.0, 0.0], [0.0, 1.0 / step, 0.0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = cv2.warpAffine(field, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(fine, np.float32)
