"""The names of a take's files: chosen once per job, never those of another take."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from engine.media.atomic import sync_to_disk
from engine.media.write_errors import writing
from engine.protocol.codec import decode_result
from engine.protocol.errors import UserError
from engine.protocol.jobs import RenderResult
from engine.protocol.render_request import RenderRequest
from engine.renderers.work_directory import note_outputs, noted_outputs

SUMMARY_NAME = "take.json"
_STEM_BYTES = 150  # with a number, a label of 72 bytes with its own, and an ending below 255, the usual limit
_LABEL_BYTES = 72
_LABEL_LETTERS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeFiles:
    """Where each file of a take goes.

    `reservation` is a hidden file that holds the names until the take is whole; `stems` are in the order of
    the request's characters.
    """

    reservation: Path
    master: Path
    viewing: Path
    mix: Path
    summary: Path
    stems: tuple[Path, ...]

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file, in the order in which `claim_take_files` finds them again."""
        return (self.reservation, self.master, self.viewing, self.mix, self.summary, *self.stems)


def claim_take_files(request: RenderRequest, work: Path) -> TakeFiles:
    """Return the take's files: the ones this job claimed before, else free names, claimed now.

    Where a file of another take has the name, a number is added. Raises UserError where the folder cannot be
    written.
    """
    claimed = noted_outputs(work)
    if len(claimed) >= 5:
        return _in_order(claimed)
    folder = request.output_directory
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with writing(folder / request.file_stem):
        files = next(files for files in _candidates(request) if not any(path.exists() for path in files.all))
        note_outputs(work, files.all)
        files.reservation.write_text(request.request_id, encoding="utf-8")
        sync_to_disk(files.reservation)
        sync_to_disk(folder)  # a name that a power cut sets free could be claimed twice
    return files


def finished_take(files: TakeFiles, request: RenderRequest) -> RenderResult | None:
    """Return the result when the take is whole already (the engine died before it heard of it), else None."""
    try:
        result = decode_result(files.summary.read_bytes())
    except (OSError, UserError):
        return None
    whole = all(_has_size(files.summary.parent / file.name, file.size_bytes) for file in result.files)
    return result if whole and result.request_id == request.request_id else None


def _in_order(paths: Sequence[Path]) -> TakeFiles:
    reservation, master, viewing, mix, summary, *stems = paths
    return TakeFiles(
        reservation=reservation, master=master, viewing=viewing, mix=mix, summary=summary, stems=tuple(stems)
    )


def _candidates(request: RenderRequest) -> Iterator[TakeFiles]:
    folder = request.output_directory
    taken = (folder / SUMMARY_NAME).exists() or any(folder.glob(".*.reserved"))
    labels = tuple(_labels(request))
    plain = shortened(request.file_stem, _STEM_BYTES)
    for number in count(1):
        stem = plain if number == 1 else f"{plain}_{number}"
        yield TakeFiles(
            reservation=folder / f".{stem}.reserved",
            master=folder / f"{stem}.mkv",
            viewing=folder / f"{stem}.mp4",
            mix=folder / f"{stem}.wav",
            summary=folder / (f"{stem}.{SUMMARY_NAME}" if taken else SUMMARY_NAME),
            stems=tuple(folder / f"{stem}_{label}.wav" for label in labels),
        )


def _labels(request: RenderRequest) -> Iterator[str]:
    """Yield a word for each character that a file name may hold, no two alike."""
    used: set[str] = set()
    for character in request.characters:
        plain = re.sub(r"[^\w-]+", "_", character.name).strip("_")[:_LABEL_LETTERS]
        plain = shortened(plain, _LABEL_BYTES).strip("_") or "character"
        label = next(
            label
            for number in count(1)
            if (label := plain if number == 1 else f"{plain}_{number}").casefold() not in used
        )
        used.add(label.casefold())
        yield label


def shortened(name: str, most_bytes: int) -> str:
    """Return as many of a name's letters as fit into `most_bytes` of UTF-8: file systems count bytes."""
    return name.encode()[:most_bytes].decode(errors="ignore")


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False
