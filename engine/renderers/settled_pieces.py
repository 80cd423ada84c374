"""Which pieces a shot is made of, kept in the work directory: an attempt goes on with those of the first.

They are settled when the render begins, and anew when what is left has to be made in shorter ones.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from engine.media.atomic import atomic_path
from engine.planning.shot_pieces import Piece

PIECES_NAME = "pieces.json"

_log = logging.getLogger(__name__)
Rows = list[list[int]]


def settled_pieces(work: Path, wanted: Sequence[Piece]) -> tuple[Piece, ...]:
    """Return the pieces that were settled here; where none were, or none that can be read, `wanted`: from now
    on they are settled.

    Raises UserError(DISK_FULL) where they cannot be kept.
    """
    kept = _kept_pieces(work / PIECES_NAME, latent_frames=wanted[-1].end)
    if kept is None:
        settle_pieces(work, wanted)
    return kept or tuple(wanted)


def settle_pieces(work: Path, pieces: Sequence[Piece]) -> None:
    """Settle other pieces: all the shot's, those that are done as they were. On disk when this returns.

    Raises UserError(DISK_FULL); then the ones before stay settled.
    """
    rows = [[piece.start, piece.end, piece.known] for piece in pieces]
    with atomic_path(work / PIECES_NAME) as path:
        path.write_text(json.dumps({"pieces": rows, "digest": _digest(rows)}), encoding="utf-8")


def _kept_pieces(path: Path, *, latent_frames: int) -> tuple[Piece, ...] | None:
    try:
        kept = json.loads(path.read_bytes())
        rows = kept["pieces"]
        if kept["digest"] != _digest(rows):
            raise ValueError("it is not what was written")
        pieces = tuple(Piece(start=start, end=end, known=known) for start, end, known in rows)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        _log.info("The list of pieces %s is passed over: %s", path, error)
        return None
    return pieces if _cover(pieces, latent_frames) else None


def _cover(pieces: Sequence[Piece], latent_frames: int) -> bool:
    """Return whether pieces are a whole shot: each new latent frame made once, in order."""
    if not pieces or pieces[0] != Piece(start=0, end=pieces[0].end, known=0):
        return False
    joined = all(right.start + right.known == left.end for left, right in pairwise(pieces))
    return joined and all(0 <= p.known < p.end - p.start for p in pieces) and pieces[-1].end == latent_frames


def _digest(rows: Rows) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
