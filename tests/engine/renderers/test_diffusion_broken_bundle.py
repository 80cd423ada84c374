"""Bundles broken after they were added: the job fails with a sentence and nothing in a file is ever run."""

import json
import os
import pickle
import shutil
from dataclasses import replace

import pytest
import torch

from engine.bundles.installed_bundle import Capability, PartName
from engine.bundles.registry import register
from engine.locations import engine_locations
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import WorkerFailed, WorkerFinished
from engine.weights import random_bundle_encoders, random_bundle_transformer
from tests.bundle_states import as_it_is, change_checkpoint, change_safetensors, put
from tests.diffusion_cast import driven, speaking

FIRST, SECOND = (f"diffusion_pytorch_model-0000{number}-of-00002.safetensors" for number in (1, 2))
VAE = "vae/diffusion_pytorch_model.safetensors"
PORTRAIT, TALKING = "fantasyportrait_model.ckpt", "fantasytalking_model.ckpt"
LINEAR = "blocks.2.ffn.0.weight"


@pytest.fixture
def copied(random_bundle, tmp_path):
    """A copy of the bundle of this test's own; its files are links, to be replaced, never written into."""
    folder = tmp_path / "copied"
    shutil.copytree(random_bundle, folder, copy_function=os.link)
    return folder


@pytest.fixture
def failure(outcome, shot, verified_bundle, copied):
    """Return a function that renders with the copy, its record made to say what is there now."""

    def run(**changes):
        register(engine_locations().data, as_it_is(replace(verified_bundle, name="copied", folder=copied)))
        report = outcome(shot(settings={"bundle": "copied", "steps": 3}, **changes))
        assert isinstance(report, WorkerFailed), report
        error = report.error
        assert error.code is not ErrorCode.INTERNAL, error.message
        assert error.message.endswith(".")
        assert "\n" not in error.message
        assert error.next_step
        return error

    return run


def change_json(path, **changes):
    put(path, json.dumps({**json.loads(path.read_text()), **changes}).encode())


def other_transformer(folder, monkeypatch, **sizes):
    """Put a transformer of other sizes in the place of the bundle's."""
    for name, size in sizes.items():
        monkeypatch.setattr(random_bundle_transformer, name, size)
    made = folder / "made"
    made.mkdir()
    random_bundle_transformer.write_original_transformer(made, 3)
    for file in made.iterdir():
        file.replace(folder / file.name)
    made.rmdir()


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"WIDTH": 128}, "its width is 96, the transformer has 128"),
        ({"BLOCKS": 2}, "its number of blocks is 3, the transformer has 2"),
        ({"TEXT_WIDTH": 80}, "its text width is 64, the transformer has 80"),
        ({"IMAGE_WIDTH": 80}, "its image width is 64, the transformer has 80"),
    ],
)
def test_a_transformer_of_other_sizes_is_told(failure, copied, monkeypatch, sizes, said):
    other_transformer(copied, monkeypatch, **sizes)
    error = failure()
    assert said in error.message
    assert error.code is ErrorCode.BAD_INPUT


def test_a_text_to_video_transformer_is_told(failure, copied):
    def without_picture(weights):
        for name in [name for name in weights if "_img" in name or name.startswith("img_emb")]:
            del weights[name]
        if "patch_embedding.weight" in weights:
            weights["patch_embedding.weight"] = weights["patch_embedding.weight"][:, :16].contiguous()

    for shard in (FIRST, SECOND):
        change_safetensors(copied / shard, without_picture)
    change_json(copied / "config.json", model_type="t2v", in_dim=16)
    assert "text-to-video" in failure().message


def test_adapters_in_each_other_s_place_are_called_by_what_they_are(failure, copied):
    portrait, talking = (copied / PORTRAIT).read_bytes(), (copied / TALKING).read_bytes()
    put(copied / PORTRAIT, talking)
    assert "are the voice adapter (FantasyTalking), not the expression" in failure().message
    put(copied / PORTRAIT, portrait)
    put(copied / TALKING, portrait)
    assert "are the expression adapter (FantasyPortrait), not the voice" in failure().message


def test_an_adapter_for_other_blocks_is_told(failure, copied, samples):
    def shorten(content):
        for name in [name for name in content["ip_adapter"] if name.startswith("blocks.2.")]:
            del content["ip_adapter"][name]

    def widen(content):
        for name, weight in content["audio_processor"].items():
            content["audio_processor"][name] = torch.cat([weight, weight])

    change_checkpoint(copied / PORTRAIT, shorten)
    change_checkpoint(copied / TALKING, widen)
    assert "its number of blocks is 2" in failure(characters=(driven(samples),)).message
    assert "its width is 192" in failure(characters=(speaking(samples),)).message


def test_a_speech_encoder_of_another_width_is_told(failure, copied, monkeypatch, samples):
    monkeypatch.setattr(random_bundle_encoders, "SPEECH_WIDTH", 48)
    shutil.rmtree(copied / "wav2vec2-base-960h")
    random_bundle_encoders.write_speech_encoder(copied, 3)
    ben = speaking(samples)
    never_heard = replace(ben, voices=(replace(ben.voices[0], start_frame=1),))
    error = failure(characters=(never_heard,))
    assert "its speech width is 40, the speech encoder has 48" in error.message


def cut(folder):
    put(folder / SECOND, (folder / SECOND).read_bytes()[:-5000])


def take_key(folder):
    change_safetensors(folder / SECOND, lambda weights: weights.pop(LINEAR))


def rename_key(folder):
    """Its bytes are as many as before."""
    content = (folder / SECOND).read_bytes()
    put(folder / SECOND, content.replace(LINEAR.encode(), b"blocks.2.ffn.7.weight"))


def add_key(folder):
    change_safetensors(folder / VAE, lambda weights: weights.update({"surprise": torch.zeros(2)}))


def spoil(value):
    def change(folder):
        change_safetensors(folder / SECOND, lambda weights: weights[LINEAR].view(-1)[3:4].fill_(value))

    return change


def damage_header(folder):
    content = bytearray((folder / SECOND).read_bytes())
    content[60] ^= 0xFF
    put(folder / SECOND, bytes(content))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (cut, "were cut short"),
        (take_key, f"lack {LINEAR}"),
        (rename_key, "hold blocks.2.ffn.7.weight"),
        (add_key, "hold surprise"),
        (spoil(float("nan")), f"hold values in {LINEAR} that are not numbers"),
        (spoil(float("-inf")), f"hold values in {LINEAR} that are not numbers"),
        (damage_header, "are not a safetensors file, or are damaged"),
        (lambda folder: put(folder / TALKING, b""), "are an empty file"),
        (lambda folder: change_json(folder / "vae" / "config.json", latents_std=[0] * 16), "no latents_std"),
        (lambda folder: change_json(folder / "vae" / "config.json", latents_mean=[0.0]), "no latents_mean"),
        (lambda folder: put(folder / "vae" / "config.json", b"{"), "is no valid JSON"),
        (lambda folder: change_json(folder / "vae" / "config.json", dim_mult=[]), "describes no network"),
        (lambda folder: change_json(folder / "config.json", _class_name=[]), "is not of a Wan transformer"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(failure, copied, change, words):
    change(copied)
    assert words in failure().message


def test_a_checkpoint_that_runs_code_is_refused_and_nothing_is_run(failure, copied, tmp_path):
    class Attack:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "pwned"),))

    put(copied / TALKING, pickle.dumps({"proj_model": Attack()}))
    assert "contain program code" in failure().message
    path = copied / PORTRAIT
    path.unlink()
    torch.save({"proj_model": Attack()}, path)
    assert "contain program code" in failure().message
    assert not (tmp_path / "pwned").exists()


def test_a_transformer_whose_numbers_overflow_is_stopped_at_its_first_step(failure, copied):
    change_safetensors(copied / SECOND, lambda weights: weights[LINEAR].fill_(1e38))
    error = failure()
    assert error.message == "The transformer of the bundle gave values that are not numbers."
    assert "float32" in error.next_step


@pytest.mark.parametrize("change", [lambda path: put(path, path.read_bytes()), lambda path: path.unlink()])
def test_a_file_that_is_gone_or_of_another_time_is_named(outcome, shot, verified_bundle, copied, change):
    register(engine_locations().data, replace(verified_bundle, name="copied", folder=copied))
    change(copied / SECOND)
    error = outcome(shot(settings={"bundle": "copied"})).error
    assert error.code is ErrorCode.RENDERER_UNAVAILABLE
    assert SECOND in error.message
    assert "masque models verify copied" in error.next_step


def test_a_bundle_without_what_a_character_needs_is_told(outcome, shot, verified_bundle, samples):
    parts = {name: part for name, part in verified_bundle.parts.items() if name is not PartName.VOICE_ADAPTER}
    silent = replace(
        verified_bundle, name="silent", parts=parts, capabilities=frozenset({Capability.CLIP_DRIVEN})
    )
    register(engine_locations().data, silent)
    report = outcome(shot(settings={"bundle": "silent"}))
    assert report.error.code is ErrorCode.RENDERER_UNAVAILABLE
    assert "“Ben” is driven by a voice" in report.error.message
    assert TALKING in report.error.message
    listening = outcome(shot(settings={"bundle": "silent"}, characters=(driven(samples),)))
    assert isinstance(listening, WorkerFinished)
