import copy

import pytest
import torch
from torch.nn import functional

from engine.networks.identity import (
    IDENTITY_STRENGTH,
    IdentityConfig,
    IdentityModule,
    IdentityTokens,
    identity_character_tokens,
)
from engine.networks.token_windows import gather_windows

TINY = IdentityConfig(
    width=12, embedding_width=16, face_tokens=3, queries=5, query_width=24, layers=2, heads=4
)


@pytest.fixture
def module():
    torch.manual_seed(7)
    return IdentityModule(TINY, model_width=20, blocks=2)


@pytest.fixture
def faces():
    return torch.randn(3, 16, generator=torch.Generator().manual_seed(8))


def test_a_face_becomes_one_token_for_each_query(module, faces):
    assert module.tokens(faces[0]).shape == (5, 12)


def test_a_batch_gives_what_one_at_a_time_gives(module, faces):
    alone = torch.stack([module.tokens(face) for face in faces])
    torch.testing.assert_close(module.tokens(faces), alone, atol=1e-5, rtol=0)


def test_an_untrained_module_says_nothing(module, faces):
    keys, values = module(faces[0], 1)
    assert keys.shape == values.shape == (5, 20)
    assert not keys.any()
    assert not values.any()


def test_only_the_direction_of_an_embedding_counts(module, faces):
    torch.testing.assert_close(module.tokens(faces * 30), module.tokens(faces), atol=1e-5, rtol=0)


def test_different_faces_have_different_tokens(module, faces):
    assert (module.tokens(faces[0]) - module.tokens(faces[1])).abs().max() > 0.1


def test_the_queries_of_a_face_differ(module, faces):
    tokens = module.tokens(faces[0])
    assert (tokens[0] - tokens[1]).abs().max() > 0.1


def test_a_few_steps_reduce_the_loss_and_reach_every_parameter(module, faces):
    pictures = torch.randn(3, 9, 20, generator=torch.Generator().manual_seed(9))
    wanted = torch.randn(3, 9, 20, generator=torch.Generator().manual_seed(10))
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        said = sum(
            functional.scaled_dot_product_attention(pictures, *module(faces, block)) for block in range(2)
        )
        loss = functional.mse_loss(IDENTITY_STRENGTH * said, wanted)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.95 * losses[0]
    assert [name for name, p in module.named_parameters() if not p.grad.abs().max() > 0] == []


def test_every_latent_frame_sees_all_tokens_at_half_strength():
    tokens = torch.randn(5, 12, generator=torch.Generator().manual_seed(1))
    character = identity_character_tokens(tokens, 4)
    gathered = gather_windows(character.tokens_KD, character.windows)
    assert all(torch.equal(seen, tokens) for seen in gathered)
    assert character.windows.lengths_F.tolist() == [5] * 4
    assert character.strength_F.tolist() == [0.5] * 4
    assert character.strength_F.dtype is torch.float32
    assert character.present_F.tolist() == [True] * 4


def test_a_part_of_the_frames_keeps_all_tokens():
    character = identity_character_tokens(torch.ones(5, 12), 4).frames(1, 3)
    assert character.windows.indices_FL.tolist() == [[0, 1, 2, 3, 4]] * 2


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.08), (torch.float16, 0.01)])
def test_half_precision_stays_near(module, faces, dtype, tolerance):
    with torch.inference_mode():
        got = copy.deepcopy(module.tokens).to(dtype)(faces.to(dtype))
        assert got.dtype is dtype
        torch.testing.assert_close(got.float(), module.tokens(faces), atol=tolerance, rtol=0)


def test_an_embedding_of_another_width_is_refused(module):
    with pytest.raises(RuntimeError):
        module.tokens(torch.ones(15))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_an_embedding_of_zeros_gives_numbers(module, dtype):
    assert module.tokens.to(dtype)(torch.zeros(16, dtype=dtype)).isfinite().all()


def test_the_default_sizes_fit_together():
    with torch.device("meta"):
        assert IdentityTokens(IdentityConfig())(torch.empty(512)).shape == (16, 2048)
