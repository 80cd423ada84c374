"""The encoders of a bundle as they are handed from the weights to the conditioning."""

from dataclasses import dataclass

from transformers import CLIPVisionModel, PreTrainedTokenizerBase, UMT5EncoderModel, Wav2Vec2Model

SPEECH_SAMPLE_RATE = 16_000
"""The hertz that wav2vec 2.0 was trained with, and at which voices are heard."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TextEncoder:
    """UMT5 and its tokenizer (Wan2.1: umt5-xxl, 4096 wide)."""

    model: UMT5EncoderModel
    tokenizer: PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageEncoder:
    """CLIP's vision tower (Wan2.1: ViT-H/14, 1280 wide) and its input: a square of `side` pixels, normalised.

    `mean` and `deviation` are per channel, red first, for values in 0..1.
    """

    model: CLIPVisionModel
    side: int
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpeechEncoder:
    """wav2vec 2.0 (FantasyTalking: wav2vec2-base-960h, 768 wide) and its input.

    `sample_rate` in hertz; `normalise`: whether a recording is brought to mean 0 and variance 1.
    """

    model: Wav2Vec2Model
    sample_rate: int
    normalise: bool
