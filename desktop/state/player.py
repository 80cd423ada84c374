"""Plays the timeline: the sound is the clock, frames come from a stream that runs ahead, late ones count."""

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QImage

from desktop.background.sound_clock import PlaybackClock, Samples, start_clock
from desktop.state.live_draft import LiveDraft
from desktop.state.playback import Playback, StageSource
from desktop.state.stage_sources import StageSources

SAMPLE_RATE = 48_000
TICKS_PER_FRAME = 3
PREROLL_FRAMES = 6
LONGEST_PREROLL_TICKS = 150


class Player(QObject):
    """Moves the playhead while playing and holds the picture the stage shows.

    `image_changed` comes with each new picture. A frame counts as dropped when its time passes while playing
    and it was not shown, whether it came too late or was not computed.
    """

    image_changed = Signal()

    def __init__(self, playback: Playback, sources: StageSources, live: LiveDraft) -> None:
        super().__init__()
        self._playback = playback
        self._sources = sources
        self._live = live
        self._image: QImage | None = None
        self._clock: PlaybackClock | None = None
        self._clock_start = 0
        self._last_due = 0
        self._waited_ticks = 0
        self._moving = False
        self._tick = QTimer(self)
        self._tick.setTimerType(Qt.TimerType.PreciseTimer)
        self._tick.timeout.connect(self._on_tick)
        playback.playing_changed.connect(self._on_playing_changed)
        playback.frame_changed.connect(self._on_frame_changed)
        playback.looping_changed.connect(lambda: self._seek(playback.frame))
        sources.frame_ready.connect(self._on_frame_ready)
        sources.source_changed.connect(self._on_source_changed)

    @property
    def image(self) -> QImage | None:
        """The picture at the playhead; None shows the plate."""
        return self._image

    def stop(self) -> None:
        """Stop playing."""
        self._playback.set_playing(False)

    def _on_playing_changed(self, playing: bool) -> None:
        if not playing:
            self._tick.stop()
            self._stop_clock()
            return
        if self._playback.frame >= self._playback.length_frames - 1:
            self._move(0)
        self._playback.set_dropped(0)
        self._await_frames()
        self._tick.start(max(4, round(1000 / self._playback.frame_rate / TICKS_PER_FRAME)))

    def _await_frames(self) -> None:
        self._stop_clock()
        self._waited_ticks = 0
        self._seek(self._playback.frame)

    def _ready_to_start(self) -> bool:
        if self._live.progress is not None and self._sources.stream is None:
            return self._playback.source is not StageSource.DRAFT
        stream = self._sources.stream
        self._waited_ticks += 1
        if stream is None or self._waited_ticks > LONGEST_PREROLL_TICKS:
            return True
        left = stream.frame_count - self._playback.frame
        return stream.frames_ahead() >= min(PREROLL_FRAMES, left)

    def _start_clock(self) -> None:
        self._clock_start = self._last_due = self._playback.frame
        sample = round(self._clock_start / self._playback.frame_rate * SAMPLE_RATE)
        self._clock = start_clock(self._sound(), sample, SAMPLE_RATE)
        self._show(self._clock_start)

    def _sound(self) -> Samples | None:
        return self._sources.sound

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.stop()
            self._clock = None

    def _on_tick(self) -> None:
        if self._clock is None:
            if self._ready_to_start():
                self._start_clock()
            return
        due = self._clock_start + int(self._clock.elapsed_s() * self._playback.frame_rate)
        if due >= self._playback.length_frames:
            self._on_end()
        elif due > self._last_due:
            self._advance(due)

    def _advance(self, due: int) -> None:
        self._seek(due)
        shown = self._show(due)
        missed = due - self._last_due - (1 if shown else 0)
        self._last_due = due
        if missed:
            self._playback.set_dropped(self._playback.dropped + missed)
        self._move(due)

    def _on_end(self) -> None:
        if self._playback.looping:
            self._move(0)
            self._await_frames()
            return
        self._move(self._playback.length_frames - 1)
        self._playback.set_playing(False)

    def _move(self, frame: int) -> None:
        self._moving = True
        self._playback.move_to(frame)
        self._moving = False

    def _on_frame_changed(self, frame: int) -> None:
        if self._moving:
            return
        if self._playback.playing:
            self._await_frames()
        else:
            self._seek(frame)
        self._show(frame)

    def _on_frame_ready(self, frame: int) -> None:
        if self._clock is None and frame == self._playback.frame:
            self._show(frame)

    def _on_source_changed(self) -> None:
        if self._sources.stream is None:
            self._set_image(None)
        if self._playback.playing:
            self._await_frames()
        else:
            self._seek(self._playback.frame)

    def _seek(self, frame: int) -> None:
        if self._sources.stream is not None:
            self._sources.stream.seek(frame, loops=self._playback.looping)

    def _show(self, frame: int) -> bool:
        """Show a frame if it is there; without a stream the plate is what is shown."""
        stream = self._sources.stream
        if stream is None:
            return True
        image = stream.image(min(frame, stream.frame_count - 1))
        if image is not None:
            self._set_image(image)
        return image is not None

    def _set_image(self, image: QImage | None) -> None:
        self._image = image
        self.image_changed.emit()
