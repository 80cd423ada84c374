"""The clock of playback: the sound that is heard, or a plain timer where none can be played."""

import logging
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QBuffer, QByteArray, QElapsedTimer, QIODevice

try:
    from PySide6.QtMultimedia import QAudioFormat, QAudioSink, QMediaDevices, QtAudio

    HAS_SOUND_OUTPUT = True
except ImportError:
    HAS_SOUND_OUTPUT = False

CHANNELS = 2
SAMPLE_BYTES = 2
AHEAD_S = 0.06
STUCK_S = 0.7
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
    """Plays samples and counts what is heard; goes on by the timer when all is played or the device hangs.

    Raises OSError when the device refuses.
    """

    def __init__(self, samples: Samples, sample_rate: int) -> None:
        audio_format = QAudioFormat()
        audio_format.setSampleRate(sample_rate)
        audio_format.setChannelCount(CHANNELS)
        audio_format.setSampleFormat(QAudioFormat.SampleFormat.Int16)
        pcm = (np.clip(samples, -1.0, 1.0) * 32767).astype("<i2")
        self._buffer = QBuffer()
        self._buffer.setData(QByteArray(pcm.tobytes()))
        self._buffer.open(QIODevice.OpenModeFlag.ReadOnly)
        self._after: SilentClock | None = None
        self._heard_s = 0.0
        self._since_progress = SilentClock()
        self._sink = QAudioSink(QMediaDevices.defaultAudioOutput(), audio_format)
        self._sink.setBufferSize(round(sample_rate * CHANNELS * SAMPLE_BYTES * AHEAD_S))
        self._sink.start(self._buffer)
        if self._sink.error() is not QtAudio.Error.NoError:
            self.stop()
            raise OSError("the sound device refused to start")

    def elapsed_s(self) -> float:
        """Return the seconds of sound that the device has taken; it takes them as it plays them."""
        if self._after is not None:
            return self._heard_s + self._after.elapsed_s()
        heard_s = self._sink.processedUSecs() / 1e6
        if heard_s > self._heard_s:
            self._heard_s = heard_s
            self._since_progress = SilentClock()
        ended = self._sink.state() in (QtAudio.State.IdleState, QtAudio.State.StoppedState)
        if ended or self._since_progress.elapsed_s() > STUCK_S:
            self._after = SilentClock()
        return self._heard_s

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
