"""What a file of weights is, told by the names in it: so that swapped files are called by their names."""

from collections.abc import Iterable
from enum import StrEnum

from engine.weights.tensor_file import TensorFile
from engine.weights.weight_errors import unfitting_file


class WeightsKind(StrEnum):
    """The kinds of weights a bundle has; the value is what people call it."""

    TRANSFORMER = "a Wan transformer"
    EXPRESSION_ADAPTER = "the expression adapter (FantasyPortrait)"
    VOICE_ADAPTER = "the voice adapter (FantasyTalking)"
    EXPRESSION_ENCODER = "the expression encoder (PD-FGC)"
    TEXT_ENCODER = "a text encoder (UMT5)"
    IMAGE_ENCODER = "an image encoder (CLIP)"
    SPEECH_ENCODER = "a speech encoder (wav2vec 2.0)"
    VAE = "the picture codec (VAE)"


# In this order: a repackaged expression adapter holds the expression encoder too.
_TOLD_BY = (
    (WeightsKind.EXPRESSION_ADAPTER, ("mouth_proj_model.", "emo_proj_model.", "ip_adapter_single_stream_")),
    (WeightsKind.VOICE_ADAPTER, ("audio_processor.", "cross_attn.processor.k_proj", "cross_attn.k_proj")),
    (WeightsKind.EXPRESSION_ENCODER, ("to_headpose.", "headpose_embed.")),
    (
        WeightsKind.TRANSFORMER,
        ("patch_embedding.", "time_projection.", "cross_attn.norm_q.", "attn2.norm_q."),
    ),
    (
        WeightsKind.TEXT_ENCODER,
        ("SelfAttention.relative_attention_bias", "shared.weight", "token_embedding."),
    ),
    (WeightsKind.SPEECH_ENCODER, ("wav2vec2.", "feature_extractor.conv_layers.")),
    (WeightsKind.IMAGE_ENCODER, ("vision_model.", "visual_projection.", "visual.transformer.")),
    (WeightsKind.VAE, ("quant_conv.", "encoder.conv_in.", "decoder.conv1.")),
)


def kind_of(keys: Iterable[str]) -> WeightsKind | None:
    """Return what weights of these names are; None where they are nothing Masque knows."""
    names = tuple(keys)
    for kind, pieces in _TOLD_BY:
        if any(piece in name for name in names for piece in pieces):
            return kind
    return None


def check_kind(file: TensorFile, wanted: WeightsKind) -> None:
    """Check which kind of weights a file holds. Raises UserError (BAD_INPUT) that says what it is instead."""
    found = kind_of(file.keys())
    if found is wanted:
        return
    if found is None:
        raise unfitting_file(file.paths[0], f"are not {wanted.value}; nothing in them is known")
    raise unfitting_file(file.paths[0], f"are {found.value}, not {wanted.value}")
