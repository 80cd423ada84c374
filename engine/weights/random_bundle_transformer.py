"""The transformer of a test bundle: Wan2.1 image-to-video in small, in the original or diffusers' layout."""

import json
from pathlib import Path

import torch
from diffusers import WanTransformer3DModel

from engine.weights.random_bundle_weights import random_like, seeded, write_tensors
from engine.weights.transformer_layout import original_name

WIDTH = 96
HEADS = 4
BLOCKS = 3
FEED_FORWARD = 192
FREQUENCY_WIDTH = 64
TEXT_WIDTH = 64
IMAGE_WIDTH = 64
TEXT_TOKENS = 512
CHANNELS_IN = 36
CHANNELS_OUT = 16
_EPSILON = 1e-6


def write_diffusers_transformer(folder: Path, seed: int) -> None:
    """Write `transformer/`. Raises OSError."""
    model = _model(seed)
    write_tensors(folder / "transformer" / "diffusion_pytorch_model.safetensors", model.state_dict())
    model.save_config(folder / "transformer")


def write_original_transformer(folder: Path, seed: int) -> None:
    """Write two shards and `config.json` under the names of the authors. Raises OSError."""
    weights = {original_name(name): tensor for name, tensor in _model(seed).state_dict().items()}
    names = sorted(weights)
    halves = names[: len(names) // 2], names[len(names) // 2 :]
    for number, half in enumerate(halves, start=1):
        shard = folder / f"diffusion_pytorch_model-{number:05d}-of-{len(halves):05d}.safetensors"
        write_tensors(shard, {name: weights[name] for name in half})
    (folder / "config.json").write_text(json.dumps(_original_config(), indent=2) + "\n", "utf-8")


def _model(seed: int) -> WanTransformer3DModel:
    with seeded("transformer", seed):
        model = WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=HEADS,
            attention_head_dim=WIDTH // HEADS,
            in_channels=CHANNELS_IN,
            out_channels=CHANNELS_OUT,
            text_dim=TEXT_WIDTH,
            freq_dim=FREQUENCY_WIDTH,
            ffn_dim=FEED_FORWARD,
            num_layers=BLOCKS,
            cross_attn_norm=True,
            eps=_EPSILON,
            image_dim=IMAGE_WIDTH,
            added_kv_proj_dim=WIDTH,
        )
        model.load_state_dict(_calm(random_like(model.state_dict())))
    return model


def _calm(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the weights with modulation tables as small as in training's first steps."""
    return {
        name: 0.1 * tensor if name.endswith("scale_shift_table") else tensor
        for name, tensor in weights.items()
    }


def _original_config() -> dict[str, object]:
    return {
        "_class_name": "WanModel",
        "dim": WIDTH,
        "eps": _EPSILON,
        "ffn_dim": FEED_FORWARD,
        "freq_dim": FREQUENCY_WIDTH,
        "in_dim": CHANNELS_IN,
        "model_type": "i2v",
        "num_heads": HEADS,
        "num_layers": BLOCKS,
        "out_dim": CHANNELS_OUT,
        "text_len": TEXT_TOKENS,
    }
