"""Bytes that the encoders of text, picture and speech take while they work, by where they run.

Shapes: n tokens, D an encoder's width. Weights are read from their files into host memory first.
"""

from fractions import Fraction

from engine.planning.character_tokens import speech_tokens
from engine.planning.network_sizes import EncoderSize, SpeechSize
from engine.planning.number_formats import FLOAT32_BYTES
from engine.planning.prompt_text import PROMPT_TOKENS
from engine.protocol.memory_plan import EncoderPlace

ONE_PASS_S = 60
"""Seconds of speech that are heard in one pass; longer recordings are heard piece by piece."""

_WHOLE_NUMBER_BYTES = 8
_TEXT_HEAD = 64
_SAMPLE_RATE, _FIRST_STRIDE = 16_000, 5
_PIECE_SAMPLES = 1000 * 320
_WINDOW_TOKENS = 3000


def text_bytes(size: EncoderSize, number: int, place: EncoderPlace) -> int:
    """Return what the text encoder takes on the device, in numbers of `number` bytes.

    A whole prompt of n tokens: scores [heads, n, n] and what the distances add to them, which are whole
    numbers [n, n] before.
    """
    hidden, pairs = PROMPT_TOKENS * size.width, PROMPT_TOKENS**2
    scores = (4 * hidden + 3 * PROMPT_TOKENS * size.feed_forward + 2 * size.heads * pairs) * number
    heads = PROMPT_TOKENS * size.heads * _TEXT_HEAD
    distances = 3 * (hidden + heads) * number + pairs * (6 * _WHOLE_NUMBER_BYTES + FLOAT32_BYTES + 1)
    distances += 4 * PROMPT_TOKENS * _WHOLE_NUMBER_BYTES
    return _weights(size, number, place, max(scores, distances))


def image_bytes(size: EncoderSize, tokens: int, number: int, place: EncoderPlace) -> int:
    """Return what the image encoder takes on the device; the tokens of all its layers are kept."""
    hidden = (size.layers + 4) * tokens * size.width + 2 * tokens * size.feed_forward
    scores = size.heads * tokens**2
    return _weights(size, number, place, (hidden + scores) * number)


def speech_bytes(size: SpeechSize, duration_s: Fraction, place: EncoderPlace) -> int:
    """Return what the speech encoder takes on the device, in float32: mostly its first convolution's result
    before and after its norm, and half of that behind the second one.
    """
    samples = int(duration_s * _SAMPLE_RATE)
    is_long = duration_s > ONE_PASS_S
    heard = min(samples, _PIECE_SAMPLES) if is_long else samples
    tokens = min(speech_tokens(duration_s), _WINDOW_TOKENS)
    convolved = 5 * (heard // _FIRST_STRIDE + 1) * size.channels // 2
    encoder = size.encoder
    hidden = tokens * (10 * encoder.width + 2 * encoder.feed_forward)
    numbers = 2 * samples + max(convolved, hidden)
    return _weights(encoder, FLOAT32_BYTES, place, numbers * FLOAT32_BYTES)


def _weights(size: EncoderSize, number: int, place: EncoderPlace, activations: int) -> int:
    if place is EncoderPlace.PROCESSOR:
        return 0
    weights = size.parameters if place is EncoderPlace.DEVICE else size.embedding
    return weights * number + activations
