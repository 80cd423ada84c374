"""How much of a picture a character's region covers, between bounds that need no picture."""

from math import pi

from engine.protocol.regions import FaceRegion, RegionBox, RegionShape
from engine.protocol.render_request import RenderRequest

_GROWTH = 1.5
"""A region grows with its driver's travel by at most a quarter of its side at each end."""


def least_area(region: FaceRegion, request: RenderRequest) -> float:
    """Return the smallest share of the result (0..1) that a region covers wholly in any frame."""
    covered = min((_area(key.box) for key in region.keys), default=0.0)
    round_off = pi / 4 if region.shape is RegionShape.ELLIPSE else 1.0
    return min(1.0, covered * round_off * _plate_share(request))


def most_area(region: FaceRegion, request: RenderRequest) -> float:
    """Return the largest share of the result (0..1) that a region may cover, grown, without its feather."""
    covered = max((_area(key.box) for key in region.keys), default=1.0)
    return min(1.0, covered * _GROWTH**2 * _plate_share(request))


def _area(box: RegionBox) -> float:
    """Return how much of the plate a box covers."""
    width = min(box.x + box.width, 1.0) - max(box.x, 0.0)
    height = min(box.y + box.height, 1.0) - max(box.y, 0.0)
    return max(width, 0.0) * max(height, 0.0)


def _plate_share(request: RenderRequest) -> float:
    """Return how much of the result the plate covers: it is fitted inside, its aspect kept."""
    plate, result = request.plate.width / request.plate.height, request.width / request.height
    return min(plate / result, result / plate)
