"""FantasyTalking's identity and motion intensity in a whole step, though no published weights have them."""

from dataclasses import replace

import pytest
import torch

from engine.networks.identity import IdentityConfig, IdentityModule, identity_character_tokens
from engine.networks.motion_intensity import MotionIntensity
from engine.planning.guidance import Branch, GuidanceScales, TextRole
from engine.sampling.guided_velocity import DiffusionModel, GuidedVelocity
from tests.engine.sampling.random_shots import EXPRESSION, IDENTITY, VOICE, random_model, random_shot

HEADS, HEAD_WIDTH, WIDTH = 2, 12, 24
FRAMES, ROWS, COLUMNS = 3, 4, 6
CONFIG = IdentityConfig(
    width=10, embedding_width=16, face_tokens=3, queries=5, query_width=24, layers=1, heads=4
)


def faces(seed):
    return torch.randn(2, 16, generator=torch.Generator().manual_seed(seed))


def identity(*, trained, blocks=2):
    torch.manual_seed(7)
    module = IdentityModule(CONFIG, model_width=WIDTH, blocks=blocks)
    if trained:
        for linear in (*module.projections.keys, *module.projections.values):
            torch.nn.init.normal_(linear.weight, std=0.3)
    return module.eval()


@torch.inference_mode()
def step(module=None, embeddings=None, offset=None, *, blocks=2, scales=None):
    """One guided step of a shot of two characters with clips, and faces if there are any."""
    known = random_model(3, heads=HEADS, head_width=HEAD_WIDTH, blocks=blocks)
    projections = dict(known.projections)
    conditions = random_shot(3, frame_count=9, rows=ROWS, columns=COLUMNS, people=2, feathered=False)
    conditions = replace(conditions, time_offset_C=offset)
    if module is not None:
        projections[IDENTITY] = module.projections
        people = {
            label: identity_character_tokens(module.tokens(face), FRAMES)
            for label, face in enumerate(embeddings, start=1)
        }
        conditions = replace(conditions, adapters={**conditions.adapters, IDENTITY: people})
    model = DiffusionModel(transformer=known.transformer, projections=projections)
    latents = torch.randn(16, FRAMES, ROWS, COLUMNS, generator=torch.Generator().manual_seed(5))
    velocity = GuidedVelocity(model, conditions, scales or GuidanceScales(text=1.0, adapters=1.0), steps=1)
    return velocity(latents, torch.tensor(600.0), 0), conditions, velocity


def test_an_untrained_identity_changes_nothing_at_all():
    plain, _, _ = step()
    found, _, velocity = step(identity(trained=False), faces(1))
    everything = frozenset({EXPRESSION, VOICE, IDENTITY})
    assert list(velocity.branches(0)) == [Branch(text=TextRole.PROMPT, adapters=everything)]
    assert torch.equal(found, plain)


def test_a_trained_identity_changes_the_picture_and_each_face_differently():
    plain, _, _ = step()
    module = identity(trained=True)
    first, _, _ = step(module, faces(1))
    second, _, _ = step(module, faces(2))
    assert (first - plain).abs().max() > 0.01
    assert (first - second).abs().max() > 0.01


def test_the_identity_of_one_character_stays_in_its_region():
    module = identity(trained=True, blocks=1)  # after the one block no token sees another
    one, other = faces(1), faces(1)
    other[1] = faces(2)[1]
    before, conditions, _ = step(module, one, blocks=1)
    after, _, _ = step(module, other, blocks=1)
    changed = (before != after).any(dim=0).unflatten(1, (ROWS // 2, 2)).unflatten(3, (COLUMNS // 2, 2))
    changed = changed.any(dim=4).any(dim=2).flatten(1)
    owner = conditions.regions.owner_FS
    assert not changed[owner == 1].any()
    assert changed[owner == 2].all()
    assert changed[owner == 0].all()


def test_identity_is_guided_with_the_other_adapters_but_not_as_a_voice():
    scales = GuidanceScales(text=1.0, adapters=4.0, voice=5.0)
    _, _, velocity = step(identity(trained=True), faces(1), scales=scales)
    silent = Branch(text=TextRole.PROMPT, adapters=frozenset({EXPRESSION, IDENTITY}))
    assert velocity.branches(0)[silent] == -1.0


def motion(*, trained):
    torch.manual_seed(9)
    module = MotionIntensity(model_width=WIDTH, width=16)
    if trained:
        torch.nn.init.normal_(module.proj_out.weight, std=0.25)
    return module.eval()


def test_an_untrained_motion_intensity_changes_nothing_at_all():
    plain, _, _ = step()
    assert torch.equal(step(offset=motion(trained=False).shift(face=0.9, body=0.1))[0], plain)


def test_a_trained_motion_intensity_changes_the_picture_by_its_face_and_by_its_body():
    module = motion(trained=True)
    neutral = step(offset=module.shift())[0]
    assert (step()[0] - neutral).abs().max() > 1e-3
    assert (step(offset=module.shift(face=0.9))[0] - neutral).abs().max() > 1e-3
    assert (step(offset=module.shift(body=0.9))[0] - neutral).abs().max() > 1e-3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_motion_intensity_in_half_precision_is_taken(dtype):
    shift = motion(trained=True).shift(face=0.9)
    exact, rounded = step(offset=shift)[0], step(offset=shift.to(dtype))[0]
    assert 0 < float((exact - rounded).abs().max()) < 0.05


def test_both_together_are_more_than_either():
    module, shift = identity(trained=True), motion(trained=True).shift(face=0.9)
    both, _, _ = step(module, faces(1), shift)
    assert (both - step(module, faces(1))[0]).abs().max() > 1e-3
    assert (both - step(offset=shift)[0]).abs().max() > 1e-3
