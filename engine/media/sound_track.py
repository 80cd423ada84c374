"""The sound of a movie or sound file while it is written, in step with the pictures."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer

Samples = npt.NDArray[np.float32]

_BLOCK = 1024
_AAC_BITS_A_SECOND = 320_000


class SoundCodec(StrEnum):
    """How sound is stored; the value is FFmpeg's name."""

    AAC = "aac"
    PCM_16 = "pcm_s16le"
    PCM_24 = "pcm_s24le"
    PCM_FLOAT = "pcm_f32le"


@dataclass(frozen=True, slots=True)
class _Form:
    """What an encoder takes: FFmpeg's sample format, whether channels lie apart, steps of full scale."""

    name: str
    is_planar: bool
    full_scale: int | None
    shift: int = 0


# 24-bit PCM is given to its encoder in the upper bits of 32.
_FORMS = {
    SoundCodec.AAC: _Form("fltp", True, None),
    SoundCodec.PCM_16: _Form("s16", False, 1 << 15),
    SoundCodec.PCM_24: _Form("s32", False, 1 << 23, 8),
    SoundCodec.PCM_FLOAT: _Form("flt", False, None),
}


class SoundTrack:
    """Encodes stereo samples (float32 [count, 2]; beyond -1 to 1 is held at full scale) into a container."""

    def __init__(
        self, container: OutputContainer, codec: SoundCodec, samples: Samples, sample_rate: int
    ) -> None:
        self._container = container
        self._samples = samples
        self._rate = sample_rate
        self._form = _FORMS[codec]
        self._written = 0
        self._stream = container.add_stream(codec.value, rate=sample_rate)
        self._stream.layout = "stereo"
        self._stream.format = self._form.name
        if codec is SoundCodec.AAC:
            self._stream.bit_rate = _AAC_BITS_A_SECOND

    def write_until(self, time_s: Fraction) -> None:
        """Write the sound before a time, in whole blocks."""
        until = min(len(self._samples), round(time_s * self._rate))
        while self._written + _BLOCK <= until:
            self._write(self._written + _BLOCK)

    def finish(self, end_s: Fraction) -> None:
        """Write the sound up to a time, where it ends together with the pictures."""
        self.write_until(end_s)
        until = min(len(self._samples), round(end_s * self._rate))
        if self._written < until:
            self._write(until)
        self._container.mux(self._stream.encode(None))

    def _write(self, until: int) -> None:
        block = self._samples[self._written : until]
        array = block.T if self._form.is_planar else block.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(
            _in_form(np.ascontiguousarray(array), self._form), format=self._form.name, layout="stereo"
        )
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._written, Fraction(1, self._rate)
        self._container.mux(self._stream.encode(frame))
        self._written = until


def _in_form(samples: Samples, form: _Form) -> Samples | npt.NDArray[np.int32] | npt.NDArray[np.int16]:
    if form.full_scale is None:
        return np.clip(samples, -1.0, 1.0).astype(np.float32)
    steps = np.round(samples.astype(np.float64) * form.full_scale)
    whole = np.clip(steps, -form.full_scale, form.full_scale - 1).astype(np.int32)
    return whole << form.shift if form.shift else whole.astype(np.int16)
