"""The plan of the next render, opened from its button: quality, size, takes, prompts, advanced settings."""

from itertools import pairwise

from PySide6.QtCore import QPoint, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QMouseEvent, QStandardItemModel
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.authoring.diffusion_settings import ADD_A_BUNDLE, what_is_missing
from desktop.models.words import quality_word
from desktop.panels.desk import Desk
from desktop.widgets.form_controls import CheckBox, ChoiceBox
from desktop.widgets.labels import TextTone, label
from desktop.widgets.segments import Segments
from desktop.windows.advanced_block import AdvancedBlock
from desktop.windows.outlook_block import WIDTH_PX, OutlookBlock
from desktop.windows.prompt_fields import PromptFields
from desktop.windows.take_numbers import USUAL_SEED, TakeNumbers
from engine.protocol.render_request import RendererName

BORDER_PX = 1


class PlanPopup(QWidget):
    """A small panel below the plan button. It follows the choice; a prompt is kept when its field is left.

    Advanced settings unfold beside it, so that what they do to the plan is seen, and nothing else moves. A
    press beside it closes it and is told by `pressed_outside`, as a point of the screen: some platforms
    give it to what lies there, some do not.
    """

    pressed_outside = Signal(QPoint)

    def __init__(self, desk: Desk, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_NoMouseReplay)
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
        self._numbers = TakeNumbers(desk.choice)
        self.steps, self.takes, self.seed = self._numbers.steps, self._numbers.takes, self._numbers.seed
        self.size_choice = ChoiceBox(desk.theme)
        self.new_seed = CheckBox(desk.theme, self.tr("A new seed for each render"))
        self.prompts = PromptFields(desk)
        self.prompt, self.negative_prompt = self.prompts.prompt, self.prompts.negative_prompt
        self.advanced = AdvancedBlock(desk)
        self.advanced_button = QToolButton()
        self._line = QFrame()
        self._form = QFormLayout()
        self._body = QWidget()
        self._fitting = QTimer(self)
        self._row = QHBoxLayout(self._body)
        self._area = QScrollArea()
        self._lay_out()
        self._bind()

    def open_below(self, anchor: QWidget) -> None:
        """Show the plan under its button."""
        self._desk.shelf.look()
        self._desk.outlook.look_again()
        self._corner = anchor.mapToGlobal(QPoint(anchor.width(), anchor.height() + 4))
        self._fill()
        self.show()
        self._fit()
        self.quality.button(self._desk.choice.renderer.value).setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        """Keep what was typed."""
        super().hideEvent(event)
        self._numbers.settle()
        self.advanced.settle()
        self.prompts.keep()
        if self.prompts.refusal is not None:
            self._desk.notices.failed(self.prompts.refusal)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Close for a press beside it."""
        super().mousePressEvent(event)
        if not self.rect().contains(event.position().toPoint()):
            self.hide()
            self.pressed_outside.emit(event.globalPosition().toPoint())

    def _lay_out(self) -> None:
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addLayout(self._lay_out_form())
        column.addWidget(self.prompts)
        column.addWidget(self.advanced_button)
        column.addWidget(self.outlook)
        column.addWidget(self.words)
        column.addStretch(1)
        self.advanced_button.setCheckable(True)
        self.advanced_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.advanced_button.setAccessibleName(self.tr("Advanced settings"))
        self._line.setFrameShape(QFrame.Shape.VLine)
        self._line.setProperty("hairline", True)
        row = self._row
        row.setContentsMargins(14, 12, 14, 12)
        row.setSpacing(14)
        row.addWidget(self.advanced)
        row.addWidget(self._line)
        row.addLayout(column)
        self._area.setWidget(self._body)
        self._area.setWidgetResizable(True)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(BORDER_PX, BORDER_PX, BORDER_PX, BORDER_PX)
        outer.addWidget(self._area)
        self._order_tabs()

    def _lay_out_form(self) -> QFormLayout:
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
        self.bundle_choice.setAccessibleName(self.tr("Model bundle"))
        self.size_choice.setAccessibleName(self.tr("Size"))
        return form

    def _order_tabs(self) -> None:
        """Lead from the prompts to the advanced settings, through them, and back to the plan."""
        order = (
            self.new_seed,
            self.prompt,
            self.negative_prompt,
            self.advanced_button,
            self.advanced.usual_button,
            *self.advanced.fields.values(),
            self.outlook.smaller_button,
            self.outlook.precision_button,
        )
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)

    def _bind(self) -> None:
        choice = self._desk.choice
        choice.choice_changed.connect(self._on_choice_changed)
        self._desk.outlook.outlook_changed.connect(self._on_outlook_changed)
        self.quality.chosen.connect(lambda key: choice.set_renderer(RendererName(key)))
        self.bundle_choice.activated.connect(
            lambda index: choice.set_bundle(self.bundle_choice.itemData(index))
        )
        self.size_choice.activated.connect(self._on_size_chosen)
        self.new_seed.toggled.connect(self._on_new_seed_toggled)
        self._fitting.setSingleShot(True)
        self._fitting.timeout.connect(self._on_grown)
        self.prompts.grown.connect(self._fitting.start)  # not while the layout is placing them
        self.advanced_button.toggled.connect(self._on_advanced_toggled)

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
        for field in (self.bundle_choice, self.steps):
            self._form.setRowVisible(field, is_diffusion)
        self.prompts.setVisible(is_diffusion)
        self._fill_numbers()
        self._fill_bundles()
        self._fill_sizes()
        self.prompts.refresh()
        self._fill_advanced()
        self.words.setText(self._explanation())
        self._fill_outlook()
        self._fit()

    def _fill_outlook(self) -> None:
        choice = self._desk.choice
        is_planned = choice.renderer is RendererName.DIFFUSION and choice.bundle is not None
        self.outlook.setVisible(is_planned and not choice.trouble())
        self.outlook.refresh()

    def _fill_advanced(self) -> None:
        is_diffusion = self._desk.choice.renderer is RendererName.DIFFUSION
        is_open, changed = self.advanced_button.isChecked(), self.advanced.changed_count()
        words = [self.tr("▾ Advanced") if is_open else self.tr("▸ Advanced")]
        self.advanced_button.setText(
            " · ".join([*words, *([self.tr("%d set") % changed] if changed else [])])
        )
        self.advanced_button.setVisible(is_diffusion)
        self.advanced.setVisible(is_diffusion and is_open)
        self._line.setVisible(is_diffusion and is_open)
        self.advanced.refresh()

    def _fit(self) -> None:
        """Take the room that is needed, below the button and on its screen; beyond that it scrolls.

        The parts are not placed before there is room for them: words would break anew where it is narrow.
        """
        for part in (self.prompts, self.advanced, self.outlook):
            part.ensurePolished()
            layout = part.layout()
            if layout is not None:
                layout.activate()
        self._row.invalidate()
        wanted = self._row.totalSizeHint()
        height = self._row.totalHeightForWidth(wanted.width())
        room = self.screen().availableGeometry()
        lowest = room.bottom() - self._corner.y() - 2 * BORDER_PX
        scroll_bar = self._area.verticalScrollBar().sizeHint().width() if height > lowest else 0
        width = wanted.width() + scroll_bar + 2 * BORDER_PX
        self.resize(width, min(height, lowest) + 2 * BORDER_PX)
        self.move(max(room.left(), min(self._corner.x(), room.right()) - width), self._corner.y())

    def _fill_numbers(self) -> None:
        self._numbers.refresh()
        with QSignalBlocker(self.new_seed):
            self.new_seed.setChecked(self._desk.choice.seed is None)

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
        chosen = [choice.size] if choice.size else []
        for size in dict.fromkeys((*choice.offered_sizes(), *chosen)):
            if size != usual:
                self.size_choice.addItem(_size_words(size), size)
            if size == choice.size and size != usual:
                self.size_choice.setCurrentIndex(self.size_choice.count() - 1)

    def _explanation(self) -> str:
        session, choice = self._desk.session, self._desk.choice
        frames = session.length_frames
        length = self.tr("%d frames, %.1f s.") % (frames, float(frames / session.frame_rate))
        if choice.renderer is RendererName.DIFFUSION:
            return "\n".join(text for text in (length, self._bundle_words(), choice.trouble()) if text)
        words = "\n".join(
            text for text in (self.tr("A draft needs no graphics card."), choice.why_refused()) if text
        )
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

    def _on_grown(self) -> None:
        if self.isVisible():
            self._fit()

    def _on_advanced_toggled(self) -> None:
        self._fill_advanced()
        self._fit()

    def _on_size_chosen(self, index: int) -> None:
        size = self.size_choice.itemData(index)
        self._desk.choice.set_size((size[0], size[1]) if size else None)

    def _on_new_seed_toggled(self, new: bool) -> None:
        self._desk.choice.set_seed(None if new else USUAL_SEED)


def _size_words(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"
