"""Encoders and a transformer through the libraries' offloading: the same numbers, and back as they were."""

import numpy as np
import pytest
import torch
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    UMT5Config,
    UMT5EncoderModel,
    Wav2Vec2Config,
    Wav2Vec2Model,
)

from engine.conditioning.speech import ONE_PASS_S, speech_hidden
from engine.memory.library_offload import group_offloaded, layer_by_layer
from engine.networks.encoders import SpeechEncoder
from tests.engine.sampling.random_shots import IMAGE_WIDTH, TEXT_WIDTH, random_model

PROCESSOR = torch.device("cpu")


def text_encoder():
    config = UMT5Config(vocab_size=40, d_model=16, d_kv=4, d_ff=24, num_layers=2, num_heads=4)
    ids = torch.arange(9)[None]
    return UMT5EncoderModel(config), lambda model: model(input_ids=ids).last_hidden_state


def image_encoder():
    config = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=28,
        patch_size=14,
    )
    picture = torch.rand(1, 3, 28, 28)
    return CLIPVisionModel(config), lambda model: model(picture).last_hidden_state


def speech_encoder():
    config = Wav2Vec2Config(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        conv_dim=(8, 8),
        conv_stride=(5, 4),
        conv_kernel=(10, 8),
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        mask_time_prob=0.0,
    )
    sound = torch.randn(1, 400)
    return Wav2Vec2Model(config), lambda model: model(sound).last_hidden_state


def transformer():
    model = random_model(1, heads=2, head_width=12).transformer
    video = torch.randn(1, 36, 2, 4, 4)
    told = {
        "timestep": torch.tensor([500.0]),
        "encoder_hidden_states": torch.randn(1, 512, TEXT_WIDTH),
        "encoder_hidden_states_image": torch.randn(1, 257, IMAGE_WIDTH),
    }
    return model, lambda model: model(video, **told).sample


WAYS = {
    "layer by layer": layer_by_layer,
    "groups of layers": group_offloaded,
}


@pytest.mark.parametrize("make", [text_encoder, image_encoder, speech_encoder, transformer])
@pytest.mark.parametrize("way", WAYS)
@torch.no_grad()
def test_a_network_gives_the_same_numbers_and_is_as_before_afterwards(make, way):
    torch.manual_seed(1)
    network, run = make()
    network.eval()
    expected, weights = run(network), {key: value.clone() for key, value in network.state_dict().items()}
    for _ in range(2):
        with WAYS[way](network, PROCESSOR):
            assert torch.equal(run(network), expected)
            assert torch.equal(run(network), expected)
        assert torch.equal(run(network), expected)
    assert all(torch.equal(value, weights[key]) for key, value in network.state_dict().items())
    assert not any(hasattr(module, "_hf_hook") for module in network.modules())


@torch.no_grad()
def test_groups_of_blocks_give_the_same_numbers():
    network, run = transformer()
    expected = run(network)
    with group_offloaded(network, PROCESSOR, blocks_per_group=1):
        assert torch.equal(run(network), expected)
    assert torch.equal(run(network), expected)


def test_layer_by_layer_holds_no_weights_between_layers():
    network, run = text_encoder()
    with layer_by_layer(network, PROCESSOR), torch.no_grad():
        run(network)
        assert all(parameter.is_meta for parameter in network.parameters())
    assert not any(parameter.is_meta for parameter in network.parameters())


@pytest.mark.parametrize("way", WAYS.values())
def test_an_error_in_between_leaves_the_network_as_it_was(way):
    network, run = image_encoder()
    with torch.no_grad():
        expected = run(network)
        with pytest.raises(ZeroDivisionError), way(network, PROCESSOR):
            raise ZeroDivisionError
        assert torch.equal(run(network), expected)


@torch.no_grad()
def test_a_long_recording_is_heard_layer_by_layer_as_well():
    torch.manual_seed(1)
    encoder = SpeechEncoder(model=speech_encoder()[0].eval(), sample_rate=100, normalise=True)
    samples = np.random.default_rng(1).standard_normal(100 * (ONE_PASS_S + 10)).astype(np.float32)
    expected = speech_hidden(encoder, samples, PROCESSOR)
    with layer_by_layer(encoder.model, PROCESSOR):
        assert torch.equal(speech_hidden(encoder, samples, PROCESSOR), expected)
