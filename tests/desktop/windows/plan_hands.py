"""What a person does with the plan of a render, by mouse."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.bundles.installed_bundle import Capability, InstalledBundle
from tests.desktop.hands import wait_until

WHOLE = InstalledBundle(
    name="whole",
    folder=Path("b"),
    parts={},
    capabilities=frozenset({Capability.CLIP_DRIVEN, Capability.VOICE_DRIVEN}),
)


def open_plan(opened):
    QTest.mouseClick(opened.window.bar.plan_button, Qt.MouseButton.LeftButton)


def open_plan_again(opened):
    opened.window.plan.hide()
    open_plan(opened)


def choose_quality(opened, quality):
    QTest.mouseClick(opened.window.plan.quality.button(quality), Qt.MouseButton.LeftButton)


def plan_diffusion(opened):
    """Choose diffusion and wait for its plan."""
    choose_quality(opened, "diffusion")
    settle(opened)


def settle(opened):
    wait_until(lambda: not opened.desk.outlook.is_asking)


def type_number(field, number):
    """Type into a field in place of what it holds, and press Enter."""
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, str(number))
    QTest.keyClick(field, Qt.Key.Key_Return)
