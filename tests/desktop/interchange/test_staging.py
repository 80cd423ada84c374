"""A delivery that cannot be moved into its place leaves what was there."""

import pytest

from desktop.interchange.staging import staged_delivery
from engine.protocol.errors import UserError


def test_a_move_that_fails_midway_puts_everything_back(tmp_path):
    """A folder in the place of a file cannot be replaced: what was moved before it comes back."""
    (tmp_path / "a.wav").write_text("old")
    (tmp_path / "shot").mkdir()
    (tmp_path / "shot" / "mine.txt").write_text("the user's own")
    (tmp_path / "timeline.otio").mkdir()
    names = ("a.wav", "shot", "timeline.otio")
    with (
        pytest.raises(UserError, match="another kind"),
        staged_delivery(tmp_path, names, overwrite=True) as staging,
    ):
        (staging / "a.wav").write_text("new")
        (staging / "shot").mkdir()
        (staging / "timeline.otio").write_text("new")
    assert (tmp_path / "a.wav").read_text() == "old"
    assert (tmp_path / "shot" / "mine.txt").read_text() == "the user's own"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
