"""`python -m tests.kill_trial`: renders that are killed at random moments, and what became of them.

Not a test of pytest's: it takes minutes. A shot is rendered with a tiny bundle of random weights,
undisturbed; then again for each kill, the moments spread over the whole render. Every fourth time the
engine's server is killed, else the worker, always with SIGKILL. Each render goes on to its end by itself; its
master is compared byte for byte with the undisturbed one. All happens in `--home`, or in a folder that is
deleted.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.client import EngineClient
from engine.locations import HOME_VARIABLE, engine_locations
from engine.media.content_hash import hash_file
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import FINISHED_STATES, FileRole, JobState, JobView
from engine.protocol.messages import GetJob, GetStatus

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "resources" / "samples"
PATIENCE_S = 300.0
LOOK_EVERY_S = 0.02
SERVER_EVERY = 4
HEADINGS = ("kill", "of", "at s", "in the middle of", "went on with", "whole s", "master")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """A kill that is due so many seconds after a phase has begun, or as soon as one of those `after` it has.

    Told by phases, not by the clock alone: one render takes longer than the next on a machine that is busy.
    """

    number: int
    phase: str
    delay_s: float
    after: frozenset[str]
    server: bool

    @classmethod
    def at(cls, number: int, moment_s: float, whole: "Seen") -> "Kill":
        """Return the kill that is due at the moment in the undisturbed render that `whole` has seen."""
        begun = [phase for phase, begin_s in whole.phases.items() if begin_s <= moment_s]
        return cls(
            number=number,
            phase=begun[-1],
            delay_s=moment_s - whole.phases[begun[-1]],
            after=frozenset(whole.phases) - frozenset(begun),
            server=number % SERVER_EVERY == 0,
        )

    def is_due(self, seen: "Seen") -> bool:
        """Return whether the time has come in a render of which so much was seen."""
        if self.after & seen.phases.keys():
            return True
        begin_s = seen.phases.get(self.phase)
        return begin_s is not None and time.monotonic() - seen.began - begin_s >= self.delay_s


@dataclass(slots=True, kw_only=True)
class Seen:
    """What was seen of a render: the phase it was killed in, and the first step that was told after that."""

    began: float = field(default_factory=time.monotonic)
    at_kill: str = ""
    killed_s: float = 0.0
    next_step: str = "no step"
    seconds: float = 0.0
    job: JobView | None = None
    phases: dict[str, float] = field(default_factory=dict)

    @property
    def master(self) -> Path:
        """The take's master. Raises RuntimeError where the job did not end well."""
        if self.job is None or self.job.result is None or self.job.state is not JobState.DONE:
            raise RuntimeError(f"the render ended as {self.job}")
        names = [file.name for file in self.job.result.files if file.role is FileRole.MASTER]
        return self.job.output_directory / names[0]


def main() -> int:
    """Run the trial and return 0 where every render finished with the same master."""
    parser = argparse.ArgumentParser(prog="python -m tests.kill_trial", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--home", type=Path, help="a folder to work in; it is kept")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--frames", type=int, default=25)
    parser.add_argument("--size", default="160x96")
    parser.add_argument("--solver", default="unipc")
    options = parser.parse_args()
    if options.home is not None:
        options.home.mkdir(parents=True, exist_ok=True)
        if any(options.home.iterdir()):
            parser.error(f"{options.home} holds files already")
        return _trial(options.home.absolute(), options)
    with tempfile.TemporaryDirectory(prefix="masque-kills-") as folder:
        return _trial(Path(folder), options)


def _trial(home: Path, options: argparse.Namespace) -> int:
    os.environ[HOME_VARIABLE] = str(home / "engine")
    project = _make_project(home)
    arguments = (
        *("--quality", "diffusion", "--size", options.size, "--frames", options.frames, "--steps"),
        *(options.steps, "--solver", options.solver, "--segment-frames", 17, "--overlap-frames", 5),
    )
    try:
        return _kill_and_compare(project, arguments, options)
    finally:
        _masque("engine", "stop")


def _kill_and_compare(project: Path, arguments: tuple[object, ...], options: argparse.Namespace) -> int:
    whole = asyncio.run(_rendered(_queued(project, arguments), None))
    expected = hash_file(whole.master)
    sys.stdout.write(f"undisturbed: {whole.seconds:.1f} s, {len(whole.phases)} phases and steps\n")
    _write_row(HEADINGS)
    moments = random.Random(options.seed)
    finished = identical = 0
    for number in range(options.kills):
        share = (number + moments.random()) / options.kills
        kill = Kill.at(number + 1, share * whole.seconds, whole)
        seen = asyncio.run(_rendered(_queued(project, arguments), kill))
        done = seen.job is not None and seen.job.state is JobState.DONE
        same = done and hash_file(seen.master) == expected
        finished, identical = finished + done, identical + same
        _write_row(_row(kill, seen, done=done, same=same))
    sys.stdout.write(f"{options.kills} kills: {finished} finished, {identical} identical\n")
    return 0 if identical == options.kills else 1


def _row(kill: Kill, seen: Seen, *, done: bool, same: bool) -> tuple[str, ...]:
    end = "identical" if same else "DIFFERENT" if done else "NOT FINISHED"
    victim = "server" if kill.server else "worker"
    at_kill = seen.at_kill or "it was done already"
    return (
        str(kill.number), victim, f"{seen.killed_s:.1f}", at_kill, seen.next_step, f"{seen.seconds:.1f}", end
    )  # fmt: skip


def _write_row(cells: tuple[str, ...]) -> None:
    widths = (5, 7, 6, 34, 30, 8, 12)
    padded = [cell[: width - 1].ljust(width) for cell, width in zip(cells, widths, strict=True)]
    sys.stdout.write("".join(padded).rstrip() + "\n")
    sys.stdout.flush()


async def _rendered(job_id: str, kill: Kill | None) -> Seen:
    """Follow a job to its end, killing what is to be killed when its time has come."""
    seen, killed_in, waiting = Seen(), None, True
    async with asyncio.timeout(PATIENCE_S):
        async for client, job in _views(job_id):
            now, phase = time.monotonic(), job.progress.phase
            if waiting and phase:
                seen.began, waiting = now, False
            if phase:
                seen.phases.setdefault(phase, now - seen.began)
            if job.state in FINISHED_STATES:
                break
            if killed_in is not None:
                killed_in = _note_next_step(seen, job, killed_in)
            elif kill is not None and not seen.at_kill and not waiting and kill.is_due(seen):
                await _kill(client, server=kill.server)
                seen.at_kill, seen.killed_s, killed_in = phase, now - seen.began, job
    seen.job, seen.seconds = job, time.monotonic() - seen.began
    return seen


def _note_next_step(seen: Seen, job: JobView, killed_in: JobView) -> JobView | None:
    """Note the first step of the attempt after the kill; None when it was seen. A view of the attempt before
    still shows that one's last word.
    """
    begun_anew = job.started_at != killed_in.started_at and job.progress != killed_in.progress
    if begun_anew and "step" in job.progress.phase.lower():
        seen.next_step = job.progress.phase
        return None
    return killed_in


async def _kill(client: EngineClient, *, server: bool) -> None:
    """Kill the server or its worker. Raises RuntimeError where a job runs and nobody works."""
    status = await client.send(GetStatus())
    victim = status.process_id if server else status.worker_process_id
    if victim is None:
        raise RuntimeError("there is no worker to kill")
    os.kill(victim, signal.SIGKILL)


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


def _queued(project: Path, arguments: tuple[object, ...]) -> str:
    """Queue the shot and return its job. It is encoded anew each time: that is disturbed as well."""
    shutil.rmtree(engine_locations().cache / "conditions", ignore_errors=True)
    answer = _masque("render", project, *arguments, "--detach")
    return str(answer["jobs"][0]["job_id"])


def _make_project(home: Path) -> Path:
    """Make a shot with a face that a clip drives and one that speaks, and a tiny bundle of random weights."""
    bundle, project = home / "bundle", home / "killed.masque"
    _masque("models", "make-test-bundle", bundle)
    _masque("models", "add", bundle)
    _masque("new", project)
    _masque("scene", "add", project, SAMPLES / "duet.png", "--name", "Duet")
    _masque("scene", "set", project, "Duet", "--prompt", "Two people talk.")
    _masque("character", "add", project, "Duet", "Ada", "--face", 1)
    _masque("character", "add", project, "Duet", "Bruno", "--face", 2)
    _masque("drive", project, "Duet", "Ada", SAMPLES / "driver_smile.mp4", "--out", 0.2)
    _masque("voice", project, "Duet", "Bruno", SAMPLES / "voice.wav", "--out", 2)
    return project


def _masque(*arguments: object) -> dict[str, list[dict[str, str]]]:
    command = [sys.executable, "-m", "desktop", *map(str, arguments), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {run.stdout}{run.stderr}")
    answer: dict[str, list[dict[str, str]]] = json.loads(run.stdout)
    return answer


if __name__ == "__main__":
    sys.exit(main())
