import copy

import pytest
import torch

from engine.networks.expression_encoder import FEATURE_SIZE, ExpressionEncoder, FeaturePart
from tests.golden_encoder import encoder_shapes


@pytest.fixture(scope="module")
def features(encoder, encoder_case):
    with torch.inference_mode():
        return encoder(encoder_case["images"])


def test_the_parts_fill_the_features_in_order():
    assert [part.value.start for part in FeaturePart] == [0, 6, 12, 42]
    assert sum(part.size for part in FeaturePart) == FEATURE_SIZE
    assert [part.value.stop for part in FeaturePart][-1] == FEATURE_SIZE


def test_the_weights_have_the_published_names_and_shapes():
    state = ExpressionEncoder().state_dict()
    assert {name: list(value.shape) for name, value in state.items()} == encoder_shapes()


def test_three_faces_at_once_give_what_one_at_a_time_gives(encoder, encoder_case, features):
    with torch.inference_mode():
        alone = torch.cat([encoder(encoder_case["images"][i : i + 1]) for i in range(3)])
    torch.testing.assert_close(alone, features, atol=1e-5, rtol=0)


def test_an_encoder_is_made_for_evaluation():
    assert not any(module.training for module in ExpressionEncoder().modules())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.1)])
def test_half_precision_stays_near_in_the_mean(encoder, encoder_case, features, dtype, tolerance):
    half = copy.deepcopy(encoder).to(dtype)
    with torch.inference_mode():
        got = half(encoder_case["images"][:1].to(dtype))
    assert got.dtype is dtype
    error = (got.float() - features[:1]).norm() / features[:1].norm()
    assert error < tolerance


def test_faces_of_another_size_are_refused(encoder):
    with pytest.raises(RuntimeError):
        encoder(torch.zeros(1, 3, 112, 112))


def test_no_faces_give_no_features(encoder):
    with torch.inference_mode():
        assert encoder(torch.zeros(0, 3, 224, 224)).shape == (0, FEATURE_SIZE)
