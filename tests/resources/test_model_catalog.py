"""The catalogue of models: well formed, consistent, and without addresses."""

import re
import tomllib
from importlib.resources import files

from engine.bundles.catalogue import known_bundles

TEXT = files("resources").joinpath("model_catalog.toml").read_text("utf-8")


def test_hashes_are_sha256_and_belong_to_files_of_their_part():
    for bundle in known_bundles():
        for file in bundle.published_files:
            assert re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert file.size_bytes is None or file.size_bytes > 0
            patterns = [pattern for layout in bundle.part(file.part).layouts for pattern in layout.files]
            assert any(re.fullmatch(pattern.replace("*", ".*"), file.file) for pattern in patterns)


def test_no_hash_is_listed_twice():
    hashes = [file.sha256 for bundle in known_bundles() for file in bundle.published_files]
    assert len(hashes) == len(set(hashes))


def test_projects_are_an_owner_and_a_name_and_no_address_stands_in_the_file():
    assert "http" not in TEXT
    assert "www." not in TEXT
    for bundle in known_bundles():
        for part in bundle.parts:
            for project in (part.project, *(layout.project for layout in part.layouts)):
                assert project is None or re.fullmatch(r"[\w.-]+/[\w.-]+", project)


def test_the_published_dimensions_agree_with_one_another():
    for bundle in known_bundles():
        sizes = bundle.dimensions
        assert sizes["width"] % sizes["heads"] == 0
        assert sizes["channels_in"] == 2 * sizes["latent_channels"] + 4
        assert sizes["channels_out"] == sizes["latent_channels"]


def test_the_file_says_its_format():
    assert tomllib.loads(TEXT)["format"] == 1
