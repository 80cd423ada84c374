"""The encoders of a bundle: text, picture, speech and the VAE out of folders, expressions out of a file.

Layouts: text, picture and VAE as diffusers keeps them (Wan2.1-I2V-14B-720P-Diffusers), speech as transformers
does (wav2vec2-base-960h), expressions as FantasyPortrait publishes them (pd_fpg.pth), also repackaged.
"""

from pathlib import Path

import torch
from diffusers import AutoencoderKLWan
from transformers import (
    AutoTokenizer,
    CLIPVisionModel,
    PreTrainedTokenizerBase,
    UMT5EncoderModel,
    Wav2Vec2Model,
)

from engine.networks.encoders import ImageEncoder, SpeechEncoder, TextEncoder
from engine.networks.expression_encoder import ExpressionEncoder
from engine.protocol.errors import ErrorCode, UserError
from engine.weights.adapter_loader import ENCODER_PREFIX
from engine.weights.input_description import (
    check_latent_statistics,
    picture_normalisation,
    sound_description,
)
from engine.weights.library_loading import FolderLayout, load_network, quiet_libraries
from engine.weights.memory_shortage import let_memory_shortage_through
from engine.weights.module_filling import Naming, fill_module
from engine.weights.tensor_file import TensorFile, open_tensors
from engine.weights.weight_descriptions import CONFIG_NAME, read_json
from engine.weights.weight_errors import GET_FITTING, unfitting_file, unreadable_description
from engine.weights.weights_kind import WeightsKind, check_kind

_TEXT = FolderLayout(
    described_by="model_type", description="umt5", safetensors="model", pickle="pytorch_model"
)
_PICTURE = FolderLayout(
    described_by="model_type", description="clip_vision_model", safetensors="model", pickle="pytorch_model"
)
# The published file holds the head that spells; it lacks the vector that hides pieces of sound in training.
_SPEECH = FolderLayout(
    described_by="model_type",
    description="wav2vec2",
    safetensors="model",
    pickle="pytorch_model",
    may_lack=("masked_spec_embed",),
    may_have=("lm_head.",),
)
_VAE = FolderLayout(
    described_by="_class_name",
    description="AutoencoderKLWan",
    safetensors="diffusion_pytorch_model",
    pickle="diffusion_pytorch_model",
)


def load_text_encoder(folder: Path, tokenizer_folder: Path, dtype: torch.dtype) -> TextEncoder:
    """Return UMT5 and its tokenizer. Raises UserError for files that are missing, damaged or do not fit."""
    model = load_network(UMT5EncoderModel.from_pretrained, folder, _TEXT, dtype=dtype, dtype_name="dtype")
    # The embedding has two names of which one is published; where both are, they have to agree.
    if not torch.equal(model.shared.weight, model.encoder.embed_tokens.weight):
        raise unfitting_file(folder, "hold two embeddings that differ", key="encoder.embed_tokens.weight")
    tokenizer = _load_tokenizer(tokenizer_folder)
    known = model.shared.weight.shape[0]
    if len(tokenizer) > known:
        raise UserError(
            f"The tokenizer in {tokenizer_folder.name} knows {len(tokenizer):,} tokens, "
            f"the text encoder in {folder.name} only {known:,}.",
            next_step=GET_FITTING,
            code=ErrorCode.BAD_INPUT,
            details={"path": str(tokenizer_folder)},
        )
    return TextEncoder(model=model, tokenizer=tokenizer)


def load_image_encoder(folder: Path, dtype: torch.dtype) -> ImageEncoder:
    """Return CLIP's vision tower and what its pictures have to be. Raises UserError as the others."""
    model = load_network(CLIPVisionModel.from_pretrained, folder, _PICTURE, dtype=dtype, dtype_name="dtype")
    mean, deviation = picture_normalisation(folder)
    return ImageEncoder(model=model, side=model.config.image_size, mean=mean, deviation=deviation)


def load_speech_encoder(folder: Path, dtype: torch.dtype) -> SpeechEncoder:
    """Return wav2vec 2.0 and what its sound has to be. Raises UserError as the others."""
    model = load_network(Wav2Vec2Model.from_pretrained, folder, _SPEECH, dtype=dtype, dtype_name="dtype")
    sample_rate, normalise = sound_description(folder)
    return SpeechEncoder(model=model, sample_rate=sample_rate, normalise=normalise)


def load_vae(folder: Path, dtype: torch.dtype) -> AutoencoderKLWan:
    """Return Wan's VAE. Raises UserError as the others."""
    load = AutoencoderKLWan.from_pretrained
    model: AutoencoderKLWan = load_network(load, folder, _VAE, dtype=dtype, dtype_name="torch_dtype")
    for key in ("latents_mean", "latents_std"):
        check_latent_statistics(folder / CONFIG_NAME, key, model.config[key], channels=model.config.z_dim)
    return model


def load_expression_encoder(path: Path) -> ExpressionEncoder:
    """Return the expression encoder in float32, out of `pd_fpg.pth` or a repackaged adapter (`pd_fpg.*`).

    The published file is 3.2 MB larger than the encoder: it has parts whose names no published code mentions.
    What lies beside the encoder's own parts is therefore passed over; inside them nothing may be missing or
    extra. Raises UserError for a file that is damaged, something else, or not as it is published.
    """
    file = open_tensors([path])
    prefix = ENCODER_PREFIX if _is_repackaged(file) else ""
    if not prefix:
        check_kind(file, WeightsKind.EXPRESSION_ENCODER)
    with torch.device("meta"):
        encoder = ExpressionEncoder()
    own = tuple(f"{prefix}{name}." for name, _ in encoder.named_children())
    naming = Naming(
        name_in_file=lambda key: f"{prefix}{key}", passed_over=lambda key: not key.startswith(own)
    )
    fill_module(encoder, file, naming=naming, dtype=torch.float32)
    return encoder


def _is_repackaged(file: TensorFile) -> bool:
    return any(key.startswith(ENCODER_PREFIX) for key in file.keys())  # noqa: SIM118


def _load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        read_json(folder / name)
    try:
        with quiet_libraries():
            tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
    except Exception as error:
        let_memory_shortage_through(error)
        raise unreadable_description(folder / "tokenizer.json", "describes no tokenizer") from error
    return tokenizer
