"""What a streaming benchmark found: a row for each way of keeping the blocks. Knows no torch."""

from dataclasses import dataclass

from engine.benchmark.stream_options import StreamOptions, StreamPart
from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import MemoryPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMeasures:
    """Seconds and bytes of one way.

    `loading_s`: until a step can begin, most of it to make random weights; `first_s`: the step after that,
    which finds nothing warm; `runs_s`: each following one. `processor_s`: the least of what the process's
    threads spent together on one of these. `peak_bytes`: the most that tensors took on the device during a
    step; None where that is the host's memory and nothing is moved. `loading_host_bytes` and
    `step_host_bytes`: the most host memory taken meanwhile beyond what the process had before; where the
    processor computes, its tensors are among them.
    """

    loading_s: float
    first_s: float
    runs_s: tuple[float, ...]
    best_s: float
    median_s: float
    processor_s: float
    peak_bytes: int | None
    loading_host_bytes: int
    step_host_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamComparison:
    """A way against another, named `reference`: times by the other's, results of the guided velocity.

    The largest difference of any two numbers, in the first step and in the last, and the norm of the
    differences by the norm of the reference. Where a plan takes fewer tokens at a time, or keeps them
    narrower, the result is compared with what the reference gives when it does the same, unless
    `is_of_usual_step`: for a row whose number formats are what is to be judged.
    """

    reference: str
    ratio: float
    median_ratio: float
    processor_ratio: float
    largest_difference: float
    relative_error: float
    is_of_usual_step: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRow:
    """One way: what was planned where Masque plans, and what was found, or in a sentence why nothing was.

    `comparison` is None for a reference, and where that was not measured in the same run. `predicted_bytes`:
    what the plan expected tensors to take during a step; `prediction_ratio`: that by what was measured, at
    least 1 and not much more.
    """

    name: str
    part: StreamPart
    budget_bytes: int | None = None
    plan: MemoryPlan | None = None
    failure: str | None = None
    measures: StreamMeasures | None = None
    comparison: StreamComparison | None = None
    predicted_bytes: int | None = None
    prediction_ratio: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamBenchmark:
    """The table. `parameters` of the transformer; `weights_bytes`: what every way has to keep somewhere.

    That is the frame and the blocks without what is used once for keys and values.
    """

    device: str
    precision: Precision
    threads: int
    parameters: int
    adapter_parameters: int
    weights_bytes: int
    bank_bytes: int
    tokens: int
    options: StreamOptions
    rows: tuple[StreamRow, ...]
