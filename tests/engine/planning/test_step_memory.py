"""What a step's tensors take on the device that computes it."""

from dataclasses import replace

import pytest

from engine.planning.step_memory import StepFormat, StepMemory
from engine.protocol.diffusion_settings import Precision, Solver
from tests.engine.planning.workloads import workload

LATENTS_BYTES = 16 * 21 * 60 * 104 * 4
"""81 frames of 832x480 in float32."""


@pytest.mark.parametrize(("threads", "remembered"), [(2, 3), (0, 0)], ids=["processor", "card"])
def test_what_a_solver_remembers_lies_on_the_host_beside_a_card(threads, remembered):
    how = StepFormat(
        precision=Precision.FLOAT32, token_precision=Precision.FLOAT32, piece_tokens=8192, threads=threads
    )
    euler = workload()
    unipc = replace(euler, solver=Solver.UNIPC)
    [plain, remembering] = [StepMemory(each, each.segments[0], how).shot_bytes() for each in (euler, unipc)]
    assert remembering - plain == remembered * LATENTS_BYTES
