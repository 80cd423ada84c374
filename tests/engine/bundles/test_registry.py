"""The list of added bundles: it comes back as it was, survives damage, and notices changed files."""

import os
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bundles.availability import is_installed, size_bytes
from engine.bundles.bundle_mark import mark_as_random, read_mark
from engine.bundles.catalogue import known_bundles
from engine.bundles.installed_bundle import BundlePart, Capability, InstalledBundle, PartFile, PartName
from engine.bundles.record_text import bundle_from_json, bundle_to_json
from engine.bundles.registry import (
    changed_files,
    forget,
    installed_bundle,
    installed_bundles,
    register,
    require_unchanged,
)
from engine.protocol.errors import ErrorCode, UserError


def make_bundle(folder: Path, name="test", **changes) -> InstalledBundle:
    parts = {}
    for part, file_name in ((PartName.VAE, "vae/model.safetensors"), (PartName.VOICE_ADAPTER, "voice.ckpt")):
        path = folder / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(part.value.encode())
        state = path.stat()
        file = PartFile(
            path=file_name, size_bytes=state.st_size, modified_ns=state.st_mtime_ns, sha256="0" * 64
        )
        parts[part] = BundlePart(name=part, layout="diffusers", files=(file,))
    values = {
        "capabilities": frozenset({Capability.VOICE_DRIVEN}),
        "licences": ("Apache-2.0 (the voice adapter)",),
        "voice_frame_rate": Fraction(23),
        "notes": ("ümläut",),
        "sizes": {PartName.VAE: {"vae_channels": 96, "parameters": 126_892_531}},
        **changes,
    }
    return InstalledBundle(name=name, folder=folder, parts=parts, **values)


@pytest.fixture
def bundle(tmp_path):
    return make_bundle(tmp_path / "weights")


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_nothing_is_installed_at_first(data):
    assert installed_bundles(data) == ()


def test_a_registered_bundle_comes_back_as_it_was(data, bundle):
    register(data, bundle)
    assert installed_bundle(data, "test") == bundle
    assert size_bytes(bundle) == len("vae") + len("voice_adapter")


def test_a_list_from_before_sizes_were_recorded_is_read_and_unknown_parts_are_passed_over(bundle):
    entry = bundle_to_json(bundle)
    assert bundle_from_json({**entry, "sizes": {**entry["sizes"], "crystal": {"side": 3}}}) == bundle
    del entry["sizes"]
    assert bundle_from_json(entry).sizes == {}


def test_bundles_are_listed_by_name_and_one_of_the_same_name_is_replaced(data, bundle, tmp_path):
    register(data, bundle)
    register(data, make_bundle(tmp_path / "other", name="another"))
    again = make_bundle(tmp_path / "weights", random_weights=True)
    register(data, again)
    assert [each.name for each in installed_bundles(data)] == ["another", "test"]
    assert installed_bundle(data, "test").random_weights


def test_a_forgotten_bundle_keeps_its_files(data, bundle):
    register(data, bundle)
    assert forget(data, "test") == bundle
    assert installed_bundles(data) == ()
    assert changed_files(bundle) == ()


@pytest.mark.parametrize("ask", [installed_bundle, forget])
def test_a_bundle_that_is_not_installed_is_told_with_the_command_that_adds_it(data, bundle, ask):
    register(data, bundle)
    with pytest.raises(UserError) as error:
        ask(data, "fantasy-14b")
    assert error.value.report.code is ErrorCode.RENDERER_UNAVAILABLE
    assert "masque models add DIR" in error.value.report.next_step
    assert "test" in error.value.report.next_step


@pytest.mark.parametrize("name", ["", "a b", "../up", "-x", "a/b", "x" * 65, ".hidden"])
def test_names_that_commands_and_files_trip_over_are_refused(data, tmp_path, name):
    with pytest.raises(UserError, match="cannot be a bundle's name"):
        register(data, make_bundle(tmp_path / "weights", name=name))
    assert installed_bundles(data) == ()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"format": 1}',
        b'{"format": 1, "bundles": [{"name": "x"}]}',
        b'{"format": 1, "bundles": 5}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_list_is_kept_aside_and_told_once(data, bundle, text):
    (data / "models.json").write_bytes(text)
    with pytest.raises(UserError) as error:
        installed_bundles(data)
    assert error.value.report.code is ErrorCode.FILE_UNREADABLE
    assert Path(error.value.report.details["kept"]).read_bytes() == text
    register(data, bundle)
    assert installed_bundles(data) == (bundle,)


def test_a_list_cut_short_anywhere_is_never_read_half(data, bundle):
    register(data, bundle)
    path = data / "models.json"
    whole = path.read_bytes()
    for length in range(0, len(whole) - 2, 97):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError):
            installed_bundles(data)


def test_a_list_of_another_version_is_left_alone(data):
    (data / "models.json").write_text('{"format": 2, "bundles": "new"}')
    with pytest.raises(UserError) as error:
        installed_bundles(data)
    assert error.value.report.code is ErrorCode.VERSION_MISMATCH
    assert (data / "models.json").exists()


def test_a_file_of_another_size_or_time_or_gone_has_changed(bundle):
    first, second = (bundle.folder / "vae/model.safetensors", bundle.folder / "voice.ckpt")
    require_unchanged(bundle)
    os.utime(first, ns=(1, 1))
    assert changed_files(bundle) == (first,)
    second.unlink()
    assert changed_files(bundle) == (first, second)


def test_a_changed_file_is_named_with_the_command_that_checks_it(bundle):
    path = bundle.folder / "voice.ckpt"
    path.write_bytes(b"longer than before")
    with pytest.raises(UserError, match=r"voice\.ckpt .* has changed") as error:
        require_unchanged(bundle)
    assert "masque models verify test" in error.value.report.next_step
    path.unlink()
    with pytest.raises(UserError, match=r"voice\.ckpt .* is gone"):
        require_unchanged(bundle)


def test_only_a_bundle_with_all_required_parts_and_real_weights_counts_as_the_published_one(bundle):
    known = known_bundles()[0]
    assert not is_installed(known, [bundle])
    every = {
        part.name: BundlePart(name=part.name, layout="x", files=()) for part in known.parts if part.required
    }
    whole = InstalledBundle(name="w", folder=bundle.folder, parts=every, capabilities=frozenset())
    assert is_installed(known, [whole])


@settings(max_examples=50, deadline=None)
@given(folder=st.text(st.characters(exclude_characters="\0"), min_size=1), note=st.text())
def test_any_folder_and_note_survive_the_way_through_json(folder, note):
    bundle = InstalledBundle(name="a", folder=Path(folder), parts={}, capabilities=frozenset(), notes=(note,))
    assert bundle_from_json(bundle_to_json(bundle)) == bundle


def test_a_folder_without_a_mark_says_nothing_and_a_marked_one_what_it_is(tmp_path):
    assert not read_mark(tmp_path).random_weights
    mark_as_random(tmp_path, name="test", seed=3)
    mark = read_mark(tmp_path)
    assert (mark.name, mark.random_weights) == ("test", True)


@pytest.mark.parametrize(
    "text", [b"name = ", b"\xff", b'random_weights = "yes"', b"colour = 1", b"name = true"]
)
def test_a_faulty_mark_is_refused_by_name(tmp_path, text):
    (tmp_path / "bundle.toml").write_bytes(text)
    with pytest.raises(UserError, match=r"bundle\.toml cannot be used"):
        read_mark(tmp_path)
