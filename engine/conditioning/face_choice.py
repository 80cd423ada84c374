"""Which of a clip's faces is meant, and which one that is in every frame."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.conditioning.face_detector import overlaps

Boxes = NDArray[np.float64]

SPECK_SHARE = 0.3
LEAST_OVERLAP = 0.1


def chosen_faces(boxes_by_frame: Sequence[Boxes], face_index: int) -> list[int | None] | None:
    """Return for every frame which of its boxes [faces, 4] is face number `face_index` from the left, or None
    where it is not to be seen; None for all when there never are that many.

    Counted is in a frame that shows the usual number of faces (of two that are as usual the larger, for heads
    turn away more often than there are faces where none is); from there the face is followed by overlap,
    forwards and backwards. Where it has jumped (a cut) it is counted again.
    """
    orders = [_from_the_left(boxes) for boxes in boxes_by_frame]
    counts = [len(order) for order in orders if len(order) > face_index]
    if not counts:
        return None
    usual = max(sorted(set(counts), reverse=True), key=counts.count)
    start = next(number for number, order in enumerate(orders) if len(order) == usual)
    chosen: list[int | None] = [None] * len(orders)
    for path in (range(start, len(orders)), range(start, -1, -1)):
        last: Boxes | None = None
        for frame in path:
            boxes, order = boxes_by_frame[frame], orders[frame]
            face = None if last is None else best_overlap(boxes, last)
            if face is None and len(order) == usual:
                face = order[face_index]
            if face is not None:
                chosen[frame], last = face, boxes[face]
    return chosen


def best_overlap(boxes_N4: Boxes, box: Boxes) -> int | None:
    """Return which box overlaps another one most, or None where none does to speak of."""
    if len(boxes_N4) == 0:
        return None
    shares = overlaps(boxes_N4, box)
    best = int(shares.argmax())
    return best if shares[best] >= LEAST_OVERLAP else None


def most_faces(boxes_by_frame: Sequence[Boxes]) -> int:
    """Return the largest number of faces that a frame shows."""
    return max((len(_from_the_left(boxes)) for boxes in boxes_by_frame), default=0)


def _from_the_left(boxes_N4: Boxes) -> list[int]:
    """Return the order of boxes from left to right, without specks beside a face many times their size."""
    if len(boxes_N4) == 0:
        return []
    sides = (boxes_N4[:, 2:] - boxes_N4[:, :2]).max(axis=1)
    middles = boxes_N4[:, 0] + boxes_N4[:, 2]
    return [number for number in np.argsort(middles).tolist() if sides[number] > SPECK_SHARE * sides.max()]
