"""The plan of the next render, opened from its button: size and seed."""

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QFormLayout, QSpinBox, QVBoxLayout, QWidget

from desktop.authoring.render_requests import LARGEST_SEED
from desktop.panels.desk import Desk
from desktop.widgets.form_controls import CheckBox, ChoiceBox
from desktop.widgets.labels import TextTone, label

LONG_SIDES = (1280, 1920, 960, 640)


class PlanPopup(QWidget):
    """A small panel below the plan button."""

    def __init__(self, desk: Desk, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self._desk = desk
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setObjectName("plan_popup")
        self._what = label(tone=TextTone.QUIET, wraps=True)
        self.size_choice = ChoiceBox(desk.theme)
        self.new_seed = CheckBox(desk.theme, self.tr("A new seed for each take"))
        self.seed = QSpinBox()
        self.seed.setRange(0, LARGEST_SEED)
        form = QFormLayout()
        form.setHorizontalSpacing(12)
        form.addRow(label(self.tr("Size"), TextTone.QUIET), self.size_choice)
        form.addRow(label(self.tr("Seed"), TextTone.QUIET), self.seed)
        form.addRow(self.new_seed)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        column.addWidget(self._what)
        column.addLayout(form)
        self.size_choice.activated.connect(self._on_size_chosen)
        self.seed.valueChanged.connect(self._on_seed_changed)
        self.new_seed.toggled.connect(self._on_new_seed_toggled)

    def open_below(self, anchor: QWidget) -> None:
        """Show the plan under its button."""
        self._fill()
        self.adjustSize()
        corner = anchor.mapToGlobal(QPoint(anchor.width(), anchor.height() + 4))
        self.move(corner.x() - self.width(), corner.y())
        self.show()
        self.size_choice.setFocus()

    def _fill(self) -> None:
        session, choice = self._desk.session, self._desk.choice
        frames = session.length_frames
        self._what.setText(
            self.tr("Draft: no graphics card needed.\n%d frames, %.1f s.")
            % (frames, float(frames / session.frame_rate))
        )
        self.size_choice.clear()
        self.size_choice.addItem(self.tr("As the plate, at most 1280"), None)
        for size in self._sizes():
            self.size_choice.addItem(f"{size[0]} × {size[1]}", size)
            if size == choice.size:
                self.size_choice.setCurrentIndex(self.size_choice.count() - 1)
        self.seed.setValue(choice.seed or 0)
        self.new_seed.setChecked(choice.seed is None)
        self.seed.setEnabled(choice.seed is not None)

    def _sizes(self) -> list[tuple[int, int]]:
        scene = self._desk.session.scene
        width = (scene.plate.probe.width if scene else None) or 1
        height = (scene.plate.probe.height if scene else None) or 1
        shares = [side / max(width, height) for side in LONG_SIDES]
        return [(max(64, 2 * round(width * s / 2)), max(64, 2 * round(height * s / 2))) for s in shares]

    def _on_size_chosen(self, index: int) -> None:
        size = self.size_choice.itemData(index)
        self._desk.choice.set_size((size[0], size[1]) if size else None)

    def _on_seed_changed(self, seed: int) -> None:
        if not self.new_seed.isChecked():
            self._desk.choice.set_seed(seed)

    def _on_new_seed_toggled(self, new: bool) -> None:
        self.seed.setEnabled(not new)
        self._desk.choice.set_seed(None if new else self.seed.value())
