"""Encoders and VAE of random weights, made where they compute, and their sizes as a plan knows them."""

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKLWan
from torch import nn
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    UMT5Config,
    UMT5EncoderModel,
    Wav2Vec2Config,
    Wav2Vec2Model,
)

from engine.bundles.catalogue import known_bundles
from engine.planning.network_sizes import EncoderSize, SpeechSize, VaeSize
from engine.sampling.denoising import LATENT_CHANNELS
from engine.weights.network_sizes import (
    image_encoder_sizes,
    parameter_count,
    speech_encoder_sizes,
    text_encoder_sizes,
)

_PUBLISHED_WIDTH = 5120
_HEAD = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RandomEncoder:
    """An encoder and what a plan knows of it."""

    model: nn.Module
    size: EncoderSize


class RandomNetworks:
    """The published networks as much narrower as a transformer `width` wide is."""

    def __init__(self, width: int, device: torch.device, dtype: torch.dtype) -> None:
        self._share = min(1.0, width / _PUBLISHED_WIDTH)
        self._device = device
        self._dtype = dtype
        self._published = known_bundles()[0].dimensions

    def text_encoder(self) -> RandomEncoder:
        """Return UMT5's encoder, in bfloat16 where the arithmetic is not float32."""
        heads = max(1, round(self._published["text_heads"] * self._share))
        config = UMT5Config(
            vocab_size=max(512, round(self._published["text_vocabulary"] * self._share)),
            d_model=self._across("text_width"),
            d_kv=64,
            d_ff=self._across("text_feed_forward"),
            num_layers=self._layers("text_layers"),
            num_heads=heads,
            feed_forward_proj="gated-gelu",
        )
        dtype = torch.float32 if self._dtype is torch.float32 else torch.bfloat16
        with torch.device("meta"):
            model = UMT5EncoderModel(config)
        found, width = text_encoder_sizes(config), config.d_model
        size = EncoderSize(
            parameters=parameter_count(model),
            width=width,
            layers=found["text_layers"],
            heads=found["text_heads"],
            feed_forward=found["text_feed_forward"],
            embedding=found["text_vocabulary"] * width,
        )
        return RandomEncoder(model=self._filled(model, dtype), size=size)

    def image_encoder(self) -> RandomEncoder:
        """Return CLIP's vision tower."""
        config = CLIPVisionConfig(
            hidden_size=self._across("image_width"),
            intermediate_size=self._across("image_feed_forward"),
            num_hidden_layers=self._layers("image_layers"),
            num_attention_heads=max(1, self._across("image_width") // 80),
            image_size=224,
            patch_size=14,
        )
        model = CLIPVisionModel(config)  # its positions are numbers of their own
        found = image_encoder_sizes(config)
        size = EncoderSize(
            parameters=parameter_count(model),
            width=found["image_width"],
            layers=found["image_layers"],
            heads=found["image_heads"],
            feed_forward=found["image_feed_forward"],
            embedding=found["image_width"] * found["image_feed_forward"],
        )
        return RandomEncoder(model=model.to(self._device, self._dtype).eval(), size=size)

    def speech_encoder(self) -> tuple[nn.Module, SpeechSize]:
        """Return wav2vec 2.0, in float32."""
        channels = self._across("speech_channels")
        config = Wav2Vec2Config(
            hidden_size=self._across("speech_width"),
            num_hidden_layers=self._layers("speech_layers"),
            num_attention_heads=max(1, self._across("speech_width") // 64),
            intermediate_size=self._across("speech_feed_forward"),
            conv_dim=(channels,) * 7,
        )
        model = Wav2Vec2Model(config)
        found = speech_encoder_sizes(config)
        encoder = EncoderSize(
            parameters=parameter_count(model),
            width=found["speech_width"],
            layers=found["speech_layers"],
            heads=found["speech_heads"],
            feed_forward=found["speech_feed_forward"],
            embedding=found["speech_width"] * found["speech_feed_forward"],
        )
        return model.to(self._device).eval(), SpeechSize(encoder=encoder, channels=channels)

    def vae(self) -> tuple[AutoencoderKLWan, VaeSize]:
        """Return Wan2.1's VAE, in float32."""
        channels = max(4, round(self._published["vae_channels"] * self._share))
        blocks = self._published["vae_residual_blocks"]
        model = AutoencoderKLWan(base_dim=channels, z_dim=LATENT_CHANNELS, num_res_blocks=blocks)
        size = VaeSize(
            parameters=parameter_count(model),
            channels=channels,
            residual_blocks=blocks,
            latent_channels=LATENT_CHANNELS,
        )
        return model.to(self._device).eval(), size

    def _across(self, dimension: str) -> int:
        """Return a width of whole heads."""
        width = round(self._published[dimension] * self._share)
        return max(_HEAD, -(-width // _HEAD) * _HEAD)

    def _layers(self, dimension: str) -> int:
        return max(2, round(self._published[dimension] * self._share))

    def _filled(self, model: UMT5EncoderModel, dtype: torch.dtype) -> nn.Module:
        model = model.to(dtype).to_empty(device=self._device)
        model.encoder.embed_tokens.weight = model.shared.weight  # one and the same, as published
        for parameter in model.parameters():
            parameter.requires_grad_(False).fill_(0.01)
        return model.eval()
