"""Takes of the draft renderer, killed and resumed in real processes: the same as an undisturbed render."""

import asyncio
import os
import resource
import signal
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import psutil
import pytest

from engine.media.opencv import cv2
from engine.media.video_reader import VideoReader
from engine.media.wav import write_wav
from engine.protocol.clips import VoiceInput
from engine.protocol.codec import decode_result
from engine.protocol.errors import ErrorCode
from engine.protocol.jobs import FileRole, JobState
from engine.protocol.messages import (
    CancelJob,
    JobChanged,
    PauseJob,
    ResumeJob,
    RetryJob,
    SubmitJob,
)
from engine.protocol.regions import FaceRegion, RegionBox, RegionKey, RegionShape
from engine.protocol.render_request import CharacterInput, PlateInput
from engine.renderers.draft import DraftRenderer
from tests.engine.worker_kills import kill_workers, worker_of
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by POSIX signals")
FRAMES = 120


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """A folder with a drawn head and a voice."""
    folder = tmp_path_factory.mktemp("media")
    cv2.imwrite(str(folder / "plate.png"), _drawn_head())
    times = np.arange(48_000 * 2) / 48_000
    hum = (0.3 * np.sin(2 * np.pi * 220 * times) * (np.sin(2 * np.pi * 3 * times) > 0)).astype(np.float32)
    write_wav(folder / "voice.wav", np.stack([hum, hum], axis=1), 48_000)
    return folder


@pytest.fixture
def scene(make_request, media):
    """Return a function that makes requests for a drawn head that speaks and idles."""

    def make(**changes):
        plate = PlateInput(path=media / "plate.png", content_hash="p", width=128, height=128)
        values = {"plate": plate, "characters": (_speaker(media / "voice.wav"),), "width": 128, "height": 128}
        return make_request(**{**values, "frame_count": FRAMES, **changes})

    return make


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return a function that renders a request in this process; the same scene only once."""
    folder = tmp_path_factory.mktemp("undisturbed")
    rendered = {}

    def render(request):
        key = (request.frame_count, request.width, request.plate.path)
        if key not in rendered:
            work, output = folder / f"work {len(rendered)}", folder / f"take {len(rendered)}"
            work.mkdir()
            quiet = QuietReport()
            DraftRenderer(folder).render(replace(request, output_directory=output), work, quiet)
            assert "Rendering" in quiet.phases
            rendered[key] = output
        return rendered[key]

    return render


class QuietReport:
    """Listens to a render and never stops it."""

    def __init__(self):
        self.phases = []

    def step(self):
        pass

    def progress(self, phase, frames_done, seconds_left, share=None):
        self.phases.append(phase)

    def preview(self, frame, jpeg):
        assert jpeg().startswith(b"\xff\xd8")

    def should_stop(self):
        return False


def _drawn_head():
    picture = np.full((128, 128, 3), 190, np.uint8)
    picture[:, :, 0] = np.arange(128, dtype=np.uint8)[:, None]
    cv2.ellipse(picture, (64, 64), (32, 42), 0, 0, 360, (150, 170, 220), -1)
    cv2.circle(picture, (52, 54), 4, (20, 20, 20), -1)
    cv2.circle(picture, (76, 54), 4, (20, 20, 20), -1)
    cv2.ellipse(picture, (64, 86), (12, 4), 0, 0, 360, (60, 60, 160), -1)
    return picture


def _speaker(voice):
    box = RegionBox(x=0.25, y=0.17, width=0.5, height=0.66)
    region = FaceRegion(shape=RegionShape.ELLIPSE, feather=0.2, keys=(RegionKey(frame=0, box=box),))
    spoken = VoiceInput(
        path=voice, content_hash="v", source_in_s=Fraction(0), source_out_s=Fraction(2), start_frame=5
    )
    return CharacterInput(character_id="anna", name="Anna", region=region, voices=(spoken,))


def same(one, other):
    """Equal to the byte: the codec is lossless and the container holds no time of day."""
    for name in ("shot.mkv", "shot.wav"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


async def test_a_take_is_whole_and_says_what_it_holds(shared_real_engine, connected, scene, finished):
    request = scene()
    async with connected() as client:
        done = await finished(client, (await client.send(SubmitJob(request=request))).job_id)
    assert done.state is JobState.DONE, done.error
    folder = request.output_directory
    result = decode_result((folder / "take.json").read_bytes())
    assert result == done.result
    assert {file.role for file in result.files} == set(FileRole)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*(file.name for file in result.files), "take.json"]
    )
    assert all((folder / file.name).stat().st_size == file.size_bytes for file in result.files)
    assert (result.frame_count, result.width, result.height) == (FRAMES, 128, 128)
    for name in ("shot.mkv", "shot.mp4"):
        with VideoReader(folder / name) as movie:
            assert (movie.frame_count, movie.frame_rate) == (FRAMES, 24)
            pictures = [movie.frame_number(n) for n in (0, 20, 50)]
        assert len({picture.tobytes() for picture in pictures}) == 3  # it moves


async def test_a_render_killed_ten_times_equals_an_undisturbed_one(
    shared_real_engine, connected, scene, finished, undisturbed
):
    async with connected() as client:
        request = scene(frame_count=300, width=256, height=256)
        job = await client.send(SubmitJob(request=request))
        await kill_workers(client, job.job_id, 10)
        done = await finished(client, job.job_id)
        assert (done.state, done.attempts) == (JobState.DONE, 0), done.error
    same(undisturbed(request), request.output_directory)


async def test_an_engine_killed_in_a_render_finishes_it_when_it_is_back(
    start_real_engine, connected, scene, finished, reached, undisturbed
):
    first = start_real_engine()
    request = scene()
    async with connected() as client:
        job = await client.send(SubmitJob(request=request))
        await reached(client, job.job_id, lambda job: job.progress.frames_done >= 40)
        orphans = first.kill()
    start_real_engine()
    async with connected() as client:
        assert (await finished(client, job.job_id)).state is JobState.DONE
    psutil.wait_procs(orphans, timeout=10)
    same(undisturbed(request), request.output_directory)


async def test_a_render_paused_in_between_equals_an_undisturbed_one(
    shared_real_engine, connected, scene, finished, reached, undisturbed
):
    async with connected() as client:
        request = scene()
        job = await client.send(SubmitJob(request=request))
        for frames in (1, 20, 50):
            await reached(client, job.job_id, lambda job, frames=frames: job.progress.frames_done >= frames)
            assert (await client.send(PauseJob(job_id=job.job_id))).state is JobState.PAUSED
            await client.send(ResumeJob(job_id=job.job_id))
        assert (await finished(client, job.job_id)).state is JobState.DONE
    same(undisturbed(request), request.output_directory)


async def test_a_cancelled_render_leaves_no_file(shared_real_engine, connected, scene, reached):
    async with connected() as client:
        request = scene()
        job = await client.send(SubmitJob(request=request))
        await reached(client, job.job_id, lambda job: job.progress.frames_done >= 20)
        await client.send(CancelJob(job_id=job.job_id))
    assert list(request.output_directory.iterdir()) == []
    assert list((shared_real_engine.home / "data" / "work").iterdir()) == []


async def test_what_the_user_can_mend_is_told_and_the_next_job_runs(
    shared_real_engine, connected, scene, finished, tmp_path
):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    gone = PlateInput(path=tmp_path / "gone.png", content_hash="g", width=128, height=128)
    broken = replace(gone, path=tmp_path / "broken.png")
    bad = [
        (replace(scene(), plate=gone), ErrorCode.FILE_MISSING),
        (replace(scene(), plate=broken), None),
    ]
    async with connected() as client:
        jobs = [await client.send(SubmitJob(request=request)) for request, _ in bad]
        fine = await client.send(SubmitJob(request=scene()))
        assert (await finished(client, fine.job_id)).state is JobState.DONE
        for job, (request, code) in zip(jobs, bad, strict=True):
            failed = await finished(client, job.job_id)
            assert failed.state is JobState.FAILED
            assert failed.error.code is code if code else failed.error.code is not ErrorCode.INTERNAL
            assert failed.error.next_step
            assert not request.output_directory.exists() or list(request.output_directory.iterdir()) == []


@pytest.mark.parametrize("phase", ["Joining the frames", "Writing the viewing copy"])
async def test_a_render_killed_while_it_writes_its_files_equals_an_undisturbed_one(
    shared_real_engine, connected, scene, finished, undisturbed, phase
):
    request = scene(frame_count=250)
    async with connected() as client:
        job = await client.send(SubmitJob(request=request))
        async with asyncio.timeout(PATIENCE_S):
            async for event in client.events():
                if isinstance(event, JobChanged) and event.job.progress.phase == phase:
                    break
        os.kill(await worker_of(client), signal.SIGKILL)
        done = await finished(client, job.job_id)
    assert done.state is JobState.DONE
    same(undisturbed(request), request.output_directory)
    names = {path.name for path in request.output_directory.iterdir()}
    assert names == {*(file.name for file in done.result.files), "take.json"}


def test_what_a_kill_after_the_summary_left_goes_when_the_take_is_known_again(scene, tmp_path):
    request, work = scene(frame_count=2), tmp_path / "work"
    work.mkdir()
    result = DraftRenderer(tmp_path).render(request, work, QuietReport())
    reservation = request.output_directory / ".shot.reserved"
    reservation.write_text(request.request_id)
    assert DraftRenderer(tmp_path).render(request, work, QuietReport()) == result
    assert not reservation.exists()


async def test_a_render_cancelled_while_it_writes_its_files_leaves_none(shared_real_engine, connected, scene):
    request = scene(frame_count=250)
    async with connected() as client:
        job = await client.send(SubmitJob(request=request))
        async with asyncio.timeout(PATIENCE_S):
            async for event in client.events():
                if isinstance(event, JobChanged) and event.job.progress.phase == "Writing the viewing copy":
                    break
        cancelled = await client.send(CancelJob(job_id=job.job_id))
    assert cancelled.state is JobState.CANCELLED
    assert list(request.output_directory.iterdir()) == []


async def test_a_full_disk_fails_the_render_and_names_the_folder(
    shared_real_engine, connected, scene, finished, undisturbed
):
    async with connected() as client:
        await finished(client, (await client.send(SubmitJob(request=scene(frame_count=2)))).job_id)
        worker = await worker_of(client)
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
        request = scene()
        large = await client.send(SubmitJob(request=request))
        small = await client.send(SubmitJob(request=scene(frame_count=2)))
        failed = await finished(client, large.job_id)
        assert (await finished(client, small.job_id)).state is JobState.DONE
        assert failed.state is JobState.FAILED
        assert failed.error.code is ErrorCode.DISK_FULL
        assert str(request.output_directory) in failed.error.message
        assert list(request.output_directory.iterdir()) == []
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await client.send(RetryJob(job_id=large.job_id))
        assert (await finished(client, large.job_id)).state is JobState.DONE
    same(undisturbed(request), request.output_directory)


async def test_a_plate_with_transparency_gives_a_transparent_master(
    shared_real_engine, connected, scene, finished, tmp_path
):
    head = np.dstack([_drawn_head(), np.full((128, 128), 128, np.uint8)])
    cv2.imwrite(str(tmp_path / "alpha.png"), head)
    plate = PlateInput(path=tmp_path / "alpha.png", content_hash="a", width=128, height=128)
    request = scene(plate=plate, frame_count=4)
    async with connected() as client:
        done = await finished(client, (await client.send(SubmitJob(request=request))).job_id)
    assert done.state is JobState.DONE, done.error
    assert done.result.has_alpha
    with VideoReader(request.output_directory / "shot.mkv") as master:
        assert master.bgra_frame_number(0)[2, 2, 3] == 128
        corner = master.bgra_frame_number(0)[2, 2, :3].astype(int)
    with VideoReader(request.output_directory / "shot.mp4") as viewing:
        shown = viewing.frame_number(0)[2, 2].astype(int)
    assert np.abs(shown - corner // 2).max() < 8  # half transparent over black
