"""Bytes of the transformer's weights, of the keys and values it keeps, and of the adapters' projections.

Shapes: C the transformer's width, M its feed-forward width, D an adapter's width, L a context's tokens.
Weights have the number format of the arithmetic; norms, tables and the timestep's embedder are float32.
"""

from functools import lru_cache

from engine.planning.flop import PATCH_LATENTS
from engine.planning.network_sizes import TransformerSize
from engine.planning.number_formats import FLOAT32_BYTES, NUMBER_BYTES
from engine.planning.shot_cutting import AdapterLoad, SegmentLoad
from engine.planning.workload import Workload
from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import WeightStorage

_ROTARY_POSITIONS = 1024
_EIGHT_BIT_BYTES = 1
_ALIGNMENT_BYTES = 32 * 256
"""What lies between the tensors of a block in one buffer, at most."""


@lru_cache
def block_bytes(size: TransformerSize, precision: Precision, storage: WeightStorage) -> int:
    """Return a block without the projections of texts and image: what every step needs of it.

    attn1 has four Linears [C, C] and two norms [C], attn2 two and three, the feed-forward [M, C] and [C, M];
    norm2 [2 C] and the table [6 C] are float32.
    """
    width, hidden = size.width, size.feed_forward
    shapes = [(width, width)] * 6 + [(hidden, width), (width, hidden)]
    norms = 5 * width * NUMBER_BYTES[precision] + 8 * width * FLOAT32_BYTES
    return _linears(shapes, precision, storage) + norms + _ALIGNMENT_BYTES


def key_value_projection_bytes(size: TransformerSize, precision: Precision) -> int:
    """Return a block's `to_k`, `to_v`, `add_k_proj`, `add_v_proj` [C, C]: used once, then dropped, and never
    kept in 8 bits.
    """
    return _linears([(size.width, size.width)] * 4, precision, WeightStorage.FULL) + _ALIGNMENT_BYTES


def converted_weight_bytes(size: TransformerSize, precision: Precision, storage: WeightStorage) -> int:
    """Return what a Linear of 8-bit numbers takes while it is used: its weight as the arithmetic wants it."""
    if storage is WeightStorage.FULL:
        return 0
    return max(size.feed_forward, size.width) * size.width * NUMBER_BYTES[precision]


def cast_weight_bytes(size: TransformerSize, precision: Precision, rows: int) -> int:
    """Return what the processor takes beside it while it is made: the weight and the product with its scales
    in float32; less the hidden layer [n, M] of so many `rows`, which is not there yet.
    """
    if precision is Precision.FLOAT32:
        return 0
    casts = 2 * max(size.feed_forward, size.width) * size.width * FLOAT32_BYTES
    return max(0, casts - rows * size.feed_forward * NUMBER_BYTES[precision])


def scaling_bytes(size: TransformerSize, precision: Precision) -> int:
    """Return what the host takes while a weight is turned to 8 bits: it in float32, and divided by scales."""
    copies = 1 if precision is Precision.FLOAT32 else 2
    return copies * max(size.feed_forward, size.width) * size.width * FLOAT32_BYTES


@lru_cache
def fixed_bytes(size: TransformerSize, precision: Precision) -> int:
    """Return what is on the device throughout: patches, embedders, the head, tables, rotary positions.

    Patches [C, 4 in], time_proj [6 C, C], texts [C, T] and [C, C], image [I, I] and [C, I], head [4 out, C];
    float32: the timestep's [C, W] and [C, C], the image's norms [2 I] and [2 C], the head's table [2 C].
    """
    width, number = size.width, NUMBER_BYTES[precision]
    shapes = [
        (width, PATCH_LATENTS * size.channels_in),
        (6 * width, width),
        (width, size.text_width),
        (width, width),
        (size.image_width, size.image_width),
        (width, size.image_width),
        (PATCH_LATENTS * size.channels_out, width),
    ]
    weights = sum(rows * columns + rows for rows, columns in shapes) * number
    time = width * size.frequency_width + width * width + 2 * width
    positions = 2 * _ROTARY_POSITIONS * (size.width // size.heads)
    return weights + (time + 2 * size.image_width + 4 * width + positions) * FLOAT32_BYTES


def bank_block_bytes(workload: Workload, segment: SegmentLoad, precision: Precision) -> int:
    """Return one block's keys and values [L, C] each: texts, image, and the characters that are kept.

    A character has one row more than tokens: the token of zeros.
    """
    return 2 * workload.bank_tokens(segment) * workload.sizes.transformer.width * NUMBER_BYTES[precision]


def adapter_pair_bytes(width: int, load: AdapterLoad, precision: Precision) -> int:
    """Return one block's key and value projection of an adapter, [C, D] each."""
    return 2 * width * load.width * NUMBER_BYTES[precision]


def adapter_bytes(workload: Workload, segment: SegmentLoad, precision: Precision) -> int:
    """Return the projections of all adapters that speak; they lie in host memory."""
    size = workload.sizes.transformer
    return sum(size.blocks * adapter_pair_bytes(size.width, load, precision) for load in segment.adapters)


def timeline_bytes(segment: SegmentLoad, precision: Precision) -> int:
    """Return the characters' tokens [K, D] on the device: made to keys and values there."""
    return sum(
        load.characters * load.tokens * load.width * NUMBER_BYTES[precision] for load in segment.adapters
    )


def _linears(shapes: list[tuple[int, int]], precision: Precision, storage: WeightStorage) -> int:
    """Return Linears of (out, in): weights and biases, and for 8-bit weights a scale for each output."""
    weights, biases = sum(rows * columns for rows, columns in shapes), sum(rows for rows, _ in shapes)
    number = NUMBER_BYTES[precision]
    if storage is WeightStorage.FULL:
        return (weights + biases) * number
    return weights * _EIGHT_BIT_BYTES + biases * (number + FLOAT32_BYTES)
