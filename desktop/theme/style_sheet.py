"""What the palette cannot say: flat bars, rounded buttons, the focus ring."""

from string import Template

from desktop.theme.tokens import Tokens

RULES = Template("""
QMainWindow, QMainWindow > QWidget#action_bar { background: $panel; }
QMainWindow::separator { background: $line; width: 1px; height: 1px; }
QWidget#action_bar { border-bottom: 1px solid $line; }
QWidget#dock_header { background: $panel; }
QLabel[tone="secondary"] { color: $secondary; font-size: 11px; }
QLabel[tone="quiet"] { color: $secondary; }
QLabel[tone="heading"] { color: $secondary; font-size: 11px; font-weight: 600; }
QLabel[tone="strong"] { font-weight: 600; }
QLabel#timecode { font-size: 14px; }
QMenuBar { background: transparent; spacing: 0; }
QMenuBar::item { background: transparent; color: $secondary; padding: 4px 9px; border-radius: 4px; }
QMenuBar::item:selected, QMenuBar::item:pressed { background: $selection; color: $text; }
QMenu { background: $raised; border: 1px solid $line; padding: 4px 0; }
QMenu::item { padding: 5px 28px 5px 24px; }
QMenu::item:selected { background: $selection; color: $text; }
QMenu::item:disabled { color: $faint; }
QMenu::separator { height: 1px; background: $line; margin: 4px 0; }
QMenu::indicator { left: 6px; width: 12px; height: 12px; }
QPushButton, QToolButton[framed="true"], QComboBox {
    background: $raised; color: $text; border: 1px solid $line; border-radius: 5px; padding: 3px 10px; min-
    height: 16px;
}
QPushButton:hover, QToolButton[framed="true"]:hover, QComboBox:hover { border-color: $faint; }
QPushButton:pressed { background: $selection; }
QPushButton:disabled { color: $faint; }
QPushButton:focus, QToolButton[framed="true"]:focus, QComboBox:focus, QLineEdit:focus, QPlainTextEdit:focus,
QAbstractSpinBox:focus, QCheckBox:focus { border: 1px solid $text; }
QPushButton[main="true"] { background: $accent; color: $on_accent; border: 1px solid $accent; font-weight:
600; padding: 3px 9px; }
QPushButton[main="true"]:focus { border: 1px solid $text; }
QPushButton[main="true"]:disabled { background: $raised; color: $faint; border-color: $line; }
QPushButton[link="true"] {
    background: transparent; border: none; border-bottom: 1px solid transparent; border-radius: 0; padding:
    1px 0; min-height: 14px;
    text-decoration: underline; color: $text; text-align: left;
}
QPushButton[link="true"]:hover, QPushButton[link="true"]:focus { border-bottom: 1px solid $text; }
QToolButton { background: transparent; border: 1px solid transparent; border-radius: 4px; padding: 2px;
color: $secondary; }
QToolButton:hover { background: $raised; color: $text; }
QToolButton:focus { border: 1px solid $text; }
QToolButton:checked { background: $selection; color: $text; }
QToolButton[tab="true"] { padding: 3px 2px; font-size: 12px; border-radius: 0; }
QToolButton[tab="true"]:hover { background: transparent; }
QToolButton[tab="true"]:checked { background: transparent; color: $text; font-weight: 600; }
QToolButton::menu-indicator { image: none; }
QComboBox::drop-down { border: none; width: 14px; }
QComboBox QAbstractItemView { background: $raised; border: 1px solid $line; selection-background-color:
$selection; }
QLineEdit, QPlainTextEdit, QAbstractSpinBox {
    background: $raised; color: $text; border: 1px solid $line; border-radius: 4px; padding: 2px 5px;
    selection-background-color: $selection; selection-color: $text; placeholder-text-color: $secondary;
}
QLineEdit[wrong="true"] { border: 1px solid $failed; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 0; border: none; }
QListView, QTableView, QScrollArea, QScrollArea > QWidget > QWidget { background: $panel; border: none;
outline: 0; }
QListView:focus, QTableView:focus { border: 1px solid $faint; }
QHeaderView::section { background: $panel; color: $secondary; border: none; border-bottom: 1px solid $line;
padding: 3px 8px; }
QAbstractSpinBox QLineEdit { background: transparent; border: none; padding: 0 2px; }
QWidget#plan_popup { background: $panel; border: 1px solid $line; }
QFrame[hairline="true"] { color: $line; border: none; background: $line; max-width: 1px; }
QWidget#stage_note { background: $panel; border: 1px solid $line; border-radius: 5px; }
QProgressBar { background: $line; border: none; border-radius: 2px; }
QProgressBar::chunk { background: $accent; border-radius: 2px; }
QWidget#notice_strip { background: $raised; border-bottom: 1px solid $line; }
QFrame#box { background: $raised; border: 1px solid $line; border-radius: 6px; }
QFrame#segments { background: $panel; border: 1px solid $line; border-radius: 5px; }
QFrame#segments QToolButton { border: 1px solid transparent; border-radius: 4px; padding: 2px 9px; color:
$secondary; }
QFrame#segments QToolButton:checked { background: $selection; color: $text; }
QFrame#segments QToolButton:disabled { color: $faint; }
QFrame#segments QToolButton:focus { border: 1px solid $text; }
QStatusBar { background: $panel; border-top: 1px solid $line; }
QStatusBar::item { border: none; }
QScrollBar:vertical { background: transparent; width: 9px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 9px; margin: 0; }
QScrollBar::handle { background: $line; border-radius: 3px; margin: 2px; min-height: 24px; min-width: 24px; }
QScrollBar::handle:hover { background: $faint; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QToolTip { background: $raised; color: $text; border: 1px solid $line; padding: 3px 6px; }
""")


def style_sheet_of(tokens: Tokens) -> str:
    """Return the application's style sheet in `tokens`."""
    return RULES.substitute(
        window=tokens.window,
        panel=tokens.panel,
        raised=tokens.raised,
        line=tokens.line,
        text=tokens.text,
        secondary=tokens.secondary,
        faint=tokens.faint,
        accent=tokens.accent,
        on_accent=tokens.on_accent,
        selection=tokens.selection,
        failed=tokens.failed,
    )
