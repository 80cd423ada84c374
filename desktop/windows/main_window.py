"""The main window: docks around the stage, menus and bar above, the engine's state below."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QMessageBox, QPushButton, QVBoxLayout, QWidget

from desktop.panels.desk import Desk
from desktop.panels.inspector_panel import InspectorPanel
from desktop.panels.media_panel import MediaPanel
from desktop.panels.results_panel import ResultsPanel
from desktop.panels.scenes_panel import ScenesPanel
from desktop.panels.stage_panel import StagePanel
from desktop.panels.timeline_panel import TimelinePanel
from desktop.state.notices import Tone
from desktop.state.questions import Question
from desktop.widgets.dock_header import DockHeader
from desktop.widgets.strips import MessageStrip, QuestionStrip
from desktop.windows.action_bar import ActionBar
from desktop.windows.engine_status import EngineStatusBar
from desktop.windows.file_flows import FileFlows
from desktop.windows.main_menus import MainMenus
from desktop.windows.plan_popup import PlanPopup
from desktop.windows.window_menus import fill_window_menus

LAYOUT_VERSION = 1
FIRST_SIZE = QSize(1440, 900)
SMALLEST_SIZE = QSize(960, 620)
BARS_PX = 55
DOCK_AREAS = {
    "scenes": Qt.DockWidgetArea.LeftDockWidgetArea,
    "media": Qt.DockWidgetArea.LeftDockWidgetArea,
    "inspector": Qt.DockWidgetArea.RightDockWidgetArea,
    "timeline": Qt.DockWidgetArea.BottomDockWidgetArea,
    "results": Qt.DockWidgetArea.BottomDockWidgetArea,
}


class MainWindow(QMainWindow):
    """Puts panels in their places; behaviour is in the panels. `closed` comes when the user has closed it."""

    closed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.flows = FileFlows(desk, self)
        self.scenes = ScenesPanel(desk)
        self.media = MediaPanel(desk)
        self.stage = StagePanel(desk)
        self.inspector = InspectorPanel(desk)
        self.timeline = TimelinePanel(desk)
        self.results = ResultsPanel(desk)
        self.menus = MainMenus(desk, self.flows, self)
        self.plan = PlanPopup(desk, self)
        self.bar = ActionBar(desk, self.menus.bar)
        self.message = MessageStrip(desk.theme)
        self.question = QuestionStrip()
        self.docks: dict[str, QDockWidget] = {}
        self._by_hand = False
        self.setWindowTitle("Masque")
        self.setWindowIcon(desk.theme.icon("masque"))
        self.setMinimumSize(SMALLEST_SIZE)
        self._place_bars()
        self._place_docks()
        self.resize(FIRST_SIZE)
        fill_window_menus(self, desk)
        self._bind()
        self.setStatusBar(EngineStatusBar(desk))
        self._restore_layout()
        self._fit_screen()
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys that nobody took drive the transport."""
        transport = self.stage.transport
        acts = {
            Qt.Key.Key_Space: transport.toggle_play,
            Qt.Key.Key_Left: lambda: transport.step(-10 if _shifted(event) else -1),
            Qt.Key.Key_Right: lambda: transport.step(10 if _shifted(event) else 1),
            Qt.Key.Key_Home: lambda: transport.go_to(0),
            Qt.Key.Key_End: transport.go_to_end,
        }
        act = acts.get(Qt.Key(event.key()))
        if act is None:
            super().keyPressEvent(event)
        else:
            act()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the layout and end; a render that runs goes on in the engine."""
        self.results.takes.keep_note()
        docks = self.saveState(LAYOUT_VERSION) if self._is_rearranged() else QByteArray()
        self._desk.preferences.set_layout(self.saveGeometry(), docks)
        super().closeEvent(event)
        self.closed.emit()

    def event(self, event: QEvent) -> bool:
        """Note when a line between docks is dragged: only those belong to the window itself."""
        if event.type() == QEvent.Type.MouseButtonPress:
            self._by_hand = True
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Let the docks keep their shares until somebody drags one to a size of its own."""
        super().resizeEvent(event)
        if not self._is_rearranged():
            self._size_docks()

    def showEvent(self, event: QShowEvent) -> None:
        """Sizes are only real once the window is shown."""
        super().showEvent(event)
        if not self._is_rearranged():
            self._size_docks()

    def confirm_scene_removal(self, scene_id: str) -> None:
        """Ask before a scene with its characters goes."""
        name = next((scene.name for scene in self._desk.session.scenes if scene.id == scene_id), "")
        self._confirm(
            self.tr("Remove the scene “%s”?") % name,
            self.tr("Its characters and takes leave the project; files stay on disk. You can undo this."),
            lambda: self._desk.scenes.remove(scene_id),
        )

    def confirm_character_removal(self) -> None:
        """Ask before a character with its timeline goes."""
        character = self._desk.session.character(self._desk.selection.character_id)
        if character is not None:
            self._confirm(
                self.tr("Remove the character “%s”?") % character.name,
                self.tr("Its clips and curves go with it. You can undo this."),
                lambda: self._desk.characters.remove(character.id),
            )

    def reset_layout(self) -> None:
        """Put every dock back where it was drawn."""
        for dock in self.docks.values():
            dock.setFloating(False)
            dock.show()
        self._by_hand = False
        self._arrange_docks()

    def _confirm(self, question: str, explanation: str, act: Callable[[], object]) -> None:
        box = QMessageBox(QMessageBox.Icon.NoIcon, self.tr("Remove"), question, parent=self)
        box.setInformativeText(explanation)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        remove = box.addButton(self.tr("Remove"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        remove.clicked.connect(lambda _checked: act())
        box.open()

    def _place_bars(self) -> None:
        self.setMenuWidget(self.bar)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.message)
        column.addWidget(self.question)
        column.addWidget(self.stage, 1)
        self.setCentralWidget(centre)

    def _place_docks(self) -> None:
        self.setDockOptions(QMainWindow.DockOption.AllowNestedDocks | QMainWindow.DockOption.AnimatedDocks)
        for corner, area in (
            (Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.BottomDockWidgetArea),
            (Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.BottomDockWidgetArea),
        ):
            self.setCorner(corner, area)
        panels: dict[str, tuple[str, QWidget, DockHeader]] = {
            "scenes": (self.tr("Scenes"), self.scenes, self.scenes.header),
            "media": (self.tr("Media"), self.media, self.media.header),
            "inspector": (self.tr("Inspector"), self.inspector, self.inspector.header),
            "timeline": (self.tr("Timeline"), self.timeline, self.timeline.header),
            "results": (self.tr("Queue and takes"), self.results, self.results.header),
        }
        for key, (title, panel, header) in panels.items():
            dock = QDockWidget(title, self)
            dock.setObjectName(key)
            dock.setWidget(panel)
            dock.setTitleBarWidget(header)
            self.docks[key] = dock
        self._arrange_docks()

    def _arrange_docks(self) -> None:
        docks = self.docks
        for key in ("scenes", "inspector", "timeline"):
            self.addDockWidget(DOCK_AREAS[key], docks[key])
        self.splitDockWidget(docks["scenes"], docks["media"], Qt.Orientation.Vertical)
        self.splitDockWidget(docks["timeline"], docks["results"], Qt.Orientation.Vertical)
        self._size_docks()

    def _size_docks(self) -> None:
        """Give the docks their shares of the window; the stage keeps the most."""
        docks, width, height = self.docks, self.width(), self.height()
        left, right = min(216, max(176, width * 15 // 100)), min(272, max(228, width * 19 // 100))
        timeline, results = height * 298 // 1000, height * 165 // 1000
        upper = height - timeline - results - BARS_PX
        self.resizeDocks([docks["scenes"], docks["inspector"]], [left, right], Qt.Orientation.Horizontal)
        self.resizeDocks(
            [docks["scenes"], docks["media"]], [upper * 2 // 3, upper // 3], Qt.Orientation.Vertical
        )
        self.resizeDocks([docks["timeline"], docks["results"]], [timeline, results], Qt.Orientation.Vertical)

    def _is_rearranged(self) -> bool:
        """Whether somebody has moved, hidden or sized a dock by hand."""
        return self._by_hand or any(
            dock.isFloating() or self.dockWidgetArea(dock) != DOCK_AREAS[key]
            for key, dock in self.docks.items()
        )

    def _fit_screen(self) -> None:
        """A size from a larger screen, or the first one, must not reach beyond this screen."""
        room = self.screen().availableGeometry()
        size = self.size().boundedTo(room.size())
        if size != self.size():
            self.resize(size)
            self.move(room.topLeft())

    def _restore_layout(self) -> None:
        saved = self._desk.preferences.layout()
        if saved is not None:
            self.restoreGeometry(saved[0])
            self._by_hand = self.restoreState(saved[1], LAYOUT_VERSION)

    def _bind(self) -> None:
        desk = self._desk
        desk.notices.notice_changed.connect(self._show_notice)
        self.message.dismissed.connect(desk.notices.dismiss)
        desk.questions.asked.connect(self._on_asked)
        self.bar.render_wanted.connect(desk.renders.queue_scene)
        self.bar.plan_wanted.connect(lambda: self.plan.open_below(self.bar.plan_button))
        self.bar.renderer_wanted.connect(lambda: self.plan.open_below(self.bar.renderer_button))
        self.plan.pressed_outside.connect(self._press_button_at)
        self.results.queue.render_wanted.connect(desk.renders.queue_scene)
        for panel in (self.scenes, self.stage):
            panel.stills_wanted.connect(self.flows.ask_stills)
        self.scenes.removal_wanted.connect(self.confirm_scene_removal)
        self.stage.new_wanted.connect(self.flows.ask_new)
        self.stage.open_wanted.connect(self.flows.ask_open)
        self.media.media_wanted.connect(self.flows.ask_media_only)
        self.inspector.driver_check.media_wanted.connect(self.flows.ask_media)
        self.inspector.driver_check.relink_wanted.connect(self.flows.ask_relink)
        for source in (self.inspector, self.timeline):
            source.faces_wanted.connect(desk.imports.find_characters)
            source.drawing_wanted.connect(self.stage.view.begin_drawing)
        for signal in (desk.session.project_opened, desk.session.project_closed):
            signal.connect(self._show_title)
        for signal in (desk.session.scene_chosen, desk.session.scene_changed, desk.session.project_opened):
            signal.connect(self._select_somebody)
        desk.theme.theme_changed.connect(lambda: self.setWindowIcon(desk.theme.icon("masque")))

    def _press_button_at(self, point: QPoint) -> None:
        """Press the button that was hit beside the open plan; the plan's own buttons only close it."""
        hit = self.childAt(self.mapFromGlobal(point))
        if isinstance(hit, QPushButton) and hit not in (self.bar.plan_button, self.bar.renderer_button):
            hit.click()

    def _select_somebody(self) -> None:
        session, selection = self._desk.session, self._desk.selection
        characters = session.scene.characters if session.scene else ()
        if session.character(selection.character_id) is None:
            selection.select_character(characters[0].id if characters else None)

    def _show_title(self) -> None:
        session = self._desk.session
        path: Path | None = session.store.path if session.is_open else None
        self.setWindowTitle(f"{path.stem} – Masque" if path else "Masque")

    def _show_notice(self) -> None:
        notice = self._desk.notices.notice
        if notice is None:
            self.message.hide()
            return
        self.message.show_message(
            notice.message,
            notice.next_step,
            is_trouble=notice.tone is Tone.TROUBLE,
            links={remedy.label: remedy.act for remedy in notice.remedies},
        )

    def _on_asked(self, question: Question) -> None:
        self.question.ask(
            question.text, initial=question.initial, accept=question.accept, answer=question.answer
        )


def _shifted(event: QKeyEvent) -> bool:
    return bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
