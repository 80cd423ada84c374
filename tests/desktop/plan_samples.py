"""A machine with a card of 12 GB, and plans for it, as the tests of the outlook need them."""

import threading
from collections.abc import Callable
from dataclasses import replace

from desktop.authoring.memory_plans import Planned, PlanQuestion
from desktop.authoring.running_render import SeenMachine
from engine.planning.machine import Machine, MachineIdentity, MachineRates, MemoryNow
from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import (
    EncoderPlace,
    HostPlace,
    MemoryPlan,
    NoPlan,
    PhaseNeed,
    PlanChange,
    PlanPhase,
)
from tests.engine.planning.workloads import segment
from tests.memory_plans import resident_plan
from tests.patience import PATIENCE_S

GB = 1_000_000_000
CARD = "Test Card 12"
MACHINE = Machine(
    identity=MachineIdentity(
        device=CARD,
        is_processor=False,
        device_bytes=12 * GB,
        host_bytes=64 * GB,
        cores=8,
        software="torch 2.13.0",
    ),
    rates=MachineRates(
        pinned_bytes_per_s=20e9,
        pageable_bytes_per_s=6e9,
        disk_bytes_per_s=2e9,
        product_flop_per_s={Precision.FLOAT32: 20e12, Precision.BFLOAT16: 80e12, Precision.FLOAT16: 80e12},
        attention_flop_per_s={Precision.FLOAT32: 10e12, Precision.BFLOAT16: 40e12, Precision.FLOAT16: 40e12},
        pinnable_bytes=48 * GB,
        has_eight_bit=True,
    ),
    now=MemoryNow(
        device_total_bytes=12 * GB,
        device_free_bytes=11 * GB,
        others_bytes=GB,
        host_total_bytes=64 * GB,
        host_free_bytes=60 * GB,
    ),
)
STREAMED = resident_plan(
    40,
    device=CARD,
    device_budget_bytes=10 * GB,
    host_budget_bytes=58 * GB,
    precision=Precision.BFLOAT16,
    resident_blocks=tuple(range(0, 40, 4)),
    slots=2,
    host_place=HostPlace.PINNED,
    text_encoder=EncoderPlace.PROCESSOR,
    phases=(
        PhaseNeed(phase=PlanPhase.PROMPT, device_bytes=0, seconds=20.0),
        PhaseNeed(phase=PlanPhase.DENOISING, device_bytes=9_200_000_000, seconds=600.0),
        PhaseNeed(phase=PlanPhase.DECODING, device_bytes=5 * GB, seconds=12.0),
    ),
    host_bytes=24 * GB,
    seconds_per_step=20.0,
    seconds=632.0,
)
RESIDENT = replace(STREAMED, resident_blocks=tuple(range(40)), slots=0, host_bytes=0)
REFUSAL = NoPlan(
    device=CARD,
    device_budget_bytes=10 * GB,
    least_bytes=13_400_000_000,
    reason="It needs 13.4 GB of the card's memory at least, and 10.0 GB can be used.",
    changes=(
        "Close other programs that use the graphics card: they take 1.0 GB.",
        "Choose a smaller size, for example 640x368.",
        "Render fewer characters in one scene.",
    ),
    settable=(PlanChange(sentence="Choose a smaller size, for example 640x368.", size=(640, 368)),),
)


class FakeSource:
    """A machine that answers at once, or when the test lets it; `outcome` is what it answers."""

    def __init__(self) -> None:
        self.machines: list[Machine | Exception] = [MACHINE]
        self.outcome: Callable[[PlanQuestion], MemoryPlan | NoPlan] = lambda question: UNTIMED
        self.fitting_size: tuple[int, int] | None = None
        self.render_runs = False
        self.asked_machine = 0
        self.asked: list[PlanQuestion] = []
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.machine_gate = threading.Event()
        self.machine_gate.set()

    def machine(self) -> SeenMachine:
        runs = self.render_runs
        return SeenMachine(machine=self.known_machine(), render_runs=runs)

    def known_machine(self) -> Machine:
        self._wait()
        self.machine_gate.wait(PATIENCE_S)
        self.asked_machine += 1
        found = self.machines[min(self.asked_machine, len(self.machines)) - 1]
        if isinstance(found, Exception):
            raise found
        return found

    def plan(self, question: PlanQuestion, machine: SeenMachine) -> Planned:
        return replace(self.answer(question, machine.machine), render_runs=machine.render_runs)

    def answer(self, question: PlanQuestion, machine: Machine) -> Planned:
        self._wait()
        self.asked.append(question)
        outcome = self.outcome(question)
        return Planned(
            scene=question.request.scene_name,
            request=question.request,
            machine=machine,
            outcome=outcome,
            fitting_size=self.fitting_size if isinstance(outcome, NoPlan) else None,
            notes=question.notes,
            segment=None if isinstance(outcome, NoPlan) else segment(outcome.segment_frames, pieces=4),
        )

    def close(self) -> None:
        self.gate.set()
        self.machine_gate.set()

    def _wait(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.gate.wait(PATIENCE_S)


UNTIMED = replace(RESIDENT, seconds=None, seconds_per_step=None)
