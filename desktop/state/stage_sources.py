"""What feeds the stage: the plate alone, the live draft, or a take; one stream of frames at a time."""

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from desktop.background.frame_stream import FrameStream
from desktop.background.pictures import scaled_to_fit, to_image
from desktop.background.sound_clock import Samples
from desktop.background.task_pool import TaskPool
from desktop.state.live_draft import LiveDraft
from desktop.state.notices import Notices
from desktop.state.playback import Playback, StageSource
from desktop.state.project_session import ProjectSession
from desktop.state.take_pictures import TakePictures, take_movie, take_sound
from engine.media.still import read_still
from engine.protocol.errors import ErrorReport
from projects_db.records import TakeRecord

PLATE_LARGEST_PX = 1920


class StageSources(QObject):
    """Builds and ends the streams as the scene, the draft and the choice of source change."""

    plate_changed = Signal()
    source_changed = Signal()
    frame_ready = Signal(int)

    def __init__(
        self,
        session: ProjectSession,
        playback: Playback,
        live: LiveDraft,
        *,
        pool: TaskPool,
        notices: Notices,
    ) -> None:
        super().__init__()
        self._session = session
        self._playback = playback
        self._live = live
        self._pool = pool
        self._notices = notices
        self._plate: QImage | None = None
        self._plate_id: str | None = None
        self._plate_task: int | None = None
        self._sound_task: int | None = None
        self._stream: FrameStream | None = None
        self._retired: list[FrameStream] = []
        self._sound: Samples | None = None
        for signal in (session.project_opened, session.project_closed, session.scene_chosen):
            signal.connect(self._on_scene_chosen)
        session.scene_changed.connect(self._on_scene_changed)
        session.project_changed.connect(self._on_scene_changed)
        live.draft_changed.connect(self._on_draft_changed)
        playback.source_changed.connect(self._rebuild)

    @property
    def plate(self) -> QImage | None:
        """The scene's still, at most 1920 px a side."""
        return self._plate

    @property
    def stream(self) -> FrameStream | None:
        """Where moving pictures come from."""
        return self._stream

    @property
    def sound(self) -> Samples | None:
        """What is heard: float32 [samples, 2] at 48 kHz."""
        return self._sound

    def close(self) -> None:
        """End all streams and wait for their threads."""
        self._drop_stream()
        for stream in self._retired:
            stream.wait()
        self._retired.clear()

    def _on_scene_chosen(self) -> None:
        self._playback.set_playing(False)
        self._playback.move_to(0)
        if self._playback.source is StageSource.TAKE:
            self._playback.show(StageSource.DRAFT)
        self._on_scene_changed()
        self._rebuild()

    def _on_scene_changed(self) -> None:
        self._playback.set_length(self._session.length_frames, self._session.frame_rate)
        scene = self._session.scene
        wanted = scene.plate.id if scene else None
        if wanted != self._plate_id:
            self._plate_id = wanted
            self._plate = None
            self.plate_changed.emit()
            if scene is not None:
                self._load_plate(self._session.store.asset_path(scene.plate))

    def _load_plate(self, path: Path) -> None:
        if self._plate_task is not None:
            self._pool.forget(self._plate_task)

        def load() -> QImage:
            return to_image(scaled_to_fit(read_still(path).bgr, PLATE_LARGEST_PX, PLATE_LARGEST_PX))

        self._plate_task = self._pool.run(
            load, on_done=self._on_plate_loaded, on_failed=self._notices.trouble
        )

    def _on_plate_loaded(self, image: QImage) -> None:
        self._plate_task = None
        self._plate = image
        self.plate_changed.emit()

    def _on_draft_changed(self) -> None:
        if self._playback.source is StageSource.DRAFT:
            self._rebuild()

    def _rebuild(self) -> None:
        self._drop_stream()
        self._sound = None
        draft = self._live.draft
        if self._playback.source is StageSource.DRAFT and draft is not None:
            self._sound = draft.sound
            self._adopt(FrameStream(draft.shot.picture, frame_count=draft.request.frame_count))
        elif self._playback.source is StageSource.TAKE:
            self._open_take()
        self.source_changed.emit()

    def _open_take(self) -> None:
        take = self._shown_take()
        movie = take_movie(self._session.store, take) if take else None
        if movie is None:
            return
        pictures = TakePictures(movie, self._session.frame_rate)
        self._adopt(
            FrameStream(pictures.picture, frame_count=self._playback.length_frames, on_close=pictures.close)
        )
        self._sound_task = self._pool.run(
            lambda: take_sound(movie), on_done=self._on_sound_read, on_failed=self._notices.trouble
        )

    def _shown_take(self) -> TakeRecord | None:
        takes = self._session.scene_takes()
        return next((take for take in takes if take.id == self._playback.take_id), None)

    def _on_sound_read(self, sound: Samples) -> None:
        self._sound_task = None
        self._sound = sound

    def _adopt(self, stream: FrameStream) -> None:
        self._stream = stream
        stream.frame_ready.connect(self.frame_ready)
        stream.stream_failed.connect(self._on_stream_failed)
        stream.seek(self._playback.frame, loops=self._playback.looping)

    def _drop_stream(self) -> None:
        if self._sound_task is not None:
            self._pool.forget(self._sound_task)
            self._sound_task = None
        if self._stream is not None:
            self._stream.frame_ready.disconnect(self.frame_ready)
            self._stream.stream_failed.disconnect(self._on_stream_failed)
            self._stream.close()
            self._retired = [stream for stream in self._retired if not stream.ended]
            self._retired.append(self._stream)
            self._stream = None

    def _on_stream_failed(self, report: ErrorReport) -> None:
        self._notices.trouble(report)
