"""Theme tokens as a Qt palette for the Fusion style."""

from PySide6.QtGui import QColor, QPalette

from desktop.theme.tokens import Tokens


def palette_of(tokens: Tokens) -> QPalette:
    """Return the palette that makes Fusion paint in `tokens`."""
    palette = QPalette()
    role = QPalette.ColorRole
    colours = {
        role.Window: tokens.panel,
        role.WindowText: tokens.text,
        role.Base: tokens.panel,
        role.AlternateBase: tokens.raised,
        role.Text: tokens.text,
        role.Button: tokens.raised,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.text,
        role.ToolTipBase: tokens.raised,
        role.ToolTipText: tokens.text,
        role.PlaceholderText: tokens.secondary,
        role.Highlight: tokens.selection,
        role.HighlightedText: tokens.text,
        role.Link: tokens.text,
        role.LinkVisited: tokens.text,
        role.Light: tokens.raised,
        role.Midlight: tokens.line,
        role.Mid: tokens.line,
        role.Dark: tokens.line,
        role.Shadow: tokens.window,
        role.Accent: tokens.accent,
    }
    for which, colour in colours.items():
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(tokens.faint))
    return palette
