"""The bar at the top: menus left, the project's name in the middle, renderer, plan and main action right."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenuBar, QPushButton, QWidget

from desktop.models.plan_words import TONE_OF_VERDICT, verdict_words
from desktop.models.tones import StatusTone, tone_colour
from desktop.models.words import duration_words, quality_word, shortened
from desktop.panels.desk import Desk
from desktop.widgets.labels import TextTone, label
from desktop.widgets.status_dot import StatusDot
from engine.protocol.render_request import RendererName

BAR_PX = 31


class ActionBar(QWidget):
    """Holds the menu bar it is given; the name is centred on the window, and away where there is no room."""

    render_wanted = Signal()
    plan_wanted = Signal()
    renderer_wanted = Signal()

    def __init__(self, desk: Desk, menus: QMenuBar, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self.setObjectName("action_bar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(BAR_PX)
        self._menus = menus
        self._brand = label("Masque", TextTone.STRONG)
        self.project_name = QLabel(self)
        self.project_name.setProperty("tone", TextTone.QUIET.value)
        self.project_name.setTextFormat(Qt.TextFormat.PlainText)
        self._row = QHBoxLayout(self)
        self.renderer_button = QPushButton()
        self.renderer_button.setAccessibleName(self.tr("Renderer"))
        self.plan_dot = StatusDot()
        self.plan_button = QPushButton()
        self.plan_button.setAccessibleName(self.tr("Plan of the next render"))
        self.render_button = QPushButton(self.tr("Queue render"))
        self.render_button.setProperty("main", True)
        self._lay_out()
        self._bind()
        self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the name in the middle."""
        super().resizeEvent(event)
        self._place_name()

    def refresh(self) -> None:
        """Show what is open and what the next render would be."""
        session = self._desk.session
        self.project_name.setText(session.store.path.name if session.is_open else "")
        scene = session.scene
        self.renderer_button.setText(f"{self._quality_words()} ▾")
        self.plan_button.setVisible(scene is not None)
        self.plan_button.setText(self._plan_words())
        self._show_dot()
        can_render = scene is not None and bool(scene.characters)
        self.render_button.setEnabled(can_render)
        self.render_button.setToolTip(
            self._render_hint() if can_render else self.tr("Add a scene and a character first")
        )
        self._place_name()

    def _show_dot(self) -> None:
        planned = None if self._desk.choice.why_refused() else self._desk.outlook.planned
        self.plan_dot.setVisible(planned is not None and self.plan_button.isVisibleTo(self))
        tone = StatusTone.NONE if planned is None else TONE_OF_VERDICT[planned.verdict]
        self.plan_dot.set_colour(tone_colour(tone, self._desk.theme.tokens))

    def _render_hint(self) -> str:
        planned = self._desk.outlook.planned
        if planned is None or planned.refusal is None:
            return self.tr("Queue a take of this scene")
        return self.tr("%s It can be queued; the engine decides when its turn comes.") % (
            planned.refusal.reason
        )

    def _quality_words(self) -> str:
        choice = self._desk.choice
        quality = quality_word(choice.renderer.value)
        if choice.renderer is not RendererName.DIFFUSION:
            return quality
        return f"{quality} · {shortened(choice.bundle.name) if choice.bundle else self.tr('no bundle')}"

    def _plan_words(self) -> str:
        choice, planned = self._desk.choice, self._desk.outlook.planned
        if choice.why_refused() or self._desk.outlook.trouble:
            return self.tr("Not planned")
        takes = [self.tr("%d takes") % choice.take_count] if choice.take_count > 1 else []
        if planned is not None and planned.refusal is not None:
            return " · ".join([verdict_words(planned.verdict), *takes])
        seconds = self._seconds()
        time = self.tr("time not known yet") if seconds is None else self._about(seconds)
        if planned is not None:
            return " · ".join([verdict_words(planned.verdict), *takes, time])
        return self.tr("Plan: %s") % " · ".join([*takes, time])

    def _seconds(self) -> float | None:
        """How long the takes last: as takes before them tell, else as planned."""
        choice, planned = self._desk.choice, self._desk.outlook.planned
        pace = choice.pace(planned)
        if pace is not None:
            return pace.seconds * choice.take_count
        if planned is None or planned.plan is None or planned.plan.seconds is None:
            return None
        return planned.plan.seconds * choice.take_count

    def _about(self, seconds: float) -> str:
        return self.tr("about %s") % duration_words(seconds)

    def _lay_out(self) -> None:
        row = self._row
        row.setContentsMargins(12, 2, 12, 3)
        row.setSpacing(0)
        row.addWidget(self._brand)
        row.addSpacing(6)
        row.addWidget(self._menus)
        row.addStretch(1)
        row.addWidget(self.renderer_button)
        row.addSpacing(14)
        row.addWidget(self.plan_dot)
        row.addSpacing(6)
        row.addWidget(self.plan_button)
        row.addSpacing(14)
        row.addWidget(self.render_button)

    def _bind(self) -> None:
        session = self._desk.session
        self.render_button.clicked.connect(self.render_wanted)
        self.plan_button.clicked.connect(self.plan_wanted)
        self.renderer_button.clicked.connect(self.renderer_wanted)
        self._desk.choice.choice_changed.connect(self.refresh)
        self._desk.outlook.outlook_changed.connect(self.refresh)
        self._desk.theme.theme_changed.connect(self.refresh)
        for signal in (session.project_opened, session.project_closed, session.project_changed):
            signal.connect(self.refresh)

    def _place_name(self) -> None:
        """Put the name in the middle, or as near to it as menus and buttons leave room."""
        self._row.activate()
        self.project_name.adjustSize()
        width = self.project_name.width()
        first = self._menus.geometry().right() + 12
        last = self.renderer_button.geometry().left() - 12 - width
        self.project_name.setVisible(first <= last)
        self.project_name.setGeometry(
            max(first, min((self.width() - width) // 2, last)), 0, width, self.height() - 1
        )
