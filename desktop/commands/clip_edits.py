"""Edits of driving clips and voices: move, trim, slip, change how they play, delete."""

from dataclasses import replace
from fractions import Fraction

from desktop.authoring.scenes import frames_in
from desktop.commands.edit_history import EditHistory
from desktop.commands.wording import worded
from desktop.state.project_session import ProjectSession
from engine.protocol.clips import natural_length_frames
from projects_db.project_change import ProjectChange
from projects_db.records import DrivingClipRecord, LoopMode, VoiceClipRecord

Clip = DrivingClipRecord | VoiceClipRecord
SAMPLE_RATE = 48_000
SHORTEST_VOICE_S = Fraction(1, 50)


class ClipEdits:
    """Each method is one undoable edit. Frames are project frames, shifts are from where the clip is now."""

    def __init__(self, session: ProjectSession, history: EditHistory) -> None:
        self._session = session
        self._history = history

    def clip(self, clip_id: str) -> Clip | None:
        """Return a clip of the chosen scene."""
        characters = self._session.scene.characters if self._session.scene else ()
        for character in characters:
            clips: tuple[Clip, ...] = (*character.driving_clips, *character.voice_clips)
            for clip in clips:
                if clip.id == clip_id:
                    return clip
        return None

    def move(self, clip_ids: frozenset[str], shift_frames: int) -> None:
        """Move clips together, no farther left than the scene's start."""
        clips = self._clips(clip_ids)
        shift = max(shift_frames, -min((clip.start_frame for clip in clips), default=0))
        if not shift:
            return
        name = worded("Move driving clip") if _is_driving(clips) else worded("Move voice")
        if len(clips) > 1:
            name = worded("Move clips")
        self._update_all(name, [replace(clip, start_frame=clip.start_frame + shift) for clip in clips])

    def trim_start(self, clip_id: str, shift_frames: int) -> None:
        """Move a clip's start and keep its end; the source follows."""
        clip = self.clip(clip_id)
        if clip is None:
            return
        trimmed = self._start_trimmed(clip, shift_frames)
        if trimmed != clip:
            self._update_all(self._trim_name(clip), [trimmed])

    def trim_end(self, clip_id: str, shift_frames: int) -> None:
        """Move a clip's end and keep its start."""
        clip = self.clip(clip_id)
        if clip is None:
            return
        trimmed = self._end_trimmed(clip, shift_frames)
        if trimmed != clip:
            self._update_all(self._trim_name(clip), [trimmed])

    def slip(self, clip_id: str, shift_frames: int) -> None:
        """Show another part of the source in the same place; a shift to the right shows an earlier part."""
        clip = self.clip(clip_id)
        if clip is None:
            return
        wanted_s = -shift_frames / self._session.frame_rate * _speed(clip)
        shift_s = min(max(wanted_s, -clip.source_in_s), self._source_end_s(clip) - clip.source_out_s)
        if shift_s:
            slipped = replace(
                clip, source_in_s=clip.source_in_s + shift_s, source_out_s=clip.source_out_s + shift_s
            )
            self._update_all(worded("Slip clip"), [slipped])

    def delete(self, clip_ids: frozenset[str]) -> None:
        """Remove clips from their tracks; the media stays in the project."""
        clips = self._clips(clip_ids)
        if not clips:
            return

        def edit(change: ProjectChange) -> None:
            for clip in clips:
                if isinstance(clip, DrivingClipRecord):
                    change.remove_driving_clip(clip.id)
                else:
                    change.remove_voice_clip(clip.id)

        self._history.perform(worded("Delete clip") if len(clips) == 1 else worded("Delete clips"), edit)

    def set_loop_mode(self, clip_id: str, mode: LoopMode) -> None:
        """Choose what a driving clip does at the end of its source."""
        self._history.perform(
            worded("Change loop mode"), lambda change: change.update_driving_clip(clip_id, loop_mode=mode)
        )

    def set_speed(self, clip_id: str, speed: Fraction) -> None:
        """Play a driving clip faster or slower; one that plays once keeps its content, not its length."""
        clip = self.clip(clip_id)
        if not isinstance(clip, DrivingClipRecord) or speed == clip.speed:
            return
        length = clip.length_frames
        if clip.loop_mode is LoopMode.ONCE:
            length = max(1, round(clip.length_frames * clip.speed / speed))
        self._history.perform(
            worded("Change speed"),
            lambda change: change.update_driving_clip(clip_id, speed=speed, length_frames=length),
        )

    def set_face_index(self, clip_id: str, face_index: int) -> None:
        """Choose which face of the video drives, counted from 0 at the left."""
        self._history.perform(
            worded("Choose driver"), lambda change: change.update_driving_clip(clip_id, face_index=face_index)
        )

    def set_keep_sound(self, clip_id: str, keep: bool) -> None:
        """Keep a driving clip's own sound, or not."""
        name = worded("Keep clip's sound") if keep else worded("Silence clip")
        self._history.perform(name, lambda change: change.update_driving_clip(clip_id, keep_sound=keep))

    def set_gain(self, clip_id: str, gain_db: float) -> None:
        """Change how loud a clip is."""
        clip = self.clip(clip_id)
        if clip is not None and clip.gain_db != gain_db:
            self._update_all(worded("Change gain"), [replace(clip, gain_db=gain_db)])

    def trim_to_frame(self, clip_id: str, end_frame: int) -> None:
        """Let a clip end at `end_frame`."""
        clip = self.clip(clip_id)
        if clip is not None:
            self.trim_end(clip_id, end_frame - clip.start_frame - self.length_frames(clip))

    def length_frames(self, clip: Clip) -> int:
        """Return how long a clip is on the timeline."""
        if isinstance(clip, DrivingClipRecord):
            return clip.length_frames
        return frames_in(clip.source_out_s - clip.source_in_s, self._session.frame_rate)

    def _clips(self, clip_ids: frozenset[str]) -> list[Clip]:
        return [clip for clip in map(self.clip, clip_ids) if clip is not None]

    def _start_trimmed(self, clip: Clip, shift_frames: int) -> Clip:
        if isinstance(clip, DrivingClipRecord) and clip.loop_mode in (LoopMode.LOOP, LoopMode.PING_PONG):
            return self._repeating_start_trimmed(clip, shift_frames)
        rate, speed = self._session.frame_rate, _speed(clip)
        earliest = max(-clip.start_frame, -int(clip.source_in_s / speed * rate))
        shift = min(max(shift_frames, earliest), self.length_frames(clip) - 1)
        in_s = clip.source_in_s + shift / rate * speed
        if isinstance(clip, VoiceClipRecord):
            in_s = min(in_s, clip.source_out_s - SHORTEST_VOICE_S)
            return _faded(replace(clip, start_frame=clip.start_frame + shift, source_in_s=in_s))
        in_s = max(Fraction(0), min(in_s, clip.source_out_s - 1 / rate * speed))
        start, length = clip.start_frame + shift, clip.length_frames - shift
        return replace(clip, start_frame=start, length_frames=length, source_in_s=in_s)

    def _repeating_start_trimmed(self, clip: DrivingClipRecord, shift_frames: int) -> DrivingClipRecord:
        """Trim a clip that plays its source again and again.

        What is left keeps its pictures where they were if it lies within one pass, or begins where a pass
        does. A clip cannot begin in the middle of a pass and go on with whole ones: it then keeps its source
        and begins with a pass at its new start.
        """
        seconds_per_frame = clip.speed / self._session.frame_rate
        shift = min(max(shift_frames, -clip.start_frame), clip.length_frames - 1)
        start, length = clip.start_frame + shift, clip.length_frames - shift
        span_s, shift_s = clip.source_out_s - clip.source_in_s, shift * seconds_per_frame
        if shift < 0:
            plays_one_pass = clip.length_frames * seconds_per_frame <= span_s
            moved_s = shift_s if plays_one_pass and clip.source_in_s + shift_s >= 0 else Fraction(0)
        else:
            period_s = span_s if clip.loop_mode is LoopMode.LOOP else 2 * span_s
            phase_s = shift_s % period_s
            moved_s = phase_s if phase_s + length * seconds_per_frame <= span_s else Fraction(0)
        return replace(clip, start_frame=start, length_frames=length, source_in_s=clip.source_in_s + moved_s)

    def _end_trimmed(self, clip: Clip, shift_frames: int) -> Clip:
        rate = self._session.frame_rate
        length = max(1, self.length_frames(clip) + shift_frames)
        if isinstance(clip, VoiceClipRecord):
            out_s = min(clip.source_in_s + length / rate, self._source_end_s(clip))
            return _faded(replace(clip, source_out_s=max(out_s, clip.source_in_s + SHORTEST_VOICE_S)))
        if clip.loop_mode is not LoopMode.ONCE:
            return replace(clip, length_frames=length)
        longest_s = self._source_end_s(clip) - clip.source_in_s
        length = min(length, natural_length_frames(longest_s, clip.speed, rate))
        out_s = min(clip.source_in_s + length / rate * clip.speed, self._source_end_s(clip))
        return replace(clip, length_frames=length, source_out_s=out_s)

    def _source_end_s(self, clip: Clip) -> Fraction:
        asset = self._session.assets.get(clip.asset_id)
        duration_s = asset.probe.duration_s if asset else None
        return max(duration_s, clip.source_out_s) if duration_s is not None else clip.source_out_s

    def _trim_name(self, clip: Clip) -> str:
        return worded("Trim driving clip") if isinstance(clip, DrivingClipRecord) else worded("Trim voice")

    def _update_all(self, name: str, clips: list[Clip]) -> None:
        def edit(change: ProjectChange) -> None:
            for clip in clips:
                _update(change, clip)

        self._history.perform(name, edit)


def _update(change: ProjectChange, clip: Clip) -> None:
    if isinstance(clip, DrivingClipRecord):
        change.update_driving_clip(
            clip.id,
            source_in_s=clip.source_in_s,
            source_out_s=clip.source_out_s,
            start_frame=clip.start_frame,
            length_frames=clip.length_frames,
            gain_db=clip.gain_db,
        )
    else:
        change.update_voice_clip(
            clip.id,
            source_in_s=clip.source_in_s,
            source_out_s=clip.source_out_s,
            start_frame=clip.start_frame,
            gain_db=clip.gain_db,
            fade_in_s=clip.fade_in_s,
            fade_out_s=clip.fade_out_s,
        )


def _faded(voice: VoiceClipRecord) -> VoiceClipRecord:
    """Return a voice whose fades fit into it, in the proportion they had."""
    length_s, fades_s = voice.source_out_s - voice.source_in_s, voice.fade_in_s + voice.fade_out_s
    if fades_s <= length_s:
        return voice
    samples = length_s / fades_s * SAMPLE_RATE
    return replace(
        voice,
        fade_in_s=Fraction(int(voice.fade_in_s * samples), SAMPLE_RATE),
        fade_out_s=Fraction(int(voice.fade_out_s * samples), SAMPLE_RATE),
    )


def _speed(clip: Clip) -> Fraction:
    return clip.speed if isinstance(clip, DrivingClipRecord) else Fraction(1)


def _is_driving(clips: list[Clip]) -> bool:
    return all(isinstance(clip, DrivingClipRecord) for clip in clips)
