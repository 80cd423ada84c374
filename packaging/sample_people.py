"""The people in the sample media: what each looks like, and how a head sits in the picture.

Head coordinates: x to our right, y downwards, z towards us; the origin lies between the eyes and 1 is
half the width of the face. Positive yaw turns the face to our right, positive pitch bows it, positive roll
leans it to our right.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from sample_canvas import Plane, Points

NECK_DEPTH = -0.25


class Hair(StrEnum):
    """How the hair is worn."""

    BOB = "bob"
    CROP = "crop"
    BUN = "bun"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A person: colours as "#rrggbb", proportions as factors of the common face."""

    skin: str
    skin_shade: str
    skin_light: str
    blush: str
    lips: str
    hair: Hair
    hair_colour: str
    hair_shade: str
    hair_light: str
    iris: str
    clothes: str
    clothes_shade: str
    clothes_light: str
    jaw: float = 1.0
    brow_weight: float = 1.0
    lash_weight: float = 1.0
    lip_weight: float = 1.0
    eye_size: float = 1.0
    shoulders: float = 2.2
    collar: bool = False
    stubble: bool = False
    freckles: bool = False
    earrings: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """What a face does. All from 0 to 1 but the gaze and the brows, which go from -1 to 1."""

    smile: float = 0.25
    mouth_open: float = 0.0
    pucker: float = 0.0
    blink: float = 0.0
    brows: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """Where a head is: its origin and its unit in pixels, its angles in radians.

    The light comes from `light_x` (-1 left, 1 right).
    """

    x: float
    y: float
    unit: float
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    light_x: float = -1.0

    def surface(self, points: Points, lift: float = 0.0) -> Points:
        """Return where points on the face's rounded surface, raised by `lift`, are seen."""
        inside = 1 - (points[:, 0] / 1.16) ** 2 - ((points[:, 1] - 0.1) / 1.9) ** 2
        depth = 0.92 * np.sqrt(np.maximum(inside, 0.01)) + lift
        return self._seen(points[:, 0] * np.cos(self.yaw), points[:, 1], depth)

    def flat(self, points: Points, depth: float | Plane | Points = 0.0) -> Points:
        """Return where points of an outline at a depth are seen; a round head keeps its width as it turns."""
        return self._seen(points[:, 0], points[:, 1], np.broadcast_to(depth, points.shape[:1]))

    def _seen(self, x: Points, y: Points, depth: Points) -> Points:
        from_neck = depth - NECK_DEPTH
        turned_x = x + from_neck * np.sin(self.yaw)
        turned_y = y * np.cos(self.pitch) + from_neck * np.sin(self.pitch)
        cosine, sine = np.cos(self.roll), np.sin(self.roll)
        pivot = 1.6
        seen_x = turned_x * cosine - (turned_y - pivot) * sine
        seen_y = turned_x * sine + (turned_y - pivot) * cosine + pivot
        return np.stack([self.x + self.unit * seen_x, self.y + self.unit * seen_y], axis=1)


MARA = Look(
    skin="#c98f6a", skin_shade="#7d4434", skin_light="#f0c49a", blush="#d0624f", lips="#a8443f",
    hair=Hair.BOB, hair_colour="#3a2320", hair_shade="#190e12", hair_light="#8a5238", iris="#6b4426",
    clothes="#c98a2e", clothes_shade="#7a4a1c", clothes_light="#ecbc62", earrings=True, lash_weight=1.25,
)  # fmt: skip
TOBIAS = Look(
    skin="#dfab88", skin_shade="#95584a", skin_light="#fbdcba", blush="#d9705c", lips="#b5645a",
    hair=Hair.CROP, hair_colour="#8a4a26", hair_shade="#45210f", hair_light="#d08a4a", iris="#3f6f6a",
    clothes="#2f4d6b", clothes_shade="#16273d", clothes_light="#5f86a8", jaw=1.14, brow_weight=1.45,
    eye_size=0.92, lash_weight=0.7, lip_weight=0.75, shoulders=2.55, collar=True, stubble=True,
)  # fmt: skip
INES = Look(
    skin="#e2b08c", skin_shade="#9a5b4d", skin_light="#ffe0c0", blush="#e07866", lips="#b9524f",
    hair=Hair.BUN, hair_colour="#4a2f2a", hair_shade="#211318", hair_light="#9a6848", iris="#4f7a52",
    clothes="#7c3b52", clothes_shade="#431d33", clothes_light="#b4697d", freckles=True, brow_weight=1.1,
    lash_weight=1.1,
)  # fmt: skip
