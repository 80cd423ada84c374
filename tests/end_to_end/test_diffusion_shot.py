"""Two takes by the transformer, from the command line to the files, with a tiny bundle of random weights."""

import hashlib
from pathlib import Path

import pytest

from engine.bundles.registry import register
from engine.locations import engine_locations
from engine.media.probe import probe_media

OPTIONS = ("--quality", "diffusion", "--size", "96x64", "--frames", 9, "--steps", 2, "--text-guidance", 3)


@pytest.fixture
def bundle(engine, verified_bundle):
    """The bundle, installed in the engine of these tests."""
    register(engine_locations().data, verified_bundle)
    return verified_bundle


def conditions():
    """Return which files of encoded conditions there are; one that is written again is another one."""
    folder = engine_locations().cache / "conditions"
    return {path.name: path.stat().st_ino for path in folder.iterdir()}


def master_of(take):
    return next(Path(file["path"]) for file in take["files"] if file["role"] == "master")


def test_two_takes_differ_by_their_seed_alone_and_say_how_they_were_made(masque, masque_here, shot, bundle):
    masque_here("scene", "set", shot, "Duet", "--prompt", "Two people talk.", "--negative-prompt", "blurred")
    rendered = masque("render", shot, *OPTIONS, "--seed", 1)
    assert rendered["jobs"][0]["state"] == "done", rendered
    encoded = conditions()
    rendered = masque("render", shot, *OPTIONS, "--seed", 1, "--takes", 2)
    assert [job["state"] for job in rendered["jobs"]] == ["done", "done"]
    assert any("noise" in note for note in rendered["notes"])
    assert conditions() == encoded

    first, again, second = masque_here("takes", shot)["takes"]
    assert [take["seed"] for take in (first, again, second)] == [1, 1, 2]
    assert master_of(first).read_bytes() == master_of(again).read_bytes() != master_of(second).read_bytes()
    for take in (first, again, second):
        assert (take["status"], take["renderer"]) == ("done", "diffusion")
        record = take["diffusion_record"]
        assert record["random_weights"] is True
        assert record["branches"] == [
            "+5 (prompt + expression + voice)",
            "-2 (prompt)",
            "-2 (negative prompt)",
        ]
        assert (record["forwards_per_step"], record["forwards"]) == (3, 6)
        for file in bundle.folder.rglob("*.safetensors"):
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            assert digest in record["weights"].values()
        movie = probe_media(master_of(take))
        assert (movie.width, movie.height, movie.frame_count, movie.frame_rate) == (96, 64, 9, 24)
        assert movie.audio_codec is not None
