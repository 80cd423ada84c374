"""The prompts in the plan: several lines, one edit each, and nothing that was typed is lost."""

import sqlite3

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop.authoring.prompts import LONGEST_PROMPT
from desktop.windows.prompt_fields import PromptFields
from tests.desktop.windows.plan_hands import choose_quality


@pytest.fixture
def prompts(opened):
    """The prompts of the chosen scene."""
    fields = PromptFields(opened.desk)
    fields.refresh()
    opened.desk.session.scene_changed.connect(fields.refresh)
    yield fields
    fields.deleteLater()


def test_several_lines_are_one_edit_and_undo_shows_what_was(opened, prompts):
    QTest.keyClicks(prompts.prompt, "Two friends talk")
    QTest.keyClick(prompts.prompt, Qt.Key.Key_Return)
    QTest.keyClicks(prompts.prompt, "Rain on the window ")
    QTest.keyClick(prompts.prompt, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert opened.desk.session.scene.prompt == "Two friends talk\nRain on the window"
    assert prompts.prompt.toPlainText() == opened.desk.session.scene.prompt
    assert opened.desk.history.stack.count() == 1
    assert opened.desk.session.takes == ()
    opened.desk.history.undo()
    assert (opened.desk.session.scene.prompt, prompts.prompt.toPlainText()) == ("", "")


def test_what_cannot_be_written_stays_in_its_field_and_can_be_kept_later(opened, prompts):
    driver = opened.desk.session.store._project_connection.driver
    driver.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(opened.desk.session.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    QTest.keyClicks(prompts.prompt, "Two friends talk ")
    prompts.keep()
    prompts.refresh()
    assert (opened.desk.session.scene.prompt, prompts.prompt.toPlainText()) == ("", "Two friends talk ")
    other.close()
    prompts.keep()
    assert opened.desk.session.scene.prompt == "Two friends talk"
    assert (prompts.prompt.toPlainText(), prompts.prompt.is_modified) == ("Two friends talk", False)


def test_a_prompt_that_is_too_long_is_told_and_stays_until_it_is_shortened(opened, prompts):
    prompts.negative_prompt.insertPlainText("x" * (LONGEST_PROMPT + 1))
    prompts.keep()
    assert f"{LONGEST_PROMPT:,} letters" in prompts.trouble.text()
    assert opened.desk.session.scene.negative_prompt == ""
    QTest.keyClicks(prompts.prompt, "Night")
    prompts.prompt.settle()
    assert opened.desk.session.scene.prompt == "Night"
    assert len(prompts.negative_prompt.toPlainText()) == LONGEST_PROMPT + 1
    QTest.keyClick(prompts.negative_prompt, Qt.Key.Key_Backspace)
    prompts.keep()
    assert len(opened.desk.session.scene.negative_prompt) == LONGEST_PROMPT
    assert prompts.refusal is None


def test_advanced_settings_beside_them_take_no_room_from_the_prompts(opened, popup):
    choose_quality(opened, "diffusion")
    popup.prompt.show_text("Two friends talk by the window.\nThe light comes from the left.\nNight, warm.")
    QTest.qWait(20)
    before = popup.prompt.size()
    QTest.mouseClick(popup.advanced_button, Qt.MouseButton.LeftButton)
    QTest.qWait(20)
    assert popup.prompt.size() == before
    assert popup.negative_prompt.width() == before.width()
    assert popup.negative_prompt.height() == popup.negative_prompt.sizeHint().height()
    assert popup.negative_prompt.visibleRegion().boundingRect() == popup.negative_prompt.rect()
