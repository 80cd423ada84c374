"""The project file made, opened, read and closed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from projects_db.errors import ProjectError
from projects_db.project_store import ProjectStore
from projects_db.records import (
    Channel,
    FaceRegionRecord,
    Interpolation,
    LoopMode,
    MarkerScope,
    MediaKind,
    TakeStatus,
)


def test_a_new_project_has_its_name_its_exact_frame_rate_and_nothing_else(store: ProjectStore) -> None:
    project = store.project()
    assert (project.name, project.frame_rate) == ("Night train", Fraction(24000, 1001))
    assert project.schema_revision == "0001"
    assert datetime.now(UTC) - project.created_at < timedelta(minutes=1)
    assert (store.scenes(), store.assets(), store.takes(), store.presets()) == ((), (), (), ())


def test_a_clean_close_leaves_one_plain_file(store: ProjectStore, shot, project_path: Path) -> None:
    assert project_path.with_name(project_path.name + "-wal").exists()
    store.close()
    assert [file.name for file in project_path.parent.iterdir()] == [project_path.name]
    assert project_path.read_bytes()[18:20] == b"\x01\x01"


def test_what_was_written_is_read_back_exactly_after_reopening(
    store: ProjectStore, shot, project_path: Path, region: FaceRegionRecord
) -> None:
    before = store.scene(shot.scene)
    store.close()
    with ProjectStore.open(project_path) as opened:
        scene = opened.scene(shot.scene)
        take = opened.take(shot.take)
    assert scene == before
    (character,) = scene.characters
    (clip,), (voice,), (curve,) = character.driving_clips, character.voice_clips, character.curves
    assert character.region == region
    assert (clip.source_in_s, clip.source_out_s, clip.speed) == (Fraction(1, 3), Fraction(10, 3), 1)
    assert (clip.loop_mode, clip.neutral_s, clip.keep_sound) == (LoopMode.ONCE, None, False)
    assert (voice.fade_in_s, voice.fade_out_s, voice.gain_db) == (Fraction(1, 10), 0, 0.0)
    assert (curve.channel, curve.keys[0].interpolation) == (Channel.MOUTH, Interpolation.BEZIER)
    assert (curve.keys[0].value, curve.keys[0].handle_out) == (0.1 + 0.2, (2.5, -1 / 3))
    assert scene.markers[0].scope is MarkerScope.NOTE
    assert scene.plate.probe.duration_s == Fraction(1001, 240)
    assert (take.status, take.number, take.files[0].relative_path) == (TakeStatus.DONE, 1, "r/a.mp4")
    assert take.finished_at is not None


def test_folders_are_named_after_the_file(store: ProjectStore, project_path: Path) -> None:
    assert store.folder == project_path.parent
    assert store.media_folder == project_path.parent / "Night train media"
    assert store.renders_folder == project_path.parent / "Night train renders"


def test_a_relative_path_and_odd_characters_in_a_path_work(tmp_path: Path, monkeypatch) -> None:
    odd = tmp_path / "a #1? 100% Ünï"
    odd.mkdir()
    monkeypatch.chdir(odd)
    ProjectStore.create(Path("é & %20.masque"), name="Odd", frame_rate=Fraction(25)).close()
    with ProjectStore.open(Path("é & %20.masque")) as opened:
        assert opened.path == odd / "é & %20.masque"
        opened.save_version("One")
    assert sorted(file.name for file in odd.iterdir()) == ["é & %20 versions", "é & %20.masque"]


def test_asset_paths_are_absolute_also_for_media_outside_the_folder(
    store: ProjectStore, shot, project_path: Path
) -> None:
    asset = store.asset(shot.video)
    assert store.asset_path(asset) == store.media_folder / "driver.mp4"
    with store.change("Relink") as change:
        change.update_asset(shot.video, relative_path="../footage/driver.mp4")
        change.update_asset(shot.voice, relative_path="/other drive/voice.wav")
    assert store.asset_path(store.asset(shot.video)) == project_path.parent.parent / "footage" / "driver.mp4"
    assert store.asset_path(store.asset(shot.voice)) == Path("/other drive/voice.wav")


def test_an_asset_is_found_by_its_content_and_one_that_is_there_comes_first(
    store: ProjectStore, shot, add_asset: Callable[..., str]
) -> None:
    assert store.find_asset_by_hash("unknown") is None
    with store.change("Import again") as change:
        change.update_asset(shot.video, missing=True)
        second = add_asset(change, MediaKind.VIDEO, "copy.mp4")
        change.update_asset(second, content_hash="hash of driver.mp4")
    found = store.find_asset_by_hash("hash of driver.mp4")
    assert found is not None
    assert found.id == second


def test_a_scene_is_found_by_name_then_by_the_beginning_of_its_id(store: ProjectStore, shot) -> None:
    assert store.scene_named("Opening").id == shot.scene
    assert store.scene_named(shot.scene).id == shot.scene
    assert store.scene_named(shot.scene[:8].upper()).id == shot.scene
    with store.change("Name like an id") as change:
        second = change.add_scene(name=shot.scene[:8], plate_asset_id=shot.plate)
    assert store.scene_named(shot.scene[:8]).id == second


@pytest.mark.parametrize("wanted", ["", "opening", "%", "zzzz", "_" * 32])
def test_an_unknown_scene_is_answered_with_the_names_there_are(
    store: ProjectStore, shot, wanted: str
) -> None:
    with pytest.raises(ProjectError, match="The scenes are “Opening”") as told:
        store.scene_named(wanted)
    assert told.value.code == "not_found"


def test_an_id_prefix_of_two_scenes_is_refused(store: ProjectStore, shot) -> None:
    with store.change("Many") as change:
        ids = [change.add_scene(name=f"S{n}", plate_asset_id=shot.plate) for n in range(17)]
    shared = next(i[0] for i in ids if sum(other.startswith(i[0]) for other in ids) > 1)
    with pytest.raises(ProjectError, match="More than one scene has an id that begins with"):
        store.scene_named(shared)


def test_things_that_are_not_there_are_said_to_be_missing(store: ProjectStore) -> None:
    for read in (store.scene, store.asset, store.take):
        with pytest.raises(ProjectError) as told:
            read("0" * 32)
        assert told.value.code == "not_found"
        assert told.value.next_step


def test_scenes_are_moved_and_their_places_have_no_gaps(store: ProjectStore, shot) -> None:
    with store.change("Add scenes") as change:
        ids = [shot.scene] + [change.add_scene(name=f"S{n}", plate_asset_id=shot.plate) for n in range(4)]
    with store.change("Remove scene") as change:
        change.remove_scene(ids.pop(2))
    with store.change("Move scene") as change:
        change.move_scene(ids[0], 2)
    wanted = [ids[1], ids[2], ids[0], ids[3]]
    assert [(scene.id, scene.position) for scene in store.scenes()] == list(
        zip(wanted, range(4), strict=True)
    )
    assert [store.scene(scene_id).position for scene_id in wanted] == [0, 1, 2, 3]
    with pytest.raises(ProjectError), store.change("Move away") as change:
        change.move_scene(ids[0], 4)


def test_characters_are_reordered_within_their_scene(store: ProjectStore, shot, region) -> None:
    with store.change("Add characters") as change:
        bo = change.add_character(scene_id=shot.scene, name="Bo", colour="#00ff00", region=region)
        cy = change.add_character(scene_id=shot.scene, name="Cy", colour="#0000ff", region=region)
        change.update_character(cy, position=0, colour="#000000")
    characters = store.scene(shot.scene).characters
    assert [person.id for person in characters] == [cy, shot.character, bo]
    assert [person.position for person in characters] == [0, 1, 2]
    assert characters[0].colour == "#000000"


def test_summaries_count_characters_and_takes(store: ProjectStore, shot) -> None:
    with store.change("Second scene") as change:
        change.add_scene(name="Empty", plate_asset_id=shot.plate, length_frames=48)
        number = change.add_take(
            take_id="take2", scene_id=shot.scene, renderer="draft", seed=1, request="{}", directory="r2"
        )
    assert number == 2
    first, second = store.scenes()
    assert (first.character_count, first.take_count, first.length_frames) == (1, 2, None)
    assert (second.character_count, second.take_count, second.length_frames) == (0, 0, 48)
    assert [take.number for take in store.takes(shot.scene)] == [1, 2]
    assert store.takes(second.id) == ()


def test_reads_inside_a_change_see_it_and_others_do_not_until_it_is_committed(
    store: ProjectStore, shot, project_path: Path
) -> None:
    with ProjectStore.open(project_path) as other:
        version = other.data_version()
        with store.change("Rename") as change:
            change.update_scene(shot.scene, name="Arrival")
            assert store.scenes()[0].name == "Arrival"
            assert other.scenes()[0].name == "Opening"
        assert other.data_version() != version
        assert other.scenes()[0].name == "Arrival"


def test_a_closed_project_is_not_used_and_closing_twice_is_fine(store: ProjectStore) -> None:
    store.close()
    store.close()
    with pytest.raises(RuntimeError, match="was closed"):
        store.scenes()


def test_two_projects_are_not_made_in_one_file(store: ProjectStore, project_path: Path, content) -> None:
    before = content(project_path)
    with pytest.raises(ProjectError) as told:
        ProjectStore.create(project_path, name="Other", frame_rate=Fraction(25))
    assert told.value.code == "project_exists"
    assert content(project_path) == before
    assert not list(project_path.parent.glob(".*"))


@pytest.mark.parametrize(
    ("name", "rate"), [("", Fraction(24)), (" x", Fraction(24)), ("x", Fraction(0)), ("x", Fraction(-24))]
)
def test_a_project_without_a_name_or_with_an_impossible_rate_is_not_made(
    project_path: Path, name: str, rate: Fraction
) -> None:
    with pytest.raises(ProjectError) as told:
        ProjectStore.create(project_path, name=name, frame_rate=rate)
    assert told.value.code == "invalid"
    assert not list(project_path.parent.iterdir())


def test_name_and_frame_rate_of_the_project_can_be_changed(store: ProjectStore) -> None:
    with store.change("Project settings") as change:
        change.rename_project("Day train")
        change.set_frame_rate(Fraction(30000, 1001))
    assert (store.project().name, store.project().frame_rate) == ("Day train", Fraction(30000, 1001))
