"""`python -m engine.benchmark draft|step|stream|memory`: speed and memory here, as one JSON object."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from engine.benchmark.step_options import AskedStep, step_options
from engine.benchmark.stream_options import AskedStream, stream_options
from engine.library_imports import large_imports
from engine.memory.allocator_environment import allocator_environment
from engine.protocol.diffusion_settings import Precision
from engine.protocol.errors import UserError


def main(arguments: list[str]) -> int:
    """Measure, write the result or what went wrong to standard output, and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        answer = _ANSWERS[options.subject](options)
    except UserError as error:
        report = error.report
        _write({"message": report.message, "next_step": report.next_step, "code": report.code})
        return 1
    _write(answer)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.benchmark", description=__doc__)
    subjects = parser.add_subparsers(dest="subject", required=True)
    draft = subjects.add_parser("draft", help="the draft renderer, in frames a second")
    draft.add_argument("--still", type=Path, help="a still with a face (default: a drawn one)")
    draft.add_argument("--clip", type=Path, help="a video of a face (default: a drawn one)")
    step = subjects.add_parser("step", help="one denoising step, the published way against Masque's")
    _add_model(step)
    step.add_argument("--text-guidance", type=float, default=5.0)
    step.add_argument("--adapter-guidance", type=float, default=5.0)
    step.add_argument("--characters", type=int, default=2)
    step.add_argument("--clip-only", action="store_true", help="without the voice's adapter")
    stream = subjects.add_parser("stream", help="one step with its weights on the host, by several ways")
    _add_model(stream)
    stream.add_argument("--budget", action="append", default=[], help="device memory Masque may use: 12GB")
    stream.add_argument("--only", default="", help="parts of the table, with commas between them")
    memory = subjects.add_parser("memory", help="the most memory of each phase, as planned and as measured")
    _add_model(memory)
    memory.add_argument("--characters", type=int, default=1)
    memory.add_argument(
        "--piece-tokens", type=int, default=8192, help="how many go through a layer at a time"
    )
    memory.add_argument(
        "--narrow-tokens", action="store_true", help="tokens in the arithmetic's number format"
    )
    memory.add_argument("--tile", type=int, help="the side of the VAE's tiles in latents")
    memory.add_argument(
        "--dry", action="store_true", help="on the processor: make room for every tensor, compute nothing"
    )
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    """Add what a random model can be asked for."""
    parser.add_argument("--width-model", type=int, help="the transformer's width, a multiple of 64")
    parser.add_argument("--blocks", type=int, help="how many blocks it has")
    parser.add_argument("--tokens", type=int, help="how many tokens go through it")
    parser.add_argument("--heads", type=int, help="heads 64 or 128 wide")
    parser.add_argument("--precision", default=Precision.AUTO.value)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--full-size", action="store_true", help="14 B parameters, 81 frames of 832x480")


def _draft(given: argparse.Namespace) -> dict[str, float]:
    from engine.benchmark.draft import run_draft_benchmark  # each benchmark loads what it measures alone

    result = run_draft_benchmark(still=given.still, clip=given.clip)
    return {
        "width": result.width,
        "height": result.height,
        "frames": result.drawn_frames,
        "drawing_frames_per_second": round(result.drawn_per_s, 2),
        "analysis_frames_per_second": round(result.analysed_per_s, 2),
        "analysed_frames": result.analysed_frames,
    }


def _step(given: argparse.Namespace) -> dict[str, object]:
    asked = AskedStep(
        width=given.width_model,
        blocks=given.blocks,
        tokens=given.tokens,
        heads=given.heads,
        text_guidance=given.text_guidance,
        adapter_guidance=given.adapter_guidance,
        characters=given.characters,
        voice=not given.clip_only,
        precision=given.precision,
        repeats=given.repeats,
        full_size=given.full_size,
    )
    options = step_options(asked)
    with large_imports():  # torch, once the options are known to be good
        from engine.benchmark.step import run_step_benchmark

    return asdict(run_step_benchmark(options))


def _stream(given: argparse.Namespace) -> dict[str, object]:
    asked = AskedStream(
        budgets=tuple(given.budget),
        only=given.only,
        width=given.width_model,
        blocks=given.blocks,
        tokens=given.tokens,
        heads=given.heads,
        precision=given.precision,
        repeats=given.repeats,
        full_size=given.full_size,
    )
    options = stream_options(asked)
    with large_imports():
        from engine.benchmark.stream import run_stream_benchmark

    logging.basicConfig(stream=sys.stderr, level=logging.INFO)  # a row takes a minute at full size
    return asdict(run_stream_benchmark(options))


def _memory(given: argparse.Namespace) -> dict[str, object]:
    asked = AskedStep(
        width=given.width_model,
        blocks=given.blocks,
        tokens=given.tokens,
        heads=given.heads,
        characters=given.characters,
        precision=given.precision,
        full_size=given.full_size,
    )
    options = step_options(asked)
    with large_imports():
        from engine.benchmark.memory_prediction import run_memory_prediction

    result = run_memory_prediction(
        options,
        piece_tokens=given.piece_tokens,
        narrow_tokens=given.narrow_tokens,
        tile_latents=given.tile,
        dry=given.dry,
    )
    return asdict(result)


_ANSWERS: Mapping[str, Callable[[argparse.Namespace], Mapping[str, object]]] = {
    "draft": _draft,
    "step": _step,
    "stream": _stream,
    "memory": _memory,
}


def _write(answer: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    os.environ.update(allocator_environment(os.environ))
    sys.exit(main(sys.argv[1:]))
