"""Exports finished takes of a project to a delivery folder: media, a shot list and the edit."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from desktop.interchange.deliverable_shot import DeliverableShot, DeliveredShot
from desktop.interchange.otio_timeline import timeline_text
from desktop.interchange.shot_export import ShotPlan, export_take
from desktop.interchange.shot_list import shot_list_text
from desktop.interchange.staging import staged_delivery
from desktop.interchange.take_choice import choose_takes
from engine.media.content_hash import hash_file
from engine.media.video_writer import MovieFormat
from engine.media.write_errors import writing
from engine.protocol.errors import UserError
from projects_db.project_store import ProjectStore

SHOT_LIST_NAME = "shot_list.csv"
TIMELINE_NAME = "timeline.otio"


class TimelineFormat(StrEnum):
    """The kinds of edit Masque writes."""

    OTIO = "otio"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """What an export holds.

    `takes` are ids (or unique beginnings of ids); none means the best take of every scene. `timeline` None
    writes no edit. `stems` adds each character's sound to the mix. Without `overwrite` an export replaces no
    file.
    """

    takes: tuple[str, ...] = ()
    movie_format: MovieFormat = MovieFormat.PRORES_422_HQ
    timeline: TimelineFormat | None = TimelineFormat.OTIO
    stems: bool = True
    overwrite: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedProject:
    """What lies in the delivery folder. `files` are absolute; a sequence is its folder; the edit is last."""

    folder: Path
    shots: tuple[DeliveredShot, ...]
    files: tuple[Path, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportProgress:
    """How far an export is: the shot being written, and frames of the whole export."""

    shot: DeliverableShot
    frames_done: int
    frame_count: int


def export_project(
    store: ProjectStore,
    destination: Path,
    settings: ExportSettings,
    *,
    on_progress: Callable[[ExportProgress], None] | None = None,
) -> ExportedProject:
    """Export the chosen takes into a folder, whole or not at all; the folder is made where it is missing.

    `on_progress` is called after every frame; an exception from it stops the export, leaving nothing behind.

    Raises UserError: NOT_FOUND, WRONG_STATE, FILE_EXISTS, FILE_MISSING, FILE_UNREADABLE, DISK_FULL,
    NOT_WRITABLE; ProjectError.
    """
    choice = choose_takes(store, settings.takes)
    plans = [
        ShotPlan(shot=shot, movie_format=settings.movie_format, with_stems=settings.stems)
        for shot in choice.shots
    ]
    project = store.project()
    delivery = Delivery(
        project_name=project.name,
        frame_rate=project.frame_rate,
        plans=tuple(plans),
        timeline=settings.timeline,
    )
    shots = delivery.write(destination.absolute(), overwrite=settings.overwrite, on_progress=on_progress)
    return ExportedProject(
        folder=destination.absolute(),
        shots=shots,
        files=tuple(destination.absolute() / name for name in delivery.names()),
        warnings=(*choice.warnings, *(warning for plan in plans for warning in plan.warnings())),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Shots in the order of the edit, and what goes with them."""

    project_name: str
    frame_rate: Fraction
    plans: tuple[ShotPlan, ...]
    timeline: TimelineFormat | None = TimelineFormat.OTIO

    def names(self) -> tuple[str, ...]:
        """Return every file and folder of the delivery, media first, the edit last."""
        media = [name for plan in self.plans for name in plan.delivered().names]
        return (*media, SHOT_LIST_NAME, *((TIMELINE_NAME,) if self.timeline is not None else ()))

    def write(
        self,
        destination: Path,
        *,
        overwrite: bool = False,
        on_progress: Callable[[ExportProgress], None] | None = None,
    ) -> tuple[DeliveredShot, ...]:
        """Write everything into `destination`. Raises UserError as `export_project`."""
        _require_different(self.names())
        with staged_delivery(destination, self.names(), overwrite=overwrite) as staging:
            shots = self._write_shots(staging, on_progress)
            hashes = {
                shot.picture_name: hash_file(staging / shot.picture_name)
                for shot in shots
                if not shot.is_sequence
            }
            _write_text(staging / SHOT_LIST_NAME, shot_list_text(shots, hashes))
            if self.timeline is not None:
                text = timeline_text(project_name=self.project_name, frame_rate=self.frame_rate, shots=shots)
                _write_text(staging / TIMELINE_NAME, text)
        return shots

    def _write_shots(
        self, folder: Path, on_progress: Callable[[ExportProgress], None] | None
    ) -> tuple[DeliveredShot, ...]:
        frame_count = sum(plan.shot.frame_count for plan in self.plans)
        frames_done = 0
        shots = []
        for plan in self.plans:

            def tell(shot: DeliverableShot = plan.shot) -> None:
                nonlocal frames_done
                frames_done += 1
                if on_progress is not None:
                    on_progress(ExportProgress(shot=shot, frames_done=frames_done, frame_count=frame_count))

            shots.append(export_take(plan, folder, on_frame=tell))
        return tuple(shots)


def _require_different(names: Sequence[str]) -> None:
    counted = Counter(name.casefold() for name in names)
    twice = next((name for name in names if counted[name.casefold()] > 1), None)
    if twice is not None:
        raise UserError(
            f"Two files of the export would be called {twice}.",
            next_step="Rename the scene or the character it is called after.",
        )


def _write_text(path: Path, text: str) -> None:
    with writing(path):
        path.write_text(text, encoding="utf-8", newline="")
