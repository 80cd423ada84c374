"""Motion over time: bridging frames in which the face was lost, and smoothing without delay.

Smoothing happens here, once per clip, so that drawing any frame needs no other frame.
"""

import math

import numpy as np
from numpy.typing import NDArray

REST_S = (0.15, 0.5)


def bridge(values: NDArray[np.generic], known: NDArray[np.intp], count: int) -> NDArray[np.generic]:
    """Return `count` values: `values` [m, ...] at the indices `known` [m], eased in between, held at both
    ends.
    """
    if len(known) == count:
        return values
    result = np.empty((count, *values.shape[1:]), values.dtype)
    for number in range(count):
        after = int(np.searchsorted(known, number))
        if after < len(known) and known[after] == number:
            result[number] = values[after]
        elif after in (0, len(known)):
            result[number] = values[min(after, len(known) - 1)]
        else:
            share = (number - known[after - 1]) / (known[after] - known[after - 1])
            eased = share * share * (3 - 2 * share)
            first, second = (values[index].astype(np.float32) for index in (after - 1, after))
            result[number] = (first + eased * (second - first)).astype(values.dtype)
    return result


def rested(seconds: NDArray[np.float64], known: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return for frames at `seconds` [n] how far their expression holds: 1 at and near the `known` frames,
    easing to 0 where the face is lost for long.
    """
    nearest = np.abs(seconds[:, None] - seconds[known][None, :]).min(axis=1)
    share = np.clip((REST_S[1] - nearest) / (REST_S[1] - REST_S[0]), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share), np.float32)


def smooth_over_time(
    values: NDArray[np.generic], weights: NDArray[np.generic] | None, sigma_frames: float
) -> NDArray[np.float32]:
    """Return `values` [n, ...] under a Gaussian over time; `weights` (broadcastable) say how far each value
    counts.
    """
    reach = math.ceil(2.5 * sigma_frames)
    count = len(values)
    if sigma_frames < 0.2 or count == 1:
        return values.astype(np.float32)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_frames) ** 2)
    result = np.empty(values.shape, np.float32)
    for number in range(count):
        total = np.zeros(values.shape[1:], np.float32)
        share = np.zeros(() if weights is None else weights.shape[1:], np.float32)
        for offset, tap in zip(range(-reach, reach + 1), taps, strict=True):
            if not 0 <= number + offset < count:
                continue
            one = np.float32(1.0) if weights is None else weights[number + offset].astype(np.float32)
            total += np.float32(tap) * one * values[number + offset].astype(np.float32)
            share += np.float32(tap) * one
        result[number] = total / share
    return result


def lost_spans(
    lost: NDArray[np.bool_], seconds: NDArray[np.float64], step_s: float
) -> tuple[tuple[float, float], ...]:
    """Return the spans of lost frames as (from, to) in seconds; `to` is where the face is back."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(np.int8)))
    return tuple(
        (
            float(seconds[first]),
            float(seconds[after]) if after < len(seconds) else float(seconds[-1] + step_s),
        )
        for first, after in edges.reshape(-1, 2)
    )
