"""A real project in a temporary folder, and the pieces tests put into it."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from projects_db import connection
from projects_db.project_change import ProjectChange
from projects_db.project_store import ProjectStore
from projects_db.records import (
    Channel,
    CurveKeyRecord,
    FaceRegionRecord,
    Interpolation,
    MediaKind,
    ProbeRecord,
    RegionBox,
    RegionKeyRecord,
    RegionShape,
    TakeFileRecord,
    TakeStatus,
)

NOBODY = 65534


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """The ids of a scene with one of everything."""

    plate: str
    video: str
    voice: str
    scene: str
    character: str
    driving_clip: str
    voice_clip: str
    marker: str
    take: str
    preset: str


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave it to the system when to write, in this process only: what is tested here loses no power."""
    settings = tuple(setting for setting in connection._SETTINGS if "synchronous" not in setting)
    monkeypatch.setattr(connection, "_SETTINGS", (*settings, "PRAGMA synchronous = OFF"))
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture
def project_path(tmp_path: Path) -> Path:
    return tmp_path / "Night train.masque"


@pytest.fixture
def store(project_path: Path) -> Iterator[ProjectStore]:
    with ProjectStore.create(project_path, name="Night train", frame_rate=Fraction(24000, 1001)) as opened:
        yield opened


@pytest.fixture
def region() -> FaceRegionRecord:
    box = RegionBox(x=0.1, y=0.2, width=0.3, height=0.4)
    moved = RegionBox(x=0.5, y=0.2, width=0.3, height=0.4)
    keys = (RegionKeyRecord(frame=0, box=box), RegionKeyRecord(frame=24, box=moved))
    return FaceRegionRecord(shape=RegionShape.ELLIPSE, feather=0.25, keys=keys)


@pytest.fixture
def add_asset() -> Callable[[ProjectChange, MediaKind, str], str]:
    def add(change: ProjectChange, kind: MediaKind, name: str) -> str:
        return change.add_asset(
            kind=kind,
            name=name,
            relative_path=f"Night train media/{name}",
            size_bytes=1234,
            content_hash=f"hash of {name}",
            probe=ProbeRecord(width=640, height=360, duration_s=Fraction(1001, 240)),
        )

    return add


@pytest.fixture
def shot(store: ProjectStore, region: FaceRegionRecord, add_asset: Callable[..., str]) -> Shot:
    with store.change("Add shot") as change:
        plate = add_asset(change, MediaKind.IMAGE, "plate.png")
        video = add_asset(change, MediaKind.VIDEO, "driver.mp4")
        voice = add_asset(change, MediaKind.AUDIO, "voice.wav")
        scene = change.add_scene(name="Opening", plate_asset_id=plate)
        character = change.add_character(scene_id=scene, name="Ada", colour="#3fa7d6", region=region)
        driving_clip = change.add_driving_clip(
            character_id=character,
            asset_id=video,
            source_in_s=Fraction(1, 3),
            source_out_s=Fraction(10, 3),
            start_frame=12,
            length_frames=72,
        )
        voice_clip = change.add_voice_clip(
            character_id=character,
            asset_id=voice,
            source_in_s=Fraction(0),
            source_out_s=Fraction(5, 2),
            start_frame=6,
            fade_in_s=Fraction(1, 10),
        )
        key = CurveKeyRecord(
            frame=3,
            value=0.1 + 0.2,
            interpolation=Interpolation.BEZIER,
            handle_in=(-1.5, 0.25),
            handle_out=(2.5, -1 / 3),
        )
        change.set_curve(character, Channel.MOUTH, (key,))
        marker = change.add_marker(scene_id=scene, frame=30, name="Look up", colour="#ff8800")
        change.add_take(
            take_id="take1", scene_id=scene, renderer="draft", seed=7, request="{}", directory="r"
        )
        file = TakeFileRecord(role="movie", label="", relative_path="r/a.mp4", size_bytes=9)
        change.finish_take("take1", status=TakeStatus.DONE, result="{}", files=(file,), error=None)
        preset = change.add_preset(name="Draft", settings='{"quality": "draft"}')
    return Shot(
        plate=plate,
        video=video,
        voice=voice,
        scene=scene,
        character=character,
        driving_clip=driving_clip,
        voice_clip=voice_clip,
        marker=marker,
        take="take1",
        preset=preset,
    )


def _content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as driver:
        tables = [row[0] for row in driver.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: driver.execute(f'SELECT * FROM "{table}" ORDER BY 1').fetchall() for table in tables}


@pytest.fixture
def content() -> Callable[[Path], dict[str, list[tuple[object, ...]]]]:
    """Read every row of every table, as stored, by a connection of its own."""
    return _content


@pytest.fixture
def is_intact() -> Callable[[Path], bool]:
    def check(path: Path) -> bool:
        with closing(sqlite3.connect(path)) as driver:
            whole = driver.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return whole and driver.execute("PRAGMA foreign_key_check").fetchone() is None

    return check


@pytest.fixture
def fill() -> Callable[..., None]:
    """Put many scenes into a closed project at once."""
    return _fill


def _fill(path: Path, *, scenes: int, characters: int, clips: int) -> None:
    scene_ids = [f"{number:032x}" for number in range(scenes)]
    people = [
        (f"{scene}.{n}", scene, f"Person {n}", "#3fa7d6", n) for scene in scene_ids for n in range(characters)
    ]
    placed = [
        (f"{person[0]}.{n}", person[0], "video", "0/1", "2/1", n * 48, 48, "1/1", "once", 0, None, 0, 0.0)
        for person in people
        for n in range(clips)
    ]
    media = [(kind, kind, kind, kind, 1, kind) for kind in ("image", "video")]
    with closing(sqlite3.connect(path)) as driver, driver:
        columns = "id, kind, name, relative_path, size_bytes, content_hash, missing, has_alpha"
        driver.executemany(f"INSERT INTO media_asset ({columns}) VALUES (?, ?, ?, ?, ?, ?, 0, 0)", media)
        listed = [(scene, f"Scene {n}", n) for n, scene in enumerate(scene_ids)]
        driver.executemany("INSERT INTO scene VALUES (?, ?, ?, 'image', NULL, '', '')", listed)
        driver.executemany("INSERT INTO character VALUES (?, ?, ?, ?, ?)", people)
        regions = [(f"{person[0]}.r", person[0]) for person in people]
        driver.executemany("INSERT INTO face_region VALUES (?, ?, 'box', 0.1)", regions)
        keys = [(f"{region[0]}.k", region[0]) for region in regions]
        driver.executemany("INSERT INTO face_region_key VALUES (?, ?, 0, 0.1, 0.1, 0.2, 0.2)", keys)
        marks = ", ".join("?" * 13)
        driver.executemany(f"INSERT INTO driving_clip VALUES ({marks})", placed)


@pytest.fixture
def ordinary_folder() -> Iterator[Path]:
    """A folder of an ordinary user, who we are for the length of the test: permissions do not bind root."""
    is_root = os.geteuid() == 0
    folder = Path(tempfile.mkdtemp(prefix="masque-test-"))
    if is_root:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o700)
        shutil.rmtree(folder)
