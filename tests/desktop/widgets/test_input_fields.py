"""Fields for a number and for a few lines of words, by keys alone and without a window around them."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop.widgets.number_field import NumberField
from desktop.widgets.prose_field import ProseField


@pytest.fixture
def number(qt_application):
    """A field for 5, 9, 13 and so on to 201, with 81 usual, and what it told."""
    field = NumberField(lowest=5, highest=201, step=4, is_whole=True)
    field.told = []
    field.number_given.connect(field.told.append)
    field.show_number(None, 81, "81 (usual)")
    yield field
    field.deleteLater()


@pytest.fixture
def prose(qt_application):
    """A field with a line of words, 200 pixels wide, and what it told."""
    field = ProseField()
    field.resize(200, 60)
    field.told = []
    field.text_settled.connect(field.told.append)
    field.show_text("A man talks")
    yield field
    field.deleteLater()


def test_arrow_keys_step_to_what_can_be_and_stop_at_the_bounds(number):
    QTest.keyClick(number, Qt.Key.Key_Down)
    number.show_number(199, 81, "")
    QTest.keyClick(number, Qt.Key.Key_Up)
    number.show_number(6, 81, "")
    QTest.keyClick(number, Qt.Key.Key_Down)
    assert number.told == [77, 201, 5]


def test_escape_brings_back_what_held_before_typing_and_is_left_to_others_otherwise(number):
    typed = []
    number.number_typed.connect(typed.append)
    QTest.keyClicks(number, "49")
    number.show_number(49, 81, "")
    QTest.keyClick(number, Qt.Key.Key_Escape)
    assert (typed, number.told, number.text()) == ([4, 49], [None], "")
    QTest.keyClick(number, Qt.Key.Key_Escape)
    assert number.told == [None]


def test_half_a_number_is_none_and_letters_are_not_taken(number):
    QTest.keyClicks(number, "x-")
    QTest.keyClick(number, Qt.Key.Key_Return)
    assert (number.told, number.text()) == ([], "")
    QTest.keyClicks(number, "-3")
    QTest.keyClick(number, Qt.Key.Key_Return)
    assert number.told == [-3]


def test_half_a_number_after_a_whole_one_brings_back_what_held_before_the_typing(number):
    for told in (number.number_typed, number.number_given):
        told.connect(lambda taken: number.show_number(taken, 81, ""))
    number.show_number(21, 81, "")
    number.selectAll()
    QTest.keyClicks(number, "9")
    number.selectAll()
    QTest.keyClicks(number, "-")
    QTest.keyClick(number, Qt.Key.Key_Return)
    assert (number.told, number.text()) == ([21], "21")
    number.selectAll()
    QTest.keyClicks(number, "-")
    QTest.keyClick(number, Qt.Key.Key_Return)
    assert (number.told, number.text()) == ([21], "21")


def test_what_is_being_typed_is_not_overwritten_and_an_emptied_field_is_the_usual(number):
    QTest.keyClicks(number, "4")
    number.show_number(21, 81, "")
    assert number.text() == "4"
    number.clear()
    number.setModified(True)
    QTest.keyClick(number, Qt.Key.Key_Return)
    assert number.told == [None]


def test_no_digit_is_swallowed_of_a_number_far_out_of_bounds(number):
    QTest.keyClicks(number, "-999999999999")
    QTest.keyClick(number, Qt.Key.Key_Return)
    assert (number.told, number.text()) == ([-999999999999], "-999999999999")


def test_a_comma_is_a_point(qt_application):
    field = NumberField(lowest=0, highest=20)
    told = []
    field.number_typed.connect(told.append)
    QTest.keyClicks(field, "2,5")
    assert told == [2.0, 2.0, 2.5]
    field.deleteLater()


def test_enter_is_a_new_line_and_with_control_it_settles(prose):
    prose.selectAll()
    QTest.keyClicks(prose, "Night")
    QTest.keyClick(prose, Qt.Key.Key_Return)
    QTest.keyClicks(prose, "Rain")
    assert prose.told == []
    QTest.keyClick(prose, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert prose.told == ["Night\nRain"]
    assert prose.is_modified
    prose.keep()
    prose.settle()
    assert prose.told == ["Night\nRain"]


def test_escape_brings_back_the_words_and_what_is_typed_is_not_overwritten(prose):
    QTest.keyClicks(prose, "Night ")
    prose.show_text("Somebody else wrote this")
    assert prose.toPlainText() == "Night A man talks"
    QTest.keyClick(prose, Qt.Key.Key_Escape)
    assert (prose.toPlainText(), prose.is_modified, prose.told) == ("A man talks", False, [])


def test_it_grows_from_two_lines_to_four_and_back(prose):
    prose.show()
    grown = []
    prose.grown.connect(lambda: grown.append(True))
    heights = []
    for words in ("one", "one\ntwo\nthree", "word " * 200, "one\n" * 20, "one"):
        prose.show_text(words)
        heights.append(prose.sizeHint().height())
    two, line = heights[0], prose.fontMetrics().lineSpacing()
    assert heights == [two, two + line, two + 2 * line, two + 2 * line, two]
    assert grown
