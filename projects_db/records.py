"""Frozen records: all that leaves the project file. Words as in the product; ids are UUID hex strings.

Positions on a timeline are integer project frames, positions in media rational seconds (`Fraction`), boxes
are in plate coordinates from 0 to 1. Times of day are timezone-aware UTC datetimes.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction


class MediaKind(StrEnum):
    """What a media file is."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"


class RegionShape(StrEnum):
    """The outline of a face region."""

    BOX = "box"
    ELLIPSE = "ellipse"


class LoopMode(StrEnum):
    """What a driving clip does when its source ends before its place on the timeline does."""

    ONCE = "once"
    HOLD = "hold"
    LOOP = "loop"
    PING_PONG = "ping_pong"


class Interpolation(StrEnum):
    """How a curve travels from one key to the next."""

    HOLD = "hold"
    LINEAR = "linear"
    BEZIER = "bezier"


class Channel(StrEnum):
    """What an intensity curve scales."""

    EXPRESSION = "expression"
    HEAD = "head"
    EYES = "eyes"
    MOUTH = "mouth"
    EMOTION = "emotion"
    VOICE = "voice"
    BODY_MOTION = "body_motion"


class TakeStatus(StrEnum):
    """Where a take is: waiting for its render, finished, or why not."""

    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class MarkerScope(StrEnum):
    """What a marker is for."""

    NOTE = "note"
    CHAPTER = "chapter"
    TASK = "task"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRecord:
    """The project itself."""

    id: str
    name: str
    frame_rate: Fraction
    created_at: datetime
    schema_revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRecord:
    """What was found in a media file; None where the file has no such stream.

    `width`/`height` are upright pixels (rotation applied). `frame_rate` is the average rate.
    `audio_channels` and `audio_sample_rate` describe the first sound stream.
    """

    width: int | None = None
    height: int | None = None
    duration_s: Fraction | None = None
    frame_rate: Fraction | None = None
    frame_count: int | None = None
    has_alpha: bool = False
    video_codec: str | None = None
    audio_codec: str | None = None
    audio_channels: int | None = None
    audio_sample_rate: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaAssetRecord:
    """A media file. `relative_path` is POSIX, relative to the project's folder, absolute on another drive."""

    id: str
    kind: MediaKind
    name: str
    relative_path: str
    size_bytes: int
    content_hash: str
    probe: ProbeRecord
    missing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionBox:
    """Left, top, width and height in plate coordinates from 0 to 1."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionKeyRecord:
    """The region's box at a frame."""

    frame: int
    box: RegionBox


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceRegionRecord:
    """Where a character's face is: one key or more by frame. `feather` is a share of the shorter side."""

    shape: RegionShape
    feather: float
    keys: tuple[RegionKeyRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrivingClipRecord:
    """A piece of video on a character's timeline."""

    id: str
    character_id: str
    asset_id: str
    source_in_s: Fraction
    source_out_s: Fraction
    start_frame: int
    length_frames: int
    speed: Fraction
    loop_mode: LoopMode
    face_index: int
    neutral_s: Fraction | None
    keep_sound: bool
    gain_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceClipRecord:
    """A piece of sound on a character's timeline."""

    id: str
    character_id: str
    asset_id: str
    source_in_s: Fraction
    source_out_s: Fraction
    start_frame: int
    gain_db: float
    fade_in_s: Fraction
    fade_out_s: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveKeyRecord:
    """One key of a curve; handles are offsets from the key (frames, value)."""

    frame: int
    value: float
    interpolation: Interpolation
    handle_in: tuple[float, float] = (0.0, 0.0)
    handle_out: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntensityCurveRecord:
    """A character's curve of one channel; keys sorted by frame, no two on one frame."""

    character_id: str
    channel: Channel
    keys: tuple[CurveKeyRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CharacterRecord:
    """A character with everything on its timeline."""

    id: str
    scene_id: str
    name: str
    colour: str
    position: int
    region: FaceRegionRecord
    driving_clips: tuple[DrivingClipRecord, ...]
    voice_clips: tuple[VoiceClipRecord, ...]
    curves: tuple[IntensityCurveRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerRecord:
    """A note at a frame of a scene."""

    id: str
    scene_id: str
    frame: int
    name: str
    colour: str
    scope: MarkerScope


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSummary:
    """A scene in a list. `length_frames` is None where the scene is as long as its clips."""

    id: str
    name: str
    position: int
    plate_asset_id: str
    length_frames: int | None
    character_count: int
    take_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRecord:
    """A scene whole: the plate and its timeline."""

    id: str
    name: str
    position: int
    plate: MediaAssetRecord
    length_frames: int | None
    prompt: str
    negative_prompt: str
    characters: tuple[CharacterRecord, ...]
    markers: tuple[MarkerRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeFileRecord:
    """One file of a take; `relative_path` as in MediaAssetRecord, `role` as the engine names it."""

    role: str
    label: str
    relative_path: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeRecord:
    """One render of a scene. `request` and `result`, the engine's answer to it, are JSON text."""

    id: str
    scene_id: str
    number: int
    status: TakeStatus
    renderer: str
    seed: int
    request: str
    result: str | None
    directory: str
    files: tuple[TakeFileRecord, ...]
    rating: int
    notes: str
    error: str | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderPresetRecord:
    """A named set of render settings; `settings` is JSON text of the caller's making."""

    id: str
    name: str
    settings: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRecord:
    """A named version of the project beside it."""

    name: str
    file_name: str
    created_at: datetime
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """One row before and after one step of a change; None before an insert and after a delete.

    Values are as stored: text, integers, reals.
    """

    table: str
    row_id: str
    before: dict[str, object] | None
    after: dict[str, object] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRecord:
    """A named change as it was committed: its steps in their order, those of cascades included.

    A row the change touched twice is there twice. The store reverts a change and applies it again from this.
    """

    name: str
    rows: tuple[RowChange, ...]
