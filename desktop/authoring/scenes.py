"""Scenes: a plate and its timeline."""

from fractions import Fraction

from desktop.authoring.media_import import PreparedMedia, adopt_media, require_kind
from engine.protocol.errors import UserError
from projects_db.project_change import ProjectChange
from projects_db.project_store import ProjectStore
from projects_db.records import CharacterRecord, MediaKind, SceneRecord

EMPTY_SCENE_S = 5


def add_scene(
    store: ProjectStore, change: ProjectChange, plate: PreparedMedia, *, name: str | None = None
) -> str:
    """Add a scene with `plate` and return its id; without a name it takes the file's, made unique.

    Raises UserError when the plate is no picture, ProjectError when the name is taken.
    """
    require_kind(plate, MediaKind.IMAGE, "the plate of a scene")
    taken = {scene.name for scene in store.scenes()}
    if name is not None and name in taken:
        raise UserError(
            f"There is a scene “{name}” already.", next_step="Choose another name for the new scene."
        )
    wanted = name if name is not None else unique_name(_title_of(plate.name), taken)
    return change.add_scene(name=wanted, plate_asset_id=adopt_media(store, change, plate))


def unique_name(name: str, taken: set[str]) -> str:
    """Return `name`, or `name 2`, `name 3` … when it is taken."""
    candidate, number = name, 2
    while candidate in taken:
        candidate = f"{name} {number}"
        number += 1
    return candidate


def scene_length_frames(scene: SceneRecord, frame_rate: Fraction) -> int:
    """Return the scene's length in frames: its own, else to the end of its last clip, else five seconds."""
    if scene.length_frames is not None:
        return scene.length_frames
    ends = [timeline_end(character, frame_rate) for character in scene.characters]
    return max(ends, default=0) or round(EMPTY_SCENE_S * frame_rate)


def timeline_end(character: CharacterRecord, frame_rate: Fraction) -> int:
    """Return the frame after the last one of a character's clips; 0 without clips."""
    driving = [clip.start_frame + clip.length_frames for clip in character.driving_clips]
    voices = [
        clip.start_frame + frames_in(clip.source_out_s - clip.source_in_s, frame_rate)
        for clip in character.voice_clips
    ]
    return max(driving + voices, default=0)


def frames_in(span_s: Fraction, frame_rate: Fraction) -> int:
    """Return how many frames it takes to hold `span_s` seconds whole (rounded up)."""
    return -int(-(span_s * frame_rate) // 1)


def _title_of(file_name: str) -> str:
    stem = file_name.rsplit(".", 1)[0]
    words = stem.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:] if words else "Scene"
