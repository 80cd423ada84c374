"""The draft of the chosen scene, prepared again whenever an edit changes what it would show."""

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.authoring.engine_inputs import character_input, plate_input
from desktop.authoring.scenes import scene_length_frames
from desktop.background.draft_loader import DraftLoader, PreparedDraft
from desktop.background.task_pool import report_of
from desktop.state.project_session import ProjectSession
from engine.protocol.errors import ErrorReport, UserError
from engine.protocol.render_request import RendererName, RenderRequest
from projects_db.errors import ProjectError
from projects_db.records import SceneRecord

SETTLE_MS = 150
LIVE_LONG_SIDE_PX = 960
LIVE_ID = "live"


class LiveDraft(QObject):
    """Follows the session. `draft` stays the former one until the next is there, so that playing goes on."""

    draft_changed = Signal()
    state_changed = Signal()

    def __init__(self, session: ProjectSession, loader: DraftLoader) -> None:
        super().__init__()
        self._session = session
        self._loader = loader
        self._draft: PreparedDraft | None = None
        self._wanted: RenderRequest | None = None
        self._progress: float | None = None
        self._phase = ""
        self._problem: ErrorReport | None = None
        self._enabled = True
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._prepare)
        session.project_opened.connect(self._on_scene_chosen)
        session.project_closed.connect(self._on_scene_chosen)
        session.scene_chosen.connect(self._on_scene_chosen)
        session.scene_changed.connect(self._settle.start)
        session.media_changed.connect(self._settle.start)
        session.project_changed.connect(self._settle.start)
        loader.draft_progressed.connect(self._on_progressed)
        loader.draft_prepared.connect(self._on_prepared)
        loader.draft_failed.connect(self._on_failed)

    @property
    def draft(self) -> PreparedDraft | None:
        """What can be played."""
        return self._draft

    @property
    def progress(self) -> float | None:
        """The share of the analysis that is done, None when nothing is being prepared."""
        return self._progress

    @property
    def phase(self) -> str:
        """What the analysis is at, in words."""
        return self._phase

    @property
    def problem(self) -> ErrorReport | None:
        """Why there is no draft."""
        return self._problem

    def set_enabled(self, enabled: bool) -> None:
        """Prepare drafts, or leave the machine to others."""
        self._enabled = enabled
        if enabled:
            self._settle.start()
        else:
            self.stop()

    def stop(self) -> None:
        """Give up what is being prepared and forget the draft."""
        self._settle.stop()
        self._loader.cancel()
        self._wanted = None
        self._forget()

    def _on_scene_chosen(self) -> None:
        self.stop()
        self._settle.start()

    def _prepare(self) -> None:
        scene = self._session.scene
        if not self._enabled or scene is None or not scene.characters:
            self.stop()
            return
        try:
            request = self._request(scene)
        except (UserError, ProjectError) as error:
            self._wanted = None
            self._on_failed(report_of(error))
            return
        if request != self._wanted:
            self._wanted = request
            self._problem = None
            self._tell_progress("", 0.0)
            self._loader.prepare(request)

    def _request(self, scene: SceneRecord) -> RenderRequest:
        """Return the scene's request; those of two scenes that look the same are equal."""
        store, project = self._session.store, self._session.store.project()
        plate = plate_input(store, scene.plate)
        width, height = live_size(plate.width, plate.height)
        return RenderRequest(
            request_id=LIVE_ID,
            project_id=project.id,
            project_path=store.path,
            scene_id=scene.id,
            scene_name="",
            take_id=LIVE_ID,
            take_number=0,
            renderer=RendererName.DRAFT,
            plate=plate,
            characters=tuple(character_input(store, character) for character in scene.characters),
            frame_rate=project.frame_rate,
            frame_count=scene_length_frames(scene, project.frame_rate),
            width=width,
            height=height,
            seed=0,
            output_directory=store.renders_folder,
            file_stem=LIVE_ID,
        )

    def _on_progressed(self, phase: str, share: float) -> None:
        """Follow the analysis; what was on its way when preparing ended says nothing any more."""
        if self._progress is not None:
            self._tell_progress(phase, share)

    def _tell_progress(self, phase: str, share: float) -> None:
        self._phase = phase
        self._progress = share
        self.state_changed.emit()

    def _on_prepared(self, draft: PreparedDraft) -> None:
        self._progress = None
        self._draft = draft
        self.state_changed.emit()
        self.draft_changed.emit()

    def _on_failed(self, report: ErrorReport) -> None:
        self._problem = report
        self._forget()

    def _forget(self) -> None:
        self._progress = None
        had_draft, self._draft = self._draft is not None, None
        self.state_changed.emit()
        if had_draft:
            self.draft_changed.emit()


def live_size(width: int, height: int) -> tuple[int, int]:
    """Return the even size of live frames: the plate's, at most 960 px a side, at least 64."""
    share = min(1.0, LIVE_LONG_SIDE_PX / max(width, height))
    return max(64, 2 * round(width * share / 2)), max(64, 2 * round(height * share / 2))
