"""`python -m tests.kill_trial`: renders that are killed at random moments, and what became of them.

Not a test of pytest's: it takes minutes. A shot is rendered with a tiny bundle of random weights,
undisturbed; then again for each kill, the moments spread over the whole render. Every fourth time the
engine's server is killed, else the worker, always with SIGKILL. Each render goes on to its end by itself; its
master is compared byte for byte with the undisturbed one. All happens in `--home`, or in a folder that is
deleted.
"""

import argparse
import asyncio
import random
import shutil
import sys
from pathlib import Path

from engine.locations import engine_locations
from engine.media.content_hash import hash_file
from tests.trial_engine import (
    SAMPLES,
    Moment,
    Seen,
    followed,
    kill_server,
    kill_worker,
    make_duet,
    make_project,
    masque,
    trial_home,
    write_row,
)

SERVER_EVERY = 4
HEADINGS = ("kill", "of", "at s", "in the middle of", "went on with", "whole s", "master")
WIDTHS = (5, 7, 6, 34, 30, 8, 12)


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
    with trial_home(parser, options.home, "kills") as home:
        return _trial(home, options)


def _trial(home: Path, options: argparse.Namespace) -> int:
    project = make_project(home, "killed")
    make_duet(project, "Duet", clip=SAMPLES / "driver_smile.mp4", voice=SAMPLES / "voice.wav")
    arguments = (
        *("--quality", "diffusion", "--size", options.size, "--frames", options.frames, "--steps"),
        *(options.steps, "--solver", options.solver, "--segment-frames", 17, "--overlap-frames", 5),
    )
    return _kill_and_compare(project, arguments, options)


def _kill_and_compare(project: Path, arguments: tuple[object, ...], options: argparse.Namespace) -> int:
    whole = asyncio.run(followed(_queued(project, arguments)))
    expected = hash_file(whole.master)
    sys.stdout.write(f"undisturbed: {whole.seconds:.1f} s, {len(whole.phases)} phases and steps\n")
    write_row(HEADINGS, WIDTHS)
    moments = random.Random(options.seed)
    finished = identical = 0
    for number in range(1, options.kills + 1):
        moment = Moment.at((number - 1 + moments.random()) / options.kills, whole)
        server = number % SERVER_EVERY == 0
        kill = kill_server if server else kill_worker
        seen = asyncio.run(followed(_queued(project, arguments), moment, kill))
        same = seen.is_done and hash_file(seen.master) == expected
        finished, identical = finished + seen.is_done, identical + same
        write_row(_row(number, seen, server=server, same=same), WIDTHS)
    sys.stdout.write(f"{options.kills} kills: {finished} finished, {identical} identical\n")
    return 0 if identical == options.kills else 1


def _row(number: int, seen: Seen, *, server: bool, same: bool) -> tuple[str, ...]:
    end = "identical" if same else "DIFFERENT" if seen.is_done else "NOT FINISHED"
    victim = "server" if server else "worker"
    struck_in = seen.struck_in or "it was done already"
    return (
        str(number), victim, f"{seen.struck_s:.1f}", struck_in, seen.next_step, f"{seen.seconds:.1f}", end
    )  # fmt: skip


def _queued(project: Path, arguments: tuple[object, ...]) -> str:
    """Queue the shot and return its job. It is encoded anew each time: that is disturbed as well."""
    shutil.rmtree(engine_locations().cache / "conditions", ignore_errors=True)
    answer = masque("render", project, *arguments, "--detach")
    return str(answer["jobs"][0]["job_id"])


if __name__ == "__main__":
    sys.exit(main())
