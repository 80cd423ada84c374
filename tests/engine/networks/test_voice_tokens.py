import copy

import pytest
import torch

from engine.networks.voice_tokens import VoiceTokens


@pytest.fixture(scope="module")
def hidden(golden_inputs):
    return golden_inputs["audio_hidden"][0]


def test_the_defaults_are_the_published_sizes():
    with torch.device("meta"):
        assert VoiceTokens().proj.weight.shape == (2048, 768)


def test_moments_do_not_see_each_other(voice_tokens, hidden):
    with torch.inference_mode():
        parts = [voice_tokens(part) for part in hidden.split([1, 20, 15])]
        torch.testing.assert_close(torch.cat(parts), voice_tokens(hidden), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.05), (torch.float16, 0.01)])
def test_half_precision_stays_near(voice_tokens, hidden, dtype, tolerance):
    with torch.inference_mode():
        got = copy.deepcopy(voice_tokens).to(dtype)(hidden.to(dtype))
        assert got.dtype is dtype
        torch.testing.assert_close(got.float(), voice_tokens(hidden), atol=tolerance, rtol=0)
