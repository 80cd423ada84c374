"""The one place that imports pydub.

On Python 3.11 and 3.12 pydub imports the deprecated audioop module, which audioop-lts replaces from 3.13 on.
pydub also warns where it finds no ffmpeg program: none is needed, it is only ever given decoded samples.
"""

import warnings

import numpy as np
import numpy.typing as npt

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

__all__ = ["HEADROOM", "AudioSegment", "as_samples", "as_segment"]

Samples = npt.NDArray[np.float32]

# Full scale lies 16 times (24 dB) below pydub's, so that voices add up without being cut off; 27 bits remain.
HEADROOM = 16
_STEPS = (1 << 31) / HEADROOM


def as_segment(samples: Samples, sample_rate: int) -> AudioSegment:
    """Return float32 [count, 2] samples as a 32-bit stereo segment with headroom."""
    steps = np.clip(np.round(samples.astype(np.float64) * _STEPS), -(1 << 31), (1 << 31) - 1)
    return AudioSegment(
        data=steps.astype("<i4").tobytes(), sample_width=4, frame_rate=sample_rate, channels=2
    )


def as_samples(segment: AudioSegment) -> Samples:
    """Return a segment of `as_segment`'s kind as float32 [count, 2]; loud mixes go beyond -1 to 1."""
    steps = np.frombuffer(segment.raw_data, "<i4").reshape(-1, 2)
    samples: Samples = (steps / _STEPS).astype(np.float32)
    return samples
