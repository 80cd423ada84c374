"""The plate's tokens against diffusers' pipeline and the published input, on a tiny vision tower."""

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, WanImageToVideoPipeline
from torch.nn import functional
from transformers import CLIPVisionConfig, CLIPVisionModel

from engine.conditioning.plate_image import image_key, image_tokens
from engine.networks.encoders import ImageEncoder
from engine.protocol.errors import UserError

PROCESSOR = torch.device("cpu")
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)


@pytest.fixture
def encoder():
    torch.manual_seed(5)
    config = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=2, hidden_act="gelu",
        image_size=224, patch_size=14,
    )  # fmt: skip
    model = CLIPVisionModel(config).eval().requires_grad_(False)
    return ImageEncoder(model=model, side=224, mean=MEAN, deviation=DEVIATION)


def drawn_picture(height, width):
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def published_input(picture):
    """Scaled to -1..1, resized bicubically to the square, normalised from 0..1."""
    image = torch.from_numpy(picture[:, :, ::-1].copy()).float() * (2 / 255) - 1
    image = image.permute(2, 0, 1)[None]
    image = functional.interpolate(image, size=(224, 224), mode="bicubic", align_corners=False)
    shape = (1, 3, 1, 1)
    return (image * 0.5 + 0.5 - torch.tensor(MEAN).view(shape)) / torch.tensor(DEVIATION).view(shape)


@pytest.mark.parametrize("size", [(224, 224), (480, 832), (96, 64), (16, 400)])
def test_tokens_are_the_layer_that_diffusers_takes_of_the_published_input(encoder, size):
    picture = drawn_picture(*size)
    pipeline = WanImageToVideoPipeline(
        tokenizer=None, text_encoder=None, vae=None, scheduler=FlowMatchEulerDiscreteScheduler(),
        image_encoder=encoder.model, image_processor=published_processor,
    )  # fmt: skip
    tokens = image_tokens(encoder, picture, PROCESSOR)
    expected = pipeline.encode_image(picture, PROCESSOR)[0]
    assert tokens.shape == (257, 32)
    assert (tokens - expected).abs().max() <= 1e-5


def published_processor(images, return_tensors):
    from transformers import BatchFeature

    return BatchFeature({"pixel_values": published_input(images)})


def test_the_last_layer_takes_no_part(encoder):
    picture = drawn_picture(64, 64)
    before = image_tokens(encoder, picture, PROCESSOR)
    encoder.model.encoder.layers[-1].mlp.fc1.weight.zero_()
    encoder.model.post_layernorm.weight.zero_()
    assert torch.equal(before, image_tokens(encoder, picture, PROCESSOR))
    encoder.model.encoder.layers[-2].mlp.fc1.weight.zero_()
    assert not torch.equal(before, image_tokens(encoder, picture, PROCESSOR))


def test_a_tower_in_half_precision_gives_single_precision_tokens(encoder):
    encoder.model.to(torch.bfloat16)
    assert image_tokens(encoder, drawn_picture(32, 48), PROCESSOR).dtype == torch.float32


def test_a_tower_with_broken_weights_ends_the_render_with_a_sentence(encoder):
    encoder.model.pre_layrnorm.weight[0] = torch.inf
    with pytest.raises(UserError, match="The image encoder of the bundle gave values that are not numbers"):
        image_tokens(encoder, drawn_picture(32, 32), PROCESSOR)


def test_the_key_of_a_picture_depends_on_its_pixels_and_the_weights():
    picture = drawn_picture(8, 8)
    changed = picture.copy()
    changed[7, 7, 2] ^= 1
    keys = {
        image_key(picture, weights="a", precision="float32"),
        image_key(changed, weights="a", precision="float32"),
        image_key(picture, weights="b", precision="float32"),
    }
    assert len(keys) == 3
