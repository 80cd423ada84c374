"""`masque benchmark`."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from desktop.authoring.project_benchmark import run_project_benchmark
from desktop.cli.presenting import JsonOption, console, present, table
from desktop.cli.stream_text import show_stream
from engine.protocol.errors import ErrorCode, UserError

app = typer.Typer(help="Measure Masque on this machine.", no_args_is_help=True, add_completion=False)


@app.command()
def draft(
    still: Annotated[Path | None, typer.Option(help="A still; else one is drawn.")] = None,
    clip: Annotated[Path | None, typer.Option(help="A driving clip; else one is drawn.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the draft renderer at 1280x720 with one character, in frames a second."""
    files = [
        part for name, value in (("--still", still), ("--clip", clip)) if value for part in (name, str(value))
    ]
    answer = _measured("draft", *files)
    present(
        as_json,
        answer,
        f"draft {answer['width']}x{answer['height']}, {answer['frames']} frames, one character",
        f"  drawing    [bold]{answer['drawing_frames_per_second']:.1f}[/bold] frames a second",
        f"  analysis   {answer['analysis_frames_per_second']:.1f} frames of the driving clip a second",
    )


@app.command()
def step(
    width_model: Annotated[
        int | None, typer.Option(help="The transformer's width, a multiple of 64.", show_default="512")
    ] = None,
    blocks: Annotated[int | None, typer.Option(help="How many blocks it has.", show_default="8")] = None,
    tokens: Annotated[
        int | None, typer.Option(help="How many tokens go through it.", show_default="4000")
    ] = None,
    heads: Annotated[
        int | None, typer.Option(help="Heads, 64 or 128 wide.", show_default="128 wide where they fit")
    ] = None,
    text_guidance: Annotated[float, typer.Option(help="The prompt's guidance, c.")] = 5.0,
    adapter_guidance: Annotated[float, typer.Option(help="The adapters' guidance, a.")] = 5.0,
    characters: Annotated[int, typer.Option(help="Characters, each in a region of its own.")] = 2,
    with_voice: Annotated[
        bool, typer.Option("--with-voice/--clip-only", help="Driven by clip and voice, or by clip alone.")
    ] = True,
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    repeats: Annotated[int, typer.Option(help="Timed steps of each way.")] = 3,
    full_size: Annotated[
        bool,
        typer.Option("--full-size", help="14 B parameters, 81 frames of 832x480; needs a graphics card."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure one denoising step of random weights: the published order of work against Masque's."""
    sizes = {"--width-model": width_model, "--blocks": blocks, "--tokens": tokens, "--heads": heads}
    arguments = [f"{name}={value}" for name, value in sizes.items() if value is not None]
    arguments += [f"--text-guidance={text_guidance}", f"--adapter-guidance={adapter_guidance}"]
    arguments += [f"--characters={characters}", f"--precision={precision}", f"--repeats={repeats}"]
    switches = {"--clip-only": not with_voice, "--full-size": full_size}
    arguments += [name for name, is_on in switches.items() if is_on]
    if not as_json:
        console().print("[dim]measuring; on a processor this takes minutes[/dim]")
    answer = _measured("step", *arguments)
    if as_json:
        present(as_json, answer)
    else:
        _show_step(answer)


@app.command()
def stream(
    budget: Annotated[
        list[str] | None,
        typer.Option(help="Device memory that Masque may use, such as 12GB; several times for several."),
    ] = None,
    only: Annotated[
        str, typer.Option(help="Parts to measure: resident,stream,group,accelerate.", show_default="all")
    ] = "",
    width_model: Annotated[
        int | None, typer.Option(help="The transformer's width, a multiple of 64.", show_default="768")
    ] = None,
    blocks: Annotated[int | None, typer.Option(help="How many blocks it has.", show_default="8")] = None,
    tokens: Annotated[
        int | None, typer.Option(help="How many tokens go through it.", show_default="500")
    ] = None,
    heads: Annotated[
        int | None, typer.Option(help="Heads, 64 or 128 wide.", show_default="128 wide where they fit")
    ] = None,
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    repeats: Annotated[int, typer.Option(help="Timed steps after the first.")] = 3,
    full_size: Annotated[
        bool,
        typer.Option("--full-size", help="14 B parameters, 81 frames of 832x480; needs a graphics card."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure one step of random weights with less device memory than they take, against other ways.

    All weights on the device; Masque's streaming for each budget; diffusers' group offload and accelerate's
    offload. At full size measure part by part: --only resident,stream, then resident,group, then
    resident,accelerate.
    """
    sizes = {"--width-model": width_model, "--blocks": blocks, "--tokens": tokens, "--heads": heads}
    arguments = [f"{name}={value}" for name, value in sizes.items() if value is not None]
    arguments += [f"--precision={precision}", f"--repeats={repeats}", f"--only={only}"]
    arguments += [f"--budget={size}" for size in budget or ()]
    arguments += ["--full-size"] if full_size else []
    if not as_json:
        console().print("[dim]measuring; this takes minutes[/dim]")
    answer = _measured("stream", *arguments)
    if as_json:
        present(as_json, answer)
    else:
        show_stream(answer)


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


def _measured(*arguments: str) -> dict[str, Any]:
    """Return what a benchmark of the engine found, run in a process of its own.

    Raises UserError with the benchmark's own sentence, or when it ended without one.
    """
    run = subprocess.run(
        [sys.executable, "-m", "engine.benchmark", *arguments], capture_output=True, text=True, check=False
    )
    answer: dict[str, Any] = json.loads(run.stdout) if run.stdout.strip() else {}
    if run.returncode != 0:
        raise UserError(
            answer.get("message", "The benchmark ended before it had measured anything."),
            next_step=answer.get("next_step", "Measure something smaller, or run masque doctor."),
            code=ErrorCode(answer.get("code", ErrorCode.INTERNAL)),
        )
    return answer


def _show_step(answer: Mapping[str, Any]) -> None:
    """Print a step's measures for a person."""
    options, published, ours = answer["options"], answer["published"], answer["masque"]
    voiced = "clip and voice" if options["voice"] else "clip"
    rows = [
        (name, way["forwards"], f"{way['best_s']:.3f} s", f"{way['median_s']:.3f} s", _gigabytes(way))
        for name, way in (("published", published), ("Masque", ours))
    ]
    for part in (
        f"one step, {answer['parameters'] / 1e6:,.0f} million parameters ({options['width']} wide, "
        f"{options['blocks']} blocks), {answer['tokens']} tokens, {options['characters']} driven by {voiced}",
        f"guidance: text {options['text_guidance']:g}, adapters {options['adapter_guidance']:g}; "
        f"{answer['device']}, {answer['precision']}, best of {options['repeats']}",
        table(("", "forwards", "best", "median", "peak memory"), rows),
        f"Masque takes [bold]{answer['ratio']:.3f}[/bold] of the published time (median "
        f"{answer['median_ratio']:.3f}, processor time {answer['processor_ratio']:.3f}), "
        f"{answer['teraflop_per_s']:.3f} TFLOP/s",
        f"  keys and values once for a shot: {ours['preparation_s']:.3f} s; spread over 30 steps "
        f"{answer['spread_s']:.3f} s a step, {answer['spread_ratio']:.3f} of the published time",
        "  peak memory without the projections they replace: "
        f"{answer['peak_memory_dropped_bytes'] / 1e9:.2f} GB",
        f"  largest difference {answer['largest_difference']:.1e} at a standard deviation of "
        f"{answer['standard_deviation']:.2f}",
    ):
        console().print(part, soft_wrap=True)


def _gigabytes(way: Mapping[str, Any]) -> str:
    return f"{way['peak_memory_bytes'] / 1e9:.2f} GB"
