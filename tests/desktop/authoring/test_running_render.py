"""While Masque renders, a plan for the next render counts what the running one holds as free."""

import asyncio
import time
from dataclasses import replace

import psutil
import pytest

from desktop.authoring.project_files import open_project
from desktop.authoring.render_requests import RenderSettings, build_render_request
from desktop.authoring.running_render import (
    NOT_OURS_BYTES,
    EngineNow,
    RunningRender,
    SeenMachine,
    running_engine,
    seen_machine,
)
from engine.client import EngineClient
from engine.locations import engine_locations
from engine.protocol.jobs import JobState
from engine.protocol.messages import GetJob, GetStatus, SubmitJob
from tests.desktop.plan_samples import GB, MACHINE
from tests.engine.conftest import TINY_ENGINE, RunningEngine
from tests.patience import PATIENCE_S

PROCESSOR = replace(
    MACHINE,
    identity=replace(MACHINE.identity, device="processor", is_processor=True, device_bytes=32 * GB),
    now=replace(
        MACHINE.now,
        device_total_bytes=32 * GB,
        device_free_bytes=16 * GB,
        others_bytes=14 * GB,
        host_total_bytes=32 * GB,
        host_free_bytes=16 * GB,
    ),
)
FULL_CARD = replace(MACHINE, now=replace(MACHINE.now, device_free_bytes=GB, others_bytes=11 * GB))


def seen_after(machine, **held):
    """Return the machine as it will be after the render that the engine is at."""
    limit_bytes = machine.now.limit_bytes
    return seen_machine(machine, EngineNow(limit_bytes=limit_bytes, render=RunningRender(**held)))


def test_without_a_render_the_machine_is_as_it_was_seen():
    assert seen_machine(FULL_CARD, None) == SeenMachine(machine=FULL_CARD, render_runs=False)


def test_on_the_processor_what_the_worker_holds_is_free_and_never_more_than_there_is():
    seen = seen_after(PROCESSOR, host_bytes=11 * GB, uses_device=True)
    now = seen.machine.now
    assert seen.render_runs
    assert (now.device_free_bytes, now.host_free_bytes, now.others_bytes) == (27 * GB, 27 * GB, 3 * GB)
    now = seen_after(PROCESSOR, host_bytes=20 * GB, uses_device=True).machine.now
    assert (now.device_free_bytes, now.host_free_bytes, now.others_bytes) == (32 * GB, 32 * GB, 0)


def test_on_a_card_all_but_a_reserve_is_free_and_nothing_is_laid_to_other_programs():
    now = seen_after(FULL_CARD, host_bytes=3 * GB, uses_device=True).machine.now
    assert (now.device_free_bytes, now.others_bytes) == (12 * GB - NOT_OURS_BYTES, 0)
    assert now.host_free_bytes == 63 * GB
    empty = replace(MACHINE, now=replace(MACHINE.now, device_free_bytes=12 * GB))
    now = seen_after(empty, host_bytes=0, uses_device=True).machine.now
    assert now.device_free_bytes == 12 * GB


def test_a_draft_holds_nothing_of_a_card():
    now = seen_after(FULL_CARD, host_bytes=GB, uses_device=False).machine.now
    assert (now.device_free_bytes, now.others_bytes) == (GB, 0)


def test_the_users_limit_holds_beside_a_render_as_well():
    limited = replace(FULL_CARD, now=replace(FULL_CARD.now, limit_bytes=6 * GB))
    now = seen_after(limited, host_bytes=0, uses_device=True).machine.now
    assert now.limit_bytes == 6 * GB


def test_the_running_engines_limit_goes_before_this_processs():
    here = replace(MACHINE, now=replace(MACHINE.now, limit_bytes=6 * GB))
    seen = seen_machine(here, EngineNow(limit_bytes=GB))
    assert (seen.machine.now.limit_bytes, seen.engine_runs, seen.another_limit) == (GB, True, True)
    seen = seen_machine(here, EngineNow())
    assert (seen.machine.now.limit_bytes, seen.another_limit) == (None, True)
    assert not seen_machine(here, EngineNow(limit_bytes=6 * GB)).another_limit
    assert seen_machine(here, None) == SeenMachine(machine=here)


@pytest.fixture
def tiny_engine(masque_home, monkeypatch):
    """An engine with a limit whose renderer writes small files; it is ended after the test."""
    monkeypatch.setenv("MASQUE_DEVICE_MEMORY", "20MB")
    engine = RunningEngine([str(TINY_ENGINE), "serve"], masque_home)
    yield engine
    engine.end()


def test_without_an_engine_nothing_runs_and_none_is_started():
    assert asyncio.run(running_engine()) is None
    assert not engine_locations().runtime.exists() or not list(engine_locations().runtime.iterdir())


def test_the_engine_tells_of_its_render_and_the_system_of_the_workers_memory(tiny_engine, project):
    assert asyncio.run(running_engine()) == EngineNow(limit_bytes=20_000_000)
    with open_project(project) as store:
        scene = store.scene(store.scenes()[0].id)
        built = build_render_request(store, scene, RenderSettings(), take_id="take", take_number=1)
    request = replace(built.request, scene_name="slow", frame_count=100_000)
    worker = asyncio.run(begin(request))
    engine = asyncio.run(running_engine())
    assert engine.limit_bytes == 20_000_000
    running = engine.render
    assert not running.uses_device
    assert running.host_bytes == pytest.approx(psutil.Process(worker).memory_info().rss, rel=0.5)


async def begin(request):
    """Submit a render, wait until it runs, and return the worker's process number."""
    async with EngineClient.connect(start=False) as client:
        job = await client.send(SubmitJob(request=request))
        until = time.monotonic() + PATIENCE_S
        while job.state is not JobState.RUNNING:
            assert time.monotonic() < until
            await asyncio.sleep(0.02)
            job = await client.send(GetJob(job_id=job.job_id))
        return (await client.send(GetStatus())).worker_process_id
