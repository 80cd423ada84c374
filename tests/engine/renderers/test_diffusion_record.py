"""The libraries that a take names."""

import importlib.metadata
import re
from types import ModuleType

import pytest

from engine.renderers.diffusion_record import LIBRARIES, library_versions


def test_libraries_say_their_own_versions_where_no_package_is_recorded(monkeypatch):
    def nothing_installed(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", nothing_installed)
    monkeypatch.setattr(importlib.metadata, "distribution", nothing_installed)
    versions = library_versions(LIBRARIES)

    assert set(versions) == {"torch", "diffusers", "transformers", "opencv", "av"}
    assert all(re.match(r"\d+\.\d+", version) for version in versions.values())
    assert all(type(version) is str for version in versions.values())


@pytest.mark.parametrize("name", ["torch", "diffusers", "transformers", "av"])
def test_a_library_s_own_version_is_the_installed_one(name):
    assert library_versions(LIBRARIES)[name] == importlib.metadata.version(name)


def test_a_library_without_a_version_is_named_all_the_same():
    assert library_versions({"nameless": ModuleType("nameless")}) == {"nameless": "unknown"}
