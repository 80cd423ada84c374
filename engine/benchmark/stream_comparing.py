"""Ways against those they are compared with."""

import torch

from engine.benchmark.stream_measuring import Found, Way
from engine.benchmark.stream_records import StreamComparison
from engine.protocol.memory_plan import WeightStorage
from engine.sampling.planned_transformer import token_handling


class References:
    """What the references of a run took and gave."""

    def __init__(self) -> None:
        self._found: dict[str, Found] = {}

    def keep(self, way: Way, found: Found) -> None:
        """Remember a way that others are compared with."""
        if way.reference is None:
            self._found[way.name] = found

    def compared(self, way: Way, found: Found) -> StreamComparison | None:
        """Return a way against its reference; None for one itself, and where that was not measured."""
        if way.reference is None or way.reference not in self._found:
            return None
        reference = self._found[way.reference]
        expected, is_usual = _expected(way, reference)
        return StreamComparison(
            reference=way.reference,
            ratio=found.measures.best_s / reference.measures.best_s,
            median_ratio=found.measures.median_s / reference.measures.median_s,
            processor_ratio=found.measures.processor_s / reference.measures.processor_s,
            largest_difference=max(_largest(found.first, expected), _largest(found.last, expected)),
            relative_error=float((found.first - expected).norm() / expected.norm()),
            is_of_usual_step=is_usual,
        )


def _expected(way: Way, reference: Found) -> tuple[torch.Tensor, bool]:
    """Return the result to compare with, and whether it is that of the reference's usual step."""
    if way.plan is None or way.plan.storage is WeightStorage.EIGHT_BIT:
        return reference.first, True
    found = reference.handled.get(token_handling(way.plan))
    return (reference.first, True) if found is None else (found, False)


def _largest(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max())
