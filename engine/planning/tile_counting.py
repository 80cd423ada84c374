"""Into how many overlapping tiles the VAE's pictures are cut."""

LEAST_TILE_SIDE = 8
LEAST_TILE_OVERLAP = 4


def tile_overlap(side: int) -> int:
    """Return by how many latents neighbours of a side overlap at least: a quarter of it, and at least 4."""
    return max(side // 4, LEAST_TILE_OVERLAP)


def tile_count(length: int, side: int) -> int:
    """Return how many tiles of a side lie along a length: the fewest that overlap enough."""
    if length <= side:
        return 1
    return -(-(length - side) // (side - tile_overlap(side))) + 1
