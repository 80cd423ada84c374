"""A project with finished takes, their masters and sounds written as the engine writes them."""

import uuid
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engine.protocol.codec import encode_result
from engine.protocol.jobs import FileRole, RenderResult, ResultFile
from projects_db.project_store import ProjectStore
from projects_db.records import MarkerScope, MediaKind, ProbeRecord, TakeFileRecord, TakeStatus

WIDTH, HEIGHT = 64, 48


def picture(frame: int, *, alpha: bool = False) -> np.ndarray:
    """A picture that tells its frame by its brightness; with alpha, its left half is transparent."""
    made = np.full((HEIGHT, WIDTH, 4 if alpha else 3), 40 + 12 * frame, np.uint8)
    made[:12, :12, :3] = (250, 20, 20)
    if alpha:
        made[..., 3] = 255
        made[:, : WIDTH // 2, 3] = 64
    return made


def write_master(path: Path, frame_count: int, rate: Fraction, *, alpha: bool = False) -> None:
    """FFV1 with PCM sound in Matroska."""
    layout = "bgra" if alpha else "bgr0"
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=rate, options={"level": "3"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, layout
        video.time_base = 1 / rate
        for number in range(frame_count):
            shown = picture(number, alpha=alpha)
            frame = av.VideoFrame.from_ndarray(shown, format="bgra" if alpha else "bgr24").reformat(
                format=layout
            )
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(video.encode(frame))
        container.mux(video.encode(None))


def write_sound(path: Path, seconds: Fraction, *, hertz: float) -> None:
    """A stereo sine at 48 kHz as long as the take."""
    count = round(seconds * 48_000)
    tone = 0.25 * np.sin(2 * np.pi * hertz * np.arange(count) / 48_000)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(np.repeat(np.rint(tone * 32767).astype("<i2"), 2).tobytes())


class ProjectWithTakes:
    """A project that scenes and finished takes are added to in a line."""

    def __init__(self, store: ProjectStore) -> None:
        self.store = store

    def scene(self, name: str) -> str:
        with self.store.change("Add scene") as change:
            plate = change.add_asset(
                kind=MediaKind.IMAGE,
                name="plate.png",
                relative_path="plate.png",
                size_bytes=1,
                content_hash="0" * 64,
                probe=ProbeRecord(width=WIDTH, height=HEIGHT),
            )
            return change.add_scene(name=name, plate_asset_id=plate)

    def marker(self, scene_id: str, frame: int, name: str, colour: str) -> None:
        with self.store.change("Add marker") as change:
            change.add_marker(
                scene_id=scene_id, frame=frame, name=name, colour=colour, scope=MarkerScope.NOTE
            )

    def take(
        self, scene_id, *, frames=8, stems=("Ada",), rating=0, rate=None, alpha=False, seed=7, sound=True
    ) -> str:
        take_id, rate = uuid.uuid4().hex, rate or self.store.project().frame_rate
        folder = self.store.renders_folder / take_id[:8]
        folder.mkdir(parents=True)
        write_master(folder / "master.mkv", frames, rate, alpha=alpha)
        files = [ResultFile(role=FileRole.MASTER, name="master.mkv", size_bytes=1)]
        if sound:
            write_sound(folder / "mix.wav", frames / rate, hertz=440)
            files.append(ResultFile(role=FileRole.MIX, name="mix.wav", size_bytes=1))
            for number, character in enumerate(stems):
                write_sound(folder / f"{number}.wav", frames / rate, hertz=220 * (number + 1))
                files.append(
                    ResultFile(role=FileRole.STEM, name=f"{number}.wav", size_bytes=1, label=character)
                )
        self._finish(
            scene_id, take_id, folder, self._result(take_id, rate, frames, alpha, seed, files), rating
        )
        return take_id

    def waiting_take(self, scene_id: str) -> str:
        take_id = uuid.uuid4().hex
        with self.store.change("Queue render") as change:
            change.add_take(
                take_id=take_id,
                scene_id=scene_id,
                renderer="draft",
                seed=1,
                request="{}",
                directory="renders",
            )
        return take_id

    def _result(self, take_id, rate, frames, alpha, seed, files) -> RenderResult:
        return RenderResult(
            request_id=f"request-{take_id[:8]}",
            take_id=take_id,
            renderer="draft",
            seed=seed,
            frame_rate=rate,
            frame_count=frames,
            width=WIDTH,
            height=HEIGHT,
            has_alpha=alpha,
            files=tuple(files),
            masque_version="0.1.0",
        )

    def _finish(self, scene_id, take_id, folder, result, rating) -> None:
        directory = folder.relative_to(self.store.folder).as_posix()
        with self.store.change("Queue render") as change:
            change.add_take(
                take_id=take_id,
                scene_id=scene_id,
                renderer="draft",
                seed=result.seed,
                request="{}",
                directory=directory,
            )
        records = tuple(
            TakeFileRecord(
                role=file.role.value,
                label=file.label,
                relative_path=f"{directory}/{file.name}",
                size_bytes=file.size_bytes,
            )
            for file in result.files
        )
        with self.store.change("Finish take") as change:
            change.finish_take(
                take_id, status=TakeStatus.DONE, result=encode_result(result), files=records, error=None
            )
            if rating:
                change.rate_take(take_id, rating)


@pytest.fixture
def project(tmp_path):
    with ProjectStore.create(tmp_path / "night.masque", name="Night shoot", frame_rate=Fraction(24)) as store:
        yield ProjectWithTakes(store)


@pytest.fixture
def cinema_project(tmp_path):
    rate = Fraction(24000, 1001)
    with ProjectStore.create(tmp_path / "cinema.masque", name="Cinema", frame_rate=rate) as store:
        yield ProjectWithTakes(store)
