"""Engines as real processes, and requests for them."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
import uuid
from fractions import Fraction
from pathlib import Path

import psutil
import pytest

from engine.client import EngineClient
from engine.protocol.jobs import FINISHED_STATES
from engine.protocol.messages import CancelJob, ClearFinished, GetJob, ListJobs, PauseQueue, ResumeQueue
from engine.protocol.render_request import PlateInput, RendererName, RenderRequest
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
TINY_ENGINE = ROOT / "tests" / "engine" / "server" / "tiny_engine.py"


@pytest.fixture
def make_request(tmp_path):
    """Return a function that makes requests; the scene's name tells the tiny renderer what goes wrong."""
    made = iter(range(1, 10_000))

    def make(scene_name="fine", **changes):
        number = next(made)
        values = {
            "request_id": uuid.uuid4().hex,
            "project_id": "project",
            "project_path": tmp_path / "film.masque",
            "scene_id": "scene",
            "scene_name": scene_name,
            "take_id": f"take-{number}",
            "take_number": number,
            "renderer": RendererName.DRAFT,
            "plate": PlateInput(path=tmp_path / "plate.png", content_hash="hash", width=64, height=64),
            "characters": (),
            "frame_rate": Fraction(24),
            "frame_count": 5,
            "width": 64,
            "height": 64,
            "seed": 1,
            "output_directory": tmp_path / "takes" / str(number),
            "file_stem": "shot",
        }
        return RenderRequest(**{**values, **changes})

    return make


class RunningEngine:
    """A server process of this test's own."""

    def __init__(self, command, home, **environment):
        self.home = Path(home)
        environment["MASQUE_HOME"] = home
        values = {name: str(value) for name, value in environment.items()}
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
                **values,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self.said = ""
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.end()
            raise

    def _wait_until_it_listens(self):
        runtime_file = self.home / "runtime" / "engine.json"
        until = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < until:
            if runtime_file.exists() and f'"process_id": {self.process.pid},' in runtime_file.read_text():
                return
            time.sleep(0.01)
        raise AssertionError(f"the engine did not start: {self.end()}")

    def children(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self):
        """End the server with SIGKILL, and return its worker's processes."""
        children = self.children()
        self.process.kill()
        self.process.wait(PATIENCE_S)
        return children

    def end(self):
        """End the server and what it started; return what it said."""
        try:
            if self.process.poll() is None:
                self._end_with_children()
        finally:
            self.process.kill()
            if not self.process.stderr.closed:
                self.said = self.process.communicate()[1].decode()
        return self.said

    def _end_with_children(self):
        children = self.children()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        _, alive = psutil.wait_procs(children, timeout=10)
        for child in alive:
            child.kill()


@pytest.fixture
def start_engine(masque_home):
    """Return a function that starts an engine with the tiny renderer; all are ended after the test."""
    with contextlib.ExitStack() as engines:

        def start(**environment):
            engine = RunningEngine([str(TINY_ENGINE), "serve"], masque_home, **environment)
            engines.callback(engine.end)
            return engine

        yield start


@pytest.fixture(scope="session")
def engine_of_this_session(tmp_path_factory):
    """An engine with the tiny renderer that many tests use, one after the other."""
    engine = RunningEngine(
        [str(TINY_ENGINE), "serve"], tmp_path_factory.mktemp("shared-home"), TINY_IDLE_EXIT_S=3600
    )
    yield engine
    engine.end()


@pytest.fixture(scope="session")
def real_engine_of_this_session(tmp_path_factory):
    """An engine as users start it that many tests use, one after the other."""
    engine = RunningEngine(
        ["-m", "engine.server", "--idle-exit-s", "3600"], tmp_path_factory.mktemp("shared-real-home")
    )
    yield engine
    engine.end()


@pytest.fixture
async def shared_engine(engine_of_this_session, monkeypatch):
    """An engine whose queue is empty; for tests that leave the engine itself alone."""
    monkeypatch.setenv("MASQUE_HOME", str(engine_of_this_session.home))
    yield engine_of_this_session
    await empty_queue()


@pytest.fixture
async def shared_real_engine(real_engine_of_this_session, monkeypatch):
    """An engine as users start it whose queue is empty; for tests that leave the engine itself alone."""
    monkeypatch.setenv("MASQUE_HOME", str(real_engine_of_this_session.home))
    yield real_engine_of_this_session
    await empty_queue()


async def empty_queue():
    async with EngineClient.connect(start=False) as client:
        await client.send(PauseQueue(now=True))
        for job in (await client.send(ListJobs())).jobs:
            if job.state not in FINISHED_STATES:
                await client.send(CancelJob(job_id=job.job_id))
        await client.send(ClearFinished())
        await client.send(ResumeQueue())


@pytest.fixture
def start_real_engine(masque_home):
    """Return a function that starts the engine as users do; all are ended after the test."""
    with contextlib.ExitStack() as engines:

        def start(**environment):
            engine = RunningEngine(["-m", "engine.server"], masque_home, **environment)
            engines.callback(engine.end)
            return engine

        yield start


@pytest.fixture
def connected():
    """Return a context manager: a client of the engine that is running."""

    @contextlib.asynccontextmanager
    async def connect():
        async with EngineClient.connect(start=False) as client:
            yield client

    return connect


@pytest.fixture
def finished():
    """Return a function that waits until a job is finished and returns it."""

    async def wait(client, job_id, patience_s=PATIENCE_S):
        return await until(client, job_id, lambda job: job.state in FINISHED_STATES, patience_s)

    return wait


@pytest.fixture
def reached():
    """Return a function that waits until something is true of a job and returns it."""
    return until


async def until(client, job_id, true_of, patience_s=PATIENCE_S):
    async with asyncio.timeout(patience_s):
        while True:
            job = await client.send(GetJob(job_id=job_id))
            if true_of(job):
                return job
            await asyncio.sleep(0.01)


@pytest.fixture
def tiny_worker_command(monkeypatch):
    """The command line of a worker with the tiny renderer."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return [sys.executable, str(TINY_ENGINE), "worker"]
