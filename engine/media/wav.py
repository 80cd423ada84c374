"""WAV files: the mix and the stems."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from engine.media.atomic import atomic_path
from engine.media.sound_track import SoundCodec, SoundTrack

_CODECS = {16: SoundCodec.PCM_16, 24: SoundCodec.PCM_24, 32: SoundCodec.PCM_FLOAT}


def write_wav(path: Path, samples: npt.NDArray[np.float32], sample_rate: int, bits: int = 24) -> None:
    """Write stereo sound, float32 [count, 2], as PCM of 16 or 24 bits or as 32-bit floating point.

    The file appears whole or not at all; beyond 4 GiB it becomes an RF64.

    Raises UserError: DISK_FULL, NOT_WRITABLE, FILE_MISSING (the folder).
    """
    with (
        atomic_path(path) as temporary,
        av.open(f"file:{temporary}", "w", format="wav", options={"rf64": "auto"}) as container,
    ):
        track = SoundTrack(container, _CODECS[bits], samples, sample_rate)
        track.finish(Fraction(len(samples), sample_rate))
