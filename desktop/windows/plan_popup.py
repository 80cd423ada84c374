"""The plan of the next render, opened from its button: quality, bundle, size, takes, seed, prompts."""

from PySide6.QtCore import QPoint, QSignalBlocker, Qt
from PySide6.QtGui import QHideEvent, QStandardItemModel
from PySide6.QtWidgets import QFormLayout, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from desktop.authoring.diffusion_settings import ADD_A_BUNDLE, what_is_missing
from desktop.authoring.prompts import LONGEST_PROMPT
from desktop.authoring.render_requests import LARGEST_SEED, MOST_TAKES
from desktop.models.words import quality_word
from desktop.panels.desk import Desk
from desktop.widgets.form_controls import CheckBox, ChoiceBox
from desktop.widgets.labels import TextTone, label
from desktop.widgets.segments import Segments
from desktop.windows.outlook_block import WIDTH_PX, OutlookBlock
from engine.protocol.diffusion_limits import MOST_STEPS
from engine.protocol.render_request import RendererName

TEXT_MARGIN_PX = 6


class PlanPopup(QWidget):
    """A small panel below the plan button. It follows the choice; a prompt is kept when its line is left."""

    def __init__(self, desk: Desk, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self._desk = desk
        self._corner = QPoint()
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setObjectName("plan_popup")
        self.words = label(tone=TextTone.QUIET, wraps=True)
        self.words.setFixedWidth(WIDTH_PX)
        self.outlook = OutlookBlock(desk)
        self.quality = Segments(
            {name.value: quality_word(name.value) for name in RendererName}, self.tr("Quality")
        )
        self.bundle_choice = ChoiceBox(desk.theme)
        self.steps = _spin_box(1, MOST_STEPS, self.tr("Steps"))
        self.size_choice = ChoiceBox(desk.theme)
        self.takes = _spin_box(1, MOST_TAKES, self.tr("Takes"))
        self.seed = _spin_box(0, LARGEST_SEED, self.tr("Seed"))
        self.new_seed = CheckBox(desk.theme, self.tr("A new seed for each render"))
        self.prompt = _prompt_line(self.tr("What the shot shows"), self.tr("Prompt"))
        self.negative_prompt = _prompt_line(self.tr("What it must not show"), self.tr("Negative prompt"))
        self._form = QFormLayout()
        self._lay_out()
        self._bind()

    def open_below(self, anchor: QWidget) -> None:
        """Show the plan under its button."""
        self._desk.shelf.look()
        self._desk.outlook.look_again()
        self._corner = anchor.mapToGlobal(QPoint(anchor.width(), anchor.height() + 4))
        self._fill()
        self.show()
        self.quality.button(self._desk.choice.renderer.value).setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        """Keep the prompts that were typed."""
        super().hideEvent(event)
        self.keep_prompts()

    def keep_prompts(self) -> None:
        """Write the prompts into the scene."""
        for line, keep in (
            (self.prompt, self._desk.scenes.set_prompt),
            (self.negative_prompt, self._desk.scenes.set_negative_prompt),
        ):
            if line.isModified() and self._desk.session.is_open:
                line.setModified(False)
                keep(line.text())

    def _lay_out(self) -> None:
        form = self._form
        form.setHorizontalSpacing(12)
        for text, field in (
            (self.tr("Quality"), self.quality),
            (self.tr("Model bundle"), self.bundle_choice),
            (self.tr("Steps"), self.steps),
            (self.tr("Size"), self.size_choice),
            (self.tr("Takes"), self.takes),
            (self.tr("Seed"), self.seed),
        ):
            name = label(text, TextTone.QUIET)
            name.setBuddy(field)
            form.addRow(name, field)
        form.addRow(self.new_seed)
        form.addRow(label(self.tr("Prompt"), TextTone.QUIET), self.prompt)
        form.addRow(label(self.tr("Negative prompt"), TextTone.QUIET), self.negative_prompt)
        self.bundle_choice.setAccessibleName(self.tr("Model bundle"))
        self.size_choice.setAccessibleName(self.tr("Size"))
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        column.addLayout(form)
        column.addWidget(self.outlook)
        column.addWidget(self.words)

    def _bind(self) -> None:
        choice = self._desk.choice
        choice.choice_changed.connect(self._on_choice_changed)
        self._desk.outlook.outlook_changed.connect(self._on_outlook_changed)
        self.quality.chosen.connect(lambda key: choice.set_renderer(RendererName(key)))
        self.bundle_choice.activated.connect(
            lambda index: choice.set_bundle(self.bundle_choice.itemData(index))
        )
        self.steps.valueChanged.connect(choice.set_steps)
        self.takes.valueChanged.connect(choice.set_take_count)
        self.size_choice.activated.connect(self._on_size_chosen)
        self.seed.valueChanged.connect(self._on_seed_changed)
        self.new_seed.toggled.connect(self._on_new_seed_toggled)
        self.prompt.editingFinished.connect(self.keep_prompts)
        self.negative_prompt.editingFinished.connect(self.keep_prompts)

    def _on_choice_changed(self) -> None:
        if self.isVisible():
            self._fill()

    def _on_outlook_changed(self) -> None:
        if self.isVisible():
            self._fill_outlook()
            self._fit()

    def _fill(self) -> None:
        choice = self._desk.choice
        is_diffusion = choice.renderer is RendererName.DIFFUSION
        self.quality.choose(choice.renderer.value)
        installed = bool(self._desk.shelf.bundles)
        self.quality.set_enabled(RendererName.DIFFUSION.value, is_diffusion or installed)
        self.quality.button(RendererName.DIFFUSION.value).setToolTip("" if installed else ADD_A_BUNDLE)
        for field in (self.bundle_choice, self.steps, self.prompt, self.negative_prompt):
            self._form.setRowVisible(field, is_diffusion)
        self._fill_numbers()
        self._fill_bundles()
        self._fill_sizes()
        self._fill_prompts()
        self.words.setText(self._explanation())
        self._fill_outlook()
        self._fit()

    def _fill_outlook(self) -> None:
        choice = self._desk.choice
        is_planned = choice.renderer is RendererName.DIFFUSION and choice.bundle is not None
        self.outlook.setVisible(is_planned and not choice.trouble())
        self.outlook.refresh()

    def _fit(self) -> None:
        """Take the room that is needed, below the button and on its screen."""
        self.adjustSize()
        self.move(self._corner.x() - self.width(), self._corner.y())

    def _fill_numbers(self) -> None:
        choice = self._desk.choice
        for box, value in (
            (self.steps, choice.steps),
            (self.takes, choice.take_count),
            (self.seed, choice.seed or 0),
        ):
            with QSignalBlocker(box):
                if box.value() != value:
                    box.setValue(value)
        with QSignalBlocker(self.new_seed):
            self.new_seed.setChecked(choice.seed is None)
        self.seed.setEnabled(choice.seed is not None)

    def _fill_bundles(self) -> None:
        scene, chosen = self._desk.session.scene, self._desk.choice.bundle
        self.bundle_choice.clear()
        for bundle in self._desk.shelf.bundles:
            text = self.tr("%s (random weights)") % bundle.name if bundle.random_weights else bundle.name
            self.bundle_choice.addItem(text, bundle.name)
            missing = what_is_missing(scene, bundle) if scene is not None else ""
            row = self.bundle_choice.count() - 1
            self.bundle_choice.setItemData(row, missing or None, Qt.ItemDataRole.ToolTipRole)
            model = self.bundle_choice.model()
            if missing and isinstance(model, QStandardItemModel):
                model.item(row).setEnabled(False)
        self.bundle_choice.setCurrentIndex(self.bundle_choice.findData(chosen.name) if chosen else -1)

    def _fill_sizes(self) -> None:
        choice = self._desk.choice
        self.size_choice.clear()
        usual = choice.usual_size()
        self.size_choice.addItem(_size_words(usual) if usual else self.tr("As the plate"), None)
        for size in choice.offered_sizes():
            if size != usual:
                self.size_choice.addItem(_size_words(size), size)
            if size == choice.size:
                self.size_choice.setCurrentIndex(self.size_choice.count() - 1)

    def _fill_prompts(self) -> None:
        scene = self._desk.session.scene
        for line, text in (
            (self.prompt, scene.prompt if scene else ""),
            (self.negative_prompt, scene.negative_prompt if scene else ""),
        ):
            if not line.isModified() and line.text() != text:
                line.setText(text)
                line.setCursorPosition(0)

    def _explanation(self) -> str:
        session, choice = self._desk.session, self._desk.choice
        frames = session.length_frames
        length = self.tr("%d frames, %.1f s.") % (frames, float(frames / session.frame_rate))
        if choice.renderer is RendererName.DIFFUSION:
            return "\n".join(text for text in (length, self._bundle_words(), choice.trouble()) if text)
        words = self.tr("A draft needs no graphics card.")
        if self._desk.shelf.trouble is not None:
            return f"{length} {words}\n{self._desk.shelf.trouble.sentence()}"
        if not self._desk.shelf.bundles:
            return f"{length} {words}\n" + self.tr("Diffusion needs a model bundle. %s") % ADD_A_BUNDLE
        return f"{length} {words}"

    def _bundle_words(self) -> str:
        bundle = self._desk.choice.bundle
        if bundle is not None and bundle.random_weights:
            return self.tr("“%s” has random weights: what it renders is noise.") % bundle.name
        return ""

    def _on_size_chosen(self, index: int) -> None:
        size = self.size_choice.itemData(index)
        self._desk.choice.set_size((size[0], size[1]) if size else None)

    def _on_seed_changed(self, seed: int) -> None:
        if not self.new_seed.isChecked():
            self._desk.choice.set_seed(seed)

    def _on_new_seed_toggled(self, new: bool) -> None:
        self._desk.choice.set_seed(None if new else self.seed.value())


def _spin_box(lowest: int, highest: int, name: str) -> QSpinBox:
    made = QSpinBox()
    made.setRange(lowest, highest)
    made.lineEdit().setTextMargins(TEXT_MARGIN_PX, 0, TEXT_MARGIN_PX, 0)
    made.setAccessibleName(name)
    return made


def _prompt_line(hint: str, name: str) -> QLineEdit:
    made = QLineEdit()
    made.setMaxLength(LONGEST_PROMPT)
    made.setPlaceholderText(hint)
    made.setAccessibleName(name)
    return made


def _size_words(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"
