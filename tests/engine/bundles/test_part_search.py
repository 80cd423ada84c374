"""Finding a bundle's parts by their files' names: layouts, shards, places, and what lies in the way."""

import json

import pytest

from engine.bundles.catalogue import known_bundles
from engine.bundles.installed_bundle import PartName
from engine.bundles.part_search import find_parts, unreadable_files
from engine.protocol.errors import ErrorCode, UserError

BUNDLE = known_bundles()[0]


@pytest.fixture
def folder(tmp_path):
    """Return a folder and make files in it by calling it."""

    class Folder:
        path = tmp_path

        def __call__(self, *names, content=b"x"):
            for name in names:
                file = tmp_path / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)

    return Folder()


def found(folder):
    return {each.part.name: each for each in find_parts(folder.path, BUNDLE)}


def names(part):
    return [str(path) for path in part.files]


def with_header(*tensors):
    header = json.dumps(
        {name: {"dtype": "F32", "shape": [], "data_offsets": [0, 0]} for name in tensors}
    ).encode()
    return len(header).to_bytes(8, "little") + header


def test_an_empty_folder_holds_nothing(folder):
    assert found(folder) == {}


def test_the_shards_of_the_original_layout_are_found_in_order(folder):
    shards = [f"diffusion_pytorch_model-0000{number}-of-00007.safetensors" for number in range(1, 8)]
    folder(*reversed(shards), "config.json")
    part = found(folder)[PartName.TRANSFORMER]
    assert (part.layout.name, names(part)) == ("original", [*shards, "config.json"])


def test_parts_in_a_folder_of_the_folder_are_found(folder):
    folder("Wan-Diffusers/vae/config.json", "Wan-Diffusers/vae/diffusion_pytorch_model.safetensors")
    assert names(found(folder)[PartName.VAE]) == [
        "Wan-Diffusers/vae/config.json",
        "Wan-Diffusers/vae/diffusion_pytorch_model.safetensors",
    ]


def test_hidden_files_and_folders_are_passed_over(folder):
    folder("._fantasytalking_model.ckpt", ".cache/pd_fpg.pth", "sub/._pd_fpg.pth")
    assert found(folder) == {}


def test_the_published_file_goes_before_the_repackaged_one(folder):
    folder("fantasytalking_model.ckpt", "fantasytalking_model.safetensors")
    assert names(found(folder)[PartName.VOICE_ADAPTER]) == ["fantasytalking_model.ckpt"]


def test_an_encoder_inside_the_repackaged_adapter_is_found_by_its_names(folder):
    folder(
        "Wan2_1_FantasyPortrait_fp16.safetensors",
        content=with_header("ip_adapter.blocks.0", "pd_fpg.model.conv1.weight"),
    )
    parts = found(folder)
    assert parts[PartName.EXPRESSION_ENCODER].layout.key_prefix == "pd_fpg."
    assert names(parts[PartName.EXPRESSION_ENCODER]) == names(parts[PartName.EXPRESSION_ADAPTER])


@pytest.mark.parametrize(
    "content", [with_header("ip_adapter.blocks.0"), b"", b"\xff" * 40, with_header("pd_fpg.a")[:-9]]
)
def test_a_repackaged_adapter_without_the_encoder_or_damaged_gives_none(folder, content):
    folder("fantasyportrait_model.safetensors", content=content)
    assert set(found(folder)) == {PartName.EXPRESSION_ADAPTER}


def test_a_missing_shard_is_named(folder):
    folder("diffusion_pytorch_model-00001-of-00003.safetensors")
    with pytest.raises(UserError) as error:
        found(folder)
    assert error.value.report.code is ErrorCode.FILE_MISSING
    assert "diffusion_pytorch_model-00002-of-00003.safetensors is missing" in error.value.report.message
    assert "1 more of 3" in error.value.report.message


def test_two_sets_of_weights_in_one_place_are_refused(folder):
    folder("vae/config.json", "vae/diffusion_pytorch_model.safetensors")
    folder("vae/diffusion_pytorch_model.fp16.safetensors")
    with pytest.raises(UserError, match="more than once"):
        found(folder)


def test_a_layout_that_lacks_one_of_its_files_is_not_found(folder):
    folder("text_encoder/model.safetensors")
    assert found(folder) == {}


def test_published_files_that_cannot_be_read_are_told(folder):
    folder("Wan2.1-I2V-14B-720P/Wan2.1_VAE.pth")
    (path,) = unreadable_files(folder.path, BUNDLE.part(PartName.VAE))
    assert path.name == "Wan2.1_VAE.pth"


def test_a_folder_that_is_not_there_and_a_file_are_refused(folder):
    folder("a.ckpt")
    with pytest.raises(UserError) as missing:
        find_parts(folder.path / "nowhere", BUNDLE)
    assert missing.value.report.code is ErrorCode.FILE_MISSING
    with pytest.raises(UserError, match=r"a\.ckpt is a file"):
        find_parts(folder.path / "a.ckpt", BUNDLE)
