"""How long a large project takes to open: 1,000 scenes of 4 characters with 5 clips each."""

import statistics
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from desktop.authoring.characters import COLOURS, region_from_box
from projects_db.project_change import ProjectChange
from projects_db.project_store import ProjectStore
from projects_db.records import MediaKind, ProbeRecord, RegionBox

RUNS = 5
CLIP_FRAMES = 48
SCENES_A_CHANGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectBenchmark:
    """Median seconds of several runs: opening with the list of scenes, reading one scene whole, one edit."""

    scenes: int
    characters_each: int
    clips_each: int
    file_bytes: int
    open_s: float
    scene_s: float
    edit_s: float


def run_project_benchmark(*, scenes: int, characters: int, clips: int) -> ProjectBenchmark:
    """Build a project of that size in a temporary folder and measure it."""
    with tempfile.TemporaryDirectory(prefix="masque-benchmark-") as folder:
        path = Path(folder) / "large.masque"
        with ProjectStore.create(path, name="large", frame_rate=Fraction(24)) as store:
            _fill(store, scenes, characters, clips)
        opened, read, edited = zip(*(_measure(path) for _ in range(RUNS)), strict=True)
        return ProjectBenchmark(
            scenes=scenes,
            characters_each=characters,
            clips_each=clips,
            file_bytes=path.stat().st_size,
            open_s=statistics.median(opened),
            scene_s=statistics.median(read),
            edit_s=statistics.median(edited),
        )


def _measure(path: Path) -> tuple[float, float, float]:
    start = time.perf_counter()
    with ProjectStore.open(path) as store:
        store.project()
        listed = store.scenes()
        opened = time.perf_counter()
        scene = store.scene(listed[len(listed) // 2].id)
        read = time.perf_counter()
        clip = scene.characters[0].driving_clips[0]
        with store.change("Move driving clip") as change:
            change.update_driving_clip(clip.id, start_frame=clip.start_frame + 1)
        edited = time.perf_counter()
    return opened - start, read - opened, edited - read


def _fill(store: ProjectStore, scenes: int, characters: int, clips: int) -> None:
    asset_ids: list[str] = []
    with store.change("Add media") as change:
        for kind in (MediaKind.IMAGE, MediaKind.VIDEO):
            asset_ids.append(_add_asset(change, kind))
    for first in range(0, scenes, SCENES_A_CHANGE):
        with store.change("Add scenes") as change:
            for number in range(first, min(first + SCENES_A_CHANGE, scenes)):
                scene_id = change.add_scene(name=f"Scene {number}", plate_asset_id=asset_ids[0])
                for place in range(characters):
                    _add_character(change, scene_id, place, asset_ids[1], clips)


def _add_asset(change: ProjectChange, kind: MediaKind) -> str:
    probe = ProbeRecord(width=1280, height=720, duration_s=None if kind is MediaKind.IMAGE else Fraction(10))
    return change.add_asset(
        kind=kind,
        name=f"{kind.value}.bin",
        relative_path=f"{kind.value}.bin",
        size_bytes=1,
        content_hash=f"{len(kind.value):064x}",
        probe=probe,
    )


def _add_character(change: ProjectChange, scene_id: str, place: int, asset_id: str, clips: int) -> None:
    box = RegionBox(x=0.05 + 0.2 * (place % 4), y=0.2, width=0.15, height=0.3)
    character_id = change.add_character(
        scene_id=scene_id,
        name=f"Character {place}",
        colour=COLOURS[place % len(COLOURS)],
        region=region_from_box(box),
    )
    for number in range(clips):
        change.add_driving_clip(
            character_id=character_id,
            asset_id=asset_id,
            source_in_s=Fraction(0),
            source_out_s=Fraction(2),
            start_frame=number * CLIP_FRAMES,
            length_frames=CLIP_FRAMES,
        )
