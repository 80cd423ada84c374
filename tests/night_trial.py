"""`python -m tests.night_trial`: one queue of fifty mixed renders, and a night in which much goes wrong.

Not a test of pytest's: it takes minutes. The engine is the real one, its own processes in a home of its own;
renders in diffusion quality go the whole way through a tiny bundle of random weights, and drafts are among
them. Each request is rendered undisturbed first. Then all jobs are queued at once, and the night begins:
the render process is killed, the engine is killed, a checkpoint is damaged, memory and the disk run out, a
clip is deleted, jobs are cancelled (`tests.night_mishaps`). Every job that can finish must finish by itself,
in its turn, with a master that is equal to the undisturbed one byte for byte; only where memory ran out it
may differ, and the take must say so. In the morning what was wrong is put right, and the jobs that failed for
it are tried again.

The moments are random, `--seed` chooses them. Linux alone: limits are set on processes of their own.
"""

import argparse
import asyncio
import os
import random
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from desktop.authoring.diffusion_settings import DiffusionChoice
from desktop.authoring.project_files import open_project
from desktop.authoring.render_requests import RenderSettings
from desktop.authoring.takes import queue_take
from engine.client import EngineClient
from engine.locations import engine_locations
from engine.media.content_hash import hash_file
from engine.planning.memory_limit import LIMIT_VARIABLE
from engine.protocol.jobs import JobState, JobView
from engine.protocol.messages import CancelJob, PauseQueue, ResumeQueue, RetryJob
from engine.protocol.render_request import RendererName
from tests.night_mishaps import (
    AT_WORK,
    IN_STEPS,
    MENDED,
    MISHAPS,
    Mishap,
    SmallDisk,
    expected_end,
    lift_limits,
    mishaps_of,
    small_disk,
    strike_of,
)
from tests.trial_engine import (
    SAMPLES,
    Moment,
    Seen,
    followed,
    make_duet,
    make_project,
    trial_home,
    write_row,
)

DEVICE_MEMORY = "250MB"
SETTINGS = DiffusionChoice(steps=6, segment_frames=9, overlap_frames=1)
USUAL_SIZE = (128, 96)
FRAMES = 13
LOST_CLIP = "lost.mp4"
_EMPTY_BOX = bytes((0, 0, 0, 8)) + b"free"
LATEST = 0.8  # a share of a render's time: what comes later may come too late
LATEST_IN_STEPS = 0.4  # what waits for a step, or for two checkpoints
HEADINGS = ("job", "what", "what happened", "in the middle of", "went on with", "s", "end")
WIDTHS = (4, 28, 41, 34, 28, 6, 400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A render that is asked for, maybe often: the same each time."""

    scene: str
    quality: RendererName = RendererName.DIFFUSION
    seed: int = 1
    size: tuple[int, int] = USUAL_SIZE

    @property
    def name(self) -> str:
        """The scene, the quality, the seed, an unusual size."""
        seed = f" {self.seed}" if self.quality is RendererName.DIFFUSION else ""
        size = "" if self.size == USUAL_SIZE else f", {self.size[0]}x{self.size[1]}"
        return f"{self.scene}, {self.quality.value}{seed}{size}"

    def settings(self, folder: Path | None) -> RenderSettings:
        """Return what a person would choose for it; `folder`: where to, if not beside the project."""
        is_diffusion = self.quality is RendererName.DIFFUSION
        return RenderSettings(
            quality=self.quality.value,
            frame_count=FRAMES,
            size=self.size,
            seed=self.seed,
            output_directory=folder,
            diffusion=SETTINGS if is_diffusion else DiffusionChoice(),
        )


SHOTS = (
    *(Shot(scene=scene) for scene in ("clip", "voice", "both")),
    Shot(scene="both", quality=RendererName.DRAFT),
    *(Shot(scene=scene, seed=2) for scene in ("clip", "voice", "both")),
    Shot(scene="voice", quality=RendererName.DRAFT),
)
"""They take turns."""

SHOT_OF = {
    Mishap.CHECKPOINT_DAMAGED: Shot(scene="both"),
    Mishap.CANCELLED_AT_WORK: Shot(scene="both", seed=2),
    Mishap.DISK_FULL: Shot(scene="both"),
    Mishap.FILE_MISSING: Shot(scene="lost"),
    Mishap.MEMORY_TAKEN: Shot(scene="voice", size=(320, 192)),
    Mishap.TOO_LARGE: Shot(scene="both", size=(2560, 1440)),
}
"""What must be of a certain kind to have a mishap. What the machine learns from the one that runs out of
memory is for renders as large as that alone: no other here is.
"""


@dataclass(slots=True, kw_only=True)
class NightJob:
    """A job, what befalls it, and what became of it."""

    number: int
    shot: Shot
    mishap: Mishap
    job_id: str = ""
    seen: Seen = field(default_factory=Seen)
    master: str = ""

    @property
    def view(self) -> JobView:
        """The job at its end. Raises RuntimeError before."""
        if self.seen.job is None:
            raise RuntimeError(f"job {self.number} has not ended")
        return self.seen.job

    @property
    def came_too_late(self) -> bool:
        """Whether the job was over before what was to befall it."""
        return self.mishap in AT_WORK and not self.seen.struck_in

    @property
    def ended_as_it_must(self) -> bool:
        """Whether its state and its error are what they must be."""
        error = None if self.view.error is None else self.view.error.code
        return (self.view.state, error) == expected_end(self.mishap)

    @property
    def memory_told(self) -> str:
        """What the take says about memory that ran out."""
        warnings = () if self.view.result is None else self.view.result.warnings
        return " ".join(warning for warning in warnings if "emory ran out" in warning)


class Night:
    """The course of the trial in `home`."""

    def __init__(self, home: Path, disk: SmallDisk, options: argparse.Namespace) -> None:
        self._home, self._disk = home, disk
        self._random = random.Random(options.seed)
        self._jobs = planned_night(options.jobs)
        self._undisturbed: dict[Shot, Seen] = {}
        self._expected: dict[Shot, str] = {}
        self._project = make_project(home, "night")
        self._scenes = self._made_scenes()

    def run(self) -> bool:
        """Return whether all went as it must."""
        began_s = time.monotonic()
        asyncio.run(self._render_undisturbed())
        shutil.rmtree(engine_locations().cache / "conditions", ignore_errors=True)
        write_row(HEADINGS, WIDTHS)
        asyncio.run(self._pass_the_night())
        night = list(self._jobs)
        left = _left_behind(night)
        mended = asyncio.run(self._mend())
        sys.stdout.write(f"{self._verdict(night, mended, left)} {time.monotonic() - began_s:.0f} s.\n")
        return is_good_night(night) and not left and all(job.master == "identical" for job in mended)

    def _made_scenes(self) -> dict[str, str]:
        clip, voice, lost = SAMPLES / "driver_smile.mp4", SAMPLES / "voice.wav", self._home / LOST_CLIP
        lost.write_bytes(clip.read_bytes() + _EMPTY_BOX)  # not the same file, of which one copy is kept
        for name, driving, speaking in (
            ("clip", clip, None), ("voice", None, voice), ("both", clip, voice), ("lost", lost, None),
        ):  # fmt: skip
            make_duet(self._project, name, clip=driving, voice=speaking)
        with open_project(self._project) as store:
            return {scene.name: scene.id for scene in store.scenes()}

    async def _render_undisturbed(self) -> None:
        shots = {job.shot for job in self._jobs if job.mishap is not Mishap.TOO_LARGE}
        for shot in sorted(shots, key=lambda shot: shot.name):
            async with EngineClient.connect(start=True) as client:
                job_id = await self._queue(client, shot, None)
            seen = await followed(job_id)
            self._undisturbed[shot], self._expected[shot] = seen, hash_file(seen.master)
            sys.stdout.write(f"undisturbed: {shot.name}, {seen.seconds:.1f} s\n")
            sys.stdout.flush()

    async def _pass_the_night(self) -> None:
        async with EngineClient.connect(start=True) as client:
            await client.send(PauseQueue())
            for job in self._jobs:
                folder = self._disk.folder if job.mishap is Mishap.DISK_FULL else None
                job.job_id = await self._queue(client, job.shot, folder)
            for path in self._lost_clips():
                path.rename(path.with_suffix(".gone"))
            await client.send(ResumeQueue())
        for job, follower in zip(self._jobs, [*self._jobs[1:], None], strict=True):
            if follower is not None and follower.mishap is Mishap.CANCELLED_WAITING:
                async with EngineClient.connect(start=True) as client:
                    await client.send(CancelJob(job_id=follower.job_id))
            await self._follow(job)

    async def _follow(self, job: NightJob) -> None:
        whole, strike = self._undisturbed.get(job.shot), strike_of(job.mishap, self._disk)
        share = (LATEST_IN_STEPS if job.mishap in IN_STEPS else LATEST) * self._random.random()
        moment = None if whole is None or strike is None else Moment.at(share, whole)
        job.seen = await followed(job.job_id, moment, strike)
        async with EngineClient.connect(start=True) as client:
            await lift_limits(client)
        self._judge(job)

    def _judge(self, job: NightJob) -> None:
        if job.seen.is_done:
            is_same = hash_file(job.seen.master) == self._expected[job.shot]
            job.master = "identical" if is_same else job.memory_told or "DIFFERENT"
        write_row(_row(job), WIDTHS)

    async def _mend(self) -> list[NightJob]:
        """Put right what was wrong and try again; return these jobs anew."""
        self._disk.make_room()
        for path in self._home.rglob("*.gone"):
            path.rename(path.with_suffix(".mp4"))
        mended = [replace(job, mishap=Mishap.NONE) for job in self._jobs if job.mishap in MENDED]
        for job in mended:
            async with EngineClient.connect(start=True) as client:
                await client.send(RetryJob(job_id=job.job_id))
            await self._follow(job)
        return mended

    async def _queue(self, client: EngineClient, shot: Shot, folder: Path | None) -> str:
        with open_project(self._project) as store:
            return (await queue_take(store, client, self._scenes[shot.scene], shot.settings(folder))).job_id

    def _lost_clips(self) -> list[Path]:
        return list(self._home.rglob(LOST_CLIP))

    def _verdict(self, night: Sequence[NightJob], mended: Sequence[NightJob], left: Sequence[str]) -> str:
        done = [job for job in night if job.seen.is_done]
        failed = [f"{job.number} ({_end(job)})" for job in night if job.view.state is JobState.FAILED]
        others = [job for job in done if job.master != "identical"]
        untold = [str(job.number) for job in others if not job.memory_told]
        return " ".join((
            f"{len(night)} jobs: {len(done)} finished, {len(night) - len(done) - len(failed)} cancelled,",
            f"{len(failed)} failed: {', '.join(failed)}.",
            f"Otherwise than they must: {_numbers(job for job in night if not job.ended_as_it_must)}.",
            f"Mishaps that came too late: {_numbers(job for job in night if job.came_too_late)}.",
            f"Order {'kept' if is_in_order(night) else 'NOT KEPT'}.",
            f"Masters: {len(done) - len(others)} identical, {len(others) - len(untold)} with less memory",
            f"and saying so, different: {', '.join(untold) or 'none'}.",
            f"Left behind: {', '.join(left) or 'nothing'}.",
            f"Tried again: {', '.join(f'{job.number} {_end(job)}' for job in mended)}.",
            "" if self._disk.is_real else "The disk was not full: files were forbidden to grow.",
        ))  # fmt: skip


def main() -> int:
    """Run the trial and return 0 where all jobs that can finish did, in order and with the right master."""
    parser = argparse.ArgumentParser(prog="python -m tests.night_trial", description=__doc__)
    parser.add_argument("--jobs", type=int, default=50, help=f"at least {len(MISHAPS)}")
    parser.add_argument("--home", type=Path, help="a folder to work in; it is kept")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    options = parser.parse_args()
    if options.jobs < len(MISHAPS):
        parser.error(f"a night has at least {len(MISHAPS)} jobs")
    os.environ[LIMIT_VARIABLE] = DEVICE_MEMORY
    with trial_home(parser, options.home, "night") as home, small_disk(home / "disk") as disk:
        return 0 if Night(home, disk, options).run() else 1


def planned_night(count: int) -> list[NightJob]:
    """Return so many jobs and what befalls them."""
    return [
        NightJob(number=number, shot=SHOT_OF.get(mishap, SHOTS[number % len(SHOTS)]), mishap=mishap)
        for number, mishap in enumerate(mishaps_of(count))
    ]


def is_good_night(night: Sequence[NightJob]) -> bool:
    """Return whether every job ended as it must, in its turn, with the master it must have."""
    masters = all(job.master == "identical" or job.memory_told for job in night if job.seen.is_done)
    return masters and is_in_order(night) and all(job.ended_as_it_must for job in night)


def is_in_order(night: Sequence[NightJob]) -> bool:
    """Return whether no job that was rendered ended before one that was queued before it."""
    ends = [job.view.finished_at for job in night if job.mishap is not Mishap.CANCELLED_WAITING]
    known = [end for end in ends if end is not None]
    return len(known) == len(ends) and known == sorted(known)


def _left_behind(night: Sequence[NightJob]) -> list[str]:
    """Return what should not be there any more: frames of jobs that are over, names that are not taken."""
    kept = {job.job_id for job in night if job.view.state is JobState.FAILED}
    work = [path.name for path in engine_locations().work.iterdir() if path.name not in kept]
    folders = {job.view.output_directory for job in night if job.view.state is not JobState.FAILED}
    return work + [str(path) for folder in folders for path in folder.glob(".*")]


def _end(job: NightJob) -> str:
    if job.seen.is_done:
        return job.master
    error = job.view.error
    return job.view.state.value if error is None else error.sentence()


def _row(job: NightJob) -> tuple[str, ...]:
    seen, struck = job.seen, bool(job.seen.struck_in)
    next_step = seen.next_step if struck and job.view.state is not JobState.CANCELLED else ""
    return (
        str(job.number), job.shot.name, job.mishap.value, seen.struck_in, next_step, f"{seen.seconds:.1f}",
        _end(job),
    )  # fmt: skip


def _numbers(jobs: Iterable[NightJob]) -> str:
    return ", ".join(str(job.number) for job in jobs) or "none"


if __name__ == "__main__":
    sys.exit(main())
