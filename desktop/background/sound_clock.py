"""The clock of playback: the sound that is heard, or a plain timer where there is no sound or no way to
play it.
"""

import logging
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QBuffer, QByteArray, QElapsedTimer, QIODevice

try:
    from PySide6.QtMultimedia import QAudioFormat, QAudioSink, QMediaDevices

    HAS_SOUND_OUTPUT = True
except ImportError:
    HAS_SOUND_OUTPUT = False

LOG = logging.getLogger(__name__)
Samples = NDArray[np.float32]


class PlaybackClock(Protocol):
    """Something that runs while the timeline plays."""

    def elapsed_s(self) -> float:
        """Return the seconds since it was started."""

    def stop(self) -> None:
        """Fall silent and let go of the device."""


class SilentClock:
    """Counts real time."""

    def __init__(self) -> None:
        self._timer = QElapsedTimer()
        self._timer.start()

    def elapsed_s(self) -> float:
        """Return the seconds since it was started."""
        return self._timer.nsecsElapsed() / 1e9

    def stop(self) -> None:
        """Nothing to let go of."""


class SoundClock:
    """Plays samples and counts what the device has played. Raises OSError when the device refuses."""

    def __init__(self, samples: Samples, sample_rate: int) -> None:
        audio_format = QAudioFormat()
        audio_format.setSampleRate(sample_rate)
        audio_format.setChannelCount(2)
        audio_format.setSampleFormat(QAudioFormat.SampleFormat.Int16)
        pcm = (np.clip(samples, -1.0, 1.0) * 32767).astype("<i2")
        self._buffer = QBuffer()
        self._buffer.setData(QByteArray(pcm.tobytes()))
        self._buffer.open(QIODevice.OpenModeFlag.ReadOnly)
        self._sink = QAudioSink(QMediaDevices.defaultAudioOutput(), audio_format)
        self._sink.start(self._buffer)
        if self._sink.isNull() or self._sink.error().value != 0:
            self.stop()
            raise OSError("the sound device refused to start")

    def elapsed_s(self) -> float:
        """Return the seconds of sound that were played."""
        return self._sink.processedUSecs() / 1e6

    def stop(self) -> None:
        """Fall silent."""
        self._sink.stop()
        self._buffer.close()


def start_clock(samples: Samples | None, start_sample: int, sample_rate: int) -> PlaybackClock:
    """Return a running clock: with sound where there is some left to play and a device for it."""
    if samples is None or not HAS_SOUND_OUTPUT or start_sample >= len(samples):
        return SilentClock()
    if QMediaDevices.defaultAudioOutput().isNull():
        return SilentClock()
    try:
        return SoundClock(samples[start_sample:], sample_rate)
    except OSError as error:
        LOG.warning("Playing without sound: %s", error)
        return SilentClock()
