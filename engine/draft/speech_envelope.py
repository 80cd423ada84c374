"""How far a voice opens the mouth: loudness in the speech band, with attack and release, and the lips'
spread.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
STEPS_PER_S = 100
WINDOW_SAMPLES = 512
VOWEL_HERTZ = (250.0, 2600.0)
ROUND_HERTZ = (300.0, 1000.0)
WIDE_HERTZ = (1600.0, 3400.0)
SILENCE_DECIBEL = -52.0
RANGE_DECIBEL = 30.0
ATTACK_S, RELEASE_S = 0.035, 0.07


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEnvelope:
    """`opening` [n] from 0 to about 1 and `spread` [n] from -1 (round lips) to 1 (wide), STEPS_PER_S a
    second.
    """

    opening: NDArray[np.float32]
    spread: NDArray[np.float32]

    def at(self, time_s: float) -> tuple[float, float]:
        """Return opening and spread at a time in the sound; the mouth is closed outside it."""
        place = time_s * STEPS_PER_S
        if not 0.0 <= place <= len(self.opening) - 1:
            return 0.0, 0.0
        steps = np.arange(len(self.opening))
        near = slice(max(0, int(place) - 1), int(place) + 3)
        return (
            float(np.interp(place, steps[near], self.opening[near])),
            float(np.interp(place, steps[near], self.spread[near])),
        )


def speech_envelope(samples: NDArray[np.float32]) -> SpeechEnvelope:
    """Return the envelope of sound [n, channels] at SAMPLE_RATE. Silence and hiss stay closed."""
    mono = samples.mean(axis=1) if samples.ndim == 2 else samples
    power = _spectra(mono.astype(np.float32))
    hertz = np.fft.rfftfreq(WINDOW_SAMPLES, 1.0 / SAMPLE_RATE).astype(np.float32)
    level = 10.0 * np.log10(_band(power, hertz, VOWEL_HERTZ) + np.float32(1e-12))
    sounding = _normalised(level.astype(np.float32))
    narrow, wide = (_band(power, hertz, band) for band in (ROUND_HERTZ, WIDE_HERTZ))
    balance = np.log10((wide + 1e-10) / (narrow + 1e-10))
    loud = sounding > 0.15
    middle = float(np.median(balance[loud])) if loud.any() else 0.0
    # what is left when a sound has ended says nothing about the lips
    spread = np.tanh(1.4 * (balance - middle)) * np.clip(sounding / 0.3, 0.0, 1.0)
    return SpeechEnvelope(
        opening=_followed(sounding), spread=_smoothed(spread.astype(np.float32), 5).astype(np.float32)
    )


def _spectra(mono: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return power spectra [n, bins], one for every step, windows centred on the steps."""
    hop = SAMPLE_RATE // STEPS_PER_S
    steps = max(1, -(-len(mono) // hop))
    half = WINDOW_SAMPLES // 2
    padded = np.pad(mono, (half, half + hop * steps - len(mono)))
    window = np.hanning(WINDOW_SAMPLES).astype(np.float32)
    scale = 2.0 / float((window**2).sum() * WINDOW_SAMPLES)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::hop][:steps]
    rows = [
        np.abs(np.fft.rfft(part * window, axis=1)) ** 2 for part in np.array_split(frames, -(-steps // 500))
    ]
    return np.asarray(np.concatenate(rows) * scale, np.float32)


def _band(
    power: NDArray[np.float32], hertz: NDArray[np.float32], band: tuple[float, float]
) -> NDArray[np.float32]:
    return np.asarray(power[:, (hertz >= band[0]) & (hertz < band[1])].sum(axis=1), np.float32)


def _normalised(level: NDArray[np.float32]) -> NDArray[np.float32]:
    """Map decibels to 0..1: the clip's loud vowels open fully; RANGE_DECIBEL below them, and silence, stay
    closed.
    """
    audible = level[level > SILENCE_DECIBEL]
    if audible.size == 0:
        return np.zeros_like(level)
    loud = float(np.percentile(audible, 96))
    quiet = max(SILENCE_DECIBEL, float(np.percentile(level, 5)) + 8.0, loud - RANGE_DECIBEL)
    quiet = min(quiet, loud - 6.0)
    share = np.clip((level - quiet) / (loud - quiet), 0.0, 1.1)
    return np.asarray(share**1.6 * (level > SILENCE_DECIBEL), np.float32)


def _followed(target: NDArray[np.float32]) -> NDArray[np.float32]:
    """Follow the target with attack and release, then round the corners."""
    attack = 1.0 - np.exp(-1.0 / (ATTACK_S * STEPS_PER_S))
    release = 1.0 - np.exp(-1.0 / (RELEASE_S * STEPS_PER_S))
    result = np.empty_like(target)
    value = 0.0
    for number, wanted in enumerate(target):
        value += (attack if wanted > value else release) * (float(wanted) - value)
        result[number] = value
    return _smoothed(result, 2).astype(np.float32)


def _smoothed(values: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    taps = np.hanning(2 * reach + 3)[1:-1]
    return np.convolve(values, taps / taps.sum(), mode="same")
