"""Named changes: one transaction each, undone and redone exactly or not at all."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from projects_db.errors import ProjectError
from projects_db.project_store import ProjectStore
from projects_db.records import Channel, CurveKeyRecord, FaceRegionRecord, Interpolation, TakeStatus


def test_an_exception_takes_the_whole_change_back(
    store: ProjectStore, shot, project_path: Path, content
) -> None:
    before = content(project_path)
    with pytest.raises(ZeroDivisionError), store.change("Half done") as change:
        change.update_scene(shot.scene, name="Other")
        change.remove_character(shot.character)
        _ = 1 / 0
    assert content(project_path) == before
    with pytest.raises(RuntimeError, match="not committed"):
        _ = change.record


def test_an_edit_that_fails_leaves_nothing_of_itself_when_the_change_goes_on(
    store: ProjectStore, shot, region: FaceRegionRecord
) -> None:
    with store.change("Add") as change:
        with pytest.raises(ProjectError):
            change.finish_take(
                shot.take, status=TakeStatus.FAILED, result="not JSON", files=(), error="Broken"
            )
        with pytest.raises(ProjectError):
            change.update_character(shot.character, name="Bo", position=5)
        change.update_scene(shot.scene, prompt="Rain")
    assert store.take(shot.take).status is TakeStatus.DONE
    assert store.scene(shot.scene).characters[0].name == "Ada"
    assert store.scene(shot.scene).prompt == "Rain"
    assert {row.table for row in change.record.rows} == {"scene"}


def test_a_change_is_not_used_after_its_end_nor_inside_another(store: ProjectStore, shot) -> None:
    with store.change("First") as change:
        with pytest.raises(RuntimeError, match="under way"), store.change("Nested"):
            pass
        for use in (store.close, lambda: store.save_version("Now")):
            with pytest.raises(RuntimeError, match="under way"):
                use()
        change.update_scene(shot.scene, name="Kept")
    with pytest.raises(RuntimeError, match="is over"):
        change.update_scene(shot.scene, name="Too late")
    with pytest.raises(RuntimeError, match="under way"), store.change("Second"):
        store.revert(change.record)
    assert store.scene(shot.scene).name == "Kept"


def test_removing_a_scene_is_undone_with_everything_that_went_with_it(
    store: ProjectStore, shot, project_path: Path, content
) -> None:
    before = content(project_path)
    with store.change("Remove scene") as change:
        change.remove_scene(shot.scene)
    removed = content(project_path)
    assert not any(
        removed[table] for table in ("scene", "character", "driving_clip", "curve_key", "take_file")
    )
    assert len(change.record.rows) == 12
    store.revert(change.record)
    assert content(project_path) == before
    store.apply_again(change.record)
    assert content(project_path) == removed


def test_names_swapped_in_one_change_are_swapped_back(store: ProjectStore, shot) -> None:
    with store.change("Add scene") as change:
        second = change.add_scene(name="Closing", plate_asset_id=shot.plate)
    with store.change("Swap names") as change:
        change.update_scene(second, name="For a moment")
        change.update_scene(shot.scene, name="Closing")
        change.update_scene(second, name="Opening")
    store.revert(change.record)
    assert [scene.name for scene in store.scenes()] == ["Opening", "Closing"]
    store.apply_again(change.record)
    assert [scene.name for scene in store.scenes()] == ["Closing", "Opening"]


def test_undo_is_refused_when_the_row_was_changed_since(
    store: ProjectStore, shot, project_path: Path, content
) -> None:
    with store.change("Rename two things") as change:
        change.update_character(shot.character, name="Bo")
        change.update_scene(shot.scene, name="Mine")
    with ProjectStore.open(project_path) as other, other.change("Rename") as theirs:
        theirs.update_character(shot.character, name="Cy")
    before = content(project_path)
    with pytest.raises(ProjectError, match="“Rename two things” cannot be undone") as told:
        store.revert(change.record)
    assert told.value.code == "conflict"
    assert content(project_path) == before


def test_undo_is_refused_when_it_would_take_what_others_added(
    store: ProjectStore, shot, project_path: Path, content, region: FaceRegionRecord
) -> None:
    with store.change("Add scene") as change:
        scene = change.add_scene(name="New", plate_asset_id=shot.plate)
    with ProjectStore.open(project_path) as other, other.change("Add character") as theirs:
        theirs.add_character(scene_id=scene, name="Theirs", colour="#000000", region=region)
    before = content(project_path)
    with pytest.raises(ProjectError) as told:
        store.revert(change.record)
    assert told.value.code == "conflict"
    assert content(project_path) == before


def test_undo_is_refused_when_a_name_is_taken_meanwhile(
    store: ProjectStore, shot, project_path: Path, content
) -> None:
    with store.change("Rename") as change:
        change.update_scene(shot.scene, name="Other name")
    with store.change("Add scene") as second:
        second.add_scene(name="Opening", plate_asset_id=shot.plate)
    before = content(project_path)
    with pytest.raises(ProjectError) as told:
        store.revert(change.record)
    assert told.value.code == "conflict"
    assert content(project_path) == before


def test_a_change_is_not_applied_twice(store: ProjectStore, shot, project_path: Path, content) -> None:
    with store.change("Remove clip") as change:
        change.remove_driving_clip(shot.driving_clip)
    before = content(project_path)
    with pytest.raises(ProjectError) as told:
        store.apply_again(change.record)
    assert told.value.code == "conflict"
    assert content(project_path) == before


def test_a_change_of_nothing_is_recorded_as_nothing_and_can_be_undone(store: ProjectStore, shot) -> None:
    with store.change("Nothing") as change:
        change.update_scene(shot.scene, name="Opening")
    assert change.record.rows == ()
    store.revert(change.record)


def test_a_record_survives_being_reopened(store: ProjectStore, shot, project_path: Path) -> None:
    with store.change("Rename") as change:
        change.update_scene(shot.scene, name="Renamed")
    store.close()
    with ProjectStore.open(project_path) as opened:
        opened.revert(change.record)
        assert opened.scene(shot.scene).name == "Opening"


def test_keys_that_stay_keep_their_rows(store: ProjectStore, shot) -> None:
    def key(frame: int, value: float) -> CurveKeyRecord:
        return CurveKeyRecord(frame=frame, value=value, interpolation=Interpolation.LINEAR)

    with store.change("Draw curve") as change:
        change.set_curve(shot.character, Channel.HEAD, (key(9, 1.0), key(0, 0.5)))
    with store.change("Drag key") as change:
        change.set_curve(shot.character, Channel.HEAD, (key(0, 0.5), key(9, 0.75)))
    assert [(row.table, row.before is None, row.after is None) for row in change.record.rows] == [
        ("curve_key", False, False)
    ]
    curve = next(c for c in store.scene(shot.scene).characters[0].curves if c.channel is Channel.HEAD)
    assert [(k.frame, k.value) for k in curve.keys] == [(0, 0.5), (9, 0.75)]
    with store.change("Remove curve") as change:
        change.set_curve(shot.character, Channel.HEAD, ())
    assert [c.channel for c in store.scene(shot.scene).characters[0].curves] == [Channel.MOUTH]


def test_every_field_of_a_clip_can_be_changed(store: ProjectStore, shot, region) -> None:
    with store.change("Second character") as change:
        second = change.add_character(scene_id=shot.scene, name="Bo", colour="#00ff00", region=region)
        change.update_driving_clip(
            shot.driving_clip,
            character_id=second,
            start_frame=0,
            speed=Fraction(3, 2),
            neutral_s=Fraction(1, 2),
            keep_sound=True,
            gain_db=-6.0,
        )
        change.update_voice_clip(shot.voice_clip, source_out_s=Fraction(2), fade_out_s=Fraction(1, 5))
    ada, bo = store.scene(shot.scene).characters
    assert ada.driving_clips == ()
    (clip,), (voice,) = bo.driving_clips, ada.voice_clips
    assert (clip.speed, clip.neutral_s, clip.keep_sound, clip.gain_db) == (
        Fraction(3, 2),
        Fraction(1, 2),
        True,
        -6.0,
    )
    assert (voice.source_out_s, voice.fade_out_s) == (2, Fraction(1, 5))


def test_takes_are_rated_noted_and_removed_and_presets_edited(store: ProjectStore, shot) -> None:
    with store.change("Rate") as change:
        change.rate_take(shot.take, 4)
        change.note_take(shot.take, "Eyes too wide\nsecond half")
        change.update_preset(shot.preset, name="Draft 720p")
        change.update_marker(shot.marker, frame=31, name="")
    take = store.take(shot.take)
    assert (take.rating, take.notes) == (4, "Eyes too wide\nsecond half")
    assert store.presets()[0].name == "Draft 720p"
    with store.change("Remove") as change:
        change.remove_take(shot.take)
        change.remove_preset(shot.preset)
        change.remove_marker(shot.marker)
        change.remove_voice_clip(shot.voice_clip)
    assert (store.takes(), store.presets(), store.scene(shot.scene).markers) == ((), (), ())


def test_media_in_use_is_not_removed_and_the_scenes_are_named(
    store: ProjectStore, shot, add_asset: Callable[..., str]
) -> None:
    for asset in (shot.plate, shot.video, shot.voice):
        with pytest.raises(ProjectError, match="is used in “Opening”"), store.change("Remove") as change:
            change.remove_asset(asset)
    with store.change("Remove all") as change:
        change.remove_scene(shot.scene)
        for asset in (shot.plate, shot.video, shot.voice):
            change.remove_asset(asset)
    assert store.assets() == ()
    store.revert(change.record)
    assert store.scene(shot.scene).plate.name == "plate.png"


def test_a_field_that_does_not_exist_is_a_fault_of_the_caller(store: ProjectStore, shot) -> None:
    with store.change("Wrong") as change:
        for edit in (
            lambda: change.update_scene(shot.scene, position=3),
            lambda: change.update_character(shot.character, scene_id="x"),
            lambda: change.update_driving_clip(shot.driving_clip, colour="x"),
            lambda: change.update_voice_clip(shot.voice_clip, id="x"),
            lambda: change.update_marker(shot.marker, id="x"),
            lambda: change.update_asset(shot.plate, id="x"),
            lambda: change.add_driving_clip(character_id=shot.character),
        ):
            with pytest.raises(TypeError):
                edit()


def test_what_is_not_there_cannot_be_edited(store: ProjectStore, shot, region) -> None:
    gone = "0" * 32
    with store.change("Edit") as change:
        for edit in (
            lambda: change.update_scene(gone, name="x"),
            lambda: change.move_scene(gone, 0),
            lambda: change.remove_scene(gone),
            lambda: change.add_scene(name="x", plate_asset_id=gone),
            lambda: change.add_character(scene_id=gone, name="x", colour="#000000", region=region),
            lambda: change.update_character(gone, name="x"),
            lambda: change.set_region(gone, region),
            lambda: change.set_curve(gone, Channel.HEAD, ()),
            lambda: change.remove_character(gone),
            lambda: change.update_driving_clip(shot.driving_clip, character_id=gone),
            lambda: change.update_voice_clip(shot.voice_clip, asset_id=gone),
            lambda: change.remove_driving_clip(gone),
            lambda: change.remove_marker(gone),
            lambda: change.add_marker(scene_id=gone, frame=0, name="", colour="#000000"),
            lambda: change.rate_take(gone, 1),
            lambda: change.note_take(gone, ""),
            lambda: change.finish_take(gone, status=TakeStatus.DONE, result=None, files=(), error=None),
            lambda: change.remove_take(gone),
            lambda: change.remove_asset(gone),
            lambda: change.update_asset(gone, missing=True),
            lambda: change.remove_preset(gone),
        ):
            with pytest.raises(ProjectError) as told:
                edit()
            assert told.value.code == "not_found"
    assert change.record.rows == ()
