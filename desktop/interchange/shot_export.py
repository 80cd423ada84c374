"""Writes one finished take as a deliverable: movie or image sequence, mix, each character's sound."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from desktop.interchange.deliverable_shot import DeliverableShot, DeliveredShot, DeliveredStem
from desktop.interchange.file_names import free_name, name_word
from engine.media.atomic import atomic_path
from engine.media.audio_reader import read_audio
from engine.media.video_reader import VideoReader
from engine.media.video_writer import MovieFormat, open_movie_writer
from engine.protocol.errors import ErrorCode, UserError

SAMPLE_RATE = 48_000
MOVIE_SUFFIXES = {
    MovieFormat.H264: ".mp4",
    MovieFormat.PRORES_422_HQ: ".mov",
    MovieFormat.PRORES_4444: ".mov",
}
SEQUENCE_SUFFIXES = {MovieFormat.PNG: ".png", MovieFormat.EXR: ".exr"}
ALPHA_FORMATS = frozenset({MovieFormat.PRORES_4444, MovieFormat.PNG, MovieFormat.EXR})

FrameDone = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotPlan:
    """How one shot is delivered: the mix always as a WAV too, each character's sound `with_stems`."""

    shot: DeliverableShot
    movie_format: MovieFormat
    with_stems: bool = True

    def delivered(self) -> DeliveredShot:
        """Return the names the shot's files will have."""
        shot, movie_format = self.shot, self.movie_format
        sequence_suffix = SEQUENCE_SUFFIXES.get(movie_format, "")
        return DeliveredShot(
            shot=shot,
            picture_name=shot.name if sequence_suffix else f"{shot.name}{MOVIE_SUFFIXES[movie_format]}",
            sequence_prefix=f"{shot.name}." if sequence_suffix else "",
            sequence_suffix=sequence_suffix,
            mix_name=f"{shot.name}_mix.wav" if shot.mix else None,
            stems=self._stem_names() if self.with_stems else (),
        )

    def warnings(self) -> tuple[str, ...]:
        """Return what is lost by this way of delivering the shot."""
        if not self.shot.has_alpha or self.movie_format in ALPHA_FORMATS:
            return ()
        return (
            f"{self.shot.title} is partly transparent, which {self.movie_format.value} cannot keep:"
            " it is shown over black. Choose prores4444, png or exr to keep it.",
        )

    def _stem_names(self) -> tuple[DeliveredStem, ...]:
        taken = [f"{self.shot.name}_mix"]
        stems = []
        for stem in self.shot.stems:
            taken.append(free_name(f"{self.shot.name}_{name_word(stem.character)}", taken))
            stems.append(DeliveredStem(character=stem.character, file_name=f"{taken[-1]}.wav"))
        return tuple(stems)


def export_take(plan: ShotPlan, folder: Path, *, on_frame: FrameDone | None = None) -> DeliveredShot:
    """Write the shot's files into `folder` and return their names. An existing movie or sound is replaced.

    `on_frame` is called after every frame; an exception from it stops the export and leaves no half file.

    Raises UserError: FILE_MISSING, FILE_UNREADABLE (the take's own files), DISK_FULL, NOT_WRITABLE,
    FILE_EXISTS (a folder of an image sequence).
    """
    delivered = plan.delivered()
    _write_picture(plan, folder / delivered.picture_name, on_frame)
    if plan.shot.mix is not None and delivered.mix_name is not None:
        _copy(plan.shot.mix, folder / delivered.mix_name)
    for stem, placed in zip(plan.shot.stems, delivered.stems, strict=False):
        _copy(stem.path, folder / placed.file_name)
    return delivered


def _write_picture(plan: ShotPlan, path: Path, on_frame: FrameDone | None) -> None:
    shot = plan.shot
    with (
        VideoReader(shot.master) as master,
        open_movie_writer(
            path,
            format=plan.movie_format,
            width=shot.width,
            height=shot.height,
            frame_rate=shot.frame_rate,
            sound=None if plan.movie_format in SEQUENCE_SUFFIXES else _sound(shot),
            sample_rate=SAMPLE_RATE,
        ) as writer,
    ):
        if master.frame_count != shot.frame_count:
            raise UserError(
                f"{shot.master.name} holds {master.frame_count} frames, the take has {shot.frame_count}.",
                next_step="Render the scene again and export the new take.",
                code=ErrorCode.FILE_UNREADABLE,
            )
        for picture in _pictures(master, with_alpha=shot.has_alpha):
            writer.write(picture)
            if on_frame is not None:
                on_frame()


def _pictures(master: VideoReader, *, with_alpha: bool) -> Iterator[npt.NDArray[np.uint8]]:
    if with_alpha:
        yield from master.bgra_frames()
        return
    for number in range(master.frame_count):
        yield master.frame_number(number)


def _sound(shot: DeliverableShot) -> npt.NDArray[np.float32] | None:
    """Return the sound as float32 [samples, 2], exactly as long as the picture; None for a silent take."""
    if shot.mix is None:
        return None
    return read_audio(shot.mix, sample_rate=SAMPLE_RATE, end_s=shot.duration_s)


def _copy(source: Path, final: Path) -> None:
    with atomic_path(final) as temporary:
        shutil.copyfile(source, temporary)
