"""What a media file looks like in the window: a still, thumbnails along a video, the peaks of a sound."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from desktop.background.pictures import scaled_to_fit, to_image
from engine.media.audio_reader import read_audio
from engine.media.still import read_still
from engine.media.video_reader import VideoReader

THUMBNAIL_PX = 160
STRIP_HEIGHT_PX = 80
MOST_STRIP_PICTURES = 48
PEAKS_PER_S = 100
PEAK_SAMPLE_RATE = 16_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Small pictures along a video, `interval_s` apart from its start."""

    pictures: tuple[QImage, ...]
    interval_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Peaks:
    """The loudest sample of every hundredth of a second, 0 to 1; never empty."""

    values: NDArray[np.float32]
    per_s: int = PEAKS_PER_S

    def between(self, times_s: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the loudest peak from each rising time to the next, as a share of the loudest of all."""
        indexes = np.clip((times_s * self.per_s).astype(np.int64), 0, len(self.values) - 1)
        return np.asarray(np.maximum.reduceat(self.values, indexes) / self.loudest, dtype=np.float32)

    @property
    def loudest(self) -> float:
        """The loudest of all, never quite 0."""
        return max(float(self.values.max()), 1e-6)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaArt:
    """The looks of one media file; what it does not have is None."""

    thumbnail: QImage | None = None
    strip: Strip | None = None
    peaks: Peaks | None = None


def still_thumbnail(path: Path, largest_px: int = THUMBNAIL_PX) -> QImage:
    """Return a small picture of a still. Raises UserError when it cannot be read."""
    return to_image(scaled_to_fit(read_still(path).bgr, largest_px, largest_px))


def video_art(path: Path) -> MediaArt:
    """Return a thumbnail and a strip of a video. Raises UserError when it cannot be read."""
    with VideoReader(path) as reader:
        duration_s = float(reader.duration_s or 1)
        interval_s = max(0.5, duration_s / MOST_STRIP_PICTURES)
        times = [
            Fraction(step * interval_s).limit_denominator(1000) for step in _steps(duration_s, interval_s)
        ]
        pictures = tuple(
            to_image(scaled_to_fit(picture, STRIP_HEIGHT_PX * 3, STRIP_HEIGHT_PX))
            for picture in reader.frames(times)
        )
    return MediaArt(thumbnail=pictures[0], strip=Strip(pictures=pictures, interval_s=interval_s))


def sound_art(path: Path) -> MediaArt:
    """Return the peaks of a sound. Raises UserError when it cannot be read."""
    samples = read_audio(path, sample_rate=PEAK_SAMPLE_RATE)
    loudness = np.abs(samples).max(axis=1) if len(samples) else np.zeros(1, dtype=np.float32)
    step = PEAK_SAMPLE_RATE // PEAKS_PER_S
    padded = np.pad(loudness, (0, -len(loudness) % step))
    return MediaArt(peaks=Peaks(values=padded.reshape(-1, step).max(axis=1)))


def _steps(duration_s: float, interval_s: float) -> Iterable[int]:
    return range(max(1, min(MOST_STRIP_PICTURES, int(duration_s / interval_s) + 1)))
