import copy

import pytest
import torch

from engine.networks.expression_tokens import ExpressionTokens, ExpressionTokensConfig
from engine.planning.token_ranges import TOKENS_PER_VIDEO_FRAME


@pytest.fixture(scope="module")
def features(golden_inputs):
    return golden_inputs["featuresA"][0]


def test_the_defaults_are_the_published_sizes():
    config = ExpressionTokensConfig()
    assert config.tokens_per_frame == TOKENS_PER_VIDEO_FRAME
    with torch.device("meta"):
        state = ExpressionTokens(config).state_dict()
    assert state["mouth_proj_model.latents"].shape == (1, 16, 1280)
    assert state["emo_proj_model.layers.3.0.to_kv.weight"].shape == (2560, 1280)
    assert state["emo_proj_model.layers.3.1.1.weight"].shape == (5120, 1280)
    assert state["proj_model.mouth_proj.weight"].shape == (2048, 512)


def test_frames_do_not_see_each_other(expression_tokens, features):
    with torch.inference_mode():
        whole = expression_tokens(features)
        parts = [expression_tokens(part) for part in features.split([1, 6, 10])]
    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.15), (torch.float16, 0.02)])
def test_half_precision_stays_near(expression_tokens, features, dtype, tolerance):
    with torch.inference_mode():
        whole = expression_tokens(features)
        got = copy.deepcopy(expression_tokens).to(dtype)(features.to(dtype))
    assert got.dtype is dtype
    torch.testing.assert_close(got.float(), whole, atol=tolerance, rtol=0)


def test_features_of_another_width_are_refused(expression_tokens, features):
    with pytest.raises(RuntimeError):
        expression_tokens(features[:, :-1])


def test_features_that_are_not_numbers_spoil_their_own_frame_only(expression_tokens, features):
    spoiled = features.clone()
    spoiled[3] = torch.nan
    with torch.inference_mode():
        frames = expression_tokens(spoiled).unflatten(0, (len(features), -1))
    assert frames[3].isnan().all()
    assert frames[[0, 1, 2, *range(4, 17)]].isfinite().all()
