"""Guidance as an algebra: which branches run, and that the sum is the published one."""

import pytest
import torch

from engine.networks.shot_tokens import AdapterName
from engine.protocol.diffusion_settings import GuidanceSettings
from engine.sampling.guidance import (
    Branch,
    GuidanceScales,
    ShotBranches,
    TextRole,
    guidance_scales,
    weighted_branches,
)
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
