"""The backward displacement that one character's motion makes around its face, in pixels of the result."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.channel_windows import scaled_flow
from engine.draft.character_motion import FaceMotion
from engine.draft.displacement_limit import soft_limited
from engine.draft.face_features import PixelBox
from engine.draft.face_frame import BOX_SHARE, HEAD_PIVOT, Pose, apply, invert
from engine.draft.head_shape import HeadShape
from engine.draft.head_turn import turn_basis, turn_field
from engine.draft.mouth_paint import MouthColours
from engine.draft.mouth_seam import MouthSeam, laid_over
from engine.draft.procedural_face import PURSING, LipGap, jaw_field, lid_field, lip_gap
from engine.draft.region_window import RegionWindow
from engine.draft.residual_flow import GRID
from engine.media.opencv import cv2

Plane = NDArray[np.float32]
Field = NDArray[np.float32]

LARGEST_ROLL = 0.30
LARGEST_SCALE = 0.16
LARGEST_TRAVEL = 0.09
ROLL_MOVES, SCALE_MOVES = 0.7, 0.6
LARGEST_TURN = 0.07
LARGEST_EXPRESSION = 0.10
UNSURE_SHARE, UNSURE_HEAD = 0.3, 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedFace:
    """A face at one frame: pose (face frame to pixels), its own region, the head in it, the regions it
    keeps off from, where the plate lies in the result, and the still's mouth.
    """

    pose: Pose
    region: RegionWindow
    head: HeadShape
    others: tuple[RegionWindow, ...]
    plate: PixelBox
    seam: MouthSeam
    is_frontal: bool
    colours: MouthColours


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceField:
    """`moved` [h, w, 2]: the displacement in pixels. `driver_at` [h, w, 2]: each point in the driver's face
    frame, that is after the head has moved it. `jaw_at` [h, w, 2]: each point in the still's face frame
    after head and driver have moved it. `from_at` [h, w, 2]: the same after all, where in the still it is
    from.
    """

    moved: Field
    driver_at: Field
    jaw_at: Field
    from_at: Field

    def cut(self, nodes: tuple[slice, slice]) -> "FaceField":
        """Return the field at some of its nodes."""
        return FaceField(
            moved=self.moved[nodes],
            driver_at=self.driver_at[nodes],
            jaw_at=self.jaw_at[nodes],
            from_at=self.from_at[nodes],
        )


def head_limited(head: NDArray[np.float32], reach: float = 1.0) -> NDArray[np.float32]:
    """Return head numbers [4] with roll, scale and travel kept softly within what the still can bear (`reach`
    scales that).
    """
    largest_roll, largest_scale = reach * LARGEST_ROLL, reach * LARGEST_SCALE
    travel = soft_limited(head[2:4], reach * LARGEST_TRAVEL)
    roll = largest_roll * np.tanh(head[0] / largest_roll)
    scale = largest_scale * np.tanh(head[1] / largest_scale)
    return np.array([roll, scale, travel[0], travel[1]], np.float32)


def face_field(x: Plane, y: Plane, face: PlacedFace, motion: FaceMotion) -> FaceField:
    """Return the field at pixel positions `x`, `y` [h, w]."""
    # of a face seen from the side the head is not sure: its edge may lie on an ear
    head = head_limited(motion.head, 1.0 if face.is_frontal else UNSURE_HEAD)
    head_weight = _head_weight(x, y, face, head)
    moved = _head_field(x, y, face.pose, head) * head_weight[..., None]
    to_face = invert(face.pose).astype(np.float32)
    here_x, here_y = x + moved[..., 0], y + moved[..., 1]
    face_x, face_y = _carried(to_face, here_x, here_y)
    driver_x, driver_y = face_x, face_y
    local = np.zeros_like(moved)
    weight = face.region.face_weight(here_x, here_y) * np.minimum(head_weight * 4.0, 1.0)
    if motion.sample is not None:
        turn = turn_field(turn_basis(face_x, face_y), motion.head_gain * motion.sample.turn)
        reach = 1.0 if face.is_frontal else UNSURE_SHARE
        local += soft_limited(turn, reach * LARGEST_TURN) * head_weight[..., None]
        flow = scaled_flow(motion.sample.flow, motion.gains)
        driver = MouthSeam.from_numbers(motion.sample.seam)
        driver_x, driver_y, ratio = laid_over(face_x, face_y, face.seam, driver)
        carried = _sampled(soft_limited(flow, reach * LARGEST_EXPRESSION), driver_x, driver_y)
        carried[..., 0] *= ratio
        local += carried * weight[..., None]
    driver_at = np.stack([driver_x, driver_y], axis=-1)
    jaw_at = np.stack([face_x, face_y], axis=-1) + local
    made = _made_field(jaw_at, face, motion) * weight[..., None]
    local = local + made
    moved = moved + local @ face.pose[:, :2].T.astype(np.float32)
    moved *= np.stack(face.region.border_fade(x, y, face.plate), axis=-1)
    return FaceField(
        moved=np.asarray(moved, np.float32),
        driver_at=driver_at,
        jaw_at=np.asarray(jaw_at, np.float32),
        from_at=np.asarray(jaw_at + made, np.float32),
    )


def _head_weight(x: Plane, y: Plane, face: PlacedFace, head: NDArray[np.float32]) -> Plane:
    """Return how far each place moves with the head."""
    move = float(np.hypot(head[2], head[3])) / BOX_SHARE
    move += ROLL_MOVES * abs(float(head[0])) + SCALE_MOVES * abs(float(head[1]))
    across, along = face.region.half_widths(x, y)
    weight = face.head.weight(across, along, move) * face.region.window_fade(x, y)
    for other in face.others:
        weight = weight * other.keep_off_weight(x, y)
    return weight


def gap_at(x: Plane, face: PlacedFace, motion: FaceMotion) -> LipGap:
    """Return the gap between the lips at `x` of the face frame."""
    neutral = None if motion.sample is None else motion.gains.mouth * motion.sample.neutral_gap
    driver = face.seam if motion.sample is None else MouthSeam.from_numbers(motion.sample.seam)
    return lip_gap(x, motion.pose, neutral, face.seam, driver)


def _made_field(at: Field, face: PlacedFace, motion: FaceMotion) -> Field:
    """Return what jaw, lips and lids add, in the face frame."""
    made = np.zeros_like(at)
    gap = gap_at(at[..., 0], face, motion)
    if not gap.is_closed or abs(motion.pose.spread) > 1e-4:
        spread = motion.pose.spread - PURSING * motion.pose.opening
        made = np.stack(jaw_field(at[..., 0], at[..., 1], gap, face.seam.middle, spread), axis=-1)
    if motion.pose.blink > 1e-4:
        made[..., 1] += lid_field(at[..., 0], at[..., 1], motion.pose.blink)
    return made


def _head_field(x: Plane, y: Plane, pose: Pose, head: NDArray[np.float32]) -> Field:
    """Return the backward displacement of a similarity about the face's pivot."""
    pivot = apply(pose, np.array(HEAD_PIVOT))
    travel = pose[:, :2] @ head[2:4].astype(np.float64)
    shrink = float(np.exp(-head[1]))
    cosine, sine = shrink * float(np.cos(head[0])), shrink * float(np.sin(head[0]))
    away_x = x - np.float32(pivot[0] + travel[0])
    away_y = y - np.float32(pivot[1] + travel[1])
    from_x = cosine * away_x + sine * away_y + np.float32(pivot[0])
    from_y = -sine * away_x + cosine * away_y + np.float32(pivot[1])
    return np.stack([from_x - x, from_y - y], axis=-1).astype(np.float32)


def _carried(matrix: NDArray[np.float32], x: Plane, y: Plane) -> tuple[Plane, Plane]:
    return (
        matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2],
        matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2],
    )


def _sampled(grid: Field, face_x: Plane, face_y: Plane) -> Field:
    """Return a field of the face frame at points of it; 0 outside."""
    columns, rows = face_x * GRID - 0.5, face_y * GRID - 0.5
    return np.asarray(
        cv2.remap(grid, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.float32
    )
