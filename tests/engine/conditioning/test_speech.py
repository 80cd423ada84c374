"""Speech against transformers' own extractor and one pass of the model, on a tiny wav2vec 2.0."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from engine.conditioning.speech import speech_hidden, speech_key, voice_samples_for
from engine.networks.encoders import SpeechEncoder
from engine.protocol.errors import UserError

PROCESSOR = torch.device("cpu")
RATE = 16000
LONG = 71 * RATE + 333


def tiny_encoder(norm="group", normalise=True):
    torch.manual_seed(7)
    config = Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, conv_dim=(8,) * 7,
        num_conv_pos_embedding_groups=4, feat_extract_norm=norm, do_stable_layer_norm=norm == "layer",
        vocab_size=8,
    )  # fmt: skip
    model = Wav2Vec2Model(config).eval().requires_grad_(False)
    return SpeechEncoder(model=model, sample_rate=RATE, normalise=normalise)


@pytest.fixture(scope="module")
def encoder():
    return tiny_encoder()


def drawn_voice(count, seed=0):
    """Noise that swells and fades, with an offset: neither its mean nor its loudness is even."""
    noise = np.random.default_rng(seed).standard_normal(count)
    loudness = 0.02 + 0.2 * np.sin(np.arange(count) / 90_000) ** 2
    return (noise * loudness + 0.05).astype(np.float32)


def one_pass(encoder, samples):
    extractor = Wav2Vec2FeatureExtractor(sampling_rate=RATE, do_normalize=encoder.normalise)
    values = extractor(samples, sampling_rate=RATE, return_tensors="pt").input_values
    return encoder.model(values).last_hidden_state[0]


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("norm", ["group", "layer"])
def test_a_recording_equals_the_published_processor_and_model(norm, normalise):
    encoder = tiny_encoder(norm, normalise)
    samples = drawn_voice(56347)  # 81 frames at 23 a second
    hidden = speech_hidden(encoder, samples, PROCESSOR)
    assert hidden.shape == (175, 16)
    assert hidden.dtype == torch.float32
    assert (hidden - one_pass(encoder, samples)).abs().max() <= 5e-5


@pytest.mark.parametrize(("norm", "count"), [("group", 115 * RATE + 333), ("layer", LONG)])
def test_a_long_recording_without_attention_equals_one_pass_everywhere(norm, count):
    encoder = tiny_encoder(norm)
    for layer in encoder.model.encoder.layers:
        layer.attention.out_proj.weight.zero_()
    samples = drawn_voice(count)
    hidden = speech_hidden(encoder, samples, PROCESSOR)
    assert (hidden - one_pass(encoder, samples)).abs().max() <= 1e-4


def test_a_long_recording_differs_from_one_pass_only_by_how_far_attention_reaches(encoder):
    samples = drawn_voice(LONG)
    hidden, expected = speech_hidden(encoder, samples, PROCESSOR), one_pass(encoder, samples)
    assert hidden.shape == expected.shape
    difference = (hidden - expected).abs()
    assert 0 < difference.max() <= 0.02 * expected.std()


def test_one_pass_serves_recordings_of_up_to_a_minute(encoder):
    samples = drawn_voice(60 * RATE)
    assert (speech_hidden(encoder, samples, PROCESSOR) - one_pass(encoder, samples)).abs().max() <= 5e-5


def test_tokens_stay_in_place_when_the_recording_goes_on(encoder):
    samples = drawn_voice(LONG)
    longer = np.concatenate([samples, drawn_voice(10 * RATE, seed=1)])
    hidden = speech_hidden(encoder, samples, PROCESSOR)
    within = speech_hidden(encoder, longer, PROCESSOR)[: len(hidden)]
    shifted = (within[1000:2000] - hidden[1001:2001]).abs().mean()
    assert (within[1000:2000] - hidden[1000:2000]).abs().mean() < 0.2 * shifted


@pytest.mark.parametrize("count", [0, 1, 399, 400, 719, 720, 721, 16000, 960001, 960080])
def test_every_length_gives_a_token_for_every_320_samples(encoder, count):
    hidden = speech_hidden(encoder, drawn_voice(count), PROCESSOR)
    assert len(hidden) == (max(count, 400) - 400) // 320 + 1
    assert hidden.isfinite().all()


@pytest.mark.parametrize(("seconds", "level"), [(1, 0.0), (1, 0.25), (61, 0.25)])
def test_silence_is_heard_as_numbers(encoder, seconds, level):
    silence = np.full(seconds * RATE, level, np.float32)
    assert speech_hidden(encoder, silence, PROCESSOR).isfinite().all()


def test_a_recording_too_short_for_a_token_is_padded_with_silence(encoder):
    short = drawn_voice(150)
    padded = np.concatenate([short, np.zeros(250, np.float32)])
    assert torch.equal(speech_hidden(encoder, short, PROCESSOR), speech_hidden(encoder, padded, PROCESSOR))


def test_enormous_samples_are_normalised_like_others(encoder):
    samples = drawn_voice(16000)
    hidden = speech_hidden(encoder, samples * np.float32(2.0**110), PROCESSOR)
    assert (hidden - speech_hidden(encoder, samples, PROCESSOR)).abs().max() <= 1e-3


@pytest.mark.parametrize("rubbish", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers_are_refused(encoder, rubbish):
    samples = drawn_voice(1000)
    samples[500] = rubbish
    with pytest.raises(UserError, match="The recording holds samples that are not numbers"):
        speech_hidden(encoder, samples, PROCESSOR)


def test_an_encoder_with_broken_weights_ends_the_render_with_a_sentence():
    encoder = tiny_encoder()
    encoder.model.feature_projection.projection.weight[0] = torch.nan
    with pytest.raises(UserError, match="The speech encoder of the bundle gave values that are not numbers"):
        speech_hidden(encoder, drawn_voice(1000), PROCESSOR)


@pytest.mark.parametrize("seconds", [2, 61])
def test_an_encoder_in_half_precision_gives_single_precision(seconds):
    encoder, samples = tiny_encoder(), drawn_voice(seconds * RATE)
    exact = speech_hidden(encoder, samples, PROCESSOR)
    encoder.model.bfloat16()
    hidden = speech_hidden(encoder, samples, PROCESSOR)
    assert hidden.dtype == torch.float32
    assert (hidden - exact).abs().mean() < 0.1 * exact.std()


def test_the_published_cut_at_23_frames_a_second():
    for frame_count in range(1, 1000):
        assert voice_samples_for(frame_count, Fraction(23), RATE) == int(frame_count / 23 * RATE)


def test_a_cut_at_a_rate_that_floats_cannot_hold_is_exact():
    assert voice_samples_for(24000, Fraction(24000, 1001), RATE) == 1001 * RATE
    assert voice_samples_for(81, Fraction(25), RATE) == 51840
    assert voice_samples_for(0, Fraction(25), RATE) == 0


def test_the_key_of_a_recording_depends_on_its_samples_and_the_weights():
    samples = drawn_voice(10)
    keys = {
        speech_key(samples, weights="a", precision="float32"),
        speech_key(samples[:9], weights="a", precision="float32"),
        speech_key(samples, weights="b", precision="float32"),
        speech_key(samples, weights="a", precision="bfloat16"),
    }
    assert len(keys) == 4
