"""`masque benchmark`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from desktop.authoring.project_benchmark import run_project_benchmark
from desktop.cli.presenting import JsonOption, present
from engine.protocol.errors import ErrorCode, UserError

app = typer.Typer(help="Measure Masque on this machine.", no_args_is_help=True, add_completion=False)


@app.command()
def draft(
    still: Annotated[Path | None, typer.Option(help="A still; else one is drawn.")] = None,
    clip: Annotated[Path | None, typer.Option(help="A driving clip; else one is drawn.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the draft renderer at 1280x720 with one character, in frames a second."""
    arguments = [
        part for name, value in (("--still", still), ("--clip", clip)) if value for part in (name, value)
    ]
    run = subprocess.run(
        [sys.executable, "-m", "engine.benchmark", "draft", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    answer = json.loads(run.stdout) if run.stdout.strip() else {}
    if run.returncode != 0:
        raise UserError(
            answer.get("message", "The benchmark could not run."),
            next_step=answer.get("next_step", "Run masque doctor."),
            code=ErrorCode.INTERNAL,
        )
    present(
        as_json,
        answer,
        f"draft {answer['width']}x{answer['height']}, {answer['frames']} frames, one character",
        f"  drawing    [bold]{answer['drawing_frames_per_second']:.1f}[/bold] frames a second",
        f"  analysis   {answer['analysis_frames_per_second']:.1f} frames of the driving clip a second",
    )


@app.command()
def project(
    scenes: Annotated[int, typer.Option(min=1, max=10_000)] = 1000,
    characters: Annotated[int, typer.Option(min=1, max=16)] = 4,
    clips: Annotated[int, typer.Option(min=1, max=100)] = 5,
    as_json: JsonOption = False,
) -> None:
    """Measure how long a large project takes to open, in a temporary folder."""
    found = run_project_benchmark(scenes=scenes, characters=characters, clips=clips)
    present(
        as_json,
        found,
        f"{scenes} scenes x {characters} characters x {clips} clips, {found.file_bytes / 1e6:.1f} MB",
        f"  open and list   [bold]{found.open_s * 1000:.0f}[/bold] ms",
        f"  one scene whole {found.scene_s * 1000:.1f} ms",
        f"  one edit        {found.edit_s * 1000:.1f} ms",
    )
