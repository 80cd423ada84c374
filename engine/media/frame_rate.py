"""Pictures at one frame rate brought to another, along the motion between them.

Between two pictures dense inverse search (Kroeger et al., 2016, arXiv 1603.03590) finds the motion both ways.
Each picture is carried along it to the instant that is wanted (both flows taken at that instant as in Super
SloMo, arXiv 1712.00080, section 3.2, for motion at constant speed), and the two are blended by time.

Shapes: H rows, W columns, C colours; a flow is [H, W, 2], across and down in pixels.
"""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from engine.media.opencv import cv2
from engine.protocol.errors import BugError

Picture = NDArray[np.uint8]
Plane = NDArray[np.float32]

WHOLE_WITHIN = Fraction(1, 100_000)
SMALLEST_SIDE = 16  # the search needs room for its patches
TOLERANCE_PX, TOLERANCE_SHARE = 1.5, 0.2
UNLIKE_LEVELS = 20.0
SOFT_PX = 1.5
CUT_TRUST = 0.75


def resample_pictures(
    pictures: Iterable[Picture], positions: Sequence[Fraction | float]
) -> Iterator[Picture]:
    """Yield one picture for each position, counted in the pictures given (uint8 [H, W, 3]).

    At a whole position that is the picture itself, the same array; between two it is made from both. Where
    the motions found forward and backward do not agree (something is uncovered) the nearer picture shows
    through, and across a cut it stands alone. Where they agree and the colours do not (a glance, a blink) the
    nearer picture is carried along and not blended, so that no second pair of eyes shines through. Positions
    must not fall; two pictures are held at a time, and no more are taken than needed.

    Raises BugError: positions that fall, lie before the first picture or after the last one, or pictures of
    different sizes.
    """
    if not positions:
        return
    source = enumerate(pictures)
    number, later = _following(source)
    earlier, between = later, None
    last = Fraction(0)
    for position in map(_snapped, positions):
        if position < last:
            raise BugError(f"position {float(position):g} comes after {float(last):g}")
        last = position
        while number < position:
            earlier, between = later, None
            number, later = _following(source)
        if number == position:
            yield later
            continue
        between = between or PictureMotion(earlier, later)
        yield between.at(float(position) - (number - 1))


def _snapped(position: Fraction | float) -> Fraction:
    """Return the position as a fraction; one that is whole but for rounding becomes whole."""
    exact = Fraction(position)
    return Fraction(round(exact)) if abs(exact - round(exact)) <= WHOLE_WITHIN else exact


def _following(source: Iterator[tuple[int, Picture]]) -> tuple[int, Picture]:
    for number, picture in source:
        return number, picture
    raise BugError("there are fewer pictures than the positions need")


class PictureMotion:
    """The motion between two pictures uint8 [H, W, 3], both ways."""

    def __init__(self, first: Picture, second: Picture) -> None:
        if first.shape != second.shape:
            raise BugError(f"pictures of {first.shape} and {second.shape} are not of one shot")
        self._first, self._second = first, second
        self._still = bool(np.array_equal(first, second))
        if not self._still:
            rows, columns = first.shape[:2]
            self._rows, self._columns = np.mgrid[0:rows, 0:columns].astype(np.float32)
            self._forward, self._backward = _flows(first, second)

    def at(self, share: float) -> Picture:
        """Return the picture at `share` of the way (0: the first, 1: the second)."""
        if self._still:
            return self._first
        to_first = -(1 - share) * share * self._forward + share * share * self._backward
        to_second = (1 - share) * (1 - share) * self._forward - share * (1 - share) * self._backward
        trust = self._agreement(to_first, to_second)
        is_first = share <= 0.5
        nearer = self._first if is_first else self._second
        if float(trust.mean()) < CUT_TRUST:
            return nearer
        first = self._taken(self._first, to_first, cv2.INTER_CUBIC)
        second = self._taken(self._second, to_second, cv2.INTER_CUBIC)
        both = (1.0 - share) * first + share * second
        carried = _mixed(first if is_first else second, both, _likeness(first, second))
        return np.clip(np.rint(_mixed(nearer, carried, trust)), 0, 255).astype(np.uint8)

    def _taken(self, picture: Picture | Plane, flow: Plane, method: int = cv2.INTER_LINEAR) -> Plane:
        """Return what lies at the end of each pixel's flow."""
        across, along = self._columns + flow[..., 0], self._rows + flow[..., 1]
        taken = cv2.remap(picture, across, along, method, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(taken, np.float32)

    def _agreement(self, to_first: Plane, to_second: Plane) -> Plane:
        """Return 1 where the flows at both ends of a pixel's way cancel, 0 where not, softly between."""
        forward, backward = self._taken(self._forward, to_first), self._taken(self._backward, to_second)
        gap = np.hypot(*np.moveaxis(forward + backward, 2, 0))
        length = np.hypot(*np.moveaxis(forward, 2, 0)) + np.hypot(*np.moveaxis(backward, 2, 0))
        allowed = TOLERANCE_PX + TOLERANCE_SHARE * length
        trust = np.clip(2.0 - gap / allowed, 0.0, 1.0).astype(np.float32)
        return np.asarray(cv2.GaussianBlur(trust, (0, 0), SOFT_PX), np.float32)


def _likeness(first: Plane, second: Plane) -> Plane:
    """Return 1 where two pictures have the same colours, 0 where others, softly between."""
    apart = cv2.GaussianBlur(np.abs(first - second).max(axis=2), (0, 0), SOFT_PX)
    return np.asarray(np.clip(2.0 - apart / UNLIKE_LEVELS, 0.0, 1.0), np.float32)


def _mixed(first: Plane | Picture, second: Plane, share: Plane) -> Plane:
    """Return the second picture for its share [H, W], the first for the rest."""
    return np.asarray(first + share[..., None] * (second - first), np.float32)


def _flows(first: Picture, second: Picture) -> tuple[Plane, Plane]:
    """Return the flow from the first picture to the second, and back."""
    greys = [_grey(picture) for picture in (first, second)]
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flows = []
    for start, end in (greys, greys[::-1]):
        nothing = np.zeros((*start.shape, 2), np.float32)
        flow = np.asarray(search.calc(start, end, nothing), np.float32)
        flows.append(flow[: first.shape[0], : first.shape[1]])
    return flows[0], flows[1]


def _grey(picture: Picture) -> Picture:
    """Return the picture without colour, its edges repeated to the size the search needs."""
    grey = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_BGR2GRAY)
    below, right = (max(0, SMALLEST_SIDE - side) for side in picture.shape[:2])
    return np.asarray(cv2.copyMakeBorder(grey, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)
