"""Below the stage: what it shows, play and step, the timecode, how well it plays, loop."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from desktop.authoring.frame_rates import frame_rate_text
from desktop.panels.desk import Desk
from desktop.state.playback import StageSource, timecode
from desktop.widgets.labels import TextTone, label
from desktop.widgets.segments import Segments
from projects_db.records import TakeStatus

ROOMY_PX = 640
CRAMPED_PX = 520


class TransportBar(QWidget):
    """Binds to the playback state. The actions carry no shortcuts: the window hands keys on."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._playback = desk.playback
        self.setFixedHeight(29)
        self.source = Segments(
            {
                StageSource.PLATE.value: self.tr("Plate"),
                StageSource.DRAFT.value: self.tr("Draft"),
                StageSource.TAKE.value: self.tr("Take"),
            },
            self.tr("What the stage shows"),
        )
        self.play_action = self._action(self.tr("Play"), self.toggle_play, "Space")
        self.to_start_action = self._action(self.tr("To the start"), lambda: self.go_to(0), "Home")
        self.back_action = self._action(self.tr("One frame back"), lambda: self.step(-1), "Left")
        self.forward_action = self._action(self.tr("One frame forward"), lambda: self.step(1), "Right")
        self.to_end_action = self._action(self.tr("To the end"), self.go_to_end, "End")
        self.loop_action = QAction(self.tr("Loop"), self, checkable=True)
        self.timecode = label()
        self.timecode.setObjectName("timecode")
        self.rate = label(tone=TextTone.QUIET)
        self._loop = _tool(self.loop_action, 14)
        self._lay_out()
        self._bind()

    def toggle_play(self) -> None:
        """Play or stop."""
        if self._desk.session.scene is not None:
            self._playback.set_playing(not self._playback.playing)

    def step(self, frames: int) -> None:
        """Stop, and go some frames on or back."""
        self._playback.set_playing(False)
        self._playback.move_to(self._playback.frame + frames)

    def go_to(self, frame: int) -> None:
        """Move the playhead."""
        self._playback.move_to(frame)

    def go_to_end(self) -> None:
        """Move the playhead to the last frame."""
        self.go_to(self._playback.length_frames - 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Say less where there is little room."""
        super().resizeEvent(event)
        narrow = event.size().width() < ROOMY_PX
        icon_only, both = Qt.ToolButtonStyle.ToolButtonIconOnly, Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        self._loop.setToolButtonStyle(icon_only if narrow else both)
        self.rate.setVisible(event.size().width() >= CRAMPED_PX)

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 8, 2)
        row.setSpacing(6)
        row.addStretch(1)
        row.addWidget(self.source)
        row.addSpacing(10)
        for action in (
            self.to_start_action,
            self.back_action,
            self.play_action,
            self.forward_action,
            self.to_end_action,
        ):
            row.addWidget(_tool(action, 18 if action is self.play_action else 14))
        row.addSpacing(8)
        row.addWidget(self.timecode)
        row.addSpacing(8)
        row.addWidget(self.rate)
        row.addSpacing(8)
        row.addWidget(self._loop)
        row.addStretch(1)

    def _bind(self) -> None:
        playback, session = self._playback, self._desk.session
        self.source.chosen.connect(self._on_source_chosen)
        self.loop_action.toggled.connect(playback.set_looping)
        playback.looping_changed.connect(self.loop_action.setChecked)
        playback.frame_changed.connect(self._show_time)
        playback.length_changed.connect(self._show_all)
        playback.playing_changed.connect(self._show_all)
        playback.source_changed.connect(self._show_all)
        playback.dropped_changed.connect(self._show_rate)
        session.takes_changed.connect(self._show_all)
        session.scene_chosen.connect(self._show_all)
        self._desk.theme.theme_changed.connect(self._show_all)
        self._show_all()

    def _on_source_chosen(self, key: str) -> None:
        source = StageSource(key)
        take_id = None
        if source is StageSource.TAKE:
            take_id = self._take_to_show()
        self._playback.show(source, take_id)

    def _take_to_show(self) -> str | None:
        done = [take.id for take in self._desk.session.scene_takes() if take.status is TakeStatus.DONE]
        return self._playback.take_id if self._playback.take_id in done else next(iter(done), None)

    def _show_all(self) -> None:
        theme, playing = self._desk.theme, self._playback.playing
        self.play_action.setIcon(theme.icon("pause" if playing else "play"))
        self.play_action.setText(self.tr("Pause") if playing else self.tr("Play"))
        self.to_start_action.setIcon(theme.icon("to_start"))
        self.back_action.setIcon(theme.icon("step_back"))
        self.forward_action.setIcon(theme.icon("step_forward"))
        self.to_end_action.setIcon(theme.icon("to_end"))
        self.loop_action.setIcon(theme.icon("loop"))
        self._show_source()
        self._show_time()
        self._show_rate()

    def _show_source(self) -> None:
        wanted = self._take_to_show()
        take = next((t for t in self._desk.session.scene_takes() if t.id == wanted), None)
        self.source.set_text(
            StageSource.TAKE.value, self.tr("Take %d") % take.number if take else self.tr("Take")
        )
        self.source.set_enabled(StageSource.TAKE.value, take is not None)
        self.source.choose(self._playback.source.value)

    def _show_time(self) -> None:
        text = timecode(self._playback.frame, self._playback.frame_rate)
        self.timecode.setText(text)
        self.timecode.setAccessibleName(self.tr("Timecode %s") % text)

    def _show_rate(self) -> None:
        rate = frame_rate_text(self._playback.frame_rate)
        self.rate.setText(self.tr("%s fps · %d dropped") % (rate, self._playback.dropped))

    def _action(self, text: str, act: object, key: str) -> QAction:
        action = QAction(text, self)
        action.setToolTip(f"{text} ({QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)})")
        action.triggered.connect(act)
        return action


def _tool(action: QAction, size_px: int) -> QToolButton:
    button = QToolButton()
    button.setDefaultAction(action)
    button.setIconSize(QSize(size_px, size_px))
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return button
