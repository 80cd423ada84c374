"""Names of delivered files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.interchange.file_names import free_name, name_word, shot_stem


def test_a_shot_is_named_after_project_scene_and_take():
    assert shot_stem("Night shoot", "Duet, evening", 3) == "Night-shoot_Duet-evening_take03"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Käthe & Jürgen", "Käthe-Jürgen"),
        ("海の場面", "海の場面"),
        ("../../etc/passwd", "etc-passwd"),
        ("v1.2", "v1-2"),
        ("___", "untitled"),
        ("  ", "untitled"),
        ("Ka\u0308the", "K\u00e4the"),
        ("x" * 300, "x" * 60),
    ],
)
def test_a_name_keeps_what_file_systems_keep(text, word):
    assert name_word(text) == word


@given(st.text())
def test_a_name_is_never_empty_and_never_a_path(text):
    word = name_word(text)
    assert 0 < len(word) <= 60
    assert not set(word) & set('/\\:*?"<>|. \n\t\0%#')


@given(st.lists(st.sampled_from(["mix", "Mix", "MIX", "ada", "mix-2"]), max_size=12))
def test_no_two_names_are_equal_on_a_disk_that_ignores_case(wanted):
    taken: list[str] = []
    for name in wanted:
        taken.append(free_name(name, taken))
    assert len({name.casefold() for name in taken}) == len(taken)
