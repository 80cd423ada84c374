"""`python -m tests.golden_table`: how far every golden result is from the published code's."""

import sys

import torch

from tests.golden_case import Kind
from tests.golden_cases import CASES

_LINE = "{:<42} {:<16} {:>9} {:>9}  {}"


def main() -> int:
    """Print a line for each result and one for all; return 1 where one is too far away."""
    torch.manual_seed(0)
    print(_LINE.format("result", "kind", "error", "allowed", ""))
    errors = {case: case.error() for case in CASES}
    for case, error in errors.items():
        verdict = "" if error <= case.allowed else "TOO FAR"
        print(
            _LINE.format(case.name, case.kind.value, _number(error), _number(case.allowed), verdict).rstrip()
        )
    network, sampling = (_largest(errors, kind) for kind in (Kind.NETWORK, Kind.SAMPLING))
    print(
        f"{len(errors)} results, largest error of a network output {network}, of a sampling result {sampling}"
    )
    return int(any(error > case.allowed for case, error in errors.items()))


def _largest(errors, kind):
    return _number(max(error for case, error in errors.items() if case.kind is kind))


def _number(value):
    return "0" if value == 0 else f"{value:.1e}"


if __name__ == "__main__":
    sys.exit(main())
