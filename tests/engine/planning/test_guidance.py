"""Guidance as an algebra: which branches run, and that the sum is the published one."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import (
    Branch,
    GuidanceScales,
    ShotBranches,
    TextRole,
    guidance_scales,
    weighted_branches,
)
from engine.protocol.diffusion_settings import GuidanceSettings
from engine.sampling.guided_velocity import GuidedVelocity
from tests.golden_model import clip, conditions, forward, golden, labelled_regions, voice

EXPRESSION, VOICE = AdapterName.EXPRESSION, AdapterName.VOICE
BOTH = frozenset({EXPRESSION, VOICE})
PROMPT, NEGATIVE = TextRole.PROMPT, TextRole.NEGATIVE


def branches(scales, *, adapters=BOTH, texts_differ=True, step=0, steps=10):
    shot = ShotBranches(adapters=frozenset(adapters), texts_differ=texts_differ)
    return dict(weighted_branches(GuidanceScales(**scales), shot, step=step, steps=steps))


@pytest.mark.parametrize(
    ("scales", "count"),
    [
        ({"text": 5.0, "adapters": 5.0}, 2),
        ({"text": 5.0, "adapters": 4.0}, 3),
        ({"text": 1.0, "adapters": 4.0}, 2),
        ({"text": 1.0, "adapters": 1.0}, 1),
        ({"text": 5.0, "adapters": 4.0, "voice": 4.5}, 4),
        ({"text": 5.0, "adapters": 5.0, "voice": 5.0}, 2),
        ({"text": 4.0, "adapters": 4.0, "voice": 5.0}, 3),
    ],
)
def test_only_branches_that_count_are_computed(scales, count):
    found = branches(scales)
    assert len(found) == count
    assert sum(found.values()) == pytest.approx(1.0)


def test_one_text_for_both_roles_needs_no_negative_branch():
    found = branches({"text": 5.0, "adapters": 4.0}, texts_differ=False)
    assert found == {Branch(text=PROMPT, adapters=BOTH): 4.0, Branch(text=PROMPT): -3.0}


def test_without_adapters_only_the_texts_are_told_apart():
    found = branches({"text": 5.0, "adapters": 4.0}, adapters=())
    assert found == {Branch(text=PROMPT): 5.0, Branch(text=NEGATIVE): -4.0}


def test_separate_scales_cost_one_branch_more_than_one_scale_for_both():
    joint = branches({"text": 5.0, "adapters": 4.0})
    separate = branches({"text": 5.0, "adapters": 4.0, "voice": 6.0})
    assert len(separate) == len(joint) + 1
    assert separate[Branch(text=PROMPT, adapters=BOTH)] == 6.0
    assert separate[Branch(text=PROMPT, adapters=frozenset({EXPRESSION}))] == -2.0


def test_adapter_guidance_acts_between_start_and_end_only():
    scales = {"text": 1.0, "adapters": 4.0, "start": 0.2, "end": 0.7}
    guided = [len(branches(scales, step=step)) for step in range(10)]
    assert guided == [1, 1, 2, 2, 2, 2, 2, 1, 1, 1]


def test_defaults_are_the_published_ones_for_what_drives_the_shot():
    asked = GuidanceSettings()
    portrait = guidance_scales(asked, frozenset({EXPRESSION}))
    talking = guidance_scales(asked, frozenset({VOICE}))
    assert (portrait.text, portrait.adapters) == (1.0, 4.0)
    assert (talking.text, talking.adapters) == (5.0, 5.0)


def test_two_forwards_equal_the_published_three():
    regions = labelled_regions(golden().inputs["two_character_token_labels"])
    adapters = {EXPRESSION: {1: clip("A")}, VOICE: {2: voice()}}
    shot = conditions(adapters, regions)
    velocity = GuidedVelocity(golden().model, shot, GuidanceScales(text=5.0, adapters=5.0), steps=1)
    known = golden().inputs
    found = velocity(known["latents"][0], known["timestep"], 0)
    full = forward(adapters, regions, Branch(text=PROMPT, adapters=BOTH))
    plain = forward(adapters, regions, Branch(text=PROMPT))
    negative = forward(adapters, regions, Branch(text=NEGATIVE))
    published = negative + 5.0 * (plain - negative) + 5.0 * (full - plain)
    assert velocity.forwards == 2
    assert float((found - published).abs().max()) <= 1e-4


def test_an_adapter_of_no_strength_runs_no_branch():
    shot = conditions({EXPRESSION: {1: clip("A", 0.0)}})
    velocity = GuidedVelocity(golden().model, shot, GuidanceScales(text=1.0, adapters=4.0), steps=1)
    assert list(velocity.branches(0)) == [Branch(text=PROMPT)]


def test_branches_in_lockstep_are_what_they_are_alone():
    adapters = {EXPRESSION: {1: clip("A")}}
    shot, known = conditions(adapters), golden()
    velocity = GuidedVelocity(known.model, shot, GuidanceScales(text=5.0, adapters=4.0), steps=1)
    found = velocity(known.inputs["latents"][0], known.inputs["timestep"], 0)
    alone = torch.zeros_like(found)
    for branch, weight in velocity.branches(0).items():
        alone += weight * forward(adapters, branch=branch)
    assert torch.equal(found, alone)


def test_scales_below_one_are_the_same_algebra():
    assert branches({"text": 1.0, "adapters": 0.0}) == {Branch(text=PROMPT): 1.0}
    half = branches({"text": 1.0, "adapters": 0.5})
    assert half == {Branch(text=PROMPT, adapters=BOTH): 0.5, Branch(text=PROMPT): 0.5}
    weak = branches({"text": 0.25, "adapters": 0.5})
    assert weak == {
        Branch(text=PROMPT, adapters=BOTH): 0.5,
        Branch(text=PROMPT): -0.25,
        Branch(text=NEGATIVE): 0.75,
    }
    assert branches({"text": 0.0, "adapters": 0.0}) == {Branch(text=NEGATIVE): 1.0}


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_guidance_that_ends_where_it_starts_never_acts(share):
    scales = {"text": 5.0, "adapters": 4.0, "start": share, "end": share}
    for step in range(10):
        found = branches(scales, step=step)
        assert found == {Branch(text=PROMPT, adapters=BOTH): 5.0, Branch(text=NEGATIVE, adapters=BOTH): -4.0}


def test_guidance_over_all_steps_acts_in_the_first_and_the_last():
    scales = {"text": 1.0, "adapters": 4.0, "start": 0.0, "end": 1.0}
    assert [len(branches(scales, step=step, steps=1)) for step in (0,)] == [2]
    assert [len(branches(scales, step=step, steps=30)) for step in (0, 29)] == [2, 2]


@given(
    text=st.floats(0, 20),
    adapters=st.floats(0, 20),
    voice=st.none() | st.floats(0, 20),
    speaking=st.sets(st.sampled_from(list(AdapterName))),
    texts_differ=st.booleans(),
    step=st.integers(0, 9),
    edges=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
@settings(max_examples=100, deadline=None)
def test_weights_always_add_up_to_one(text, adapters, voice, speaking, texts_differ, step, edges):
    start, end = sorted(edges)
    scales = {"text": text, "adapters": adapters, "voice": voice, "start": start, "end": end}
    found = branches(scales, adapters=speaking, texts_differ=texts_differ, step=step)
    assert 1 <= len(found) <= 4
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-6)


def test_an_adapter_whose_characters_have_no_place_runs_no_branch():
    everything = labelled_regions(torch.full((5, 6), 2))
    shot = conditions({EXPRESSION: {1: clip("A")}}, everything)
    velocity = GuidedVelocity(golden().model, shot, GuidanceScales(text=1.0, adapters=4.0), steps=1)
    assert list(velocity.branches(0)) == [Branch(text=PROMPT)]
    feathered = replace(everything, share_FS=everything.share_FS.clone())
    feathered.share_FS[3, 0] = 0.9
    shot = conditions({EXPRESSION: {1: clip("A")}}, feathered)
    assert shot.branches.adapters == {EXPRESSION}
