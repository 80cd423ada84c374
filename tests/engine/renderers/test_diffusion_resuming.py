"""Renders ended in the middle of anything, and disks and memory that run out: what is done stays done."""

import shutil
import sys

import pytest

from engine.protocol.errors import ErrorCode, UserError
from engine.renderers import latent_checkpoints
from engine.renderers.finished_frames import FinishedFrames
from engine.renderers.motion_frames import MotionFrames
from tests.diffusion_cast import driven
from tests.engine.renderers.full_disk import files_no_larger_than
from tests.render_watching import Watching

PHASES = [
    "Following the face",
    "Reading the prompt",
    "Looking at the plate",
    "Loading the transformer",
    "Encoding the plate",
    "Piece 1 of 4, step 2",
    "Decoding the pictures",
    "Writing the pictures",
    "Piece 3 of 4, step 1",
    "Joining the frames",
    "Writing the viewing copy",
]


class KilledError(BaseException):
    """Stands for the end of the process: nobody catches it."""


class Ending(Watching):
    """Ends a render when a phase begins."""

    def __init__(self, phase):
        super().__init__()
        self._phase = phase

    def progress(self, phase, frames_done, seconds_left, share=None):
        super().progress(phase, frames_done, seconds_left, share)
        if phase.startswith(self._phase):
            raise KilledError


@pytest.fixture(autouse=True)
def every_step_is_kept(monkeypatch):
    """Steps of these renders are over sooner than a hundredth of their time would allow to write."""
    monkeypatch.setattr(latent_checkpoints, "MOST_SHARE", 1.0)


@pytest.fixture
def long_shot(shot, samples):
    """Return a function that makes requests for one and the same shot of four pieces."""

    def make(**changes):
        settings = {"segment_frames": 9, "overlap_frames": 5}
        return shot(characters=(driven(samples),), settings=settings, frame_count=20, **changes)

    return make


@pytest.fixture(scope="module")
def masters():
    """Masters of undisturbed renders, by name."""
    return {}


@pytest.fixture
def undisturbed(masters, long_shot, render):
    if "long" not in masters:
        request = long_shot()
        render(request)
        masters["long"] = (request.output_directory / "shot.mkv").read_bytes()
    return masters["long"]


@pytest.mark.parametrize("phase", PHASES)
def test_a_render_that_ends_in_any_phase_goes_on_to_the_same_master(
    phase, long_shot, render, undisturbed, shared_cache, tmp_path
):
    work, cache = tmp_path / "work", tmp_path / "cache"
    if phase in PHASES[:3] or phase == "Encoding the plate":
        cached = [] if phase == "Following the face" else shared_cache.rglob("expression-*")
        (cache / "conditions").mkdir(parents=True)
        for path in cached:
            shutil.copy(path, cache / "conditions")
    else:
        cache = shared_cache
    request = long_shot()
    with pytest.raises(KilledError):
        render(request, Ending(phase), work, cache)
    _, watching = render(request, work=work, cache=cache)
    assert (request.output_directory / "shot.mkv").read_bytes() == undisturbed
    begins = watching.steps()[:1]
    assert begins == {
        "Piece 1 of 4, step 2": ["Piece 2 of 4, step 1 of 2"],
        "Decoding the pictures": ["Piece 2 of 4, step 1 of 2"],
        "Writing the pictures": ["Piece 2 of 4, step 1 of 2"],
        "Piece 3 of 4, step 1": ["Piece 3 of 4, step 2 of 2"],
        "Joining the frames": [],
        "Writing the viewing copy": [],
    }.get(phase, ["Piece 1 of 4, step 1 of 2"])


def test_what_is_done_never_seems_less_than_before(long_shot, render):
    _, watching = render(long_shot())
    shares = [share for share in watching.shares if share is not None]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(0.95)
    assert len(shares) > 4 * 4


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are POSIX")
def test_a_disk_that_is_full_when_the_last_pictures_of_a_piece_are_kept_is_told(
    long_shot, render, undisturbed, tmp_path, monkeypatch
):
    keep = MotionFrames.keep

    def keep_on_a_full_disk(self, piece, pictures):
        with files_no_larger_than(pictures.nbytes // 2):
            keep(self, piece, pictures)

    request, work = long_shot(), tmp_path / "work"
    with monkeypatch.context() as patch, pytest.raises(UserError, match="The disk is full") as error:
        patch.setattr(MotionFrames, "keep", keep_on_a_full_disk)
        render(request, work=work)
    assert error.value.report.code is ErrorCode.DISK_FULL
    render(request, work=work)
    assert (request.output_directory / "shot.mkv").read_bytes() == undisturbed


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are POSIX")
def test_a_disk_that_is_full_when_frames_are_written_fails_the_job_and_a_retry_goes_on(
    long_shot, render, undisturbed, tmp_path, monkeypatch
):
    add, added = FinishedFrames.add, []

    def add_until_the_disk_is_full(self, pictures):
        added.append(1)
        with files_no_larger_than(10_000_000 if len(added) < 3 else 1000):
            add(self, pictures)

    request, work = long_shot(), tmp_path / "work"
    with monkeypatch.context() as patch, pytest.raises(UserError, match="The disk is full") as error:
        patch.setattr(FinishedFrames, "add", add_until_the_disk_is_full)
        render(request, work=work)
    assert error.value.report.next_step
    assert not list(request.output_directory.iterdir())
    _, watching = render(request, work=work)
    assert watching.steps()[0] == "Piece 4 of 4, step 1 of 2"  # the third is only decoded again
    assert (request.output_directory / "shot.mkv").read_bytes() == undisturbed


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are POSIX")
def test_a_disk_that_keeps_no_conditions_costs_a_note_and_not_the_render(shot, render, tmp_path):
    """Four small frames are smaller than what is kept of a prompt."""
    request = shot(characters=(), settings={"steps": 1}, frame_count=4)
    with files_no_larger_than(60_000):
        result, _ = render(request, cache=tmp_path / "cache")
    told = [line for line in result.warnings if "is not kept for the next one" in line]
    assert len(told) == 1
    assert "The disk is full" in told[0]
    assert (request.output_directory / "shot.mkv").exists()
