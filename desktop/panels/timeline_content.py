"""A scene as the timeline shows it: records in, plain lanes out."""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from desktop.authoring.scenes import frames_in, scene_length_frames
from desktop.commands.curve_edits import settled
from desktop.panels.channel_words import INSPECTOR_ORDER, channel_word, loop_word
from desktop.widgets.timeline.content import (
    CurvePoint,
    Lane,
    LaneKind,
    Leaving,
    Points,
    TimelineClip,
    TimelineContent,
    TimelineMarker,
)
from engine.protocol.clips import DrivingInput, source_time_s
from engine.protocol.clips import LoopMode as EngineLoopMode
from engine.protocol.curves import Channel as EngineChannel
from engine.protocol.curves import neutral_value
from projects_db.records import (
    Channel,
    CharacterRecord,
    CurveKeyRecord,
    DrivingClipRecord,
    IntensityCurveRecord,
    Interpolation,
    LoopMode,
    MediaAssetRecord,
    SceneRecord,
    VoiceClipRecord,
)

USUAL_HIGHEST = 2.0
LEAVING = {
    Interpolation.HOLD: Leaving.STEP,
    Interpolation.LINEAR: Leaving.STRAIGHT,
    Interpolation.BEZIER: Leaving.SMOOTH,
}


def curve_lane_id(character_id: str, channel: Channel) -> str:
    """Return the id of a channel's lane."""
    return f"{character_id}:{channel.value}"


def lane_channel(lane_id: str) -> tuple[str, Channel]:
    """Return whose lane it is and which channel's."""
    character_id, channel = lane_id.rsplit(":", 1)
    return character_id, Channel(channel)


def timeline_content(
    scene: SceneRecord,
    assets: Mapping[str, MediaAssetRecord],
    frame_rate: Fraction,
    *,
    folded: frozenset[str],
) -> TimelineContent:
    """Return a scene's markers and lanes: for each character its driving clips, voices and curves."""
    builder = _Builder(assets, frame_rate, folded)
    lanes = [lane for character in scene.characters for lane in builder.lanes(character)]
    return TimelineContent(
        lanes=tuple(lanes),
        length=scene_length_frames(scene, frame_rate),
        frame_rate=frame_rate,
        markers=tuple(
            TimelineMarker(marker_id=marker.id, frame=marker.frame, name=marker.name, colour=marker.colour)
            for marker in scene.markers
        ),
    )


class _Builder:
    def __init__(
        self, assets: Mapping[str, MediaAssetRecord], frame_rate: Fraction, folded: frozenset[str]
    ) -> None:
        self._assets = assets
        self._frame_rate = frame_rate
        self._folded = folded

    def lanes(self, character: CharacterRecord) -> Iterator[Lane]:
        """Yield a character's lanes; one that has only voices needs no lane for driving clips."""
        voices, driving = character.voice_clips, character.driving_clips
        if driving or not voices:
            clips = [self._driving_clip(clip) for clip in driving]
            yield self._clip_lane(character, "driving", clips, is_first=True)
        if voices:
            clips = [self._voice_clip(clip) for clip in voices]
            yield self._clip_lane(character, "voice", clips, is_first=not driving)
        curves = {curve.channel: curve for curve in character.curves}
        for channel in INSPECTOR_ORDER:
            if channel in curves:
                yield self._curve_lane(character, curves[channel])

    def _clip_lane(
        self, character: CharacterRecord, kind: str, clips: list[TimelineClip], *, is_first: bool
    ) -> Lane:
        return Lane(
            lane_id=f"{character.id}:{kind}",
            track_id=character.id,
            kind=LaneKind.CLIPS,
            title=character.name if is_first else _tr("Voice"),
            colour=character.colour,
            is_first=is_first,
            hint=_tr("Drop a driving clip or a voice here"),
            clips=tuple(sorted(clips, key=lambda clip: clip.start)),
        )

    def _driving_clip(self, clip: DrivingClipRecord) -> TimelineClip:
        return TimelineClip(
            clip_id=clip.id,
            start=clip.start_frame,
            length=clip.length_frames,
            label=self._driving_label(clip),
            art_id=clip.asset_id,
            is_sound=False,
            source_time_s=_driving_time(clip, self._frame_rate),
        )

    def _driving_label(self, clip: DrivingClipRecord) -> str:
        parts = [self._name(clip.asset_id)]
        if clip.loop_mode is not LoopMode.ONCE:
            parts.append(loop_word(clip.loop_mode))
        if clip.speed != 1:
            parts.append(f"{float(clip.speed):g}×")
        if clip.face_index:
            parts.append(_tr("face %d") % (clip.face_index + 1))
        return " · ".join(parts)

    def _voice_clip(self, clip: VoiceClipRecord) -> TimelineClip:
        gain = f" · {clip.gain_db:+.0f} dB".replace("-", "−") if clip.gain_db else ""
        length = frames_in(clip.source_out_s - clip.source_in_s, self._frame_rate)
        return TimelineClip(
            clip_id=clip.id,
            start=clip.start_frame,
            length=max(1, length),
            label=self._name(clip.asset_id) + gain,
            art_id=clip.asset_id,
            is_sound=True,
            source_time_s=_voice_time(clip, self._frame_rate),
        )

    def _name(self, asset_id: str) -> str:
        asset = self._assets.get(asset_id)
        return asset.name if asset else _tr("missing")

    def _curve_lane(self, character: CharacterRecord, curve: IntensityCurveRecord) -> Lane:
        lane_id = curve_lane_id(character.id, curve.channel)
        highest = max([USUAL_HIGHEST, *(key.value for key in curve.keys)])
        return Lane(
            lane_id=lane_id,
            track_id=character.id,
            kind=LaneKind.CURVE,
            title=channel_word(curve.channel),
            colour=character.colour,
            folded=lane_id in self._folded,
            points=tuple(_point(key) for key in curve.keys),
            neutral=neutral_value(EngineChannel(curve.channel.value)),
            highest=highest,
            settle=_settler(curve.keys),
        )


def _point(key: CurveKeyRecord) -> CurvePoint:
    return CurvePoint(
        frame=key.frame,
        value=key.value,
        handle_in=key.handle_in,
        handle_out=key.handle_out,
        leaves=LEAVING[key.interpolation],
    )


def _settler(before: tuple[CurveKeyRecord, ...]) -> Callable[[Points], Points]:
    """Return what gives dragged keys the handles the edit will give them."""
    interpolations = {leaving: interpolation for interpolation, leaving in LEAVING.items()}

    def settle(points: Points) -> Points:
        keys = tuple(
            CurveKeyRecord(
                frame=point.frame,
                value=point.value,
                interpolation=interpolations[point.leaves],
                handle_in=point.handle_in,
                handle_out=point.handle_out,
            )
            for point in points
        )
        return tuple(_point(key) for key in settled(before, keys))

    return settle


def _driving_time(clip: DrivingClipRecord, frame_rate: Fraction) -> Callable[[int], float | None]:
    driving = DrivingInput(
        path=Path(),
        content_hash="",
        source_in_s=clip.source_in_s,
        source_out_s=clip.source_out_s,
        start_frame=clip.start_frame,
        length_frames=clip.length_frames,
        speed=Fraction(clip.speed),
        loop_mode=EngineLoopMode(clip.loop_mode.value),
    )

    def time_at(frame: int) -> float | None:
        time_s = source_time_s(driving, frame, frame_rate)
        return float(time_s) if time_s is not None else None

    return time_at


def _voice_time(clip: VoiceClipRecord, frame_rate: Fraction) -> Callable[[int], float | None]:
    in_s, per_frame = float(clip.source_in_s), 1 / float(frame_rate)

    def time_at(frame: int) -> float | None:
        return max(0.0, in_s + (frame - clip.start_frame) * per_frame)

    return time_at


def _tr(text: str) -> str:
    return QCoreApplication.translate("timeline", text)
