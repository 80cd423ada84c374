"""Bringing media into a project, by copy or by reference, and finding files again that have moved.

The slow part (`prepare_media`: hashing, probing, copying) touches no project and may run on any thread; the
quick part (`adopt_media`) runs inside the caller's change, so that one edit of the user is one step of undo.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.media.atomic import atomic_path
from engine.media.content_hash import hash_file
from engine.media.probe import MediaProbe, probe_media
from engine.media.still import read_still
from engine.media.write_errors import writing
from engine.protocol.errors import ErrorCode, UserError
from projects_db.project_change import ProjectChange
from projects_db.project_store import ProjectStore
from projects_db.records import MediaAssetRecord, MediaKind, ProbeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedMedia:
    """A file that is ready to be taken into a project. `file_path` is absolute."""

    kind: MediaKind
    name: str
    file_path: Path
    relative_path: str
    size_bytes: int
    content_hash: str
    probe: ProbeRecord


def prepare_media(
    path: Path,
    *,
    project_folder: Path,
    media_folder: Path,
    by_reference: bool = False,
    known: Mapping[str, Path] | None = None,
) -> PreparedMedia:
    """Probe and hash a media file and, unless `by_reference`, copy it into the media folder.

    `known` are the project's files by content hash: content that is there already is not copied again.

    Raises UserError for a file that is missing, unreadable or no media, and when the copy cannot be written.
    """
    source = path.expanduser().absolute()
    _refuse_projects(source)
    probe = probe_media(source)
    kind = MediaKind(probe.kind.value)
    if kind is MediaKind.IMAGE:
        read_still(source)
    content_hash = hash_file(source)
    target = (known or {}).get(content_hash, source)
    if not _is_same_size(target, source):
        target = source
    if target == source and not by_reference and not _is_inside(source, project_folder):
        target = _copy_into(source, media_folder / source.name, content_hash)
    return PreparedMedia(
        kind=kind,
        name=source.name,
        file_path=target,
        relative_path=relative_to_project(target, project_folder),
        size_bytes=target.stat().st_size,
        content_hash=content_hash,
        probe=_probe_record(probe),
    )


def prepare_media_for(store: ProjectStore, path: Path, *, by_reference: bool = False) -> PreparedMedia:
    """Prepare a media file for an open project."""
    return prepare_media(
        path,
        project_folder=store.folder,
        media_folder=store.media_folder,
        by_reference=by_reference,
        known=known_files(store),
    )


def known_files(store: ProjectStore) -> dict[str, Path]:
    """Return the project's media files by content hash."""
    return {asset.content_hash: store.asset_path(asset) for asset in store.assets()}


def adopt_media(store: ProjectStore, change: ProjectChange, prepared: PreparedMedia) -> str:
    """Add prepared media to the project, return the asset's id; content that is there is used again."""
    known = store.find_asset_by_hash(prepared.content_hash)
    if known is None:
        return change.add_asset(
            kind=prepared.kind,
            name=prepared.name,
            relative_path=prepared.relative_path,
            size_bytes=prepared.size_bytes,
            content_hash=prepared.content_hash,
            probe=prepared.probe,
        )
    path = store.asset_path(known)
    if known.missing or not path.exists() or path.stat().st_size != known.size_bytes:
        change.update_asset(known.id, relative_path=prepared.relative_path, missing=False)
    return known.id


def relative_to_project(path: Path, project_folder: Path) -> str:
    """Return a POSIX path relative to the project's folder; absolute where there is none (another drive)."""
    try:
        return Path(os.path.relpath(path, project_folder)).as_posix()
    except ValueError:
        return path.as_posix()


def require_kind(prepared: PreparedMedia, kind: MediaKind, purpose: str) -> None:
    """Raise UserError unless the file is of `kind`; `purpose` says what it was meant for."""
    if prepared.kind is not kind:
        article = {"image": "a still picture", "video": "a video", "audio": "a sound file"}
        raise UserError(
            f"“{prepared.name}” is {article[prepared.kind.value]}, which cannot be {purpose}.",
            next_step=f"Choose {article[kind.value]} instead.",
            code=ErrorCode.FORMAT_UNSUPPORTED,
        )


def check_media(store: ProjectStore) -> tuple[MediaAssetRecord, ...]:
    """Look for every media file, note which are missing or back, and return the missing ones."""
    assets = store.assets()
    moved = [asset for asset in assets if asset.missing == store.asset_path(asset).exists()]
    if moved:
        with store.change("Check media") as change:
            for asset in moved:
                change.update_asset(asset.id, missing=not asset.missing)
    return tuple(asset for asset in store.assets() if asset.missing)


def relink_media(store: ProjectStore, folder: Path) -> tuple[MediaAssetRecord, ...]:
    """Find missing media by content anywhere below `folder` and return the assets that were found.

    Raises UserError when `folder` is not a folder.
    """
    found = find_missing(check_media(store), folder)
    if found:
        with store.change("Relink media") as change:
            adopt_found(store, change, found)
    return tuple(asset for asset in store.assets() if asset.id in found)


def find_missing(assets: Sequence[MediaAssetRecord], folder: Path) -> dict[str, Path]:
    """Return the files below `folder` that hold the content of these assets, by asset id. Needs no project.

    Only files of the right size are hashed. Raises UserError when `folder` is not a folder.
    """
    folder = folder.expanduser().absolute()
    if not folder.is_dir():
        raise UserError(
            f"“{folder}” is not a folder.",
            next_step="Name the folder the media was moved to.",
            code=ErrorCode.FILE_MISSING,
        )
    wanted = {asset.content_hash: asset.id for asset in assets}
    sizes = {asset.size_bytes for asset in assets}
    found: dict[str, Path] = {}
    for candidate in _files_below(folder):
        if len(found) == len(wanted):
            break
        if candidate.stat().st_size in sizes:
            asset_id = wanted.get(hash_file(candidate))
            if asset_id is not None:
                found.setdefault(asset_id, candidate)
    return found


def adopt_found(store: ProjectStore, change: ProjectChange, found: Mapping[str, Path]) -> None:
    """Let assets point to where their files were found."""
    for asset_id, path in found.items():
        relative = relative_to_project(path, store.folder)
        change.update_asset(asset_id, relative_path=relative, missing=False)


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            path = Path(parent) / name
            if path.is_file() and not _belongs_to_a_project(path):
                yield path


def _refuse_projects(path: Path) -> None:
    """A project is never opened as media: closing it would drop the locks of one that is open (POSIX)."""
    if _belongs_to_a_project(path):
        raise UserError(
            f"“{path.name}” is a project, not media.",
            next_step="Choose a picture, a video or a sound file; open projects with masque window.",
            code=ErrorCode.FORMAT_UNSUPPORTED,
        )


def _belongs_to_a_project(path: Path) -> bool:
    return ".masque" in path.suffix


def _is_same_size(path: Path, other: Path) -> bool:
    return path.is_file() and path.stat().st_size == other.stat().st_size


def _is_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _copy_into(source: Path, target: Path, content_hash: str) -> Path:
    with writing(target):
        target.parent.mkdir(exist_ok=True)
    candidate, number = target, 2
    while candidate.exists():
        if candidate.stat().st_size == source.stat().st_size and hash_file(candidate) == content_hash:
            return candidate
        candidate = target.with_name(f"{target.stem}-{number}{target.suffix}")
        number += 1
    with atomic_path(candidate) as temporary:
        shutil.copyfile(source, temporary)
    return candidate


def _probe_record(probe: MediaProbe) -> ProbeRecord:
    return ProbeRecord(
        width=probe.width,
        height=probe.height,
        duration_s=probe.duration_s,
        frame_rate=probe.frame_rate,
        frame_count=probe.frame_count,
        has_alpha=probe.has_alpha,
        video_codec=probe.video_codec,
        audio_codec=probe.audio_codec,
        audio_channels=probe.audio_channels,
        audio_sample_rate=probe.audio_sample_rate,
    )
