"""Media comes in once, is found again after a move, and can be added again after it was changed."""

import shutil

import pytest

from desktop.authoring.engine_inputs import present_path
from desktop.authoring.media_import import adopt_media, check_media, prepare_media_for, relink_media
from desktop.authoring.project_files import create_project
from engine.protocol.errors import UserError


@pytest.fixture
def store(tmp_path):
    (tmp_path / "work").mkdir()
    with create_project(tmp_path / "work" / "night.masque") as made:
        yield made


def add(store, path, **options):
    prepared = prepare_media_for(store, path, **options)
    with store.change("Add media") as change:
        return store.asset, adopt_media(store, change, prepared)


def media_names(store):
    return sorted(path.name for path in store.media_folder.iterdir())


def test_the_same_content_under_another_name_is_not_copied_again(store, samples, tmp_path):
    _, first = add(store, samples / "voice.wav")
    shutil.copy(samples / "voice.wav", tmp_path / "other name.wav")
    _, second = add(store, tmp_path / "other name.wav")
    assert first == second
    assert media_names(store) == ["voice.wav"]


def test_another_content_under_the_same_name_is_kept_beside(store, samples, tmp_path):
    add(store, samples / "driver_smile.mp4")
    shutil.copy(samples / "driver_pair.mp4", tmp_path / "driver_smile.mp4")
    add(store, tmp_path / "driver_smile.mp4")
    assert media_names(store) == ["driver_smile-2.mp4", "driver_smile.mp4"]


def test_a_changed_file_is_told_and_mended_by_adding_the_old_one_again(store, samples):
    get, asset_id = add(store, samples / "voice.wav")
    path = store.asset_path(get(asset_id))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="has changed"):
        present_path(store, get(asset_id))
    assert add(store, samples / "voice.wav")[1] == asset_id
    assert present_path(store, get(asset_id)).stat().st_size == get(asset_id).size_bytes


def test_missing_media_is_noted_found_and_noted_again(store, samples, tmp_path):
    get, asset_id = add(store, samples / "voice.wav")
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    store.asset_path(get(asset_id)).rename(moved / "renamed.wav")
    assert [asset.id for asset in check_media(store)] == [asset_id]
    assert get(asset_id).missing
    with pytest.raises(UserError):
        relink_media(store, tmp_path / "nowhere")
    assert [asset.id for asset in relink_media(store, moved)] == [asset_id]
    assert check_media(store) == ()
    assert present_path(store, get(asset_id)) == moved / "renamed.wav"


def test_a_project_is_never_opened_as_media(store):
    with pytest.raises(UserError, match="is a project"):
        prepare_media_for(store, store.path)
    with pytest.raises(UserError, match="is a project"):
        prepare_media_for(store, store.path.with_name(store.path.name + "-shm"))
