"""What was chosen for the next render, written as texts and read again: each damaged one falls back alone."""

import pytest

from desktop.authoring.diffusion_settings import DiffusionChoice
from desktop.state.kept_choice import KeptChoice, read_choice, written_choice
from desktop.state.preferences import Preferences
from engine.protocol.diffusion_settings import LongShotMode, Precision, Solver
from engine.protocol.render_request import RendererName

CHOSEN = KeptChoice(
    renderer=RendererName.DIFFUSION,
    bundle="fantasy, 14b = “best”",
    steps=12,
    seed=None,
    take_count=4,
    long_sides={RendererName.DRAFT: 1920, RendererName.DIFFUSION: 640},
    advanced=DiffusionChoice(
        precision=Precision.BFLOAT16,
        text_guidance=2.5,
        guidance_start=20.0,
        guidance_end=60.0,
        solver=Solver.UNIPC,
        long_shot=LongShotMode.CONTEXT_WINDOWS,
        segment_frames=49,
        overlap_frames=8,
    ),
)


@pytest.mark.parametrize("choice", [KeptChoice(), CHOSEN])
def test_a_choice_is_read_from_the_file_as_it_was_written(tmp_path, choice):
    for _ in range(2):
        kept = Preferences(tmp_path / "window.ini")
        kept.set_render_choice(written_choice(CHOSEN))
        kept.set_render_choice(written_choice(choice))
        kept.close()
        assert read_choice(Preferences(tmp_path / "window.ini").render_choice()) == choice


@pytest.mark.parametrize(
    ("key", "text", "field"),
    [
        ("quality", "cinema", "renderer"),
        ("steps", "0", "steps"),
        ("steps", "201", "steps"),
        ("steps", ["1", "2"], "steps"),
        ("seed", "-1", "seed"),
        ("seed", "old", "seed"),
        ("takes", "1e9", "take_count"),
        ("bundle", "", "bundle"),
        ("bundle", None, "bundle"),
    ],
)
def test_a_damaged_text_falls_back_alone(key, text, field):
    read = read_choice({**written_choice(CHOSEN), key: text})
    usual = KeptChoice()
    assert getattr(read, field) == getattr(usual, field)
    assert written_choice(read).items() - written_choice(usual).items() == {
        (name, value) for name, value in written_choice(CHOSEN).items() if name != key
    }


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("text_guidance", "nan"),
        ("text_guidance", "21"),
        ("precision", "float8"),
        ("solver", "rk4"),
        ("segment_frames", "50"),
        ("overlap_frames", "9"),
        ("guidance_end", "10"),
        ("guidance_start", "inf"),
    ],
)
def test_an_advanced_setting_that_cannot_be_falls_back_and_the_others_stay(key, text):
    advanced = read_choice({**written_choice(CHOSEN), key: text}).advanced
    assert getattr(advanced, key) is None
    assert len(advanced.options_given()) == len(CHOSEN.advanced.options_given()) - 1


def test_a_long_side_that_no_render_can_have_is_forgotten_and_the_other_stays():
    texts = {**written_choice(CHOSEN), "long_side_draft": "4"}
    assert read_choice(texts).long_sides == {RendererName.DIFFUSION: 640}


def test_a_file_that_is_rubbish_is_no_choice(tmp_path):
    (tmp_path / "window.ini").write_bytes(bytes(range(256)) * 20)
    assert read_choice(Preferences(tmp_path / "window.ini").render_choice()) == KeptChoice()
