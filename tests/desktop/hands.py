"""What a person does to a window: waits, drags."""

import time

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest

from tests.patience import PATIENCE_S


def wait_until(holds, patience_s=PATIENCE_S):
    """Let Qt work until `holds()`; fail when that takes too long."""
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        QTest.qWait(5)


def drag(widget, start, end, modifiers=Qt.KeyboardModifier.NoModifier):
    """Drag on a widget with the left button, in steps as a hand does."""
    begin, finish = QPointF(start), QPointF(end)
    QTest.mousePress(widget, Qt.MouseButton.LeftButton, modifiers, begin.toPoint())
    for share in (0.25, 0.5, 0.75, 1.0):
        QTest.mouseMove(widget, (begin + (finish - begin) * share).toPoint())
    QTest.mouseRelease(widget, Qt.MouseButton.LeftButton, modifiers, finish.toPoint())


def at(x, y):
    """Return a whole point."""
    return QPoint(round(x), round(y))
