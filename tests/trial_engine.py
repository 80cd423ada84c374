"""The real engine in a trial's own home: told by commands, followed to a job's end, struck on the way.

For the trials that take minutes (`python -m tests.kill_trial`, `python -m tests.night_trial`), not for
pytest's tests.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engine.client import EngineClient
from engine.locations import HOME_VARIABLE
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import FINISHED_STATES, FileRole, JobState, JobView
from engine.protocol.messages import GetJob, GetStatus

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "resources" / "samples"
PATIENCE_S = 300.0
LOOK_EVERY_S = 0.02

Strike = Callable[[EngineClient, JobView], Awaitable[bool]]
"""Does something to a job at work, or to who works on it; False: it cannot be done yet."""


@dataclass(slots=True, kw_only=True)
class Seen:
    """What was seen of a render: the phase it was struck in, and the first step that was told after that."""

    began: float = field(default_factory=time.monotonic)
    struck_in: str = ""
    struck_s: float = 0.0
    next_step: str = "no step"
    seconds: float = 0.0
    job: JobView | None = None
    phases: dict[str, float] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        """Whether the job ended well."""
        return self.job is not None and self.job.state is JobState.DONE

    @property
    def master(self) -> Path:
        """The take's master. Raises RuntimeError where the job did not end well."""
        if not self.is_done or self.job is None or self.job.result is None:
            raise RuntimeError(f"the render ended as {self.job}")
        names = [file.name for file in self.job.result.files if file.role is FileRole.MASTER]
        return self.job.output_directory / names[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """So many seconds after a phase has begun, or as soon as one of those `after` it has.

    Told by phases, not by the clock alone: one render takes longer than the next on a machine that is busy.
    """

    phase: str
    delay_s: float
    after: frozenset[str]

    @classmethod
    def at(cls, share: float, whole: Seen) -> "Moment":
        """Return the moment after this share of the time of an undisturbed render."""
        moment_s = share * whole.seconds
        begun = [phase for phase, begin_s in whole.phases.items() if begin_s <= moment_s]
        return cls(
            phase=begun[-1],
            delay_s=moment_s - whole.phases[begun[-1]],
            after=frozenset(whole.phases) - frozenset(begun),
        )

    def is_due(self, seen: Seen) -> bool:
        """Return whether the time has come in a render of which so much was seen."""
        if self.after & seen.phases.keys():
            return True
        begin_s = seen.phases.get(self.phase)
        return begin_s is not None and time.monotonic() - seen.began - begin_s >= self.delay_s


async def followed(job_id: str, moment: Moment | None = None, strike: Strike | None = None) -> Seen:
    """Follow a job to its end, and strike when the moment has come."""
    seen, struck, waiting = Seen(), None, True
    async with asyncio.timeout(PATIENCE_S):
        async for client, job in _views(job_id):
            now, phase = time.monotonic(), job.progress.phase
            if waiting and phase:
                seen.began, waiting = now, False
            if phase:
                seen.phases.setdefault(phase, now - seen.began)
            if job.state in FINISHED_STATES:
                break
            if struck is not None:
                struck = _note_next_step(seen, job, struck)
            elif moment and strike and not seen.struck_in and _is_at_work(job) and moment.is_due(seen):
                if not await strike(client, job):
                    continue
                seen.struck_in, seen.struck_s, struck = phase, now - seen.began, job
    seen.job, seen.seconds = job, time.monotonic() - seen.began
    return seen


def _is_at_work(job: JobView) -> bool:
    return job.state is JobState.RUNNING and bool(job.progress.phase)


def _note_next_step(seen: Seen, job: JobView, struck: JobView) -> JobView | None:
    """Note the first step of the attempt after the strike; None when it was seen. A view of the attempt
    before still shows that one's last word.
    """
    begun_anew = job.started_at != struck.started_at and job.progress != struck.progress
    if begun_anew and "step" in job.progress.phase.lower():
        seen.next_step = job.progress.phase
        return None
    return struck


async def _views(job_id: str) -> AsyncIterator[tuple[EngineClient, JobView]]:
    """Yield what the engine says of a job again and again; an engine that is gone is started anew."""
    while True:
        try:
            async with EngineClient.connect(start=True) as client:
                while True:
                    yield client, await client.send(GetJob(job_id=job_id))
                    await asyncio.sleep(LOOK_EVERY_S)
        except UserError as error:
            if error.report.code is not ErrorCode.ENGINE_UNREACHABLE:
                raise


async def kill_worker(client: EngineClient, _job: JobView) -> bool:
    """Kill who renders; False while nobody does."""
    worker = (await client.send(GetStatus())).worker_process_id
    return worker is not None and _killed(worker)


async def kill_server(client: EngineClient, _job: JobView) -> bool:
    """Kill the engine's server."""
    return _killed((await client.send(GetStatus())).process_id)


def _killed(process_id: int) -> bool:
    os.kill(process_id, signal.SIGKILL)
    return True


def masque(*arguments: object) -> dict[str, list[dict[str, str]]]:
    """Run a command and return what it prints. Raises RuntimeError where it fails."""
    command = [sys.executable, "-m", "desktop", *map(str, arguments), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {run.stdout}{run.stderr}")
    answer: dict[str, list[dict[str, str]]] = json.loads(run.stdout)
    return answer


def make_duet(project: Path, name: str, *, clip: Path | None, voice: Path | None) -> None:
    """Add a scene with Ada, where a clip drives her, and Bruno, where he speaks."""
    masque("scene", "add", project, SAMPLES / "duet.png", "--name", name)
    masque("scene", "set", project, name, "--prompt", "Two people talk.")
    if clip is not None:
        masque("character", "add", project, name, "Ada", "--face", 1)
        masque("drive", project, name, "Ada", clip, "--out", 0.2)
    if voice is not None:
        masque("character", "add", project, name, "Bruno", "--face", 2)
        masque("voice", project, name, "Bruno", voice, "--out", 2)


def make_project(home: Path, name: str) -> Path:
    """Make a project in `home`, and install a tiny bundle of random weights."""
    bundle, project = home / "bundle", home / f"{name}.masque"
    masque("models", "make-test-bundle", bundle)
    masque("models", "add", bundle)
    masque("new", project)
    return project


@contextmanager
def trial_home(parser: ArgumentParser, kept: Path | None, name: str) -> Iterator[Path]:
    """Lend an empty folder with an engine of its own, which is stopped at the end; `kept`: not deleted."""
    with tempfile.TemporaryDirectory(prefix=f"masque-{name}-") as folder:
        home = Path(folder) if kept is None else kept.absolute()
        home.mkdir(parents=True, exist_ok=True)
        if any(home.iterdir()):
            parser.error(f"{home} holds files already")
        os.environ[HOME_VARIABLE] = str(home / "engine")
        try:
            yield home
        finally:
            masque("engine", "stop")


def write_row(cells: tuple[str, ...], widths: tuple[int, ...]) -> None:
    """Print a row of a table."""
    padded = [cell[: width - 1].ljust(width) for cell, width in zip(cells, widths, strict=True)]
    sys.stdout.write("".join(padded).rstrip() + "\n")
    sys.stdout.flush()
