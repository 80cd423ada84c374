"""`python -m engine.benchmark draft|step`: speed and memory on this machine, as one JSON object."""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from engine.benchmark.step_options import AskedStep, step_options
from engine.protocol.diffusion_settings import Precision
from engine.protocol.errors import UserError


def main(arguments: list[str]) -> int:
    """Measure, write the result or what went wrong to standard output, and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        answer = _step(options) if options.subject == "step" else _draft(options.still, options.clip)
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
    step.add_argument("--width-model", type=int, help="the transformer's width, a multiple of 64")
    step.add_argument("--blocks", type=int, help="how many blocks it has")
    step.add_argument("--tokens", type=int, help="how many tokens go through it")
    step.add_argument("--heads", type=int, help="heads 64 or 128 wide")
    step.add_argument("--text-guidance", type=float, default=5.0)
    step.add_argument("--adapter-guidance", type=float, default=5.0)
    step.add_argument("--characters", type=int, default=2)
    step.add_argument("--clip-only", action="store_true", help="without the voice's adapter")
    step.add_argument("--precision", default=Precision.AUTO.value)
    step.add_argument("--repeats", type=int, default=3)
    step.add_argument("--full-size", action="store_true", help="14 B parameters, 81 frames of 832x480")
    return parser


def _draft(still: Path | None, clip: Path | None) -> dict[str, float]:
    from engine.benchmark.draft import run_draft_benchmark  # each benchmark loads what it measures alone

    result = run_draft_benchmark(still=still, clip=clip)
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
    from engine.benchmark.step import run_step_benchmark  # torch, once the options are known to be good

    return asdict(run_step_benchmark(options))


def _write(answer: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
