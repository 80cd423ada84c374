"""Inspecting a folder of weights: what a whole bundle can do, and a sentence for all that can be wrong."""

import hashlib
import json
import os
import pickle
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from engine.bundles.catalogue import known_bundles
from engine.bundles.installed_bundle import Capability, PartName
from engine.bundles.record_text import bundle_from_json
from engine.bundles.registry import changed_files
from engine.protocol.errors import ErrorCode, UserError
from engine.weights import __main__ as weights_module
from engine.weights import random_bundle_transformer
from engine.weights.__main__ import main
from engine.weights.encoder_loaders import load_text_encoder
from engine.weights.inspection import inspect_folder
from engine.weights.part_fit import check_fit, check_published_sizes
from engine.weights.random_bundle import BundleLayout, make_test_bundle
from tests.bundle_states import change_checkpoint, change_safetensors, put

DRIVEN = frozenset({Capability.CLIP_DRIVEN, Capability.VOICE_DRIVEN})
VAE = "vae/diffusion_pytorch_model.safetensors"
SHARD = "diffusion_pytorch_model-00002-of-00002.safetensors"


@pytest.fixture
def made(random_bundle):
    return random_bundle


@pytest.fixture
def bundle(made, tmp_path):
    """Return a bundle of the test's own; its files are links, to be replaced and never written into."""
    folder = tmp_path / "bundle"
    shutil.copytree(made, folder, copy_function=os.link)
    return folder


def refusal(folder):
    with pytest.raises(UserError) as error:
        inspect_folder(folder)
    report = error.value.report
    assert report.message.endswith(".")
    assert "\n" not in report.message
    assert report.next_step
    return report


def test_a_whole_test_bundle_can_be_driven_by_clips_and_voices(made):
    bundle = inspect_folder(made)
    assert (bundle.name, bundle.folder, bundle.random_weights) == ("test", made, True)
    assert bundle.capabilities == DRIVEN
    assert bundle.voice_frame_rate == Fraction(23)
    assert set(bundle.parts) == set(PartName) - {
        PartName.FACE_DETECTOR,
        PartName.FACE_LANDMARKS,
        PartName.IDENTITY,
        PartName.MOTION_INTENSITY,
    }
    for part in bundle.parts:
        for path, file in zip(bundle.paths(part), bundle.parts[part].files, strict=True):
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
            assert path.stat().st_size == file.size_bytes
    assert changed_files(bundle) == ()


def test_the_sizes_of_every_network_are_recorded(made):
    sizes = inspect_folder(made).sizes
    assert sizes[PartName.TRANSFORMER]["width"] == random_bundle_transformer.WIDTH
    assert sizes[PartName.VAE]["vae_channels"] == 4
    assert sizes[PartName.SPEECH_ENCODER]["speech_channels"] == 32
    model = load_text_encoder(made / "text_encoder", made / "tokenizer", torch.float32).model
    assert sizes[PartName.TEXT_ENCODER]["parameters"] == sum(each.numel() for each in model.parameters())
    counted = {name for name, own in sizes.items() if own.get("parameters")}
    assert counted == set(sizes) - {PartName.TOKENIZER}


def test_the_other_layout_is_the_same_bundle_in_fewer_files(tmp_path):
    make_test_bundle(tmp_path / "made", layout=BundleLayout.DIFFUSERS)
    bundle = inspect_folder(tmp_path / "made", "mine")
    assert (bundle.name, bundle.capabilities) == ("mine", DRIVEN)
    adapter, encoder = PartName.EXPRESSION_ADAPTER, PartName.EXPRESSION_ENCODER
    assert bundle.paths(adapter) == bundle.paths(encoder)
    assert bundle.parts[PartName.TRANSFORMER].layout == "diffusers"


def test_parts_may_lie_one_folder_deeper(bundle):
    (bundle / "Wan").mkdir()
    for name in ("text_encoder", "tokenizer", "vae", "image_encoder"):
        (bundle / name).rename(bundle / "Wan" / name)
    assert inspect_folder(bundle).capabilities == DRIVEN


def test_progress_grows_to_its_end_and_names_files(made):
    seen = []
    inspect_folder(made, report=seen.append)
    done = [progress.bytes_done for progress in seen]
    assert done == sorted(done)
    assert done[-1] == seen[-1].bytes_total
    assert {"pd_fpg.pth", "tokenizer.json"} <= {progress.file for progress in seen}


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        ("pd_fpg.pth", Capability.VOICE_DRIVEN),
        ("fantasyportrait_model.ckpt", Capability.VOICE_DRIVEN),
        ("fantasytalking_model.ckpt", Capability.CLIP_DRIVEN),
        ("wav2vec2-base-960h/config.json", Capability.CLIP_DRIVEN),
    ],
)
def test_a_missing_half_of_a_pair_takes_that_way_to_drive_alone(bundle, gone, left):
    (bundle / gone).unlink()
    found = inspect_folder(bundle)
    assert found.capabilities == {left}
    assert (found.voice_frame_rate is None) == (left is Capability.CLIP_DRIVEN)


def test_without_any_whole_adapter_nothing_is_there_to_drive(bundle):
    (bundle / "pd_fpg.pth").unlink()
    (bundle / "fantasytalking_model.ckpt").unlink()
    report = refusal(bundle)
    assert "pd_fpg.pth" in report.message
    assert "fantasytalking_model.ckpt" in report.message
    assert "fantasyportrait_model.ckpt" not in report.message


def test_an_empty_folder_and_one_of_other_files_are_told(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    report = refusal(tmp_path)
    assert "holds no weights that Masque knows" in report.message
    assert "masque models list" in report.next_step


def test_all_missing_parts_are_listed_with_their_files(bundle):
    shutil.rmtree(bundle / "vae")
    (bundle / "tokenizer" / "tokenizer.json").unlink()
    report = refusal(bundle)
    assert report.code is ErrorCode.FILE_MISSING
    assert "the picture codec (VAE) (the folder vae)" in report.message
    assert "the tokenizer (the folder tokenizer)" in report.message
    assert "Wan-AI/Wan2.1-I2V-14B-720P-Diffusers" in report.next_step


def test_the_original_files_that_nobody_converts_are_told_by_name(bundle):
    shutil.rmtree(bundle / "text_encoder")
    (bundle / "models_t5_umt5-xxl-enc-bf16.pth").write_bytes(b"x")
    report = refusal(bundle)
    assert report.code is ErrorCode.FORMAT_UNSUPPORTED
    assert "models_t5_umt5-xxl-enc-bf16.pth" in report.message
    assert "the folder text_encoder" in report.next_step


def test_swapped_adapters_are_called_by_what_they_are(bundle):
    one, other = bundle / "fantasyportrait_model.ckpt", bundle / "fantasytalking_model.ckpt"
    first, second = one.read_bytes(), other.read_bytes()
    put(one, second)
    put(other, first)
    report = refusal(bundle)
    assert "fantasyportrait_model.ckpt" in report.message
    assert "voice adapter" in report.message


def test_a_text_to_video_transformer_is_refused(bundle):
    description = json.loads((bundle / "config.json").read_text())
    put(bundle / "config.json", json.dumps({**description, "model_type": "t2v", "in_dim": 16}).encode())

    def without_picture(weights):
        for name in [name for name in weights if "_img" in name or name.startswith("img_emb")]:
            del weights[name]
        if "patch_embedding.weight" in weights:
            weights["patch_embedding.weight"] = weights["patch_embedding.weight"][:, :16].contiguous()

    for shard in bundle.glob("diffusion_pytorch_model-*.safetensors"):
        change_safetensors(shard, without_picture)
    assert "text-to-video" in refusal(bundle).message


def test_a_shard_that_was_cut_short_is_named(bundle):
    put(bundle / SHARD, (bundle / SHARD).read_bytes()[:-5000])
    report = refusal(bundle)
    assert SHARD in report.message
    assert report.code is ErrorCode.FILE_UNREADABLE


def test_a_shard_that_is_missing_is_named(bundle):
    (bundle / SHARD).unlink()
    assert SHARD in refusal(bundle).message


@pytest.mark.parametrize("name", ["vae", "text_encoder", "image_encoder", "wav2vec2-base-960h"])
def test_a_missing_key_of_an_encoder_is_told_with_its_file(bundle, name):
    (path,) = (bundle / name).glob("*.safetensors")
    lost = next(key for key in sorted(load_file(path)) if "encoder." in key)
    change_safetensors(path, lambda weights: weights.pop(lost))
    report = refusal(bundle)
    assert path.name in report.message
    assert lost.endswith(report.details["key"])


@pytest.mark.parametrize("name", ["vae", "wav2vec2-base-960h"])
def test_an_extra_key_of_an_encoder_is_named(bundle, name):
    (path,) = (bundle / name).glob("*.safetensors")
    change_safetensors(path, lambda weights: weights.update({"surprise.weight": torch.zeros(2)}))
    assert "surprise.weight" in refusal(bundle).message


def test_a_missing_key_of_the_transformer_is_named(bundle):
    change_safetensors(bundle / SHARD, lambda weights: weights.pop("blocks.2.ffn.0.weight"))
    assert "blocks.2.ffn.0.weight" in refusal(bundle).message


def test_an_extra_key_of_an_adapter_is_named(bundle):
    change_checkpoint(
        bundle / "fantasytalking_model.ckpt",
        lambda content: content["proj_model"].update({"surprise.weight": torch.zeros(1)}),
    )
    assert "proj_model.surprise.weight" in refusal(bundle).message


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_no_number_is_named_by_file_and_key(bundle, value):
    def spoil(weights):
        weights["decoder.conv_in.weight"].view(-1)[3] = value

    change_safetensors(bundle / VAE, spoil)
    report = refusal(bundle)
    assert "decoder.conv_in.weight" in report.message
    assert Path(VAE).name in report.message


def test_a_checkpoint_that_runs_code_is_refused_and_nothing_is_run(bundle, tmp_path):
    class Attack:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "pwned"),))

    put(bundle / "pd_fpg.pth", pickle.dumps({"model": Attack()}))
    report = refusal(bundle)
    assert "program code" in report.message
    assert "pd_fpg.pth" in report.message
    assert not (tmp_path / "pwned").exists()


def test_an_adapter_of_another_width_does_not_fit(bundle):
    def widen(content):
        for name, weight in content["audio_processor"].items():
            content["audio_processor"][name] = torch.cat([weight, weight])

    change_checkpoint(bundle / "fantasytalking_model.ckpt", widen)
    report = refusal(bundle)
    assert "The voice adapter does not fit the transformer" in report.message
    assert "192" in report.message
    assert "96" in report.message


def test_an_adapter_of_fewer_blocks_does_not_fit(bundle):
    def shorten(content):
        for name in [name for name in content["ip_adapter"] if name.startswith("blocks.2.")]:
            del content["ip_adapter"][name]

    change_checkpoint(bundle / "fantasyportrait_model.ckpt", shorten)
    assert "number of blocks is 2" in refusal(bundle).message


def test_a_bundle_that_does_not_say_it_is_random_must_have_the_published_sizes(bundle):
    (bundle / "bundle.toml").unlink()
    report = refusal(bundle)
    assert "not that of Wan2.1-I2V-14B" in report.message
    assert report.code is ErrorCode.BAD_INPUT


def test_the_published_sizes_are_accepted_and_any_other_is_named():
    known = known_bundles()[0]
    sizes = {PartName.TRANSFORMER: {"width": 5120, "blocks": 40, "latent_channels": 16}}
    check_published_sizes(known, sizes)
    with pytest.raises(UserError, match="number of blocks is 30, not 40"):
        check_published_sizes(known, {PartName.TRANSFORMER: {**sizes[PartName.TRANSFORMER], "blocks": 30}})


def test_sizes_are_compared_only_where_both_parts_are_there():
    check_fit({PartName.TRANSFORMER: {"width": 1, "blocks": 1, "text_width": 64}})
    with pytest.raises(UserError, match="The text encoder does not fit the transformer"):
        check_fit({PartName.TRANSFORMER: {"text_width": 64}, PartName.TEXT_ENCODER: {"text_width": 65}})


def test_a_damaged_face_detector_is_named(bundle):
    (bundle / "face_det.onnx").write_bytes(b"\x08\x01rubbish" * 100)
    assert "face_det.onnx" in refusal(bundle).message


def test_a_file_that_changes_during_the_check_is_noticed(bundle):
    touched = bundle / "tokenizer" / "tokenizer.json"
    put(touched, touched.read_bytes())

    def touch(progress):
        if progress.file == "pd_fpg.pth":
            os.utime(touched, ns=(5, progress.bytes_done + 5))

    with pytest.raises(UserError, match=r"changed while it was being checked"):
        inspect_folder(bundle, report=touch)


def test_the_module_answers_in_lines_of_json(made, capsys):
    assert main(["inspect", str(made), "--name", "mine"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(set(line) == {"progress"} for line in lines[:-1])
    assert bundle_from_json(lines[-1]["bundle"]).name == "mine"


def test_the_module_tells_what_is_wrong_as_json(tmp_path, capsys):
    assert main(["inspect", str(tmp_path / "nowhere")]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["code"] == "file_missing"
    assert answer["next_step"]
    assert main(["make-test-bundle", str(tmp_path / "b"), "--seed", "-4"]) == 1
    assert "seed" in json.loads(capsys.readouterr().out)["message"]


@pytest.mark.parametrize("raised", [MemoryError(), RuntimeError("DefaultCPUAllocator: not enough memory")])
def test_the_module_tells_of_memory_that_runs_out(made, capsys, monkeypatch, raised):
    def starve(*given, **named):
        raise raised

    monkeypatch.setattr(weights_module, "inspect_folder", starve)
    assert main(["inspect", str(made)]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["code"] == "out_of_memory"
    assert answer["next_step"]
