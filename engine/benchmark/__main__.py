"""`python -m engine.benchmark draft`: the draft renderer's speed on this machine, as one JSON object."""

import argparse
import json
import sys
from pathlib import Path

from engine.benchmark.draft import run_draft_benchmark
from engine.protocol.errors import UserError


def main(arguments: list[str]) -> int:
    """Measure, write the result or what went wrong to standard output, and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        answer = _draft(options.still, options.clip)
    except UserError as error:
        _write({"message": error.report.message, "next_step": error.report.next_step})
        return 1
    _write(answer)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.benchmark", description=__doc__)
    parser.add_argument("renderer", choices=["draft"], help="which renderer is measured")
    parser.add_argument("--still", type=Path, help="a still with a face (default: a drawn one)")
    parser.add_argument("--clip", type=Path, help="a video of a face (default: a drawn one)")
    return parser


def _draft(still: Path | None, clip: Path | None) -> dict[str, float]:
    result = run_draft_benchmark(still=still, clip=clip)
    return {
        "width": result.width,
        "height": result.height,
        "frames": result.drawn_frames,
        "drawing_frames_per_second": round(result.drawn_per_s, 2),
        "analysis_frames_per_second": round(result.analysed_per_s, 2),
        "analysed_frames": result.analysed_frames,
    }


def _write(answer: dict[str, float] | dict[str, str]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
