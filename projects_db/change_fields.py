"""The keyword arguments of a change that adds or edits something with many fields."""

from fractions import Fraction
from typing import NotRequired, TypedDict

from projects_db.records import LoopMode, MarkerScope, ProbeRecord


class AssetFields(TypedDict, total=False):
    """What can be changed of a media file."""

    name: str
    relative_path: str
    missing: bool
    size_bytes: int
    content_hash: str
    probe: ProbeRecord


class SceneFields(TypedDict, total=False):
    """What can be changed of a scene."""

    name: str
    length_frames: int | None
    prompt: str
    negative_prompt: str
    plate_asset_id: str


class CharacterFields(TypedDict, total=False):
    """What can be changed of a character; `position` counts the characters of the scene from 0."""

    name: str
    colour: str
    position: int


class NewDrivingClip(TypedDict):
    """A driving clip to be placed; the fields are those of DrivingClipRecord."""

    character_id: str
    asset_id: str
    source_in_s: Fraction
    source_out_s: Fraction
    start_frame: int
    length_frames: int
    speed: NotRequired[Fraction]
    loop_mode: NotRequired[LoopMode]
    face_index: NotRequired[int]
    neutral_s: NotRequired[Fraction | None]
    keep_sound: NotRequired[bool]
    gain_db: NotRequired[float]


class DrivingClipFields(TypedDict, total=False):
    """What can be changed of a driving clip."""

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


class NewVoiceClip(TypedDict):
    """A voice clip to be placed; the fields are those of VoiceClipRecord."""

    character_id: str
    asset_id: str
    source_in_s: Fraction
    source_out_s: Fraction
    start_frame: int
    gain_db: NotRequired[float]
    fade_in_s: NotRequired[Fraction]
    fade_out_s: NotRequired[Fraction]


class VoiceClipFields(TypedDict, total=False):
    """What can be changed of a voice clip."""

    character_id: str
    asset_id: str
    source_in_s: Fraction
    source_out_s: Fraction
    start_frame: int
    gain_db: float
    fade_in_s: Fraction
    fade_out_s: Fraction


class MarkerFields(TypedDict, total=False):
    """What can be changed of a marker."""

    frame: int
    name: str
    colour: str
    scope: MarkerScope


class PresetFields(TypedDict, total=False):
    """What can be changed of a render preset."""

    name: str
    settings: str
