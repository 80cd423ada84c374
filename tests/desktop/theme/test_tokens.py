"""Text can be read on everything it is written on, in both themes."""

import pytest

from desktop.theme.icons import ICON_FOLDER, icon_source
from desktop.theme.tokens import CHARACTERS, DARK, LIGHT, contrast_ratio, darker, readable_on

LEAST = 4.5


@pytest.mark.parametrize("tokens", [DARK, LIGHT])
@pytest.mark.parametrize("ground", ["window", "panel", "raised", "selection"])
def test_text_reads_on_every_ground(tokens, ground):
    assert contrast_ratio(tokens.text, getattr(tokens, ground)) >= LEAST


@pytest.mark.parametrize("tokens", [DARK, LIGHT])
@pytest.mark.parametrize("ground", ["window", "panel", "raised"])
def test_secondary_text_reads_where_it_is_used(tokens, ground):
    assert contrast_ratio(tokens.secondary, getattr(tokens, ground)) >= LEAST


@pytest.mark.parametrize("tokens", [DARK, LIGHT])
def test_the_main_action_reads_on_the_accent(tokens):
    assert contrast_ratio(tokens.on_accent, tokens.accent) >= LEAST


@pytest.mark.parametrize("tokens", [DARK, LIGHT])
@pytest.mark.parametrize("colour", CHARACTERS)
def test_names_read_on_their_characters_colour(tokens, colour):
    shown = tokens.character(colour)
    assert contrast_ratio(readable_on(shown), shown) >= LEAST


def test_characters_are_fifteen_percent_darker_on_light():
    assert LIGHT.character("#ffffff") == darker("#ffffff", 0.85) == "#d9d9d9"
    assert DARK.character("#3fc3ad") == "#3fc3ad"


def test_contrast_of_black_and_white_is_twenty_one():
    assert contrast_ratio("#000000", "#ffffff") == pytest.approx(21)


def test_every_icon_takes_the_themes_colour():
    names = [path.stem for path in ICON_FOLDER.glob("*.svg")]
    assert "play" in names
    assert all("currentColor" in icon_source(name) for name in names)
