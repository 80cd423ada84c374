"""The inspector's part about the selected clip: how it plays and how loud it is."""

from fractions import Fraction

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from desktop.panels.channel_words import loop_word
from desktop.panels.desk import Desk
from desktop.widgets.form_controls import CheckBox, ChoiceBox
from desktop.widgets.labels import TextTone, label
from desktop.widgets.level_row import NAME_PX
from projects_db.records import DrivingClipRecord, LoopMode, VoiceClipRecord


class ClipSection(QWidget):
    """Shows one selected clip; hidden without one. Every change is one edit."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._clip_id: str | None = None
        self._showing = False
        self._heading = label(self.tr("Clip"), TextTone.HEADING)
        self.loop_mode = ChoiceBox(desk.theme)
        for mode in LoopMode:
            self.loop_mode.addItem(loop_word(mode).capitalize(), mode)
        self.speed = _spin(0.1, 10.0, 0.05, "×")
        self.face = QSpinBox()
        self.face.setRange(1, 9)
        self.face.setPrefix(self.tr("Face "))
        self.gain = _spin(-60.0, 24.0, 0.5, " dB")
        self.keep_sound = CheckBox(desk.theme, self.tr("Keep the clip's sound"))
        self._form = QFormLayout()
        self._lay_out()
        self._bind()

    def _lay_out(self) -> None:
        form = self._form
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(6)
        form.setVerticalSpacing(6)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        rows = (
            (self.tr("At its end"), self.loop_mode),
            (self.tr("Speed"), self.speed),
            (self.tr("Driven by"), self.face),
            (self.tr("Gain"), self.gain),
        )
        for text, field in rows:
            name = label(text, TextTone.QUIET)
            name.setFixedWidth(NAME_PX)
            field.setAccessibleName(text)
            form.addRow(name, field)
        form.addRow(self.keep_sound)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._heading)
        column.addLayout(form)

    def _bind(self) -> None:
        desk = self._desk
        for signal in (
            desk.selection.clips_selected,
            desk.session.scene_changed,
            desk.session.scene_chosen,
            desk.session.project_closed,
        ):
            signal.connect(self.refresh)
        self.loop_mode.activated.connect(self._on_loop_mode_chosen)
        self.speed.valueChanged.connect(self._on_speed_changed)
        self.face.valueChanged.connect(self._on_face_changed)
        self.gain.valueChanged.connect(self._on_gain_changed)
        self.keep_sound.clicked.connect(self._on_keep_sound_clicked)
        self.refresh()

    def refresh(self) -> None:
        """Show the selected clip as it is now."""
        chosen = self._desk.selection.clip_ids
        clip = self._desk.clips.clip(next(iter(chosen))) if len(chosen) == 1 else None
        self._clip_id = clip.id if clip is not None else None
        self.setVisible(clip is not None)
        if clip is None:
            return
        self._showing = True
        asset = self._desk.session.assets.get(clip.asset_id)
        self._heading.setText(self.tr("Clip · %s") % (asset.name if asset else ""))
        self._show(clip)
        self._showing = False

    def _show(self, clip: DrivingClipRecord | VoiceClipRecord) -> None:
        is_driving = isinstance(clip, DrivingClipRecord)
        for field in (self.loop_mode, self.speed, self.face):
            self._form.setRowVisible(field, is_driving)
        self._form.setRowVisible(self.keep_sound, is_driving)
        has_sound = clip.keep_sound if isinstance(clip, DrivingClipRecord) else True
        self._form.setRowVisible(self.gain, has_sound)
        self.gain.setValue(clip.gain_db)
        if isinstance(clip, DrivingClipRecord):
            self.loop_mode.setCurrentIndex(self.loop_mode.findData(clip.loop_mode))
            self.speed.setValue(float(clip.speed))
            self.face.setValue(clip.face_index + 1)
            self.keep_sound.setChecked(clip.keep_sound)

    def _on_loop_mode_chosen(self, index: int) -> None:
        if self._clip_id is not None:
            self._desk.clips.set_loop_mode(self._clip_id, LoopMode(self.loop_mode.itemData(index)))

    def _on_speed_changed(self, value: float) -> None:
        if self._clip_id is not None and not self._showing:
            self._desk.clips.set_speed(self._clip_id, Fraction(value).limit_denominator(100))

    def _on_face_changed(self, value: int) -> None:
        if self._clip_id is not None and not self._showing:
            self._desk.clips.set_face_index(self._clip_id, value - 1)

    def _on_gain_changed(self, value: float) -> None:
        if self._clip_id is not None and not self._showing:
            self._desk.clips.set_gain(self._clip_id, value)

    def _on_keep_sound_clicked(self, keep: bool) -> None:
        if self._clip_id is not None:
            self._desk.clips.set_keep_sound(self._clip_id, keep)


def _spin(low: float, high: float, step: float, suffix: str) -> QDoubleSpinBox:
    spin = QDoubleSpinBox()
    spin.setRange(low, high)
    spin.setSingleStep(step)
    spin.setSuffix(suffix)
    spin.setKeyboardTracking(False)
    return spin
