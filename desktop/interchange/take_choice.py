"""Which takes are delivered, and what the project knows about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from desktop.interchange.deliverable_shot import DeliverableShot, DeliverableStem, ShotMarker
from desktop.interchange.file_names import free_name, shot_stem
from engine.media.read_errors import require_file
from engine.protocol.codec import decode_result
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import FileRole, RenderResult
from projects_db.project_store import ProjectStore
from projects_db.records import SceneRecord, SceneSummary, TakeRecord, TakeStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeChoice:
    """The takes to deliver in the order of their scenes, and what the user should know about the choice."""

    shots: tuple[DeliverableShot, ...]
    warnings: tuple[str, ...]


def choose_takes(store: ProjectStore, take_ids: Sequence[str] = ()) -> TakeChoice:
    """Return the takes with these ids (or unique beginnings of ids), else the best of every scene.

    The best take is the one rated highest, of equals the newest.

    Raises UserError: NOT_FOUND (no such take, none finished), WRONG_STATE (not finished), FILE_MISSING (its
    files are gone).
    """
    chosen = _named_takes(store, take_ids) if take_ids else _best_takes(store)
    if not chosen:
        raise UserError(
            f"The project “{store.project().name}” has no finished take.",
            next_step="Render a scene first, then export.",
            code=ErrorCode.NOT_FOUND,
        )
    shots: list[DeliverableShot] = []
    for scene, take in chosen:
        shots.append(_deliverable(store, scene, take, taken=[shot.name for shot in shots]))
    scenes = () if take_ids else store.scenes()
    return TakeChoice(shots=tuple(shots), warnings=tuple(_warnings(store, scenes, shots)))


def best_take(takes: Sequence[TakeRecord]) -> TakeRecord | None:
    """Return the finished take that is rated highest, of equals the newest; None without one."""
    done = [take for take in takes if take.status is TakeStatus.DONE]
    return max(
        done, key=lambda take: (take.rating, take.finished_at or take.created_at, take.number), default=None
    )


def _best_takes(store: ProjectStore) -> list[tuple[SceneRecord, TakeRecord]]:
    pairs = ((scene, best_take(store.takes(scene.id))) for scene in store.scenes())
    return [(store.scene(scene.id), take) for scene, take in pairs if take is not None]


def _named_takes(store: ProjectStore, take_ids: Sequence[str]) -> list[tuple[SceneRecord, TakeRecord]]:
    every = store.takes()
    takes = {take.id: take for take in (_take_named(every, wanted) for wanted in take_ids)}
    scenes = {scene_id: store.scene(scene_id) for scene_id in {take.scene_id for take in takes.values()}}
    chosen = [(scenes[take.scene_id], take) for take in takes.values()]
    return sorted(chosen, key=lambda pair: (pair[0].position, pair[1].number))


def _take_named(takes: Sequence[TakeRecord], wanted: str) -> TakeRecord:
    beginning = [take for take in takes if wanted and take.id.startswith(wanted)]
    found = [take for take in beginning if take.id == wanted] or beginning
    if len(found) != 1:
        raise UserError(
            f"The project has {len(found) or 'no'} takes whose id begins with “{wanted}”.",
            next_step="Look the id up in the list of takes.",
            code=ErrorCode.NOT_FOUND,
        )
    take = found[0]
    if take.status is not TakeStatus.DONE:
        raise UserError(
            f"Take {take.number} ({take.id[:8]}) is not finished: it is {take.status.value}.",
            next_step="Wait for its render, or choose another take.",
            code=ErrorCode.WRONG_STATE,
        )
    return take


def _deliverable(
    store: ProjectStore, scene: SceneRecord, take: TakeRecord, *, taken: list[str]
) -> DeliverableShot:
    result = decode_result(take.result or "")
    name = free_name(shot_stem(store.project().name, scene.name, take.number), taken)
    stems = tuple(
        DeliverableStem(character=file.label, path=_present(store.folder / file.relative_path))
        for file in take.files
        if file.role == FileRole.STEM
    )
    return DeliverableShot(
        name=name,
        scene_id=scene.id,
        scene_name=scene.name,
        take_id=take.id,
        take_number=take.number,
        request_id=result.request_id,
        renderer=take.renderer,
        seed=take.seed,
        rating=take.rating,
        notes=take.notes,
        frame_rate=result.frame_rate,
        frame_count=result.frame_count,
        width=result.width,
        height=result.height,
        has_alpha=result.has_alpha,
        master=_master(store, scene, take),
        mix=_file_of(store, take, FileRole.MIX),
        stems=stems,
        markers=_markers(scene, result),
        masque_version=result.masque_version,
    )


def _markers(scene: SceneRecord, result: RenderResult) -> tuple[ShotMarker, ...]:
    return tuple(
        ShotMarker(frame=marker.frame, name=marker.name, colour=marker.colour, scope=marker.scope.value)
        for marker in scene.markers
        if 0 <= marker.frame < result.frame_count
    )


def _master(store: ProjectStore, scene: SceneRecord, take: TakeRecord) -> Path:
    path = _file_of(store, take, FileRole.MASTER)
    if path is None:
        raise UserError(
            f"Take {take.number} of “{scene.name}” has no lossless movie.",
            next_step="Render the scene again and export the new take.",
            code=ErrorCode.FILE_MISSING,
        )
    return path


def _file_of(store: ProjectStore, take: TakeRecord, role: FileRole) -> Path | None:
    relative = next((file.relative_path for file in take.files if file.role == role), None)
    return None if relative is None else _present(store.folder / relative)


def _present(path: Path) -> Path:
    require_file(path)
    return path.resolve()


def _warnings(
    store: ProjectStore, scenes: Sequence[SceneSummary], shots: Sequence[DeliverableShot]
) -> list[str]:
    delivered = {shot.scene_id for shot in shots}
    missing = [
        f"“{scene.name}” has no finished take and was left out."
        for scene in scenes
        if scene.id not in delivered
    ]
    rate = store.project().frame_rate
    other_rate = [
        f"{shot.title} was rendered at {float(shot.frame_rate):g} frames a second, the project now has"
        f" {float(rate):g}: render it again."
        for shot in shots
        if shot.frame_rate != rate
    ]
    return [*missing, *other_rate]
