"""Synthesises the sample voice: a babble with the rhythm and melody of speech.

A glottal pulse train and noise go through a cascade of five resonators whose frequencies follow the vowels,
as in D. H. Klatt, "Software for a cascade/parallel formant synthesizer", JASA 67 (1980),
doi:10.1121/1.383940.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

SAMPLE_RATE = 24_000
PEAK = 0.72
BANDWIDTHS = (80.0, 100.0, 140.0, 220.0, 280.0)

# First three resonances in hertz; the fourth and fifth are the speaker's own.
VOWELS = {
    "a": (830, 1380, 2750), "e": (530, 2150, 2900), "i": (330, 2650, 3250), "o": (520, 950, 2700),
}  # fmt: skip
UPPER = (3900.0, 4700.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A stretch of one articulation: loudness of voice, breath, hiss from 0 to 1; frequencies in hertz."""

    length_s: float
    resonances: tuple[float, float, float]
    voice: float = 0.0
    breath: float = 0.0
    hiss: float = 0.0
    hiss_hz: float = 5000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Syllable:
    """A consonant and a vowel with the pitch it glides to, in hertz."""

    consonant: str
    vowel: str
    length_s: float
    pitch_hz: float


PHRASES = (
    (0.10, [("m", "a", 0.24, 208), ("r", "a", 0.20, 236), ("s", "o", 0.24, 222), ("l", "e", 0.30, 186)]),
    (0.34, [("h", "a", 0.20, 214), ("l", "o", 0.26, 248), ("d", "a", 0.17, 226), ("v", "i", 0.19, 204),
            ("m", "e", 0.33, 172)]),
    (0.28, [("s", "i", 0.22, 226), ("b", "o", 0.20, 262), ("l", "a", 0.36, 164)]),
)  # fmt: skip


def synthesise_voice() -> Signal:
    """Return the babble as samples from -1 to 1 at SAMPLE_RATE, mono."""
    sounds, pitches = _score()
    pitch = _pitch_line(pitches)
    count = len(pitch)
    chance = np.random.RandomState(4)
    voice, breath, hiss = (
        _line([getattr(s, n) for s in sounds], sounds, count, 0.022) for n in ("voice", "breath", "hiss")
    )
    noise = chance.standard_normal(count)
    pulses = _glottal_pulses(pitch, chance)
    source = voice * (pulses + 0.05 * noise) + 0.22 * breath * noise
    for number, bandwidth in enumerate(BANDWIDTHS):
        source = _resonate(source, _resonance(number, sounds, count), bandwidth)
    sharp = hiss * noise
    sharp = _resonate(
        sharp - np.roll(sharp, 1), _line([s.hiss_hz for s in sounds], sounds, count, 0.02), 1400.0
    )
    mixed = _without_rumble(source / np.abs(source).max() + 0.16 * sharp / np.abs(sharp).max())
    return np.asarray(PEAK * mixed / np.abs(mixed).max())


def _score() -> tuple[list[Sound], list[tuple[float, float]]]:
    """Return the sounds in order, and the melody as (seconds, hertz)."""
    sounds: list[Sound] = []
    melody: list[tuple[float, float]] = []
    now = 0.0
    for pause_s, phrase in PHRASES:
        sounds.append(Sound(length_s=pause_s, resonances=(600, 1500, 2700)))
        now += pause_s
        for syllable in (Syllable(consonant=c, vowel=v, length_s=s, pitch_hz=p) for c, v, s, p in phrase):
            parts = _spoken(syllable)
            sounds += parts
            melody.append((now + 0.6 * syllable.length_s, syllable.pitch_hz))
            now += sum(part.length_s for part in parts)
    sounds.append(Sound(length_s=0.16, resonances=(600, 1500, 2700)))
    return sounds, [*melody, (now + 0.16, melody[-1][1] * 0.86)]


def _spoken(syllable: Syllable) -> list[Sound]:
    first, second, third = VOWELS[syllable.vowel]
    vowel = Sound(length_s=syllable.length_s * 0.72, resonances=(first, second, third), voice=1.0)
    fading = Sound(
        length_s=syllable.length_s * 0.28, resonances=(first * 0.92, second, third), voice=0.55, breath=0.12
    )
    return [*_consonant(syllable.consonant), vowel, fading]


def _consonant(letter: str) -> list[Sound]:
    match letter:
        case "m" | "n":
            return [
                Sound(length_s=0.075, resonances=(270, 1150 if letter == "m" else 1650, 2400), voice=0.34)
            ]
        case "l" | "r":
            return [Sound(length_s=0.055, resonances=(350, 1250, 2750 if letter == "l" else 1750), voice=0.5)]
        case "s":
            return [Sound(length_s=0.095, resonances=(400, 1700, 2700), hiss=1.0, hiss_hz=6300)]
        case "v":
            return [Sound(length_s=0.06, resonances=(300, 1200, 2400), voice=0.35, hiss=0.10, hiss_hz=4200)]
        case "h":
            return [Sound(length_s=0.075, resonances=(750, 1400, 2700), breath=0.9)]
        case _:
            closed = Sound(length_s=0.05, resonances=(250, 1000 if letter == "b" else 1750, 2500), voice=0.10)
            burst = Sound(length_s=0.014, resonances=closed.resonances, breath=0.6, hiss=0.35, hiss_hz=3600)
            return [closed, burst]


def _line(values: list[float], sounds: list[Sound], count: int, glide_s: float) -> Signal:
    """Return one value per sample, gliding from each sound to the next within `glide_s`."""
    ends = np.cumsum([sound.length_s for sound in sounds])
    index = np.minimum(np.searchsorted(ends, np.arange(count) / SAMPLE_RATE, side="right"), len(sounds) - 1)
    steps = np.asarray(values, np.float64)[index]
    window = np.hanning(int(glide_s * SAMPLE_RATE) | 1)
    padded = np.pad(steps, len(window) // 2, mode="edge")
    return np.convolve(padded, window / window.sum(), mode="valid")


def _resonance(number: int, sounds: list[Sound], count: int) -> Signal:
    if number >= 3:
        return np.full(count, UPPER[number - 3])
    return _line([sound.resonances[number] for sound in sounds], sounds, count, 0.06)


def _pitch_line(melody: list[tuple[float, float]]) -> Signal:
    times, pitches = zip(*melody, strict=True)
    seconds = np.arange(round(times[-1] * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = np.interp(seconds, times, pitches)
    window = np.hanning(int(0.09 * SAMPLE_RATE) | 1)
    smooth = np.convolve(np.pad(pitch, len(window) // 2, mode="edge"), window / window.sum(), mode="valid")
    return np.asarray(smooth * (1 + 0.008 * np.sin(2 * np.pi * 5.3 * seconds)))


def _glottal_pulses(pitch: Signal, chance: np.random.RandomState) -> Signal:
    """Return the derivative of the flow through the glottis, open for 0.6 of each period, a little uneven."""
    wander = np.convolve(chance.standard_normal(len(pitch)), np.ones(600) / 600, mode="same") * 0.25
    phase = np.cumsum(pitch * (1 + wander) / SAMPLE_RATE) % 1.0
    share = phase / 0.6
    return np.where(share < 1, 2 * share - 3 * share**2, 0.0)


def _resonate(signal: Signal, frequency: Signal, bandwidth: float) -> Signal:
    """Run a two-pole resonator of unity gain at 0 Hz whose frequency moves, sample by sample."""
    decay = float(np.exp(-np.pi * bandwidth / SAMPLE_RATE))
    back_one = (2 * decay * np.cos(2 * np.pi * frequency / SAMPLE_RATE)).tolist()
    back_two = -decay * decay
    one = two = 0.0
    heard = []
    for value, feedback in zip(signal.tolist(), back_one, strict=True):
        now = (1 - feedback - back_two) * value + feedback * one + back_two * two
        heard.append(now)
        one, two = now, one
    return np.asarray(heard)


def _without_rumble(signal: Signal) -> Signal:
    window = np.hanning(int(0.02 * SAMPLE_RATE) | 1)
    return np.asarray(signal - np.convolve(signal, window / window.sum(), mode="same"))
