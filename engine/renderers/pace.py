"""How long the rest takes, from how long this attempt took so far."""

import time


class Pace:
    """Measures steps of equal size from the moment it is made."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._steps = 0

    def step(self) -> None:
        """Count one step as done."""
        self._steps += 1

    def seconds_left(self, steps_left: int) -> float | None:
        """Return how long `steps_left` will take at the pace so far; None before the first step."""
        if self._steps == 0:
            return None
        return steps_left * (time.monotonic() - self._began) / self._steps
