"""How fast a device computes what the transformer consists of: matrix products and attention.

One letter for each axis: M rows, N columns and K terms of a product; B batch, H heads, L tokens, D channels.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch.nn.functional import scaled_dot_product_attention

from engine.memory.device import wait_for
from engine.weights.memory_shortage import is_memory_shortage

_WIDTHS = (5120, 2560, 1024, 512)  # the transformer's, then what fits a device with less memory or speed
_LEAST_ROWS, _MOST_ROWS = 64, 8192
_HEADS, _CHANNELS = 40, 128
_LEAST_TOKENS, _MOST_TOKENS = 64, 16384
_MOST_DOUBLINGS = 40
_GUESS_S = 0.02
_NOT_THERE = ("not implemented", "not supported", "not_supported")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """Something to compute, its tensors made already, and how many operations it takes."""

    compute: Callable[[], None]
    flop: float


def product_rate(device: torch.device, dtype: torch.dtype, *, long_enough_s: float) -> float | None:
    """Return the operations a second of matrix products as the transformer has them.

    More and more rows until one run takes `long_enough_s`; narrower matrices where the device has no memory
    for the transformer's, or is so slow that few rows of them would take longer. None where it cannot
    multiply in this number format or has no memory even for the narrowest.
    """
    guess = _rate_or_none(partial(_product_rate, device, dtype, _WIDTHS[-1], _GUESS_S))
    if guess is None:
        return None
    for width in _WIDTHS:
        if 2 * _LEAST_ROWS * width**2 < guess * long_enough_s:
            rate = _rate_or_none(partial(_product_rate, device, dtype, width, long_enough_s))
            if rate is not None:
                return rate
    return guess


def attention_rate(device: torch.device, dtype: torch.dtype, *, long_enough_s: float) -> float | None:
    """Return the operations a second of attention of as many heads as the transformer's.

    Of more and more tokens until one run takes `long_enough_s`. None as `product_rate` has it.
    """
    attention = partial(_attention, device, dtype)
    return _rate_or_none(partial(_settled_rate, device, attention, long_enough_s))


def _rate_or_none(measure: Callable[[], float]) -> float | None:
    """Return what was measured; None where memory is short or the device has no such arithmetic."""
    try:
        return measure()
    except (RuntimeError, MemoryError) as error:
        said = str(error).lower()
        if is_memory_shortage(error) or any(words in said for words in _NOT_THERE):
            return None
        raise


def _product_rate(device: torch.device, dtype: torch.dtype, width: int, long_enough_s: float) -> float:
    weight_KN = _random(device, dtype, width, width)

    def product(amount: int) -> _Work:
        rows = min(_LEAST_ROWS * amount, _MOST_ROWS)
        repeats = _LEAST_ROWS * amount // rows
        left_MK = _random(device, dtype, rows, width)
        out_MN = torch.empty_like(left_MK)

        def compute() -> None:
            for _ in range(repeats):
                torch.mm(left_MK, weight_KN, out=out_MN)

        return _Work(compute=compute, flop=2.0 * rows * width**2 * repeats)

    return _settled_rate(device, product, long_enough_s)


def _attention(device: torch.device, dtype: torch.dtype, amount: int) -> _Work:
    tokens = min(int(_LEAST_TOKENS * math.sqrt(amount)), _MOST_TOKENS)
    repeats = max(_LEAST_TOKENS**2 * amount // _MOST_TOKENS**2, 1)
    query_BHLD = _random(device, dtype, 1, _HEADS, tokens, _CHANNELS)
    key_BHLD, value_BHLD = torch.flip(query_BHLD, [2]), torch.flip(query_BHLD, [3])

    def compute() -> None:
        for _ in range(repeats):
            scaled_dot_product_attention(query_BHLD, key_BHLD, value_BHLD)

    return _Work(compute=compute, flop=4.0 * _HEADS * tokens**2 * _CHANNELS * repeats)


def _settled_rate(device: torch.device, work_of: Callable[[int], _Work], long_enough_s: float) -> float:
    """Return the rate of the first amount of work that takes long enough, or the last that memory allows.

    An amount counts as long enough twice in a row: the first run of a kind loads what it needs.
    """
    rate: float | None = None
    for doubling in range(_MOST_DOUBLINGS):
        try:
            work = work_of(2**doubling)
            seconds = _seconds(device, work)
            if seconds >= long_enough_s or rate is None:
                seconds = min(seconds, _seconds(device, work))
        except (RuntimeError, MemoryError) as error:
            if rate is None or not is_memory_shortage(error):
                raise
            return rate
        rate = work.flop / seconds
        if seconds >= long_enough_s:
            break
    return rate or 0.0


def _seconds(device: torch.device, work: _Work) -> float:
    wait_for(device)
    start = time.perf_counter()
    with torch.inference_mode():
        work.compute()
        wait_for(device)
    return time.perf_counter() - start


def _random(device: torch.device, dtype: torch.dtype, *shape: int) -> torch.Tensor:
    """Return numbers from 0 to 1 by a generator of their own: no other random number is changed by it."""
    generator = torch.Generator(device).manual_seed(0)
    return torch.rand(shape, generator=generator, dtype=dtype, device=device)
