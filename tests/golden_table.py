"""`python -m tests.golden_table`: how far every golden result is from the published code's."""

import sys

import torch

from tests.golden_cases import CASES


def main() -> int:
    """Print a line for each result; 1 where one is too far away."""
    torch.manual_seed(0)
    failures = 0
    for case in CASES:
        error = case.error()
        failures += error > case.tolerance
        print(f"{case.name:<45} {error:10.2e}   allowed {case.tolerance:7.0e}")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
