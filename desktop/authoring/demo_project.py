"""The sample project: two characters, a driving clip on one, a voice on the other, and curves."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib.resources import as_file, files
from pathlib import Path

from desktop.authoring.characters import add_character, faces_on_plate, region_from_face
from desktop.authoring.clips import (
    DrivingPlacement,
    VoicePlacement,
    add_driving_clip,
    add_voice_clip,
    placed_media,
)
from desktop.authoring.curves import parse_curve
from desktop.authoring.media_import import adopt_media, prepare_media_for
from desktop.authoring.scenes import add_scene
from engine.media.write_errors import writing
from projects_db.project_change import ProjectChange
from projects_db.project_store import ProjectStore
from projects_db.records import Channel, LoopMode, MarkerScope

STILL = "duet.png"
DRIVER = "driver_smile.mp4"
VOICE = "voice.wav"
SCENE_NAME = "Duet"
NAMES = ("Ada", "Bruno")
MARKER_COLOUR = "#f2b84b"


@contextmanager
def sample_file(name: str) -> Iterator[Path]:
    """Yield the path of one of the product's sample media files."""
    with as_file(files("resources") / "samples" / name) as path:
        yield path


def make_demo_project(path: Path) -> ProjectStore:
    """Make the sample project at `path`, with its folder, and return it open.

    Raises ProjectError when the file exists, UserError when the folder cannot be made.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    store = ProjectStore.create(path, name=path.stem, frame_rate=Fraction(24))
    try:
        _fill(store)
    except BaseException:
        store.close()
        raise
    return store


def _fill(store: ProjectStore) -> None:
    with sample_file(STILL) as still, sample_file(DRIVER) as driver, sample_file(VOICE) as voice:
        plate, clip, speech = (prepare_media_for(store, path) for path in (still, driver, voice))
    rate = store.project().frame_rate
    with store.change("Add sample scene") as change:
        scene_id = add_scene(store, change, plate, name=SCENE_NAME)
    scene = store.scene(scene_id)
    faces = faces_on_plate(store, scene)
    with store.change("Add sample characters") as change:
        for name, face in zip(NAMES, faces, strict=True):
            add_character(change, store.scene(scene_id), name, region_from_face(face))
    left, right = store.scene(scene_id).characters
    with store.change("Add sample drivers") as change:
        voice_media = placed_media(adopt_media(store, change, speech), speech)
        add_voice_clip(change, right.id, voice_media, VoicePlacement(start_frame=6))
        add_driving_clip(
            change,
            left.id,
            placed_media(adopt_media(store, change, clip), clip),
            DrivingPlacement(loop_mode=LoopMode.PING_PONG),
            frame_rate=rate,
            fill_to_frame=round(voice_media.duration_s * rate) + 6,
        )
        _shape(change, scene_id, left.id, right.id)


def _shape(change: ProjectChange, scene_id: str, left: str, right: str) -> None:
    change.set_curve(left, Channel.EXPRESSION, parse_curve(["0:0.6:bezier", "36:1.25:bezier", "84:0.9"]))
    change.set_curve(left, Channel.HEAD, parse_curve(["0:0.8"]))
    change.set_curve(right, Channel.VOICE, parse_curve(["0:1:bezier", "48:1.3:bezier", "96:1"]))
    change.add_marker(
        scene_id=scene_id, frame=6, name="Bruno speaks", colour=MARKER_COLOUR, scope=MarkerScope.NOTE
    )
