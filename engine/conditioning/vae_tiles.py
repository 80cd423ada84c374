"""Overlapping tiles of a picture and each tile's share in the blended whole.

The VAE's memory grows with the area it sees at once; in tiles it does not grow with the picture.
Shapes: h, w rows and columns of a tile, in latents times `points`.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from engine.planning.tile_counting import LEAST_TILE_SIDE, tile_count, tile_overlap
from engine.protocol.errors import BugError

_SHARE_STEPS = 2048
"""Shares along a side are multiples of 1/2048: those of rows times those of columns are exact in float32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A tile's rows and columns in latents, and its share [h, w] in each point of the whole."""

    rows: range
    columns: range
    shares_hw: Tensor

    def area(self, points: int = 1) -> tuple[slice, slice]:
        """Return its rows and columns in a picture of `points` points for each latent's side."""
        rows, columns = self.rows, self.columns
        return (
            slice(rows.start * points, rows.stop * points),
            slice(columns.start * points, columns.stop * points),
        )


def tiles_of(rows: int, columns: int, side: int | None, *, points: int = 1) -> list[Tile]:
    """Return the tiles of rows x columns latents; None is one tile, and so is what is no larger than `side`.

    Tiles are equally large and overlap by `tile_overlap` latents or more, spread evenly from edge to edge.
    Shares have `points` points for each latent's side; in every point those of all tiles add up to exactly
    one. Raises BugError for a side under LEAST_TILE_SIDE.
    """
    row_spans, column_spans = tile_spans(rows, side), tile_spans(columns, side)
    row_shares = span_shares(row_spans, points=points)
    column_shares = span_shares(column_spans, points=points)
    return [
        Tile(rows=row_span, columns=column_span, shares_hw=row_share[:, None] * column_share[None, :])
        for row_span, row_share in zip(row_spans, row_shares, strict=True)
        for column_span, column_share in zip(column_spans, column_shares, strict=True)
    ]


def tile_spans(length: int, side: int | None) -> list[range]:
    """Return the tiles along one side of a picture, in latents: the fewest that overlap enough."""
    if side is not None and side < LEAST_TILE_SIDE:
        raise BugError(f"Tiles of {side} latents are smaller than {LEAST_TILE_SIDE}")
    if side is None or length <= side:
        return [range(length)]
    gaps = tile_count(length, side) - 1
    starts = [number * (length - side) // gaps for number in range(gaps + 1)]
    return [range(start, start + side) for start in starts]


def span_shares(spans: list[range], *, points: int = 1) -> list[Tensor]:
    """Return the share of each tile along one side: linear ramps over the overlap, in its middle if wider.

    A tile's share is the ramp that rises at its beginning less the one that rises at its end, so that the
    sum is one even where three tiles overlap.
    """
    length = spans[-1].stop * points
    width = tile_overlap(len(spans[0])) * points
    middles = [(span.stop + following.start) * points / 2 for span, following in pairwise(spans)]
    rises = [torch.ones(length), *(_rise(length, middle, width) for middle in middles), torch.zeros(length)]
    return [
        (begins - ends)[span.start * points : span.stop * points]
        for span, begins, ends in zip(spans, rises[:-1], rises[1:], strict=True)
    ]


def _rise(length: int, middle: float, width: int) -> Tensor:
    """Return 0 before a cross-fade, 1 behind it, a ramp of `width` points around its middle."""
    centres = torch.arange(length, dtype=torch.float64) + 0.5
    rise = ((centres - middle) / width + 0.5).clamp(0.0, 1.0)
    return ((rise * _SHARE_STEPS).round() / _SHARE_STEPS).float()
