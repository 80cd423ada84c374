"""What the project refuses, each time with a sentence, and nothing is changed."""

from dataclasses import replace
from fractions import Fraction

import pytest

from projects_db.errors import ProjectError
from projects_db.project_store import ProjectStore
from projects_db.records import (
    Channel,
    CurveKeyRecord,
    FaceRegionRecord,
    Interpolation,
    MarkerScope,
    ProbeRecord,
    RegionBox,
    TakeFileRecord,
    TakeStatus,
)

NAN = float("nan")


def refused(store: ProjectStore, edit) -> ProjectError:
    with store.change("Try") as change:
        with pytest.raises(ProjectError) as told:
            edit(change)
        assert told.value.code == "invalid"
        assert told.value.message[-1] == "."
        assert told.value.next_step[-1] == "."
    assert change.record.rows == ()
    return told.value


@pytest.mark.parametrize("name", ["", " ", " Ada", "Ada ", "A\nB", "A\0B", "x" * 201, "caf\udce9", "tab\t"])
def test_names_that_cannot_be_shown_or_told_apart_are_refused(store: ProjectStore, shot, name: str) -> None:
    refused(store, lambda change: change.update_scene(shot.scene, name=name))
    refused(store, lambda change: change.update_character(shot.character, name=name))
    refused(store, lambda change: change.rename_project(name))
    refused(store, lambda change: change.add_preset(name=name, settings="{}"))


@pytest.mark.parametrize(
    "name", ["Ada", "Ádám", "雪", "Shot 010 – “wide”", "../etc", "'; DROP TABLE scene", "x" * 200]
)
def test_any_other_name_is_taken_as_it_is(store: ProjectStore, shot, name: str) -> None:
    with store.change("Rename") as change:
        change.update_scene(shot.scene, name=name)
    assert store.scene_named(name).id == shot.scene


def test_two_scenes_or_two_characters_of_a_scene_do_not_share_a_name(
    store: ProjectStore, shot, region: FaceRegionRecord
) -> None:
    with store.change("Add") as change:
        second = change.add_scene(name="Closing", plate_asset_id=shot.plate)
        change.add_character(scene_id=second, name="Ada", colour="#000000", region=region)
    error = refused(store, lambda change: change.add_scene(name="Closing", plate_asset_id=shot.plate))
    assert "“Closing”" in error.message
    refused(store, lambda change: change.update_scene(second, name="Opening"))
    error = refused(
        store,
        lambda change: change.add_character(scene_id=second, name="Ada", colour="#000000", region=region),
    )
    assert "“Ada”" in error.message
    refused(store, lambda change: change.add_preset(name="Draft", settings="{}"))
    with store.change("Keep its own name") as change:
        change.update_scene(second, name="Closing", length_frames=3)


@pytest.mark.parametrize(
    "box",
    [
        (-0.01, 0, 0.5, 0.5),
        (0, 0, 0, 0.5),
        (0, 0, 0.5, -0.5),
        (0.6, 0, 0.5, 0.5),
        (0, 0.9, 0.5, 0.2),
        (NAN, 0, 0.5, 0.5),
        (0, 0, float("inf"), 0.5),
    ],
)
def test_a_box_that_does_not_lie_on_the_plate_is_refused(
    store: ProjectStore, shot, region: FaceRegionRecord, box: tuple[float, float, float, float]
) -> None:
    x, y, width, height = box
    wrong = RegionBox(x=x, y=y, width=width, height=height)
    keys = (replace(region.keys[0], box=wrong), *region.keys[1:])
    refused(store, lambda change: change.set_region(shot.character, replace(region, keys=keys)))
    assert store.scene(shot.scene).characters[0].region == region


def test_a_region_of_the_whole_plate_is_taken_in_spite_of_rounding(
    store: ProjectStore, shot, region: FaceRegionRecord
) -> None:
    whole = RegionBox(x=0.3000001, y=0.0, width=0.7, height=1.0)
    assert whole.x + whole.width > 1
    wide = replace(region, keys=(replace(region.keys[0], box=whole),))
    with store.change("Draw") as change:
        change.set_region(shot.character, wide)
    assert store.scene(shot.scene).characters[0].region == wide


def test_a_region_needs_keys_on_different_frames_and_a_sensible_feather(
    store: ProjectStore, shot, region: FaceRegionRecord
) -> None:
    twice = (region.keys[0], replace(region.keys[1], frame=0))
    early = (replace(region.keys[0], frame=-1),)
    for wrong in (
        replace(region, keys=()),
        replace(region, keys=twice),
        replace(region, keys=early),
        replace(region, feather=1.1),
        replace(region, feather=NAN),
    ):
        refused(store, lambda change, wrong=wrong: change.set_region(shot.character, wrong))


@pytest.mark.parametrize(
    "fields",
    [
        {"source_in_s": Fraction(-1)},
        {"source_in_s": Fraction(10, 3)},
        {"source_out_s": Fraction(1, 3)},
        {"source_out_s": Fraction(10**7)},
        {"source_out_s": Fraction(1, 2**64) + 1},
        {"start_frame": -1},
        {"start_frame": 10**9},
        {"length_frames": 0},
        {"length_frames": -5},
        {"speed": Fraction(0)},
        {"speed": Fraction(-1)},
        {"face_index": -1},
        {"neutral_s": Fraction(-1, 2)},
        {"gain_db": NAN},
        {"gain_db": float("-inf")},
        {"gain_db": 61.0},
    ],
    ids=str,
)
def test_impossible_driving_clips_are_refused(store: ProjectStore, shot, fields: dict) -> None:
    refused(store, lambda change: change.update_driving_clip(shot.driving_clip, **fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"source_in_s": Fraction(5, 2)},
        {"start_frame": -1},
        {"gain_db": -121.0},
        {"fade_in_s": Fraction(-1)},
        {"fade_in_s": Fraction(2), "fade_out_s": Fraction(1)},
        {"source_out_s": Fraction(1, 20)},
    ],
    ids=str,
)
def test_impossible_voice_clips_are_refused(store: ProjectStore, shot, fields: dict) -> None:
    refused(store, lambda change: change.update_voice_clip(shot.voice_clip, **fields))


def test_media_of_the_wrong_kind_are_refused_where_they_cannot_serve(store: ProjectStore, shot) -> None:
    error = refused(store, lambda change: change.add_scene(name="x", plate_asset_id=shot.voice))
    assert error.message == "“voice.wav” is an audio file and cannot be a plate."
    assert error.next_step == "Choose an image file."
    refused(store, lambda change: change.update_driving_clip(shot.driving_clip, asset_id=shot.voice))
    refused(store, lambda change: change.update_driving_clip(shot.driving_clip, asset_id=shot.plate))
    refused(store, lambda change: change.update_voice_clip(shot.voice_clip, asset_id=shot.plate))
    with store.change("Speak with the driver's sound") as change:
        change.update_voice_clip(shot.voice_clip, asset_id=shot.video)


def test_impossible_curves_are_refused(store: ProjectStore, shot) -> None:
    good = CurveKeyRecord(frame=5, value=1.0, interpolation=Interpolation.HOLD)
    for keys in (
        (good, good),
        (replace(good, frame=-1),),
        (replace(good, value=NAN),),
        (replace(good, value=-0.5),),
        (replace(good, handle_out=(float("inf"), 0.0)),),
    ):
        refused(store, lambda change, keys=keys: change.set_curve(shot.character, Channel.HEAD, keys))


@pytest.mark.parametrize("colour", ["", "red", "#fff", "#12345g", "#1234567", "#123456\n", "123456#"])
def test_colours_are_hex(store: ProjectStore, shot, colour: str) -> None:
    refused(store, lambda change: change.update_character(shot.character, colour=colour))
    refused(store, lambda change: change.update_marker(shot.marker, colour=colour, scope=MarkerScope.TASK))


def test_impossible_scenes_takes_presets_and_media_are_refused(store: ProjectStore, shot) -> None:
    file = TakeFileRecord(role="movie", label="", relative_path="r/a.mp4", size_bytes=1)

    def take(change, **fields):
        given = {"take_id": "t9", "scene_id": shot.scene, "renderer": "draft", "seed": 1}
        change.add_take(**(given | {"request": "{}", "directory": "r"} | fields))

    def finish(change, **fields):
        given = {"status": TakeStatus.DONE, "result": None, "files": (), "error": None}
        change.finish_take(shot.take, **(given | fields))

    for edit in (
        lambda change: change.update_scene(shot.scene, length_frames=0),
        lambda change: change.update_scene(shot.scene, prompt="a\0b"),
        lambda change: change.set_frame_rate(Fraction(1001)),
        lambda change: take(change, seed=-1),
        lambda change: take(change, seed=2**63),
        lambda change: take(change, request="{"),
        lambda change: take(change, directory=""),
        lambda change: take(change, take_id=shot.take),
        lambda change: finish(change, status=TakeStatus.QUEUED),
        lambda change: finish(change, result="nonsense"),
        lambda change: finish(change, files=(replace(file, role=""),)),
        lambda change: finish(change, files=(file, replace(file, size_bytes=-1))),
        lambda change: change.rate_take(shot.take, 6),
        lambda change: change.rate_take(shot.take, -1),
        lambda change: change.note_take(shot.take, "\udcff"),
        lambda change: change.update_preset(shot.preset, settings="["),
        lambda change: change.update_marker(shot.marker, frame=-1),
        lambda change: change.update_asset(shot.plate, relative_path=""),
        lambda change: change.update_asset(shot.plate, relative_path="caf\udce9.png"),
        lambda change: change.update_asset(shot.plate, size_bytes=-1),
        lambda change: change.update_asset(shot.plate, content_hash=""),
        lambda change: change.update_asset(shot.plate, probe=ProbeRecord(width=0)),
        lambda change: change.update_asset(shot.plate, probe=ProbeRecord(frame_rate=Fraction(0))),
    ):
        refused(store, edit)


def test_values_of_a_wrong_type_are_faults_of_the_caller(store: ProjectStore, shot) -> None:
    with store.change("Wrong") as change:
        for edit in (
            lambda: change.update_driving_clip(shot.driving_clip, source_in_s=0.5),
            lambda: change.update_driving_clip(shot.driving_clip, start_frame=1.5),
            lambda: change.update_voice_clip(shot.voice_clip, gain_db="loud"),
            lambda: change.set_frame_rate(23.976),
            lambda: change.update_scene(shot.scene, name=None),
        ):
            with pytest.raises(TypeError):
                edit()
    assert change.record.rows == ()
