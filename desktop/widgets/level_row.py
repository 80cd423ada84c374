"""One row of the inspector: a name, a slider, its value, and a diamond for keys."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from desktop.theme.theme import Theme
from desktop.widgets.key_diamond import KeyDiamond, KeyState
from desktop.widgets.labels import TextTone, label
from desktop.widgets.level_slider import LevelSlider

NAME_PX = 74
VALUE_PX = 38


class LevelRow(QWidget):
    """`level_settled` when the user has chosen a value, `key_toggled` when the diamond was clicked."""

    level_settled = Signal(float)
    key_toggled = Signal()

    def __init__(
        self,
        theme: Theme,
        name: str,
        *,
        high: float,
        show_value: Callable[[float], str] = "{:.2f}".format,
        has_keys: bool = True,
    ) -> None:
        super().__init__()
        self._show_value = show_value
        self._name = label(name, TextTone.QUIET)
        self._name.setFixedWidth(NAME_PX)
        self.slider = LevelSlider(theme, low=0.0, high=high, name=name)
        self._value = label()
        self._value.setFixedWidth(VALUE_PX)
        self._value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.diamond = KeyDiamond(theme, self.tr("Key for %s") % name)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(5)
        for part in (self._name, self.slider, self._value, self.diamond):
            row.addWidget(part)
        policy = self.diamond.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.diamond.setSizePolicy(policy)
        self.diamond.setVisible(has_keys)
        self.slider.value_settled.connect(self.level_settled)
        self.slider.value_dragged.connect(self._on_value_dragged)
        self.diamond.clicked.connect(self.key_toggled)

    def show_level(self, level: float, keys: KeyState = KeyState.NONE) -> None:
        """Show a value and what is known of its keys."""
        self.slider.set_level(level)
        self._value.setText(self._show_value(level))
        self.diamond.show_state(keys)

    def _on_value_dragged(self, level: float) -> None:
        self._value.setText(self._show_value(level))
