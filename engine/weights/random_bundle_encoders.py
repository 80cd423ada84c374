"""The encoders of a test bundle: UMT5 and its tokenizer, CLIP's vision tower, wav2vec 2.0, Wan's VAE."""

import json
import string
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLWan
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    PretrainedConfig,
    UMT5Config,
    UMT5EncoderModel,
    Wav2Vec2Config,
    Wav2Vec2ForCTC,
)

from engine.weights.random_bundle_adapters import SPEECH_WIDTH
from engine.weights.random_bundle_transformer import IMAGE_WIDTH, TEXT_WIDTH
from engine.weights.random_bundle_weights import random_like, seeded, write_tensors

_SPECIAL_TOKENS = ("<pad>", "</s>", "<unk>")
_SPACE = "▁"
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


def write_text_encoder(folder: Path, seed: int) -> None:
    """Write `text_encoder/`. Raises OSError."""
    config = UMT5Config(
        vocab_size=len(_vocabulary()),
        d_model=TEXT_WIDTH,
        d_kv=16,
        d_ff=128,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
    )
    with seeded("text encoder", seed):
        weights = random_like(_without_tied(UMT5EncoderModel(config).state_dict()))
    write_tensors(folder / "text_encoder" / "model.safetensors", weights)
    _write_config(folder / "text_encoder", config, "UMT5EncoderModel")


def write_tokenizer(folder: Path, seed: int) -> None:
    """Write `tokenizer/`: it knows single characters, so it is the same for every seed. Raises OSError."""
    del seed
    place = folder / "tokenizer"
    place.mkdir(parents=True)
    tokenizer = Tokenizer(Unigram(_vocabulary(), unk_id=_SPECIAL_TOKENS.index("<unk>"), byte_fallback=False))
    spaces = pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme="always", split=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), spaces])
    tokenizer.decoder = decoders.Metaspace(replacement=_SPACE, prepend_scheme="always", split=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", _SPECIAL_TOKENS.index("</s>"))]
    )
    tokenizer.add_special_tokens(list(_SPECIAL_TOKENS))
    tokenizer.save(str(place / "tokenizer.json"))
    _write_json(
        place / "tokenizer_config.json",
        {
            "tokenizer_class": "T5Tokenizer",
            "pad_token": "<pad>",
            "eos_token": "</s>",
            "unk_token": "<unk>",
            "extra_ids": 0,
            "model_max_length": 512,
        },
    )


def write_image_encoder(folder: Path, seed: int) -> None:
    """Write `image_encoder/` with what its input has to be. Raises OSError."""
    config = CLIPVisionConfig(
        hidden_size=IMAGE_WIDTH,
        intermediate_size=128,
        projection_dim=IMAGE_WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=224,
        patch_size=14,
        hidden_act="gelu",
    )
    with seeded("image encoder", seed):
        weights = random_like(CLIPVisionModel(config).state_dict())
    published = {f"vision_model.{name.removeprefix('vision_model.')}": each for name, each in weights.items()}
    write_tensors(folder / "image_encoder" / "model.safetensors", published)
    _write_config(folder / "image_encoder", config, "CLIPVisionModel")
    _write_json(
        folder / "image_encoder" / "preprocessor_config.json",
        {
            "image_processor_type": "CLIPImageProcessor",
            "crop_size": {"height": 224, "width": 224},
            "size": {"shortest_edge": 224},
            "do_center_crop": True,
            "do_convert_rgb": True,
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": _CLIP_MEAN,
            "image_std": _CLIP_DEVIATION,
            "resample": 3,
            "rescale_factor": 1 / 255,
        },
    )


def write_speech_encoder(folder: Path, seed: int) -> None:
    """Write `wav2vec2-base-960h/`: with the head that spells, as published. Raises OSError."""
    config = Wav2Vec2Config(
        hidden_size=SPEECH_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=80,
        conv_dim=(32,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        vocab_size=32,
    )
    place = folder / "wav2vec2-base-960h"
    with seeded("speech encoder", seed):
        weights = random_like(Wav2Vec2ForCTC(config).state_dict())
    write_tensors(
        place / "model.safetensors", {_published_name(name): each for name, each in weights.items()}
    )
    _write_config(place, config, "Wav2Vec2ForCTC")
    _write_json(
        place / "preprocessor_config.json",
        {
            "feature_extractor_type": "Wav2Vec2FeatureExtractor",
            "do_normalize": True,
            "feature_size": 1,
            "padding_side": "right",
            "padding_value": 0.0,
            "return_attention_mask": False,
            "sampling_rate": 16000,
        },
    )


def write_vae(folder: Path, seed: int) -> None:
    """Write `vae/`: the published compression, latents' mean and deviation. Raises OSError."""
    with seeded("vae", seed):
        model = AutoencoderKLWan(base_dim=4, z_dim=16, num_res_blocks=1)
        weights = model.state_dict()
    write_tensors(folder / "vae" / "diffusion_pytorch_model.safetensors", weights)
    model.save_config(folder / "vae")


def _vocabulary() -> list[tuple[str, float]]:
    """Return the special tokens, a space, and each character alone and at a word's beginning, with scores."""
    characters = [each for each in string.printable if not each.isspace()]
    begins = [f"{_SPACE}{each}" for each in string.ascii_letters + string.digits]
    tokens = [(_SPACE, -2.0), *((each, -3.0) for each in characters), *((each, -2.5) for each in begins)]
    return [*((each, 0.0) for each in _SPECIAL_TOKENS), *tokens]


def _without_tied(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the weights without the second name of the embedding, which is published once."""
    return {name: each for name, each in weights.items() if name != "encoder.embed_tokens.weight"}


def _published_name(name: str) -> str:
    """Return the published name of a weight-normalised kernel's parts."""
    return name.replace("parametrizations.weight.original0", "weight_g").replace(
        "parametrizations.weight.original1", "weight_v"
    )


def _write_config(place: Path, config: PretrainedConfig, architecture: str) -> None:
    config.architectures = [architecture]
    config.to_json_file(str(place / "config.json"), use_diff=False)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
