"""Memory that runs out in the middle of a render: each attempt does with less, and what is done stays."""

import json
from dataclasses import replace

import numpy as np
import pytest

from engine.locations import engine_locations
from engine.media.video_reader import VideoReader
from engine.planning.lesson import Demand
from engine.planning.lessons import learnt_step
from engine.planning.step_down import NextStep
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.memory_plan import Concession, EncoderPlace
from engine.renderers import render_memory
from engine.renderers.memory_ladder import MemoryLadder, Rungs
from engine.renderers.renderer import MemoryRanOutError, RenderStoppedError
from engine.renderers.work_directory import note_memory_ran_out
from tests.diffusion_cast import driven
from tests.limited_memory import LimitedMemory
from tests.render_watching import Watching

TILES_MB = 24


@pytest.fixture
def attempts(render):
    """Return a function that renders with so much memory until the render ends, and what was told."""

    def run(request, work, limit_mb):
        told = []
        while True:
            try:
                with LimitedMemory(limit_mb * 10**6):
                    return render(request, work=work)[0], told
            except MemoryRanOutError as error:
                told.append(error.told)

    return run


def pictures(request):
    with VideoReader(request.output_directory / "shot.mkv") as movie:
        return np.stack([picture.copy() for picture in movie.frames(movie.times_s)]).astype(int)


def test_pictures_too_large_for_the_memory_are_made_in_tiles_and_the_machine_remembers(
    shot, render, attempts, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(render_memory, "_LIBRARIES_BYTES", 10**12)  # other tests take and give back memory
    wanted = {"characters": (), "width": 256, "height": 192, "frame_count": 5}
    whole, tiled = shot(**wanted), shot(**wanted)
    render(whole)
    result, told = attempts(tiled, tmp_path / "work", TILES_MB)
    assert told
    assert [record.message.partition(" Other programs")[0] for record in caplog.records] == told
    assert set(told) <= set(result.warnings)
    assert result.diffusion.plan.tile_latents == result.diffusion.plan.tile_at_most
    assert np.abs(pictures(tiled) - pictures(whole)).mean() < 3
    plan = result.diffusion.plan
    tokens = Demand(pass_tokens=10**6, branches=9, bank_tokens=10**6)
    learnt = learnt_step(engine_locations().data, plan.device, tokens, plan.device_budget_bytes)
    assert learnt.tile_at_most == plan.tile_latents
    _, told_again = attempts(shot(**wanted), tmp_path / "next", TILES_MB)
    assert told_again == []


def test_what_another_program_took_is_no_lesson(shot, attempts, tmp_path, caplog, monkeypatch):
    now = render_memory.memory_now
    looks = []

    def with_a_greedy_neighbour(device):
        looks.append(now(device))
        return replace(looks[0], others_bytes=looks[0].others_bytes + len(looks) * 10**9)

    monkeypatch.setattr(render_memory, "memory_now", with_a_greedy_neighbour)
    request = shot(characters=(), width=256, height=192, frame_count=5)
    work = tmp_path / "work"
    result, told = attempts(request, work, TILES_MB)
    assert told
    assert "Other programs took 1.00 GB" in caplog.messages[0]
    plan = result.diffusion.plan
    tokens = Demand(pass_tokens=10**6, branches=9, bank_tokens=10**6)
    data = engine_locations().data
    assert learnt_step(data, plan.device, tokens, plan.device_budget_bytes) == NextStep()


def test_a_render_that_needs_more_than_the_least_fails_with_what_to_change_and_may_be_tried_again(
    shot, attempts, render, tmp_path, caplog
):
    request = shot(characters=(), width=256, height=192, frame_count=5)
    work = tmp_path / "work"
    with pytest.raises(UserError) as caught:
        attempts(request, work, 1)
    assert caught.value.report.code is ErrorCode.OUT_OF_MEMORY
    assert "256x192" in caught.value.report.message
    assert "smaller size" in caught.value.report.next_step
    assert MemoryLadder(work).rungs == Rungs()
    assert render(request, work=work)[0].frame_count == 5


def test_what_is_left_of_a_shot_is_made_in_shorter_segments_and_what_is_done_stays(
    shot, render, samples, tmp_path
):
    settings = {"segment_frames": 33, "overlap_frames": 5}
    request = shot(characters=(driven(samples),), settings=settings, frame_count=60)
    work = tmp_path / "work"
    with pytest.raises(RenderStoppedError):
        render(request, Watching(stop_when=lambda phase: phase.startswith("Piece 2 of 2, step 1")), work)
    finished = sorted(path.name for path in work.glob("frames-*"))
    shorter = NextStep(
        concession=Concession.SHORTER_SEGMENTS, encoders=EncoderPlace.DEVICE, tile_at_most=None
    )
    MemoryLadder(work).step_down(shorter, "Memory ran out.")
    result, watching = render(request, work=work)
    assert finished
    assert watching.steps()[0] == "Piece 2 of 4, step 1 of 2"
    assert "Memory ran out." in result.warnings
    assert len(pictures(request)) == 60
    assert any("segments are 17 frames long instead of 33" in line for line in result.warnings)
    assert result.diffusion.segments == 4


def test_after_the_system_ended_the_process_less_of_the_free_memory_is_counted_on(shot, render, tmp_path):
    request, work = shot(characters=()), tmp_path / "work"
    work.mkdir()
    with pytest.raises(RenderStoppedError):
        render(request, Watching(stop_when=lambda phase: phase.startswith("Step 1")), work)
    note_memory_ran_out(work)
    result, _ = render(request, work=work)
    before = json.loads((work / "memory.json").read_text())
    assert before["host_share"] == 0.75
    assert any("The system ended the render for want of memory" in line for line in result.warnings)


def test_a_process_that_the_system_ends_again_and_again_is_given_up_and_may_be_tried_again(
    shot, render, tmp_path
):
    request, work = shot(characters=()), tmp_path / "work"
    work.mkdir()
    with pytest.raises(RenderStoppedError):
        render(request, Watching(stop_when=lambda phase: phase.startswith("Step 1")), work)
    for _ in range(9):
        MemoryLadder(work).leave_host_memory("ended", by_others=False)
    note_memory_ran_out(work)
    with pytest.raises(UserError) as caught:
        render(request, work=work)
    assert caught.value.report.code is ErrorCode.OUT_OF_MEMORY
    assert MemoryLadder(work).rungs == Rungs()
    assert render(request, work=work)[0].frame_count == request.frame_count


def test_a_device_of_too_little_memory_is_told_before_anything_is_loaded(shot, render, monkeypatch):
    monkeypatch.setenv("MASQUE_DEVICE_MEMORY", "2MB")
    request = shot(characters=())
    with pytest.raises(UserError) as caught:
        render(request)
    assert caught.value.report.code is ErrorCode.OUT_OF_MEMORY
    assert "does not fit" in caught.value.report.message
    assert caught.value.report.next_step
