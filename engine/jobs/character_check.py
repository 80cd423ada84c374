"""What the clips, curves and region of a character must hold, so that a render does not trip over them."""

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise

from engine.protocol.clips import DrivingInput, VoiceInput
from engine.protocol.curves import Curve, CurveKey
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.regions import FaceRegion
from engine.protocol.render_request import CharacterInput

LAST_FRAME = 100_000_000
LONGEST_SOURCE_S = 1_000_000
FASTEST = 1000
LOWEST_GAIN_DB, HIGHEST_GAIN_DB = -120.0, 60.0
LARGEST_VALUE = 100.0
_LARGEST_OFFSET = 1e9


def check_character(character: CharacterInput) -> None:
    """Raise UserError(BAD_INPUT) with the first thing that is wrong with a character."""
    who = f"“{character.name[:60]}”"
    _check_region(character.region, who)
    for clip in character.driving:
        _check_driving(clip, who)
    for voice in character.voices:
        _check_voice(voice, who)
    channels = [curve.channel for curve in character.curves]
    if len(set(channels)) != len(channels):
        raise refused(f"{who} has two curves of one channel", "Remove one of them")
    for curve in character.curves:
        _check_curve(curve, who)


def _check_region(region: FaceRegion, who: str) -> None:
    if not region.keys:
        raise refused(f"{who} has no face region", "Draw the region of each character")
    _check_order((key.frame for key in region.keys), f"The face region of {who}")
    if not _within(region.feather, 0.0, 1.0):
        raise refused(f"The face region of {who} has no usable feather", "Choose one from 0 to 1")
    for key in region.keys:
        box = key.box
        sides = (box.x, box.y, box.width, box.height)
        if not all(_within(side, -LARGEST_VALUE, LARGEST_VALUE) for side in sides) or min(sides[2:]) <= 0:
            raise refused(f"The face region of {who} has a box without size", "Draw the region again")


def _check_driving(clip: DrivingInput, who: str) -> None:
    what = f"The driving clip {clip.path.name} of {who}"
    _check_source(clip, what)
    if not 1 <= clip.length_frames <= LAST_FRAME:
        raise refused(f"{what} is {clip.length_frames} frames long", "Make it at least one frame long")
    if not 0 < clip.speed <= FASTEST:
        raise refused(
            f"{what} has the speed {_shown(clip.speed)}", f"Choose a speed above 0 and up to {FASTEST}"
        )
    if clip.face_index < 0:
        raise refused(f"{what} has no usable face number", "Choose the first face as 0")
    if clip.neutral_s is not None and not 0 <= clip.neutral_s <= LONGEST_SOURCE_S:
        raise refused(f"{what} has its neutral face outside the clip's file", "Choose another instant")


def _check_voice(voice: VoiceInput, who: str) -> None:
    what = f"The voice clip {voice.path.name} of {who}"
    _check_source(voice, what)
    if min(voice.fade_in_s, voice.fade_out_s) < 0:
        raise refused(f"{what} has a fade of negative length", "Choose fades of zero seconds or more")
    if voice.fade_in_s + voice.fade_out_s > voice.source_out_s - voice.source_in_s:
        raise refused(f"{what} is shorter than its fades", "Shorten the fades or lengthen the clip")


def _check_source(clip: DrivingInput | VoiceInput, what: str) -> None:
    if not 0 <= clip.source_in_s < clip.source_out_s <= LONGEST_SOURCE_S:
        begin, end = _shown(clip.source_in_s), _shown(clip.source_out_s)
        raise refused(
            f"{what} goes from {begin} to {end} seconds of its file",
            "Set the in point to zero or more, and the out point after it",
        )
    if abs(clip.start_frame) > LAST_FRAME:
        raise refused(f"{what} starts at frame {clip.start_frame}", "Move it to where the scene is")
    if not _within(clip.gain_db, LOWEST_GAIN_DB, HIGHEST_GAIN_DB):
        raise refused(
            f"{what} has a gain of {clip.gain_db:g} dB",
            f"Choose one from {LOWEST_GAIN_DB:g} to {HIGHEST_GAIN_DB:g} dB",
        )


def _check_curve(curve: Curve, who: str) -> None:
    what = f"The {curve.channel.value} curve of {who}"
    _check_order((key.frame for key in curve.keys), what)
    for key in curve.keys:
        if not _within(key.value, 0.0, LARGEST_VALUE):
            raise refused(
                f"{what} has the value {key.value:g} at frame {key.frame}",
                f"Choose values from 0 to {LARGEST_VALUE:g}",
            )
        if not all(_within(offset, -_LARGEST_OFFSET, _LARGEST_OFFSET) for offset in _offsets(key)):
            raise refused(f"{what} has no usable handle at frame {key.frame}", "Set the handle again")


def _offsets(key: CurveKey) -> Sequence[float]:
    return (key.handle_in.frames, key.handle_in.value, key.handle_out.frames, key.handle_out.value)


def _check_order(frames: Iterable[int], what: str) -> None:
    for before, after in pairwise(frames):
        if before >= after:
            raise refused(
                f"{what} has a key at frame {after} after one at frame {before}",
                "Sort the keys by frame, each on a frame of its own",
            )


def _within(value: float, lowest: float, highest: float) -> bool:
    return math.isfinite(value) and lowest <= value <= highest


def _shown(value: Fraction) -> str:
    return f"{float(value):g}" if abs(value) < 10**12 else "too much"


def refused(message: str, next_step: str) -> UserError:
    """Return the error for a request that cannot be rendered; the sentences are given without their ends."""
    return UserError(f"{message}.", next_step=f"{next_step}.", code=ErrorCode.BAD_INPUT)
