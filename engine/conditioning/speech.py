"""A recording as wav2vec 2.0 hears it, on one timeline of tokens however long it is.

Shapes: n samples, E channels of the convolutions, K tokens (one for every 320 samples, 20 ms), D the width
(wav2vec2-base-960h: 768). Source: FantasyTalking, `get_audio_features`.
"""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import cast

import numpy as np
import torch
from accelerate.utils import align_module_device  # type: ignore[import-untyped]  # it has no types
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import Wav2Vec2Model
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2GroupNormConvLayer

from engine.conditioning.condition_cache import array_digest, cache_key
from engine.conditioning.finite_values import require_numbers
from engine.networks.encoders import SpeechEncoder
from engine.protocol.errors import ErrorCode, UserError

SPEECH_VERSION = 1
ONE_PASS_S = 60

_WINDOW_TOKENS = 3000
_MARGIN_TOKENS = 250
_PIECE_TOKENS = 1000


def speech_key(samples: NDArray[np.float32], *, weights: str, precision: str) -> str:
    """Return the cache's name of an encoded recording; `weights` identifies the speech encoder."""
    digest = array_digest(samples)
    return cache_key("speech", version=SPEECH_VERSION, samples=digest, weights=weights, precision=precision)


def voice_samples_for(frame_count: int, frame_rate: Fraction, sample_rate: int) -> int:
    """Return how many samples belong to a shot: from its start to the end of its last frame, whole ones."""
    return math.floor(Fraction(frame_count * sample_rate) / frame_rate)


@torch.no_grad()
def speech_hidden(encoder: SpeechEncoder, samples: NDArray[np.float32], device: torch.device) -> Tensor:
    """Return the last hidden state of a recording, [K, D] float32 on the processor.

    `samples` are mono, at the encoder's sample rate; fewer than one token needs are padded with silence.
    Up to ONE_PASS_S the recording is heard in one pass, as published. Beyond, the convolutions and their
    normalisation are still those of the whole recording, and attention reaches no further than a window of
    60 s; windows overlap and are joined at fixed tokens. The encoder's model lies on `device`.
    Raises UserError for samples, and for a result, that are not numbers.
    """
    heard = _model_input(encoder, samples)
    values_1n = torch.from_numpy(heard)[None].to(encoder.model.dtype)
    if len(heard) <= ONE_PASS_S * encoder.sample_rate or encoder.model.adapter is not None:
        hidden_KD = encoder.model(values_1n.to(device)).last_hidden_state[0].float().cpu()
    else:
        hidden_KD = _heard_in_windows(encoder.model, values_1n, device)
    return require_numbers(hidden_KD, "The speech encoder")


def _model_input(encoder: SpeechEncoder, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the recording with mean 0 and variance 1, as the published feature extractor makes it."""
    missing = _grid(encoder.model)[1] - len(samples)
    heard = np.pad(samples.astype(np.float32), (0, max(missing, 0)))
    if not np.isfinite(heard).all():
        raise UserError(
            "The recording holds samples that are not numbers.",
            next_step="Save it again in an audio editor, or choose another recording.",
            code=ErrorCode.BAD_INPUT,
        )
    if not encoder.normalise:
        return heard
    exact = heard.astype(np.float64)
    return np.asarray((exact - exact.mean()) / np.sqrt(exact.var() + 1e-7), np.float32)


def _heard_in_windows(model: Wav2Vec2Model, values_1n: Tensor, device: torch.device) -> Tensor:
    features_KE = torch.cat(list(_features_in_pieces(model, values_1n, device)))
    token_count = len(features_KE)
    core = _WINDOW_TOKENS - 2 * _MARGIN_TOKENS
    hidden = []
    for start in range(0, token_count, core):
        stop = min(start + core, token_count)
        window = min(max(start - _MARGIN_TOKENS, 0), max(token_count - _WINDOW_TOKENS, 0))
        features_1KE = features_KE[None, window : window + _WINDOW_TOKENS].to(device)
        projected_1KD, _ = model.feature_projection(features_1KE)
        heard_KD = model.encoder(projected_1KD).last_hidden_state[0]
        hidden.append(heard_KD[start - window : stop - window].float().cpu())
    return torch.cat(hidden)


def _features_in_pieces(model: Wav2Vec2Model, values_1n: Tensor, device: torch.device) -> Iterator[Tensor]:
    """Yield the convolutions' result [.., E] piece by piece, equal to one pass over the whole recording."""
    first, *others = model.feature_extractor.conv_layers
    step, reach = _grid(model)
    token_count = int(model._get_feat_extract_output_lengths(values_1n.shape[1]))
    hear_first = _whole_recording_layer(first, values_1n, device)
    for start in range(0, token_count, _PIECE_TOKENS):
        stop = min(start + _PIECE_TOKENS, token_count)
        piece_1Et = values_1n[:, None, step * start : step * (stop - 1) + reach].to(device)
        piece_1Et = hear_first(piece_1Et)
        for layer in others:
            piece_1Et = layer(piece_1Et)
        yield piece_1Et[0].T.cpu()


def _whole_recording_layer(
    first: nn.Module, values_1n: Tensor, device: torch.device
) -> Callable[[Tensor], Tensor]:
    """Return the first convolution; where it normalises each channel over time, over the whole recording."""
    if not isinstance(first, Wav2Vec2GroupNormConvLayer):
        return first
    mean_E, variance_E = _channel_statistics(first.conv, values_1n, device)
    with align_module_device(first.layer_norm):  # where its weights pass through the device, they are there
        weight_E, bias_E = first.layer_norm.weight.float(), first.layer_norm.bias.float()

    def hear(piece_1nt: Tensor) -> Tensor:
        heard_1Et = first.conv(piece_1nt).float()
        even_1Et = functional.batch_norm(
            heard_1Et, mean_E, variance_E, weight_E, bias_E, eps=first.layer_norm.eps
        )
        return cast(Tensor, first.activation(even_1Et.to(piece_1nt.dtype)))

    return hear


def _channel_statistics(
    convolution: nn.Conv1d, values_1n: Tensor, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return each channel's mean and variance over the whole recording, from the pieces' own [E], [E].

    The pieces do not overlap. Source of the joining: Chan, Golub, LeVeque 1979.
    """
    reach, step = convolution.kernel_size[0], convolution.stride[0]
    output_count = (values_1n.shape[1] - reach) // step + 1
    piece = _PIECE_TOKENS * 64
    counts, means, variances = [], [], []
    for start in range(0, output_count, piece):
        stop = min(start + piece, output_count)
        output_1Et = convolution(values_1n[:, None, step * start : step * (stop - 1) + reach].to(device))
        variance_E, mean_E = torch.var_mean(output_1Et[0].float(), dim=1, correction=0)
        counts.append(float(stop - start))
        means.append(mean_E.cpu().double())
        variances.append(variance_E.cpu().double())
    weights_P1 = torch.tensor(counts, dtype=torch.float64)[:, None] / output_count
    means_PE = torch.stack(means)
    mean_E = (weights_P1 * means_PE).sum(0)
    variance_E = (weights_P1 * (torch.stack(variances) + (means_PE - mean_E) ** 2)).sum(0)
    return mean_E.float().to(device), variance_E.float().to(device)


def _grid(model: Wav2Vec2Model) -> tuple[int, int]:
    """Return how many samples lie between two tokens, and how many a token is made of (320 and 400)."""
    step, reach = 1, 1
    for kernel, stride in zip(model.config.conv_kernel, model.config.conv_stride, strict=True):
        reach += (kernel - 1) * step
        step *= stride
    return step, reach
