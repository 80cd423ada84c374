"""How much of a job is done: frames tell it, or the renderer where frames come last."""

import pytest

from engine.protocol.jobs import JobProgress


@pytest.mark.parametrize(
    ("frames", "count", "share", "done"),
    [(0, 0, None, 0.0), (12, 48, None, 0.25), (0, 48, 0.5, 0.5), (48, 48, 0.95, 1.0), (24, 48, 0.1, 0.5)],
)
def test_frames_or_the_renderer_tell_how_much_is_done(frames, count, share, done):
    assert JobProgress(frames_done=frames, frame_count=count, share=share).done == done
