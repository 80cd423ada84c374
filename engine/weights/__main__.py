"""`python -m engine.weights inspect DIR` and `... make-test-bundle DIR`, for processes without torch.

Standard output holds one JSON object a line: `{"progress": ...}` while it runs, then the answer, or what went
wrong as `{"message", "next_step", "code", "details"}` with exit status 1.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.bundles.record_text import bundle_to_json
from engine.library_imports import large_imports
from engine.protocol.errors import ErrorCode, ErrorReport, UserError
from engine.weights.inspection_progress import InspectionProgress
from engine.weights.memory_shortage import is_memory_shortage

with large_imports():
    from engine.weights.inspection import inspect_folder
    from engine.weights.random_bundle import BundleLayout, make_test_bundle

INTERRUPTED = 130
_OUT_OF_MEMORY = ErrorReport(
    code=ErrorCode.OUT_OF_MEMORY,
    message="There is not enough memory to check these weights.",
    next_step="Close other programs and try again.",
)


def main(arguments: list[str]) -> int:
    """Do what the arguments say, write the answer or what went wrong, and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        answer = _inspect(options) if options.action == "inspect" else _make(options)
    except UserError as error:
        return _told(error.report)
    except (MemoryError, RuntimeError) as error:
        if not is_memory_shortage(error):
            raise
        return _told(_OUT_OF_MEMORY)
    except (KeyboardInterrupt, BrokenPipeError):
        return INTERRUPTED
    _write(answer)
    return 0


def _told(report: ErrorReport) -> int:
    _write(
        {
            "message": report.message,
            "next_step": report.next_step,
            "code": report.code.value,
            "details": dict(report.details),
        }
    )
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.weights", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    inspect = actions.add_parser("inspect", help="check a folder with a model bundle, all files")
    inspect.add_argument("folder", type=Path)
    inspect.add_argument("--name", help="what the bundle is called")
    make = actions.add_parser("make-test-bundle", help="write a tiny bundle of random weights")
    make.add_argument("folder", type=Path)
    make.add_argument("--layout", choices=[each.value for each in BundleLayout], default="original")
    make.add_argument("--seed", type=int, default=0)
    return parser


def _inspect(options: argparse.Namespace) -> dict[str, Any]:
    bundle = inspect_folder(options.folder, options.name, report=_write_progress)
    return {"bundle": bundle_to_json(bundle)}


def _make(options: argparse.Namespace) -> dict[str, Any]:
    make_test_bundle(options.folder, layout=BundleLayout(options.layout), seed=options.seed)
    return {"folder": str(options.folder)}


def _write_progress(progress: InspectionProgress) -> None:
    _write(
        {
            "progress": {
                "file": progress.file,
                "bytes_done": progress.bytes_done,
                "bytes_total": progress.bytes_total,
            }
        }
    )


def _write(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
