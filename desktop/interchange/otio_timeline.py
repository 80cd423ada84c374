"""The edit as an OpenTimelineIO timeline: scenes in a row, the mix and each character's sound below."""

from collections.abc import Sequence
from fractions import Fraction
from urllib.parse import quote

import opentimelineio as otio

from desktop.interchange.deliverable_shot import DeliverableShot, DeliveredShot, ShotMarker
from engine.protocol.errors import BugError

MARKER_COLOURS = {
    "RED": (255, 0, 0), "PINK": (255, 128, 192), "ORANGE": (255, 140, 0), "YELLOW": (255, 230, 0),
    "GREEN": (0, 180, 0), "CYAN": (0, 200, 220), "BLUE": (0, 80, 255), "PURPLE": (140, 60, 200),
    "MAGENTA": (255, 0, 255), "BLACK": (0, 0, 0), "WHITE": (255, 255, 255),
}  # fmt: skip
SEQUENCE_DIGITS = 6


def timeline_text(*, project_name: str, frame_rate: Fraction, shots: Sequence[DeliveredShot]) -> str:
    """Return the edit as the text of an .otio file that lies beside the delivered media.

    Times are whole frames at each take's own rate; media are named by percent-encoded relative URLs.
    """
    timeline = otio.schema.Timeline(name=project_name, global_start_time=_frames(0, frame_rate))
    timeline.metadata["masque"] = {"frame_rate": rational_text(frame_rate)}
    timeline.tracks.append(_picture_track(shots))
    if any(shot.mix_name for shot in shots):
        timeline.tracks.append(_sound_track("Mix", shots, [shot.mix_name for shot in shots]))
    for character in _characters(shots):
        names = [_stem_name(shot, character) for shot in shots]
        timeline.tracks.append(_sound_track(character, shots, names))
    text = timeline.to_json_string(indent=2)
    if not isinstance(text, str):
        raise BugError("OpenTimelineIO gave no text")
    return f"{text}\n"


def rational_text(rate: Fraction) -> str:
    """Return a rate as `24000/1001`."""
    return f"{rate.numerator}/{rate.denominator}"


def marker_colour(colour: str) -> str:
    """Return the timeline's colour name nearest to "#rrggbb"."""
    wanted = tuple(int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return min(
        MARKER_COLOURS,
        key=lambda name: sum((a - b) ** 2 for a, b in zip(MARKER_COLOURS[name], wanted, strict=True)),
    )


def _picture_track(shots: Sequence[DeliveredShot]) -> otio.schema.Track:
    track = otio.schema.Track(name="Scenes", kind=otio.schema.TrackKind.Video)
    for delivered in shots:
        clip = _clip(delivered.shot, _picture_reference(delivered))
        clip.markers.extend(_marker(marker, delivered.shot.frame_rate) for marker in delivered.shot.markers)
        track.append(clip)
    return track


def _sound_track(
    name: str, shots: Sequence[DeliveredShot], file_names: Sequence[str | None]
) -> otio.schema.Track:
    track = otio.schema.Track(name=name, kind=otio.schema.TrackKind.Audio)
    for delivered, file_name in zip(shots, file_names, strict=True):
        if file_name is None:
            track.append(otio.schema.Gap(source_range=_whole(delivered.shot)))
            continue
        reference = otio.schema.ExternalReference(
            target_url=quote(file_name), available_range=_whole(delivered.shot)
        )
        reference.name = file_name
        track.append(_clip(delivered.shot, reference))
    return track


def _clip(shot: DeliverableShot, reference: otio.core.MediaReference) -> otio.schema.Clip:
    clip = otio.schema.Clip(name=shot.scene_name, media_reference=reference, source_range=_whole(shot))
    clip.metadata["masque"] = {
        "scene_id": shot.scene_id,
        "take_id": shot.take_id,
        "take_number": shot.take_number,
        "request_id": shot.request_id,
        "renderer": shot.renderer,
        "seed": shot.seed,
        "rating": shot.rating,
        "notes": shot.notes,
        "frame_rate": rational_text(shot.frame_rate),
        "width": shot.width,
        "height": shot.height,
        "has_alpha": shot.has_alpha,
        "masque_version": shot.masque_version,
    }
    return clip


def _picture_reference(delivered: DeliveredShot) -> otio.core.MediaReference:
    shot = delivered.shot
    if not delivered.is_sequence:
        reference = otio.schema.ExternalReference(
            target_url=quote(delivered.picture_name), available_range=_whole(shot)
        )
    else:
        reference = otio.schema.ImageSequenceReference(
            target_url_base=f"{quote(delivered.picture_name)}/",
            name_prefix=quote(delivered.sequence_prefix),
            name_suffix=delivered.sequence_suffix,
            start_frame=0,
            frame_step=1,
            rate=float(shot.frame_rate),
            frame_zero_padding=SEQUENCE_DIGITS,
            missing_frame_policy=otio.schema.ImageSequenceReference.MissingFramePolicy.error,
            available_range=_whole(shot),
        )
    reference.name = delivered.picture_name
    return reference


def _marker(marker: ShotMarker, frame_rate: Fraction) -> otio.schema.Marker:
    made = otio.schema.Marker(
        name=marker.name,
        marked_range=otio.opentime.TimeRange(_frames(marker.frame, frame_rate), _frames(1, frame_rate)),
        color=marker_colour(marker.colour),
    )
    made.metadata["masque"] = {"scope": marker.scope, "colour": marker.colour}
    return made


def _characters(shots: Sequence[DeliveredShot]) -> list[str]:
    """Return the characters with a sound of their own, in the order they first speak."""
    return list(dict.fromkeys(stem.character for shot in shots for stem in shot.stems))


def _stem_name(shot: DeliveredShot, character: str) -> str | None:
    return next((stem.file_name for stem in shot.stems if stem.character == character), None)


def _whole(shot: DeliverableShot) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(_frames(0, shot.frame_rate), _frames(shot.frame_count, shot.frame_rate))


def _frames(count: int, frame_rate: Fraction) -> otio.opentime.RationalTime:
    return otio.opentime.RationalTime(count, float(frame_rate))
