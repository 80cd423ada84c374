"""Placing driving clips and voices on a character's timeline."""

from dataclasses import dataclass
from fractions import Fraction

from desktop.authoring.media_import import PreparedMedia
from engine.protocol.clips import natural_length_frames
from engine.protocol.errors import UserError
from projects_db.project_change import ProjectChange
from projects_db.records import LoopMode, MediaKind

SLOWEST = Fraction(1, 10)
FASTEST = Fraction(10)
SHORTEST_S = Fraction(1, 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trim:
    """Which part of a file is used, in seconds; None means from its start, to its end."""

    in_s: Fraction | None = None
    out_s: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrivingPlacement:
    """Where and how a driving clip plays. Faces count from 1 at the left; length None: its own."""

    trim: Trim = Trim()
    start_frame: int = 0
    length_frames: int | None = None
    speed: Fraction = Fraction(1)
    loop_mode: LoopMode = LoopMode.ONCE
    face_number: int = 1
    neutral_s: Fraction | None = None
    keep_sound: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicePlacement:
    """Where and how a voice plays."""

    trim: Trim = Trim()
    start_frame: int = 0
    gain_db: float = 0.0
    fade_in_s: Fraction = Fraction(0)
    fade_out_s: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedMedia:
    """A file that is in the project, with what placing it needs to know."""

    asset_id: str
    name: str
    duration_s: Fraction


def placed_media(asset_id: str, prepared: PreparedMedia) -> PlacedMedia:
    """Return prepared media as it can be placed. Raises UserError when its length is not known or zero."""
    duration_s = prepared.probe.duration_s
    if duration_s is None or duration_s <= 0:
        raise UserError(
            f"“{prepared.name}” has no length.", next_step="Choose a file that plays for at least one frame."
        )
    return PlacedMedia(asset_id=asset_id, name=prepared.name, duration_s=duration_s)


def require_voice(prepared: PreparedMedia) -> None:
    """Raise UserError unless the file has sound."""
    if prepared.probe.audio_codec is None:
        raise UserError(
            f"“{prepared.name}” has no sound.", next_step="Choose a sound file, or a video with sound."
        )


def require_driver(prepared: PreparedMedia) -> None:
    """Raise UserError unless the file is a video."""
    if prepared.kind is not MediaKind.VIDEO:
        what = "has only sound" if prepared.kind is MediaKind.AUDIO else "is a still picture"
        remedy = " or add it as a voice" if prepared.kind is MediaKind.AUDIO else ""
        raise UserError(
            f"“{prepared.name}” {what}, so it cannot drive a face.", next_step=f"Choose a video{remedy}."
        )


def add_driving_clip(
    change: ProjectChange,
    character_id: str,
    media: PlacedMedia,
    placement: DrivingPlacement,
    *,
    frame_rate: Fraction,
    fill_to_frame: int = 0,
) -> str:
    """Place a driving clip and return its id.

    A clip that loops or holds and has no length of its own fills the scene up to `fill_to_frame`.
    Raises UserError for trims outside the file, a speed out of range, a negative place or length.
    """
    in_s, out_s = trimmed(media, placement.trim)
    if not SLOWEST <= placement.speed <= FASTEST:
        raise UserError("The speed is out of range.", next_step="Choose a speed from 0.1 to 10.")
    _require_start(placement.start_frame)
    if placement.neutral_s is not None and not 0 <= placement.neutral_s < media.duration_s:
        raise UserError(
            f"The neutral face at {float(placement.neutral_s):.2f} s lies outside “{media.name}”.",
            next_step=f"Choose a second from 0 to {float(media.duration_s):.2f}.",
        )
    if placement.face_number < 1:
        raise UserError(
            "Faces are counted from 1, the one farthest left.", next_step="Choose face 1 or higher."
        )
    natural = natural_length_frames(out_s - in_s, placement.speed, frame_rate)
    return change.add_driving_clip(
        character_id=character_id,
        asset_id=media.asset_id,
        source_in_s=in_s,
        source_out_s=out_s,
        start_frame=placement.start_frame,
        length_frames=_length_frames(placement, natural, fill_to_frame),
        speed=placement.speed,
        loop_mode=placement.loop_mode,
        face_index=placement.face_number - 1,
        neutral_s=placement.neutral_s,
        keep_sound=placement.keep_sound,
    )


def add_voice_clip(
    change: ProjectChange, character_id: str, media: PlacedMedia, placement: VoicePlacement
) -> str:
    """Place a voice and return its id.

    Raises UserError for trims outside the file, a negative place, a gain out of range.
    """
    in_s, out_s = trimmed(media, placement.trim)
    _require_start(placement.start_frame)
    if not -60.0 <= placement.gain_db <= 24.0:
        raise UserError("The gain is out of range.", next_step="Choose a gain from -60 to 24 dB.")
    return change.add_voice_clip(
        character_id=character_id,
        asset_id=media.asset_id,
        source_in_s=in_s,
        source_out_s=out_s,
        start_frame=placement.start_frame,
        gain_db=placement.gain_db,
        fade_in_s=placement.fade_in_s,
        fade_out_s=placement.fade_out_s,
    )


def trimmed(media: PlacedMedia, trim: Trim) -> tuple[Fraction, Fraction]:
    """Return in and out in seconds. Raises UserError for a trim that is negative, empty or past the end."""
    in_s = Fraction(0) if trim.in_s is None else trim.in_s
    out_s = media.duration_s if trim.out_s is None else trim.out_s
    length = f"“{media.name}” is {float(media.duration_s):.2f} s long"
    if in_s < 0 or out_s < 0:
        raise UserError("A trim cannot be negative.", next_step=f"{length}: choose in and out inside it.")
    if out_s - in_s < SHORTEST_S:
        raise UserError(
            "The out point is not after the in point.", next_step=f"{length}: choose in before out."
        )
    if out_s > media.duration_s + SHORTEST_S:
        raise UserError(
            f"The out point {float(out_s):.2f} s lies past the end.",
            next_step=f"{length}: choose an earlier one.",
        )
    return in_s, min(out_s, media.duration_s)


def _length_frames(placement: DrivingPlacement, natural: int, fill_to_frame: int) -> int:
    length = placement.length_frames
    if length is None:
        fills = placement.loop_mode is not LoopMode.ONCE
        length = max(natural, fill_to_frame - placement.start_frame) if fills else natural
    if length < 1:
        raise UserError("A clip is at least one frame long.", next_step="Give a length of 1 frame or more.")
    return length


def _require_start(start_frame: int) -> None:
    if start_frame < 0:
        raise UserError(
            "A clip cannot start before the scene does.",
            next_step="Choose frame 0 or later, or trim its start.",
        )
