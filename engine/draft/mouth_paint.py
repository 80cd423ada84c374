"""What is seen between parted lips: a dark inside in the still's own colours, or the driver's teeth and
tongue matched to them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.driving_motion import MotionSample
from engine.draft.face_crop import cut_face
from engine.draft.face_frame import MOUTH, Pose
from engine.draft.mouth_observation import RING, WINDOW, cut_mouth
from engine.draft.mouth_seam import MouthSeam
from engine.draft.procedural_face import LipGap
from engine.media.opencv import cv2

Plane = NDArray[np.float32]
Colour = NDArray[np.float32]

DARK_SHARE, WARM_SHARE = 0.14, 0.09
TEETH_SHARE = 0.34
TEETH_STRENGTH = 0.7
LARGEST_MATCH = 1.9
TEETH_LIFT = 0.12
DRIVER_DARK = 1.5
CORNER_START, CORNER_END = 0.65, 1.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MouthColours:
    """Colours around a still's mouth, BGR [3] from 0 to 255: skin, the inside, and teeth in the still's
    light.
    """

    skin: Colour
    dark: Colour
    teeth: Colour


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MouthPaint:
    """Colour [h, w, 3] from 0 to 255 and how far it covers [h, w]."""

    colour: Plane
    cover: Plane


def mouth_colours(picture_bgr: NDArray[np.uint8], pose: Pose) -> MouthColours:
    """Return the colours around the mouth of the face at `pose` in a BGR picture."""
    mouth = cut_mouth(cut_face(picture_bgr, pose)).astype(np.float32)
    skin = np.median(mouth[RING], axis=0)
    lips = mouth[~RING]
    light = lips.mean(axis=1)
    shadow = lips[light <= np.percentile(light, 12)].mean(axis=0)
    pale = skin.mean() + 0.35 * (skin - skin.mean())
    return MouthColours(
        skin=skin.astype(np.float32),
        dark=(DARK_SHARE * shadow + WARM_SHARE * skin * [0.7, 0.7, 1.3]).astype(np.float32),
        teeth=np.minimum(0.95 * pale, 215.0).astype(np.float32),
    )


def gap_paint(y: Plane, gap: LipGap, colours: MouthColours, soft: float) -> MouthPaint:
    """Paint the gap of a jaw opened by a voice at heights `y` of the face frame; edges are `soft` wide."""
    top, bottom = gap.seam - gap.rise, gap.seam + gap.fall
    height = bottom - top
    cover = np.clip((y - top) / soft + 0.5, 0.0, 1.0) * np.clip((bottom - y) / soft + 0.5, 0.0, 1.0)
    cover = cover * np.clip((height - 0.25 * soft) / (1.5 * soft), 0.0, 1.0)
    depth = np.clip((y - top) / np.maximum(height, 1e-4), 0.0, 1.0)
    tongue = 0.30 * np.clip((depth - 0.55) / 0.45, 0.0, 1.0)[..., None] * (colours.skin * [0.42, 0.38, 0.62])
    inside = colours.dark * (1.0 - 0.25 * depth[..., None]) + tongue
    edge = np.clip((TEETH_SHARE - depth) / 0.10, 0.0, 1.0) * np.clip(depth / 0.05, 0.0, 1.0)
    teeth = TEETH_STRENGTH * edge * np.clip((height - 0.016) / 0.02, 0.0, 1.0)
    colour = inside + teeth[..., None] * (colours.teeth - inside)
    return MouthPaint(colour=colour.astype(np.float32), cover=cover.astype(np.float32))


def driver_paint(
    face_x: Plane, face_y: Plane, sample: MotionSample, gain: float, colours: MouthColours
) -> MouthPaint:
    """Paint the driver's inside of the mouth at points of the face frame, lit and tinted as the still's
    skin is.
    """
    stretch = min(max(gain, 0.35), 1.6)
    height, width = sample.mouth_inside.shape
    columns = (face_x - WINDOW[0]) / (WINDOW[2] - WINDOW[0]) * width - 0.5
    along = MOUTH[1] + (face_y - MOUTH[1]) / stretch
    rows = (along - WINDOW[1]) / (WINDOW[3] - WINDOW[1]) * height - 0.5
    colour = cv2.remap(_in_the_stills_light(sample, colours), columns, rows, cv2.INTER_LINEAR, borderValue=0)
    cover = cv2.remap(sample.mouth_inside, columns, rows, cv2.INTER_LINEAR, borderValue=0)
    colour = np.maximum(colour, DRIVER_DARK * colours.dark)
    across = np.abs(MouthSeam.from_numbers(sample.seam).across(face_x))
    cover = cover * np.clip((CORNER_END - across) / (CORNER_END - CORNER_START), 0.0, 1.0)
    strength = min(max(gain / 0.5, 0.0), 1.0)
    return MouthPaint(
        colour=np.clip(colour, 0.0, 255.0).astype(np.float32), cover=(strength * cover).astype(np.float32)
    )


def _in_the_stills_light(sample: MotionSample, colours: MouthColours) -> Plane:
    """Return the driver's mouth with the still's brightness and half of its tint; teeth a little brighter
    than skin.
    """
    own, wanted = np.maximum(sample.skin_bgr, 8.0), np.maximum(colours.skin, 8.0)
    light = np.clip(wanted.mean() / own.mean(), 1.0 / LARGEST_MATCH, LARGEST_MATCH)
    tint = np.sqrt((wanted / wanted.mean()) / (own / own.mean()))
    brightness = sample.mouth_bgr.mean(axis=2, keepdims=True) / own.mean()
    lift = 1.0 + TEETH_LIFT * np.clip((brightness - 0.6) / 0.3, 0.0, 1.0)
    return np.asarray(sample.mouth_bgr * (light * tint * lift), np.float32)


def painted_over(picture: NDArray[np.uint8], paint: MouthPaint) -> NDArray[np.uint8]:
    """Return a picture [h, w, 3 or 4] with the paint over its colours; alpha stays."""
    colours = picture[..., :3].astype(np.float32)
    mixed = np.rint(colours + paint.cover[..., None] * (paint.colour - colours)).astype(np.uint8)
    return mixed if picture.shape[2] == 3 else np.dstack([mixed, picture[..., 3]])
