"""What a render tells of the memory its phases took."""

import pytest
import torch

from engine.protocol.memory_plan import PlanPhase
from engine.renderers.phase_watch import PhaseWatch

CARD = torch.device("cuda", 0)


class Counters:
    """A card's counters of one phase after the other."""

    def __init__(self, *phases):
        self.phases, self.at = phases, -1

    def next_phase(self, device):
        self.at += 1

    def most_of(self, place):
        return lambda device: self.phases[self.at][place]


@pytest.fixture
def counters(monkeypatch):
    made = Counters((300, 400), (700, 720), (500, 900))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", made.next_phase)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", made.most_of(0))
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", made.most_of(1))
    return made


def test_the_most_of_all_phases_is_kept_of_tensors_and_of_what_was_held_for_them(counters):
    watch = PhaseWatch(CARD)
    for phase in (PlanPhase.PROMPT, PlanPhase.DENOISING, PlanPhase.DECODING):
        with watch.phase(phase):
            assert watch.current is phase
    assert (watch.peak_bytes, watch.held_bytes, watch.current) == (700, 900, None)


def test_a_processor_counts_neither():
    watch = PhaseWatch(torch.device("cpu"))
    with watch.phase(PlanPhase.DENOISING):
        pass
    assert (watch.peak_bytes, watch.held_bytes) == (None, None)
