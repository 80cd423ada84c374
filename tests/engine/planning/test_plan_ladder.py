"""Each step down takes notably less in the phase that failed, and the ladder ends."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.planning.plan_limits import LADDER
from engine.planning.planner import best_plan, next_step
from engine.protocol.memory_plan import (
    Concession,
    EncoderPlace,
    MemoryPlan,
    PlanPhase,
)
from tests.engine.planning.machines import GB, card, processor
from tests.engine.planning.workloads import memory, shots, workload

PLACES = list(EncoderPlace)
WHOLE = 10**6
"""Wider than any picture."""


def depth(plan):
    """How far a plan has stepped down, in each of the three ways."""
    tile = WHOLE if plan.tile_at_most is None else plan.tile_at_most
    return LADDER.index(plan.concession), PLACES.index(plan.encoders), -tile


def stepped(machine, asked, plan, phase):
    """The plan of the next step, None at the ladder's end."""
    step = next_step(machine, asked, plan, phase)
    if step is None:
        return None
    found = best_plan(
        machine,
        asked,
        at_least=step.concession,
        encoders=step.encoders,
        tile_at_most=step.tile_at_most,
    )
    assert (found.concession, found.encoders, found.tile_at_most) == (
        step.concession,
        step.encoders,
        step.tile_at_most,
    )
    return found


def down_the_ladder(machine, asked, phase):
    """The plans of a render that runs out of memory in the same phase again and again."""
    plans = [best_plan(machine, asked)]
    while isinstance(plans[-1], MemoryPlan) and (plan := stepped(machine, asked, plans[-1], phase)):
        plans.append(plan)
    return plans if isinstance(plans[0], MemoryPlan) else []


machines = st.one_of(
    memory.map(card),
    st.floats(min_value=20, max_value=90).map(lambda size: processor(int(size * GB))),
)


@settings(max_examples=10, deadline=None)
@given(machine=machines, asked=shots, phase=st.sampled_from(list(PlanPhase)))
def test_the_ladder_ends_and_each_step_takes_notably_less(machine, asked, phase):
    plans = down_the_ladder(machine, asked, phase)
    for before, after in pairwise(plans):
        assert all(low <= high for low, high in zip(depth(before), depth(after), strict=True))
        assert depth(before) != depth(after)
        needed, needs = before.need(phase).device_bytes, after.need(phase).device_bytes
        assert needs <= 0.95 * needed
        if not machine.identity.is_processor:
            assert needed - needs >= 256_000_000 or needed < GB
    if plans and phase not in (PlanPhase.DENOISING, PlanPhase.KEYS_AND_VALUES):
        assert {plan.segment_frames for plan in plans} == {plans[0].segment_frames}


@settings(max_examples=6, deadline=None)
@given(size=memory, asked=shots, failing=st.lists(st.sampled_from(list(PlanPhase)), max_size=40))
def test_the_ladder_ends_whatever_fails_in_turn(size, asked, failing):
    machine = card(size)
    plan = best_plan(machine, asked)
    for phase in failing if isinstance(plan, MemoryPlan) else ():
        after = stepped(machine, asked, plan, phase)
        if after is not None:
            assert depth(after) != depth(plan)
            assert all(low <= high for low, high in zip(depth(plan), depth(after), strict=True))
            plan = after


def test_pictures_that_do_not_fit_are_decoded_in_smaller_and_smaller_tiles():
    plans = down_the_ladder(card(16 * GB), workload(1280, 720, pieces=2), PlanPhase.DECODING)
    tiles = [plan.tile_latents for plan in plans if plan.tile_latents is not None]
    assert tiles == sorted(tiles, reverse=True)
    assert tiles[-1] in (16, 24)
    assert all(plan.concession in LADDER[: LADDER.index(Concession.SMALLER_TILES) + 1] for plan in plans)


@pytest.mark.parametrize(
    ("phase", "name"),
    [
        (PlanPhase.PROMPT, "text_encoder"),
        (PlanPhase.PLATE_PICTURE, "image_encoder"),
        (PlanPhase.SPEECH, "speech_encoder"),
    ],
)
def test_an_encoder_that_does_not_fit_goes_further_from_the_device(phase, name):
    plans = down_the_ladder(card(24 * GB), workload(), phase)
    places = [getattr(plan, name) for plan in plans]
    assert places[0] is EncoderPlace.DEVICE
    assert places[-1] is EncoderPlace.PROCESSOR
    assert all(plan.concession is Concession.NONE for plan in plans)
