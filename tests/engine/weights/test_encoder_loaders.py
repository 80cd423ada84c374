"""The encoders out of their folders: silent, strict, local."""

import json
import logging
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.protocol.errors import ErrorCode, UserError
from engine.weights.encoder_loaders import (
    load_image_encoder,
    load_speech_encoder,
    load_text_encoder,
    load_vae,
)
from engine.weights.input_description import picture_normalisation, sound_description
from engine.weights.random_bundle_encoders import (
    write_image_encoder,
    write_speech_encoder,
    write_text_encoder,
    write_tokenizer,
    write_vae,
)

TEXT, PICTURE, SPEECH, VAE = "text_encoder", "image_encoder", "wav2vec2-base-960h", "vae"
WEIGHTS = {
    TEXT: "model.safetensors",
    PICTURE: "model.safetensors",
    SPEECH: "model.safetensors",
    VAE: "diffusion_pytorch_model.safetensors",
}
LOAD = {
    TEXT: lambda folder, dtype=torch.float32: load_text_encoder(folder / TEXT, folder / "tokenizer", dtype),
    PICTURE: lambda folder, dtype=torch.float32: load_image_encoder(folder / PICTURE, dtype),
    SPEECH: lambda folder, dtype=torch.float32: load_speech_encoder(folder / SPEECH, dtype),
    VAE: lambda folder, dtype=torch.float32: load_vae(folder / VAE, dtype),
}
EVERY = pytest.mark.parametrize("name", list(LOAD))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Tiny random encoders in the published layouts."""
    folder = tmp_path_factory.mktemp("bundle")
    for write in (write_text_encoder, write_tokenizer, write_image_encoder, write_speech_encoder, write_vae):
        write(folder, 1)
    return folder


@pytest.fixture
def bundle(written, tmp_path):
    """The same, for a test to damage."""
    return shutil.copytree(written, tmp_path / "bundle")


def network(loaded):
    return getattr(loaded, "model", loaded)


def weights_of(bundle, name):
    return bundle / name / WEIGHTS[name]


def change(bundle, name, **changes):
    """Change the weights: a tensor, or None for what is to be taken out."""
    path = weights_of(bundle, name)
    weights = {**load_file(path), **changes}
    save_file({key: value.contiguous() for key, value in weights.items() if value is not None}, path)


def describe(path, **changes):
    content = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def refused(bundle, name, dtype=torch.float32):
    with pytest.raises(UserError) as error:
        LOAD[name](bundle, dtype)
    return error.value.report


def a_key(bundle, name):
    """The first matrix of a network, by the name the file has for it."""
    weights = load_file(weights_of(bundle, name))
    return next(key for key, value in sorted(weights.items()) if value.ndim > 1 and "lm_head" not in key)


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_encoders_load_silently_in_the_format_that_is_asked_for(written, name, dtype, capfd, caplog):
    loaded = network(LOAD[name](written, dtype))
    assert {parameter.dtype for parameter in loaded.parameters()} == {dtype}
    assert not any(parameter.requires_grad or parameter.is_meta for parameter in loaded.parameters())
    assert not loaded.training
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_the_libraries_speak_again_afterwards(written):
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    before = transformers_logging.get_verbosity(), diffusers_logging.get_verbosity()
    LOAD[SPEECH](written)
    assert (transformers_logging.get_verbosity(), diffusers_logging.get_verbosity()) == before
    assert before[0] <= logging.WARNING
    assert transformers_logging.is_progress_bar_enabled()


def test_nothing_is_asked_of_the_network(written, monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refuse)
    for load in LOAD.values():
        load(written)


def test_text_becomes_hidden_states(written):
    encoder = LOAD[TEXT](written)
    words = encoder.tokenizer("A face in the rain.", return_tensors="pt")
    with torch.no_grad():
        hidden = encoder.model(**words).last_hidden_state
    assert hidden.shape == (1, words.input_ids.shape[1], 64)
    assert hidden.isfinite().all()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(
    "names",
    [("shared.weight",), ("encoder.embed_tokens.weight",), ("shared.weight", "encoder.embed_tokens.weight")],
)
def test_the_embedding_loads_under_each_of_its_names(bundle, names, tied):
    embedding = load_file(weights_of(bundle, TEXT))["shared.weight"]
    change(bundle, TEXT, **{"shared.weight": None, **{name: embedding.clone() for name in names}})
    describe(bundle / TEXT / "config.json", tie_word_embeddings=tied)
    model = LOAD[TEXT](bundle).model
    assert torch.equal(model.encoder.embed_tokens.weight, embedding)
    assert torch.equal(model.shared.weight, embedding)


def test_two_embeddings_that_differ_are_refused(bundle):
    embedding = load_file(weights_of(bundle, TEXT))["shared.weight"]
    change(bundle, TEXT, **{"encoder.embed_tokens.weight": embedding + 1})
    assert "two embeddings that differ" in refused(bundle, TEXT).message


def test_no_embedding_is_a_missing_key(bundle):
    change(bundle, TEXT, **{"shared.weight": None})
    assert "lack encoder.embed_tokens.weight and 1 more" in refused(bundle, TEXT).message


def test_pictures_are_described(written):
    encoder = LOAD[PICTURE](written)
    assert encoder.side == 224
    assert encoder.mean == (0.48145466, 0.4578275, 0.40821073)
    assert encoder.deviation == (0.26862954, 0.26130258, 0.27577711)
    with torch.no_grad():
        hidden = encoder.model(torch.zeros(1, 3, 224, 224)).last_hidden_state
    assert hidden.shape == (1, 257, 64)


def test_pictures_are_described_beside_the_encoder_too(tmp_path):
    folder, beside = tmp_path / "image_encoder", tmp_path / "image_processor"
    folder.mkdir()
    published = picture_normalisation(folder)
    assert published[0][0] == 0.48145466
    beside.mkdir()
    (beside / "preprocessor_config.json").write_text(
        '{"image_mean": [0.1, 0.2, 0.3], "image_std": [1, 1, 2]}'
    )
    assert picture_normalisation(folder) == ((0.1, 0.2, 0.3), (1.0, 1.0, 2.0))


@pytest.mark.parametrize(
    "text",
    [
        '{"image_mean": [1, 2]}',
        '{"image_mean": "x"}',
        "{}",
        '{"image_mean": [0, 0, 0], "image_std": [0, 1, 1]}',
    ],
)
def test_a_damaged_description_of_pictures_is_named(tmp_path, text):
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(UserError, match=r"preprocessor_config\.json"):
        picture_normalisation(tmp_path)


def test_sound_is_described(written, tmp_path):
    encoder = LOAD[SPEECH](written)
    assert (encoder.sample_rate, encoder.normalise) == (16000, True)
    assert sound_description(tmp_path) == (16000, True)
    with torch.no_grad():
        assert encoder.model(torch.zeros(1, 16000)).last_hidden_state.shape == (1, 49, 40)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"sampling_rate": "16k"}',
        '{"sampling_rate": 16000}',
        '{"sampling_rate": 0}',
        '{"sampling_rate": 8000, "do_normalize": true}',
    ],
)
def test_a_damaged_description_of_sound_is_named(tmp_path, text):
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(UserError, match=r"preprocessor_config\.json"):
        sound_description(tmp_path)


def test_speech_loads_from_a_pickle_without_its_training_vector(bundle, written):
    weights = load_file(weights_of(bundle, SPEECH))
    del weights["wav2vec2.masked_spec_embed"]
    weights_of(bundle, SPEECH).unlink()
    torch.save(weights, bundle / SPEECH / "pytorch_model.bin")
    loaded, published = (LOAD[SPEECH](folder).model for folder in (bundle, written))
    sound = torch.randn(1, 8000, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.allclose(loaded(sound).last_hidden_state, published(sound).last_hidden_state, atol=1e-5)


def test_a_pickle_with_code_is_not_run(bundle):
    class RunsCode:
        def __reduce__(self):
            return os.system, (f"touch {bundle / 'made'}",)

    weights_of(bundle, SPEECH).unlink()
    torch.save({"x": RunsCode()}, bundle / SPEECH / "pytorch_model.bin")
    assert "program code" in refused(bundle, SPEECH).message
    assert not (bundle / "made").exists()


def test_sharded_weights_load(bundle, written):
    network(LOAD[TEXT](written)).save_pretrained(bundle / TEXT, max_shard_size="100KB")
    weights_of(bundle, TEXT).unlink(missing_ok=True)
    assert len(list((bundle / TEXT).glob("*.safetensors"))) > 1
    first, second = (LOAD[TEXT](folder).model.state_dict() for folder in (bundle, written))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_an_index_that_names_a_missing_shard_says_which(bundle, written):
    network(LOAD[TEXT](written)).save_pretrained(bundle / TEXT, max_shard_size="100KB")
    gone = sorted((bundle / TEXT).glob("model-*.safetensors"))[0]
    gone.unlink()
    report = refused(bundle, TEXT)
    assert (report.code, gone.name in report.message) == (ErrorCode.FILE_MISSING, True)


@EVERY
def test_a_missing_key_is_named(bundle, name):
    change(bundle, name, **{a_key(bundle, name): None})
    report = refused(bundle, name)
    assert report.code is ErrorCode.BAD_INPUT
    assert f"{WEIGHTS[name]} lack " in report.message


@EVERY
def test_an_extra_key_is_named(bundle, name):
    change(bundle, name, **{"odd.weight": torch.ones(1)})
    assert "hold odd.weight, which does not belong" in refused(bundle, name).message


@EVERY
def test_another_shape_is_named(bundle, name):
    key = a_key(bundle, name)
    change(bundle, name, **{key: torch.ones(3, 3)})
    assert f"{key.split('.')[-2]}.{key.split('.')[-1]} in another shape" in refused(bundle, name).message


@EVERY
def test_a_value_that_is_no_number_names_its_key(bundle, name):
    key = a_key(bundle, name)
    broken = load_file(weights_of(bundle, name))[key].clone()
    broken.view(-1)[-1] = float("nan")
    change(bundle, name, **{key: broken})
    assert f"values in {key} that are not numbers" in refused(bundle, name).message


@EVERY
def test_a_value_too_large_for_half_precision_is_named(bundle, name):
    key = a_key(bundle, name)
    large = load_file(weights_of(bundle, name))[key].clone()
    large.view(-1)[0] = 1e6
    change(bundle, name, **{key: large})
    assert "too large for float16" in refused(bundle, name, torch.float16).message


@EVERY
def test_truncated_weights_are_named(bundle, name):
    path = weights_of(bundle, name)
    path.write_bytes(path.read_bytes()[:-10])
    report = refused(bundle, name)
    assert (report.code, f"{path.name} were cut short" in report.message) == (ErrorCode.FILE_UNREADABLE, True)


@EVERY
def test_missing_weights_are_named(bundle, name):
    weights_of(bundle, name).unlink()
    report = refused(bundle, name)
    assert (report.code, WEIGHTS[name] in report.message) == (ErrorCode.FILE_MISSING, True)


@EVERY
@pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
def test_a_damaged_description_is_named(bundle, name, text):
    (bundle / name / "config.json").write_text(text)
    assert "config.json" in refused(bundle, name).message


@EVERY
def test_a_missing_description_is_named(bundle, name):
    (bundle / name / "config.json").unlink()
    report = refused(bundle, name)
    assert (report.code, "config.json" in report.message) == (ErrorCode.FILE_MISSING, True)


@EVERY
def test_a_description_of_another_network_is_named(bundle, name):
    other = PICTURE if name == TEXT else TEXT
    shutil.copy(bundle / other / "config.json", bundle / name / "config.json")
    assert f"config.json in {name} is of " in refused(bundle, name).message


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (TEXT, {"num_heads": 0}),
        (TEXT, {"d_model": "wide"}),
        (TEXT, {"num_layers": -3}),
        (PICTURE, {"patch_size": 0}),
        (PICTURE, {"hidden_size": 63}),
        (SPEECH, {"conv_dim": []}),
        (SPEECH, {"hidden_act": "none such"}),
        (VAE, {"z_dim": "many"}),
        (VAE, {"dim_mult": None, "base_dim": -1}),
    ],
)
def test_a_description_that_makes_no_network_is_refused(bundle, name, said):
    describe(bundle / name / "config.json", **said)
    report = refused(bundle, name)
    assert WEIGHTS[name] in report.message or "config.json" in report.message


@pytest.mark.parametrize("text", ["", "{", "{}", '{"model": {"type": "none"}}'])
def test_a_damaged_tokenizer_is_named(bundle, text):
    (bundle / "tokenizer" / "tokenizer.json").write_text(text)
    assert "tokenizer.json" in refused(bundle, TEXT).message


def test_a_missing_tokenizer_is_named(bundle):
    (bundle / "tokenizer" / "tokenizer.json").unlink()
    report = refused(bundle, TEXT)
    assert (report.code, "tokenizer.json" in report.message) == (ErrorCode.FILE_MISSING, True)


def test_a_tokenizer_that_brings_its_own_code_does_not_run_it(bundle):
    folder, made = bundle / "tokenizer", bundle / "made"
    (folder / "own.py").write_text(f"open({str(made)!r}, 'w')\nclass Own: pass\n")
    describe(
        folder / "tokenizer_config.json",
        auto_map={"AutoTokenizer": ["own.Own", "own.Own"]},
        tokenizer_class="Own",
    )
    try:
        LOAD[TEXT](bundle)
    except UserError as error:
        assert "tokenizer" in error.report.message
    assert not made.exists()


def test_a_tokenizer_that_knows_more_than_the_encoder_is_refused(bundle):
    path = weights_of(bundle, TEXT)
    embedding = load_file(path)["shared.weight"][:50].clone()
    change(bundle, TEXT, **{"shared.weight": embedding})
    describe(bundle / TEXT / "config.json", vocab_size=50)
    assert "the text encoder in text_encoder only 50" in refused(bundle, TEXT).message
