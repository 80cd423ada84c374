"""Keeping analysed driving clips on disk, so that each is analysed once.

A file is named by all that its content depends on. A file that cannot be read back is made again.
"""

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from pathlib import Path

import numpy as np

from engine.draft.driving_analysis import DriverPart, analyse_driver
from engine.draft.driving_motion import DrivingMotion
from engine.media.atomic import atomic_path
from engine.media.content_hash import hash_file
from engine.media.write_errors import writing

ANALYSIS_VERSION = 19


def cached_analysis(
    part: DriverPart, cache_directory: Path, on_progress: Callable[[float], None], check: Callable[[], None]
) -> DrivingMotion:
    """Return the analysis of a part of a driving clip from the cache, or make it and keep it.

    Raises UserError: what `analyse_driver` raises, and DISK_FULL or NOT_WRITABLE for the cache.
    """
    path = cache_directory / f"{_key(part)}.npz"
    motion = _load(path)
    if motion is None:
        motion = analyse_driver(part, on_progress, check)
        _save(path, motion)
    on_progress(1.0)
    return motion


def _key(part: DriverPart) -> str:
    words = (
        ANALYSIS_VERSION,
        _content_hash(part),
        part.face_index,
        part.neutral_s,
        part.start_s,
        part.end_s,
    )
    return "driving-" + hashlib.sha256(repr(words).encode()).hexdigest()[:40]


def _content_hash(part: DriverPart) -> str:
    """Return the hash of the file as it is now: one that was replaced must not be kept as the old one.

    A file that is gone goes by the hash it had when it was imported.
    """
    try:
        state = part.path.stat()
    except OSError:
        return part.content_hash
    return _hash_of_state(part.path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _hash_of_state(path: Path, _size_bytes: int, _modified_ns: int) -> str:
    return hash_file(path)


def _save(path: Path, motion: DrivingMotion) -> None:
    arrays = {field.name: np.asarray(getattr(motion, field.name)) for field in fields(motion)}
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, writing(path), temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _load(path: Path) -> DrivingMotion | None:
    """Return what is kept at `path`; None where there is nothing or nothing usable."""
    try:
        # opened here, because numpy leaves a damaged file open
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return _motion(dict(arrays))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _motion(arrays: dict[str, np.ndarray]) -> DrivingMotion:
    lost = arrays["lost_s"].reshape(-1, 2)
    motion = DrivingMotion(
        times_s=arrays["times_s"],
        head=arrays["head"],
        turn=arrays["turn"],
        flow=arrays["flow"],
        mouth_bgr=arrays["mouth_bgr"],
        mouth_inside=arrays["mouth_inside"],
        neutral_gap=arrays["neutral_gap"],
        skin_bgr=arrays["skin_bgr"],
        seam=arrays["seam"],
        neutral_s=float(arrays["neutral_s"]),
        presence=arrays["presence"],
        lost_s=tuple((float(start), float(end)) for start, end in lost),
    )
    counts = {
        len(getattr(motion, name)) for name in ("times_s", "head", "turn", "flow", "mouth_bgr", "presence")
    }
    if counts != {len(motion.mouth_inside)} or counts == {0}:
        raise ValueError("the arrays do not belong together")
    return motion
