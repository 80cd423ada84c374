"""Where the engine is, also when it is started from a folder that its children do not run in."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from engine.client import EngineClient
from engine.locations import child_environment, engine_locations
from engine.protocol.messages import GetStatus, SubmitJob
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
TINY_ENGINE = ROOT / "tests" / "engine" / "server" / "tiny_engine.py"


@pytest.fixture
def relative_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MASQUE_HOME", "portable")
    monkeypatch.setenv("MASQUE_ENGINE_IDLE_S", "5")
    return tmp_path / "portable"


def test_a_child_gets_the_whole_path_of_a_relative_home(relative_home):
    assert child_environment()["MASQUE_HOME"] == str(relative_home)
    assert engine_locations().data == relative_home / "data"


def test_without_a_home_a_child_gets_what_there_is(monkeypatch):
    monkeypatch.delenv("MASQUE_HOME")
    assert child_environment() == dict(os.environ)


async def test_an_engine_started_with_a_relative_home_lives_there(relative_home):
    async with EngineClient.connect() as client:
        engine = psutil.Process((await client.send(GetStatus())).process_id)
        try:
            assert (relative_home / "data" / "queue.sqlite3").exists()
            assert engine.environ()["MASQUE_HOME"] == str(relative_home)
        finally:
            await client.stop_engine()
            engine.wait(PATIENCE_S)


async def test_the_worker_of_an_engine_with_a_relative_home_lives_there_too(
    relative_home, tmp_path, make_request, finished
):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(TINY_ENGINE), "serve"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL) as engine:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (relative_home / "runtime" / "engine.json").exists():
                    await asyncio.sleep(0.02)
            async with EngineClient.connect(start=False) as client:
                job = await client.send(SubmitJob(request=make_request()))
                await finished(client, job.job_id)
                worker = psutil.Process((await client.send(GetStatus())).worker_process_id)
                assert worker.environ()["MASQUE_HOME"] == str(relative_home)
        finally:
            engine.terminate()


@pytest.mark.parametrize("idle_exit_s", ["0", "-3"])
def test_an_engine_that_may_not_idle_ends_at_once(idle_exit_s):
    ended = subprocess.run(
        [sys.executable, "-m", "engine.server", "--idle-exit-s", idle_exit_s],
        cwd=ROOT,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 0
