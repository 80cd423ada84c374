"""`python -m engine.memory machine [--measure] [--not-kept]`: what a plan has to know of this machine.

Standard output holds one JSON object: the machine, or what went wrong as `{"message", "next_step", "code",
"details"}` with exit status 1.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

from engine.library_imports import large_imports
from engine.locations import engine_locations
from engine.memory.allocator_environment import allocator_environment
from engine.planning.machine_text import machine_to_json
from engine.protocol.errors import UserError

INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    """Write the machine or what went wrong to standard output, and return the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    try:
        locations = engine_locations()
        with large_imports():  # torch, once the environment says how it is to keep a card's memory
            from engine.memory.known_machine import known_machine
        machine = known_machine(
            locations.data, locations.cache, measure=options.measure, keep=not options.not_kept
        )
        _write(machine_to_json(machine))
    except UserError as error:
        report = error.report
        _write(
            {
                "message": report.message,
                "next_step": report.next_step,
                "code": report.code.value,
                "details": dict(report.details),
            }
        )
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.memory", description=__doc__)
    subjects = parser.add_subparsers(dest="subject", required=True)
    machine = subjects.add_parser("machine", help="what this machine is, how fast, and what is free")
    machine.add_argument("--measure", action="store_true", help="measure again what was measured before")
    machine.add_argument("--not-kept", action="store_true", help="store nothing of what is measured")
    return parser


def _write(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.environ.update(allocator_environment(os.environ))
    sys.exit(main(sys.argv[1:]))
