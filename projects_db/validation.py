"""What the project takes and what it refuses, each refusal with a sentence and what to do next.

A value of the wrong Python type is a fault of ours: TypeError. A value out of range is the user's:
ProjectError.
"""

import json
import math
import re
from collections.abc import Iterable
from fractions import Fraction

from projects_db.errors import invalid
from projects_db.records import (
    CurveKeyRecord,
    DrivingClipRecord,
    FaceRegionRecord,
    MarkerRecord,
    MediaAssetRecord,
    RegionBox,
    TakeFileRecord,
    VoiceClipRecord,
)

LONGEST_NAME = 200
LAST_FRAME = 100_000_000
LARGEST_INTEGER = 2**63 - 1
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_BOX_TOLERANCE = 1e-6


def check_name(name: str, what: str) -> None:
    """Refuse names that are empty, too long, padded with spaces or not printable. `what` as in "scene"."""
    check_text(name, f"The name of the {what}")
    if not name or name != name.strip():
        raise invalid(f"“{name}” cannot name a {what}.", "Give it a name without spaces at its ends.")
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise invalid(
            f"This name of a {what} is too long or has characters that cannot be shown.",
            f"Give it a name of at most {LONGEST_NAME} letters on one line.",
        )


def check_text(text: str, what: str) -> None:
    """Refuse what cannot be stored: half characters, as in names of files that are not UTF-8, and zeros."""
    if not isinstance(text, str):
        raise TypeError(f"{what} must be text, not {text!r}")
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise invalid(f"{what} has characters that cannot be stored.", "Rename it and try again.")


def check_colour(colour: str) -> None:
    """Refuse a colour that is not #rrggbb."""
    if not _COLOUR.fullmatch(colour):
        raise invalid(f"“{colour}” is not a colour.", "Write it as #rrggbb, such as #3fa7d6.")


def check_integer(value: int, what: str, *, lowest: int = 0, highest: int = LARGEST_INTEGER) -> None:
    """Refuse an integer outside lowest..highest."""
    if not isinstance(value, int):
        raise TypeError(f"{what} must be an integer, not {value!r}")
    if not lowest <= value <= highest:
        raise invalid(f"{what} cannot be {value}.", f"Choose a number from {lowest} to {highest}.")


def check_frame(frame: int, what: str) -> None:
    """Refuse frames before the beginning of the scene and absurdly late ones."""
    check_integer(frame, what, lowest=0, highest=LAST_FRAME)


def check_length(length_frames: int) -> None:
    """Refuse lengths below one frame."""
    check_integer(length_frames, "A length in frames", lowest=1, highest=LAST_FRAME)


def check_number(value: float, what: str, *, lowest: float, highest: float) -> None:
    """Refuse a number outside lowest..highest, infinities and not-a-number."""
    if not isinstance(value, float | int):
        raise TypeError(f"{what} must be a number, not {value!r}")
    if not math.isfinite(value) or not lowest <= value <= highest:
        raise invalid(f"{what} cannot be {value:g}.", f"Choose a number from {lowest:g} to {highest:g}.")


def check_rational(value: Fraction, what: str, *, above: int | None = None, highest: int) -> None:
    """Refuse a rational below zero (or not `above` a bound) or above `highest`."""
    if not isinstance(value, Fraction | int):
        raise TypeError(f"{what} must be a Fraction, not {value!r}")
    if value < 0 or value > highest or (above is not None and value <= above):
        bound = "zero" if above is None else f"more than {above}"
        raise invalid(f"{what} cannot be {float(value):g}.", f"Choose a value from {bound} to {highest}.")
    if max(value.numerator, value.denominator) > LARGEST_INTEGER:
        raise invalid(f"{what} is more precise than can be stored.", "Round it and try again.")


def check_frame_rate(frame_rate: Fraction) -> None:
    """Refuse a project frame rate that is not positive or above 1,000."""
    check_rational(frame_rate, "The frame rate", above=0, highest=1000)


def check_json(text: str, what: str) -> None:
    """Refuse text that is not JSON."""
    check_text(text, what)
    try:
        json.loads(text)
    except ValueError as error:
        raise invalid(f"{what} is not JSON.", "Write it as JSON and try again.") from error


def check_relative_path(relative_path: str) -> None:
    """Refuse an empty path or one that cannot be stored."""
    check_text(relative_path, "The path of the file")
    if not relative_path:
        raise invalid("A file needs a path.", "Choose a file.")


def check_asset(asset: MediaAssetRecord) -> None:
    """Refuse a media file that cannot be one."""
    check_text(asset.name, "The name of the file")
    check_relative_path(asset.relative_path)
    check_integer(asset.size_bytes, "The size of the file")
    if not asset.name or not asset.content_hash:
        raise invalid("A media file needs a name and a content hash.", "Import the file again.")
    check_text(asset.content_hash, "The content hash")
    _check_probe(asset)


def _check_probe(asset: MediaAssetRecord) -> None:
    probe = asset.probe
    for value, what, lowest in (
        (probe.width, "The width of the picture", 1),
        (probe.height, "The height of the picture", 1),
        (probe.frame_count, "The number of frames", 0),
        (probe.audio_channels, "The number of sound channels", 1),
        (probe.audio_sample_rate, "The sample rate", 1),
    ):
        if value is not None:
            check_integer(value, what, lowest=lowest)
    if probe.duration_s is not None:
        check_rational(probe.duration_s, "The duration", highest=10**9)
    if probe.frame_rate is not None:
        check_rational(probe.frame_rate, "The frame rate of the file", above=0, highest=10**9)


def check_region(region: FaceRegionRecord) -> None:
    """Refuse a face region without keys, with two keys on a frame, or with a box outside the plate."""
    check_number(region.feather, "The feather of a face region", lowest=0.0, highest=1.0)
    if not region.keys:
        raise invalid("A face region needs a box.", "Draw a box around the face.")
    _check_frames_differ((key.frame for key in region.keys), "face region")
    for key in region.keys:
        check_frame(key.frame, "The frame of a key")
        _check_box(key.box)


def _check_box(box: RegionBox) -> None:
    sides = (box.x, box.y, box.width, box.height)
    inside = (
        all(math.isfinite(side) for side in sides)
        and min(box.x, box.y) >= 0
        and min(box.width, box.height) > 0
        and max(box.x + box.width, box.y + box.height) <= 1 + _BOX_TOLERANCE
    )
    if not inside:
        raise invalid(
            f"The box {box.x:g}, {box.y:g}, {box.width:g}, {box.height:g} does not lie on the plate.",
            "Draw it inside the picture: left, top, width and height are shares of the plate from 0 to 1.",
        )


def check_curve_keys(keys: tuple[CurveKeyRecord, ...]) -> None:
    """Refuse two keys on a frame, values that are not gains and handles that are not numbers."""
    _check_frames_differ((key.frame for key in keys), "curve")
    for key in keys:
        check_frame(key.frame, "The frame of a key")
        check_number(key.value, "The value of a key", lowest=0.0, highest=100.0)
        for offset in (*key.handle_in, *key.handle_out):
            check_number(offset, "A handle of a key", lowest=-1e9, highest=1e9)


def _check_frames_differ(frames: Iterable[int], what: str) -> None:
    seen: set[int] = set()
    for frame in frames:
        if frame in seen:
            raise invalid(f"Two keys of the {what} are on frame {frame}.", "Remove one of them.")
        seen.add(frame)


def check_driving_clip(clip: DrivingClipRecord) -> None:
    """Refuse a driving clip without length, outside its media or the timeline, or with an absurd speed."""
    _check_source(clip.source_in_s, clip.source_out_s)
    check_frame(clip.start_frame, "The start frame of a clip")
    check_length(clip.length_frames)
    check_rational(clip.speed, "The speed of a clip", above=0, highest=1000)
    check_integer(clip.face_index, "The number of a face", highest=1000)
    if clip.neutral_s is not None:
        check_rational(clip.neutral_s, "The time of the neutral face", highest=10**6)
    check_gain(clip.gain_db)


def check_voice_clip(clip: VoiceClipRecord) -> None:
    """Refuse a voice clip without length, outside its media or the timeline, or shorter than its fades."""
    _check_source(clip.source_in_s, clip.source_out_s)
    check_frame(clip.start_frame, "The start frame of a clip")
    check_gain(clip.gain_db)
    check_rational(clip.fade_in_s, "A fade", highest=10**6)
    check_rational(clip.fade_out_s, "A fade", highest=10**6)
    if clip.fade_in_s + clip.fade_out_s > clip.source_out_s - clip.source_in_s:
        raise invalid("The fades are longer than the clip.", "Shorten the fades or lengthen the clip.")


def _check_source(source_in_s: Fraction, source_out_s: Fraction) -> None:
    check_rational(source_in_s, "The in point of a clip", highest=10**6)
    check_rational(source_out_s, "The out point of a clip", highest=10**6)
    if source_in_s >= source_out_s:
        raise invalid(
            f"The clip ends ({float(source_out_s):g} s) before it begins ({float(source_in_s):g} s).",
            "Set the out point after the in point.",
        )


def check_gain(gain_db: float) -> None:
    """Refuse a gain outside -120..60 dB."""
    check_number(gain_db, "A gain in decibels", lowest=-120.0, highest=60.0)


def check_marker(marker: MarkerRecord) -> None:
    """Refuse a marker before the scene or without a colour; its name may be empty."""
    check_frame(marker.frame, "The frame of a marker")
    check_colour(marker.colour)
    check_text(marker.name, "The name of the marker")


def check_take_file(file: TakeFileRecord) -> None:
    """Refuse a file of a take without a role or a path."""
    check_text(file.label, "The label of a file")
    check_relative_path(file.relative_path)
    check_integer(file.size_bytes, "The size of a file")
    if not file.role:
        raise invalid("A file of a take needs a role.", "Render the take again.")
