"""The window's composition root: the only place that builds long-lived objects, and where they end."""

import asyncio
import logging
import logging.handlers
import signal
import sys
from pathlib import Path

import qasync
from PySide6.QtCore import QCoreApplication, QObject
from PySide6.QtWidgets import QApplication

from desktop.background.draft_loader import DraftLoader
from desktop.background.task_pool import TaskPool
from desktop.commands.character_edits import CharacterEdits
from desktop.commands.clip_edits import ClipEdits
from desktop.commands.curve_edits import CurveEdits
from desktop.commands.edit_history import EditHistory
from desktop.commands.engine_notices import EngineNotices
from desktop.commands.imports import Imports
from desktop.commands.marker_edits import MarkerEdits
from desktop.commands.memory_warnings import MemoryWarnings
from desktop.commands.renders import Renders
from desktop.commands.scene_edits import SceneEdits
from desktop.engine_link.engine_link import EngineLink
from desktop.panels.desk import Desk
from desktop.state.bundle_shelf import BundleShelf
from desktop.state.live_draft import LiveDraft
from desktop.state.media_looks import MediaLooks
from desktop.state.memory_outlook import MemoryOutlook, OutlookSource, ThisMachine
from desktop.state.notices import Notices
from desktop.state.playback import Playback
from desktop.state.player import Player
from desktop.state.preferences import Preferences
from desktop.state.project_session import ProjectSession
from desktop.state.questions import Questions
from desktop.state.render_choice import RenderChoice
from desktop.state.render_queue import RenderQueue
from desktop.state.selection import Selection
from desktop.state.stage_sources import StageSources
from desktop.theme.theme import Theme, ThemeChoice
from desktop.windows.main_window import MainWindow
from engine.client import engine_directories
from engine.protocol.errors import ErrorCode, ErrorReport, UserError

LOG = logging.getLogger(__name__)
PREFERENCES_NAME = "window.ini"
LOG_BYTES = 2_000_000
OLDER_LOGS = 3


class Application(QObject):
    """Everything that lives as long as the window. `close` ends threads and the line to the engine."""

    def __init__(
        self,
        application: QApplication,
        *,
        data: Path,
        cache: Path,
        outlook_source: OutlookSource | None = None,
    ) -> None:
        super().__init__()
        self._pool = TaskPool()
        self._draft_pool = TaskPool(threads=1)
        self._planning_pool = TaskPool()
        self._outlook_source = outlook_source or ThisMachine()
        self.desk = self._build_desk(application, data, cache)
        self._engine_notices = EngineNotices(self.desk.link, self.desk.queue, self.desk.notices)
        self._memory_warnings = MemoryWarnings(self.desk.renders, self.desk.outlook, self.desk.notices)
        choice = self.desk.preferences.theme()
        if choice in set(ThemeChoice):
            self.desk.theme.choose(ThemeChoice(choice))
        self.window = MainWindow(self.desk)

    def show(self, project_path: Path | None) -> None:
        """Show the window, with a project if one is named, and begin to look for the engine."""
        self.window.show()
        self.desk.link.begin()
        self.desk.shelf.look()
        if project_path is not None:
            self.window.flows.open_project(project_path)

    async def close(self) -> None:
        """Close the window, end what runs, leave the project a plain file. A render in the engine goes on."""
        desk = self.desk
        self.window.close()
        desk.player.stop()
        await desk.link.close()
        desk.session.close()
        desk.live.stop()
        desk.sources.close()
        self._draft_pool.close()
        self._outlook_source.close()
        self._planning_pool.close()
        self._pool.close()
        desk.preferences.close()
        self.window.deleteLater()

    def _build_desk(self, application: QApplication, data: Path, cache: Path) -> Desk:
        theme = Theme(application)
        session, selection, playback = ProjectSession(), Selection(), Playback()
        notices, questions = Notices(), Questions()
        session.reading_failed.connect(notices.failed)
        history = EditHistory(session, notices)
        live = LiveDraft(session, DraftLoader(self._draft_pool, cache / "draft"))
        sources = StageSources(session, playback, live, pool=self._pool, notices=notices)
        link = EngineLink()
        queue, shelf = RenderQueue(link), BundleShelf(self._pool, data)
        preferences = Preferences(data / PREFERENCES_NAME)
        choice = RenderChoice(session, shelf, preferences)
        return Desk(
            theme=theme,
            preferences=preferences,
            session=session,
            selection=selection,
            playback=playback,
            live=live,
            sources=sources,
            player=Player(playback, sources, live),
            looks=MediaLooks(session, self._pool),
            link=link,
            queue=queue,
            shelf=shelf,
            choice=choice,
            outlook=MemoryOutlook(
                session, choice, queue, pool=self._planning_pool, source=self._outlook_source
            ),
            notices=notices,
            questions=questions,
            history=history,
            scenes=SceneEdits(session, history),
            characters=CharacterEdits(session, history),
            clips=ClipEdits(session, history),
            curves=CurveEdits(session, history),
            markers=MarkerEdits(session, history),
            imports=Imports(session, history, self._pool, notices=notices),
            renders=Renders(session, queue, link, choice=choice, notices=notices),
        )


def main(project_path: Path | None = None) -> int:
    """Run the window until it is closed and return the exit code."""
    QCoreApplication.setOrganizationName("Masque")
    QCoreApplication.setApplicationName("Masque")
    try:
        data, cache, log, _ = engine_directories()
    except UserError as error:
        print(error, file=sys.stderr)  # noqa: T201 - there is no window yet to say it in
        return 1
    trouble = _log_to(log / "window.log")
    application = QApplication(sys.argv[:1])
    application.setQuitOnLastWindowClosed(False)
    with qasync.QEventLoop(application) as loop:
        asyncio.set_event_loop(loop)
        masque = Application(application, data=data, cache=cache)
        if trouble is not None:
            masque.desk.notices.trouble(trouble)
        loop.run_until_complete(_run(masque, project_path))
    return 0


def _log_to(file: Path) -> ErrorReport | None:
    """Keep the window's log in files of its own; return what is in the way of that.

    The terminal the window was started from only gets warnings.
    """
    root = logging.getLogger()
    for handler in root.handlers:
        handler.setLevel(max(handler.level, logging.WARNING))
    logging.getLogger("desktop").setLevel(logging.INFO)
    try:
        handler = logging.handlers.RotatingFileHandler(
            file, maxBytes=LOG_BYTES, backupCount=OLDER_LOGS, encoding="utf-8"
        )
    except OSError as error:
        return ErrorReport(
            code=ErrorCode.NOT_WRITABLE,
            message=f"The window's log “{file}” cannot be written: {error.strerror}.",
            next_step="Everything else works; allow writing there to have a log.",
        )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    LOG.info("The window starts")
    return None


async def _run(masque: Application, project_path: Path | None) -> None:
    closed = asyncio.Event()
    masque.window.closed.connect(closed.set)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: masque.window.close())
    masque.show(project_path)
    await closed.wait()
    await masque.close()
