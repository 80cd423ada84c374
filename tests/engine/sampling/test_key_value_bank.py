"""Keys and values that are kept, and those that are made when a block needs them."""

import pytest
import torch

from engine.planning.character_tokens import MOST_KEPT_TOKENS
from engine.planning.guidance import GuidanceScales
from engine.sampling import key_value_bank as bank_module
from engine.sampling.guided_velocity import GuidedVelocity
from engine.sampling.key_value_bank import bank_bytes, key_value_bank
from tests.engine.sampling.random_shots import EXPRESSION, VOICE, random_model, random_shot

LONGEST_PASS_FRAMES = 201


@pytest.fixture(scope="module")
def model():
    return random_model(2, heads=2, head_width=12)


@pytest.fixture(scope="module")
def conditions():
    return random_shot(6, frame_count=17, rows=4, columns=6, people=3)


def velocity(model, conditions):
    latents = torch.randn(16, 5, 4, 6, generator=torch.Generator().manual_seed(1))
    guided = GuidedVelocity(model, conditions, GuidanceScales(text=5.0, adapters=4.0), steps=1)
    return guided(latents, torch.tensor(400.0), 0)


@pytest.mark.parametrize("most", [0, 100, 408])
def test_what_is_made_when_needed_is_what_would_have_been_kept(model, conditions, monkeypatch, most):
    kept = velocity(model, conditions)
    kept_bytes = bank_bytes(key_value_bank(model.transformer, model.projections, conditions))
    monkeypatch.setattr(bank_module, "MOST_KEPT_TOKENS", most)
    assert torch.equal(velocity(model, conditions), kept)
    bank = key_value_bank(model.transformer, model.projections, conditions)
    assert (bank_bytes(bank) < kept_bytes) == (most < 408)


def test_every_character_is_listed_whether_kept_or_not(model, conditions, monkeypatch):
    monkeypatch.setattr(bank_module, "MOST_KEPT_TOKENS", 100)
    (block, _) = key_value_bank(model.transformer, model.projections, conditions)
    for name in (EXPRESSION, VOICE):
        characters = block.adapters[name]
        assert set(characters) == set(conditions.adapters[name])
        assert len(characters) == len(conditions.adapters[name])
        for label in characters:
            keys, _ = characters[label]
            assert len(keys) == len(conditions.adapters[name][label].tokens_KD) + 1
    assert not block.adapters[EXPRESSION].kept
    assert block.adapters[VOICE].kept


def test_the_tokens_of_the_longest_pass_are_kept():
    assert 24 * LONGEST_PASS_FRAMES <= MOST_KEPT_TOKENS
