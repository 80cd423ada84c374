"""A render whose memory others use waits a while for it; one that would not fit alone does not."""

import pytest

from engine.protocol.errors import ErrorCode, UserError
from engine.renderers import render_memory
from engine.renderers.diffusion_characters import Watch
from engine.renderers.render_memory import WAITING
from engine.renderers.renderer import RenderStoppedError
from tests.engine.planning.machines import GB
from tests.engine.renderers.memory_host import WATCH

LITTLE = 50 * 10**6


@pytest.fixture
def patience(monkeypatch):
    """Renders that wait for a minute and look without a pause."""
    monkeypatch.setattr(render_memory, "PATIENCE_S", 60.0)
    monkeypatch.setattr(render_memory, "LOOK_S", 0.0)


def test_it_goes_on_as_soon_as_others_have_given_memory_back(host, attempt, patience):
    host.free_on_card(LITTLE)
    told = []

    def tell(phase):
        told.append(phase)
        if len(told) == 3:
            host.free_on_card(11 * GB)

    plan = attempt("first").plan(Watch(tell=tell, should_stop=lambda: False))
    assert told == [WAITING] * 3
    assert LITTLE < plan.device_budget_bytes < 11 * GB


def test_it_waits_for_memory_of_the_host_too_and_stops_when_told_to(host, attempt, patience):
    host.free(LITTLE)
    told = []
    with pytest.raises(RenderStoppedError):
        attempt("first").plan(Watch(tell=told.append, should_stop=lambda: len(told) > 1))
    assert told == [WAITING] * 2


def test_what_others_keep_is_told_with_what_to_do(host, attempt):
    host.free_on_card(LITTLE)
    with pytest.raises(UserError) as caught:
        attempt("first").plan(WATCH)
    report = caught.value.report
    assert report.code is ErrorCode.OUT_OF_MEMORY
    assert report.next_step.startswith("Close other programs, then retry the job.")


def test_what_does_not_fit_alone_is_refused_at_once(host, attempt, patience):
    host.limit(LITTLE)
    told = []
    with pytest.raises(UserError) as caught:
        attempt("first").plan(Watch(tell=told.append, should_stop=lambda: False))
    assert told == []
    assert "Close other programs" not in caught.value.report.next_step
