"""A take's files from its finished frames: master, viewing copy, sound, and the summary last."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from engine.media.atomic import atomic_path
from engine.media.lossless import join_segments
from engine.media.sound_mix import SceneSound
from engine.media.video_reader import VideoReader
from engine.media.video_writer import MovieFormat, open_movie_writer
from engine.media.wav import write_wav
from engine.protocol.codec import encode_result
from engine.protocol.jobs import FileRole, RenderResult, ResultFile
from engine.protocol.render_request import RenderRequest
from engine.protocol.version import masque_version
from engine.renderers.pace import Pace
from engine.renderers.render_notes import RenderNotes
from engine.renderers.renderer import RenderReport, RenderStoppedError
from engine.renderers.take_files import TakeFiles

Picture = npt.NDArray[np.uint8]
Samples = npt.NDArray[np.float32]


class TakeWriter:
    """Writes a take. Each file appears whole; those from an attempt before are left as they are."""

    def __init__(
        self, request: RenderRequest, files: TakeFiles, sound: SceneSound, report: RenderReport
    ) -> None:
        self._request = request
        self._files = files
        self._sound = sound
        self._mix = sound.mix if sound.stems else None
        self._report = report

    def write(self, segments: Sequence[Path], notes: RenderNotes) -> RenderResult:
        """Write what is missing and return the result. Raises UserError, RenderStoppedError."""
        if not self._files.master.exists():
            self._join(segments)
        has_alpha = self._write_viewing_copy()
        outputs = [
            _output(FileRole.MASTER, self._files.master),
            _output(FileRole.VIEWING, self._files.viewing),
        ]
        if self._mix is not None:
            outputs += self._write_sound(self._mix)
        notes.add_time()
        result = self._result(tuple(outputs), notes, has_alpha=has_alpha)
        with atomic_path(self._files.summary) as path:
            path.write_text(encode_result(result), encoding="utf-8")
        self._files.reservation.unlink(missing_ok=True)
        return result

    def _join(self, segments: Sequence[Path]) -> None:
        told = _Told(segments, lambda: self._tell("Joining the frames"))
        rate = self._request.sample_rate
        join_segments(told, self._files.master, self._request.frame_rate, self._mix, rate)

    def _write_viewing_copy(self) -> bool:
        """Write the H.264 copy of the master, laid over black. Returns whether the master is transparent."""
        request = self._request
        with VideoReader(self._files.master) as reader:
            if self._files.viewing.exists():
                return reader.has_alpha
            with open_movie_writer(
                self._files.viewing,
                format=MovieFormat.H264,
                width=request.width,
                height=request.height,
                frame_rate=request.frame_rate,
                sound=self._mix,
                sample_rate=request.sample_rate,
            ) as writer:
                for picture in self._master_pictures(reader):
                    writer.write(picture)
            return reader.has_alpha

    def _master_pictures(self, reader: VideoReader) -> Iterator[Picture]:
        pace = Pace()
        pictures = reader.bgra_frames() if reader.has_alpha else reader.frames(reader.times_s)
        for number, picture in enumerate(pictures, start=1):
            if self._report.should_stop():
                raise RenderStoppedError
            yield picture
            pace.step()
            self._tell("Writing the viewing copy", pace.seconds_left(reader.frame_count - number))

    def _write_sound(self, mix: Samples) -> list[ResultFile]:
        self._tell("Writing the sound")
        rate = self._request.sample_rate
        write_wav(self._files.mix, mix, rate)
        outputs = [_output(FileRole.MIX, self._files.mix)]
        for character, path in zip(self._request.characters, self._files.stems, strict=True):
            if character.name in self._sound.stems:
                self._report.step()
                write_wav(path, self._sound.stems[character.name], rate)
                outputs.append(_output(FileRole.STEM, path, character.name))
        return outputs

    def _result(
        self, outputs: tuple[ResultFile, ...], notes: RenderNotes, *, has_alpha: bool
    ) -> RenderResult:
        request = self._request
        return RenderResult(
            request_id=request.request_id,
            take_id=request.take_id,
            renderer=request.renderer.value,
            seed=request.seed,
            frame_rate=request.frame_rate,
            frame_count=request.frame_count,
            width=request.width,
            height=request.height,
            has_alpha=has_alpha,
            files=outputs,
            warnings=(*notes.warnings, *self._sound.warnings),
            render_seconds=round(notes.seconds, 3),
            masque_version=masque_version(),
            diffusion=notes.diffusion,
        )

    def _tell(self, phase: str, seconds_left: float | None = None) -> None:
        self._report.progress(phase, self._request.frame_count, seconds_left)
        if self._report.should_stop():
            raise RenderStoppedError


class _Told(Sequence[Path]):
    """Paths; whoever reads them one after the other is heard of, and stopped when told to."""

    def __init__(self, paths: Sequence[Path], tell: Callable[[], None]) -> None:
        self._paths = paths
        self._tell = tell

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Path]: ...

    def __getitem__(self, index: int | slice) -> Path | Sequence[Path]:
        self._tell()
        return self._paths[index]


def _output(role: FileRole, path: Path, label: str = "") -> ResultFile:
    return ResultFile(role=role, name=path.name, size_bytes=path.stat().st_size, label=label)
