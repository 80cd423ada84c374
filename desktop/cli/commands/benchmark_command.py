"""`masque benchmark`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from desktop.cli.presenting import JsonOption, present
from engine.protocol.errors import ErrorCode, UserError

app = typer.Typer(help="Measure Masque on this machine.", no_args_is_help=True)


@app.callback()
def benchmark() -> None:
    """Measure Masque on this machine."""


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
