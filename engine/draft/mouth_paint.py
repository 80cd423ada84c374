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

DARK_SHARE, WARM_SHARE = 0.20, 0.10
WARMTH = np.array([0.55, 0.6, 1.5], np.float32)
TEETH_SEEN = 3.0
TEETH_HEIGHT, TEETH_SHARE, TEETH_FROM = 0.015, 0.45, 0.010
TEETH_STRENGTH = 0.9
TONGUE_WIDTH, TONGUE_STRENGTH = 0.8, 0.75
TONGUE_TINT = np.array([0.40, 0.36, 0.62], np.float32)
LARGEST_MATCH = 1.9
TINT_SHARE = 0.75
TEETH_LIFT = 0.12
DRIVER_DARK = 1.6
SEAM_REACH, STRETCHED_REACH, SEAM_SOFT = 0.0075, 0.02, 0.006
CORNER_START, CORNER_END = 0.5, 0.95


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
        dark=(DARK_SHARE * shadow + WARM_SHARE * skin * WARMTH).astype(np.float32),
        teeth=np.minimum(0.95 * pale, 215.0).astype(np.float32),
    )


def gap_paint(y: Plane, gap: LipGap, colours: MouthColours, soft: float) -> MouthPaint:
    """Paint the gap of a jaw opened by a voice at heights `y` of the face frame; edges are `soft` wide."""
    height = gap.rise + gap.fall
    below = y - (gap.seam - gap.rise)
    cover = np.clip(below / soft + 0.5, 0.0, 1.0) * np.clip((height - below) / soft + 0.5, 0.0, 1.0)
    cover = cover * np.clip((height - 0.25 * soft) / (1.5 * soft), 0.0, 1.0)
    share = np.clip(below / np.maximum(height, 1e-4), 0.0, 1.0)
    dome = np.clip(1.0 - (gap.across / TONGUE_WIDTH) ** 2, 0.0, 1.0)
    seen = np.clip((height - TEETH_FROM) / TEETH_FROM, 0.0, 1.0)
    tongue = TONGUE_STRENGTH * seen * dome * np.clip((share - 0.45) / 0.45, 0.0, 1.0)
    inside = colours.dark + tongue[..., None] * (colours.skin * TONGUE_TINT - colours.dark)
    light, strength = _upper_teeth(below, gap, height, soft)
    strength = strength * seen
    colour = inside + strength[..., None] * (light[..., None] * colours.teeth - inside)
    return MouthPaint(colour=colour.astype(np.float32), cover=cover.astype(np.float32))


def _upper_teeth(below: Plane, gap: LipGap, height: Plane, soft: float) -> tuple[Plane, Plane]:
    """Return how light the upper teeth are and how much of them shows, `below` the upper lip's edge."""
    tooth = np.abs(np.sin(np.pi * TEETH_SEEN * gap.across))
    length = np.minimum(TEETH_HEIGHT, TEETH_SHARE * height) * (0.84 + 0.16 * np.sqrt(tooth))
    edge = np.clip((length - below) / max(soft, 0.002) + 0.5, 0.0, 1.0)
    round_the_arch = np.clip(1.0 - 0.75 * gap.across**2, 0.0, 1.0)
    under_lip = 0.68 + 0.32 * np.clip(below / (0.5 * TEETH_HEIGHT), 0.0, 1.0)
    parted = 0.88 + 0.12 * np.clip(tooth / 0.35, 0.0, 1.0)
    return round_the_arch * under_lip * parted, TEETH_STRENGTH * edge


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
    strength = min(max(gain / 0.5, 0.0), 1.0)
    return MouthPaint(
        colour=np.clip(colour, 0.0, 255.0).astype(np.float32), cover=(strength * cover).astype(np.float32)
    )


def between_lips(from_at: Plane, seam: MouthSeam, pixel: float) -> Plane:
    """Return how far points are between the still's lips, from 0 to 1, by where in the still's face frame
    they come from [h, w, 2]: parted lips stretch a thin lens along `seam`; nothing else is ever inside.
    Where a thin line is stretched much it may be beside the seam. `pixel` is a pixel's height in the face
    frame.
    """
    across = np.abs(seam.across(from_at[..., 0]))
    lens = np.sqrt(np.clip(1.0 - (across / CORNER_END) ** 2, 0.0, 1.0))
    distance = np.abs(from_at[..., 1] - seam.height(from_at[..., 0]))
    source = cv2.GaussianBlur(from_at[..., 1], (0, 0), 1.5)
    steps = np.gradient(source, axis=0) / pixel if len(source) > 1 else np.ones_like(source)
    reach = SEAM_REACH + STRETCHED_REACH * np.clip((0.5 - steps) / 0.3, 0.0, 1.0)
    cover = np.clip((reach * lens - distance) / SEAM_SOFT + 0.5, 0.0, 1.0)
    taper = np.clip((CORNER_END - across) / (CORNER_END - CORNER_START), 0.0, 1.0)
    return np.asarray(cover * taper * taper * (3.0 - 2.0 * taper), np.float32)


def _in_the_stills_light(sample: MotionSample, colours: MouthColours) -> Plane:
    """Return the driver's mouth with the still's brightness and most of its tint; teeth a little brighter
    than skin.
    """
    own, wanted = np.maximum(sample.skin_bgr, 8.0), np.maximum(colours.skin, 8.0)
    light = np.clip(wanted.mean() / own.mean(), 1.0 / LARGEST_MATCH, LARGEST_MATCH)
    tint = ((wanted / wanted.mean()) / (own / own.mean())) ** TINT_SHARE
    brightness = sample.mouth_bgr.mean(axis=2, keepdims=True) / own.mean()
    lift = 1.0 + TEETH_LIFT * np.clip((brightness - 0.6) / 0.3, 0.0, 1.0)
    return np.asarray(sample.mouth_bgr * (light * tint * lift), np.float32)


def painted_over(picture: NDArray[np.uint8], paint: MouthPaint) -> NDArray[np.uint8]:
    """Return a picture [h, w, 3 or 4] with the paint over its colours; alpha stays."""
    colours = picture[..., :3].astype(np.float32)
    mixed = np.rint(colours + paint.cover[..., None] * (paint.colour - colours)).astype(np.uint8)
    return mixed if picture.shape[2] == 3 else np.dstack([mixed, picture[..., 3]])
