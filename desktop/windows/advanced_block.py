"""What else can be set of a diffusion render: the command line's options as fields."""

from functools import partial

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QVBoxLayout, QWidget

from desktop.authoring.diffusion_options import (
    ADVANCED,
    NumberOption,
    WordOption,
    choice_word,
    usual_number,
    why_wrong,
    with_setting,
)
from desktop.authoring.diffusion_settings import DiffusionChoice, driven_characters, why_refused
from desktop.panels.desk import Desk
from desktop.widgets.form_controls import ChoiceBox
from desktop.widgets.labels import TextTone, label, link_button
from desktop.widgets.number_field import NumberField
from engine.bundles.installed_bundle import Capability

FIELD_PX = 150
FIELD_HEIGHT_PX = 26


class AdvancedBlock(QWidget):
    """Follows the choice. A number is tried while it is typed, and taken, right or wrong, when it is left."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self.fields: dict[str, QWidget] = {}
        self.usual_button = link_button(self.tr("Back to usual"))
        self.usual_button.setToolTip(self.tr("Leave all of these to Masque"))
        self.usual_button.clicked.connect(lambda: desk.choice.set_advanced(DiffusionChoice()))
        self._lay_out()

    def changed_count(self) -> int:
        """Return how many settings are not left to Masque."""
        return len(self._desk.choice.advanced.options_given())

    def refresh(self) -> None:
        """Show what is chosen."""
        for option in ADVANCED:
            field = self.fields[option.field]
            if isinstance(option, NumberOption) and isinstance(field, NumberField):
                self._show_number(option, field)
            elif isinstance(option, WordOption) and isinstance(field, ChoiceBox):
                chosen = getattr(self._desk.choice.advanced, option.field) or option.usual
                with QSignalBlocker(field):
                    field.setCurrentIndex(list(option.choices).index(chosen))
        self.usual_button.setVisible(self.changed_count() > 0)

    def settle(self) -> None:
        """Take the number that is being typed."""
        for field in self.fields.values():
            if isinstance(field, NumberField):
                field.settle()

    def _lay_out(self) -> None:
        kept_room = self.usual_button.sizePolicy()
        kept_room.setRetainSizeWhenHidden(True)
        self.usual_button.setSizePolicy(kept_room)
        first = QHBoxLayout()
        first.addWidget(label(self.tr("Advanced"), TextTone.STRONG))
        first.addStretch(1)
        first.addWidget(self.usual_button)
        form = QFormLayout()
        form.setHorizontalSpacing(12)
        for option in ADVANCED:
            field = self._number_field(option) if isinstance(option, NumberOption) else self._words(option)
            field.setFixedSize(FIELD_PX, FIELD_HEIGHT_PX)
            field.setToolTip(option.help)
            field.setAccessibleName(option.name)
            field.setAccessibleDescription(option.help)
            heading = label(option.name, TextTone.QUIET)
            heading.setToolTip(option.help)
            heading.setBuddy(field)
            form.addRow(heading, field)
            self.fields[option.field] = field
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(first)
        column.addLayout(form)
        column.addStretch(1)

    def _number_field(self, option: NumberOption) -> NumberField:
        field = NumberField(
            lowest=option.lowest, highest=option.highest, step=option.step, is_whole=option.is_whole
        )
        field.number_typed.connect(partial(self._try, option))
        field.number_given.connect(partial(self._set, option))
        return field

    def _words(self, option: WordOption) -> ChoiceBox:
        field = ChoiceBox(self._desk.theme)
        for choice in option.choices:
            word = choice_word(choice)
            field.addItem(self.tr("%s (usual)") % word if choice is option.usual else word)
        field.activated.connect(partial(self._on_word_chosen, option))
        return field

    def _show_number(self, option: NumberOption, field: NumberField) -> None:
        chosen, scene = self._desk.choice.advanced, self._desk.session.scene
        speaks = scene is not None and Capability.VOICE_DRIVEN in driven_characters(scene)
        usual = usual_number(option, chosen, has_voices=speaks)
        if usual is None:
            words = self.tr("as the adapters")
        else:
            words = self.tr("%s (usual)") % f"{usual:g}{option.unit and ' ' + option.unit}"
        field.show_number(getattr(chosen, option.field), usual, words)
        field.show_trouble(why_wrong(chosen, option), option.help)

    def _on_word_chosen(self, option: WordOption, index: int) -> None:
        choice = list(option.choices)[index]
        self._set(option, None if choice is option.usual else choice)

    def _try(self, option: NumberOption, value: object) -> None:
        asked = with_setting(self._desk.choice.advanced, option, value)
        if not why_refused(asked):
            self._desk.choice.set_advanced(asked)

    def _set(self, option: NumberOption | WordOption, value: object) -> None:
        self._desk.choice.set_advanced(with_setting(self._desk.choice.advanced, option, value))
        self.refresh()
