"""Finished frames are kept in whole segments, whatever happens to the process that writes them."""

from fractions import Fraction

import numpy as np
import pytest

from engine.media.video_reader import VideoReader
from engine.renderers.finished_frames import FinishedFrames
from engine.renderers.work_directory import LOCK_NAME, note_outputs

RATE = Fraction(24)


def picture(frame):
    return np.full((32, 48, 3), frame * 5 % 256, np.uint8)


def frames_of(directory, owner="me"):
    return FinishedFrames(directory, owner=owner, frame_rate=RATE)


def write(frames, *counts):
    for count in counts:
        start = frames.count
        frames.add(picture(frame) for frame in range(start, start + count))


def test_frames_of_any_number_are_found_again(tmp_path):
    write(frames_of(tmp_path), 3, 1, 2)
    again = frames_of(tmp_path)
    assert again.count == 6
    values = []
    for path in again.paths:
        with VideoReader(path) as reader:
            values += [int(reader.frame_number(n)[0, 0, 0]) for n in range(reader.frame_count)]
    assert values == [0, 5, 10, 15, 20, 25]


def test_a_write_that_breaks_off_leaves_what_was_whole(tmp_path):
    frames = frames_of(tmp_path)
    write(frames, 2)

    def broken():
        yield picture(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        frames.add(broken())
    assert frames.count == 2
    assert frames_of(tmp_path).count == 2


def test_a_damaged_segment_and_all_after_it_are_rendered_again(tmp_path):
    frames = frames_of(tmp_path)
    write(frames, 2, 2, 2)
    second = frames.paths[1]
    second.write_bytes(second.read_bytes()[:60])
    again = frames_of(tmp_path)
    assert again.count == 2
    assert len(list(tmp_path.glob("*.mkv"))) == 1


def test_a_gap_ends_what_is_finished(tmp_path):
    frames = frames_of(tmp_path)
    write(frames, 2, 2, 2)
    frames.paths[1].unlink()
    assert frames_of(tmp_path).count == 2


def test_frames_of_another_request_are_not_mixed_in(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (work / LOCK_NAME).touch()
    write(frames_of(work), 2)
    output = tmp_path / "shot.mkv"
    output.touch()
    note_outputs(work, [output])
    assert frames_of(work, owner="another").count == 0
    assert (work / LOCK_NAME).exists()
    assert not output.exists()
