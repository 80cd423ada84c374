"""How many overlapping tiles the VAE's pictures are cut into."""

LEAST_TILE_OVERLAP = 4


def tile_count(length: int, side: int) -> int:
    """Return how many tiles of a side lie along a length: neighbours share a quarter, and at least four."""
    if length <= side:
        return 1
    overlap = max(side // 4, LEAST_TILE_OVERLAP)
    return -(-(length - side) // (side - overlap)) + 1
