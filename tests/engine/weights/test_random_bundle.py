"""The test bundle: small, the same for a seed, in the published names, and its networks compute numbers."""

import hashlib
import json
import tomllib
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKLWan
from safetensors import safe_open
from transformers import AutoTokenizer, CLIPVisionModel, UMT5EncoderModel, Wav2Vec2ForCTC

from engine.protocol.errors import ErrorCode, UserError
from engine.weights.adapter_loader import load_expression_adapter, load_voice_adapter
from engine.weights.random_bundle import LARGEST_SEED, BundleLayout, make_test_bundle
from engine.weights.transformer_loader import load_transformer

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "golden"
LARGEST_BYTES = 40_000_000


@pytest.fixture
def original(random_bundle):
    return random_bundle


@pytest.fixture(scope="module")
def diffusers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "diffusers"
    make_test_bundle(folder, layout=BundleLayout.DIFFUSERS, seed=0)
    return folder


def files_of(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def names_in(*paths):
    names = set()
    for path in paths:
        with safe_open(path, framework="pt") as file:
            names |= set(file.keys())
    return names


def shards(folder):
    return sorted(folder.glob("diffusion_pytorch_model-*.safetensors"))


@pytest.mark.parametrize("layout", list(BundleLayout))
def test_the_same_seed_makes_the_same_bytes_wherever_it_is_made(layout, request, tmp_path):
    make_test_bundle(tmp_path / "again", layout=layout, seed=0)
    assert files_of(tmp_path / "again") == files_of(request.getfixturevalue(layout.value))


def test_another_seed_makes_other_weights_in_the_same_files(original, tmp_path):
    make_test_bundle(tmp_path / "other", seed=2)
    first, second = files_of(original), files_of(tmp_path / "other")
    assert first.keys() == second.keys()
    same = {name for name in first if first[name] == second[name]}
    assert all(name.endswith(".json") for name in same)


@pytest.mark.parametrize("layout", list(BundleLayout))
def test_the_whole_bundle_is_small_and_says_what_it_is(layout, request):
    folder = request.getfixturevalue(layout.value)
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < LARGEST_BYTES
    mark = tomllib.loads((folder / "bundle.toml").read_text())
    assert mark == {"name": "test", "random_weights": True, "seed": 0}


def test_the_transformer_has_the_names_of_its_authors(original):
    golden = names_in(*shards(GOLDEN))
    assert names_in(*shards(original)) == golden
    assert json.loads((original / "config.json").read_text())["model_type"] == "i2v"


@pytest.mark.parametrize(
    ("made", "golden"),
    [
        ("fantasyportrait_model.ckpt", "fantasyportrait_tiny.ckpt"),
        ("fantasytalking_model.ckpt", "fantasytalking_tiny.ckpt"),
    ],
)
def test_the_adapters_have_the_published_dictionaries(original, made, golden):
    ours = torch.load(original / made, weights_only=True)
    theirs = torch.load(GOLDEN / golden, weights_only=True)
    assert {name: set(part) for name, part in ours.items()} == {
        name: set(part) for name, part in theirs.items()
    }


def test_the_expression_encoder_has_the_published_names_and_shapes(original):
    shapes = json.loads((GOLDEN / "expression_encoder_shapes.json").read_text())
    weights = torch.load(original / "pd_fpg.pth", weights_only=True)
    assert {name: list(tensor.shape) for name, tensor in weights.items()} == shapes


def test_the_speech_and_the_image_encoder_have_the_published_names(original):
    speech = names_in(original / "wav2vec2-base-960h" / "model.safetensors")
    assert {"lm_head.weight", "wav2vec2.encoder.pos_conv_embed.conv.weight_g"} <= speech
    image = names_in(original / "image_encoder" / "model.safetensors")
    assert all(name.startswith("vision_model.") for name in image)


def test_both_layouts_hold_the_same_weights(original, diffusers):
    first = load_transformer((*shards(original), original / "config.json"), dtype=torch.float32)
    folder = diffusers / "transformer"
    second = load_transformer(
        (folder / "config.json", folder / "diffusion_pytorch_model.safetensors"), dtype=torch.float32
    )
    assert_same(first, second)
    for load, name in (
        (load_expression_adapter, "fantasyportrait_model"),
        (load_voice_adapter, "fantasytalking_model"),
    ):
        published = load(original / f"{name}.ckpt", torch.float32)
        repackaged = load(diffusers / f"{name}.safetensors", torch.float32)
        assert_same(published.tokens, repackaged.tokens)
        assert_same(published.projections, repackaged.projections)


def assert_same(first, second):
    one, other = first.state_dict(), second.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_no_projection_of_an_adapter_is_silent(original):
    for adapter in (
        load_expression_adapter(original / "fantasyportrait_model.ckpt", torch.float32),
        load_voice_adapter(original / "fantasytalking_model.ckpt", torch.float32),
    ):
        assert all(weight.abs().max() > 0 for weight in adapter.projections.parameters())


def test_the_tokenizer_pads_ends_and_knows_what_it_does_not_know(original):
    tokenizer = AutoTokenizer.from_pretrained(original / "tokenizer", local_files_only=True)
    ids = tokenizer("A man 人", padding="max_length", max_length=12, truncation=True).input_ids
    end = ids.index(tokenizer.eos_token_id)
    assert ids[end + 1 :] == [0] * (11 - end)
    assert ids[end - 1] == tokenizer.unk_token_id == 2
    assert tokenizer("A man").input_ids != tokenizer("A men").input_ids
    assert max(ids) < json.loads((original / "text_encoder" / "config.json").read_text())["vocab_size"]


def test_every_encoder_is_whole_and_computes_numbers(original):
    with torch.no_grad():
        text = loaded(UMT5EncoderModel, original / "text_encoder")
        image = loaded(CLIPVisionModel, original / "image_encoder")
        speech = loaded(Wav2Vec2ForCTC, original / "wav2vec2-base-960h")
        vae = AutoencoderKLWan.from_pretrained(original / "vae", local_files_only=True)
        results = {
            "text": text(torch.tensor([[5, 9, 1]])).last_hidden_state,
            "image": image(torch.rand(1, 3, 224, 224), output_hidden_states=True).hidden_states[-2],
            "speech": speech.wav2vec2(torch.rand(1, 8000)).last_hidden_state,
            "latents": vae.encode(torch.rand(1, 3, 5, 32, 48)).latent_dist.mode(),
        }
    assert {name: tuple(each.shape) for name, each in results.items()} == {
        "text": (1, 3, 64),
        "image": (1, 257, 64),
        "speech": (1, 24, 40),
        "latents": (1, 16, 2, 4, 6),
    }
    assert all(each.isfinite().all() and each.std() > 0.01 for each in results.values())


def loaded(kind, folder):
    model, found = kind.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    assert not any(found.values()), found
    return model.eval()


def test_the_transformer_computes_numbers_that_depend_on_all_it_is_given(original):
    model = load_transformer((*shards(original), original / "config.json"), dtype=torch.float32)
    generator = torch.Generator().manual_seed(0)
    shapes = {"latents": (1, 36, 2, 4, 4), "text": (1, 6, 64), "image": (1, 257, 64)}
    given = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}

    def run(**changes):
        inputs = {**given, **changes}
        with torch.no_grad():
            return model(
                inputs["latents"], torch.tensor([500]), inputs["text"], inputs["image"], return_dict=False
            )[0]

    result = run()
    assert result.shape == (1, 16, 2, 4, 4)
    assert result.isfinite().all()
    assert 0.1 < result.std() < 10
    for name, value in given.items():
        assert (run(**{name: value.roll(1, dims=-1)}) - result).abs().max() > 1e-3


def test_making_a_bundle_leaves_the_random_numbers_of_the_process_alone(tmp_path):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    make_test_bundle(tmp_path / "bundle")
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("seed", [-1, LARGEST_SEED + 1])
def test_a_seed_out_of_range_is_refused_before_anything_is_written(tmp_path, seed):
    with pytest.raises(UserError, match="out of range"):
        make_test_bundle(tmp_path / "bundle", seed=seed)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_files_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError) as error:
        make_test_bundle(tmp_path)
    assert error.value.report.code is ErrorCode.FILE_EXISTS
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_in_no_folder_is_told(tmp_path):
    with pytest.raises(UserError) as error:
        make_test_bundle(tmp_path / "a" / "b")
    assert error.value.report.code is ErrorCode.FILE_MISSING
