"""What is said of a graphics card without loading torch: why renders use it, or why not and what to do."""

import ctypes
import sys
from dataclasses import replace

import pytest

from desktop.authoring.graphics_card import (
    CardFacts,
    TorchBuild,
    card_facts,
    card_outlook,
    driver_cuda,
    has_driver_files,
    installed_torch,
    why_unused,
)

WITH_CUDA = TorchBuild(version="2.13.0+cu130", cuda=(13, 0))
WITHOUT_CUDA = TorchBuild(version="2.13.0+cpu")
GOOD = CardFacts(system="linux", has_driver_files=True, driver_cuda=(13, 1), torch=WITH_CUDA)
WINDOWS = replace(GOOD, system="win32", has_driver_files=False)
NO_CARD = CardFacts(system="linux", torch=WITH_CUDA)
VERSION_FILE = """from typing import Optional

__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip', 'rocm', 'xpu']
__version__ = '{version}'
debug = False
cuda: Optional[str] = {cuda}
git_version = 'cf30153c4c13'
hip: Optional[str] = {hip}
rocm: Optional[str] = None
"""


@pytest.mark.parametrize("facts", [GOOD, WINDOWS, replace(GOOD, driver_cuda=(14, 0))])
def test_a_driver_as_new_as_the_build_is_good_and_what_still_hinders_is_told_for_what_it_is(facts):
    outlook = card_outlook(facts)
    assert (outlook.is_good, outlook.next_step) == (True, "")
    assert "PyTorch 2.13.0+cu130 with CUDA 13.0" in outlook.found
    assert why_unused(facts).startswith("The processor renders: PyTorch finds no graphics card, though")


@pytest.mark.parametrize(
    ("facts", "found", "next_step"),
    [
        (
            replace(WINDOWS, torch=WITHOUT_CUDA),
            "2.13.0+cpu is built without CUDA",
            "a PyTorch build with CUDA",
        ),
        (
            replace(GOOD, driver_cuda=(12, 8)),
            "it knows CUDA 12.8, PyTorch needs CUDA 13",
            "Update the graphics",
        ),
        (replace(GOOD, driver_cuda=None), "its library does not load", "in a container, hand the card to it"),
        (replace(GOOD, torch=None), "no PyTorch", "Install Masque again."),
        (replace(GOOD, is_hidden=True), "CUDA_VISIBLE_DEVICES hides the graphics card", "Unset it"),
    ],
    ids=["processor's build", "old driver", "no library", "no torch", "hidden"],
)
def test_what_stands_between_renders_and_a_card_is_told_with_what_to_do(facts, found, next_step):
    outlook = card_outlook(facts)
    assert not outlook.is_good
    assert found in outlook.found
    assert next_step in outlook.next_step
    assert why_unused(facts) == f"The processor renders: {outlook.found}. {outlook.next_step}"


def test_a_driver_a_little_older_than_the_build_does():
    build = replace(WITH_CUDA, cuda=(13, 2))
    assert card_outlook(replace(GOOD, driver_cuda=(13, 0), torch=build)).is_good


def test_without_a_card_drafts_work_and_nothing_is_unused():
    outlook = card_outlook(NO_CARD)
    assert not outlook.is_good
    assert "drafts work, diffusion is slow" in outlook.found
    assert why_unused(NO_CARD) is None


@pytest.mark.parametrize(
    "facts",
    [
        CardFacts(system="darwin", torch=TorchBuild(version="2.13.0")),
        CardFacts(system="linux", torch=TorchBuild(version="2.13.0+rocm7.0", is_for_amd=True)),
    ],
    ids=["Mac", "AMD"],
)
def test_where_no_nvidia_driver_is_needed_none_is_missed(facts):
    assert card_outlook(facts).is_good
    assert why_unused(facts) is None


@pytest.mark.parametrize(
    ("version", "cuda", "hip", "build"),
    [
        ("2.13.0+cpu", "None", "None", WITHOUT_CUDA),
        ("2.13.0+cu130", "'13.0'", "None", WITH_CUDA),
        ("2.13.0+rocm7.0", "None", "'7.0.51831'", TorchBuild(version="2.13.0+rocm7.0", is_for_amd=True)),
    ],
)
def test_a_build_is_known_by_its_version_file(version, cuda, hip, build, tmp_path):
    (tmp_path / "version.py").write_text(VERSION_FILE.format(version=version, cuda=cuda, hip=hip))
    assert installed_torch(tmp_path) == build


def test_a_folder_without_a_readable_version_file_is_no_torch(tmp_path):
    assert installed_torch(tmp_path) is None
    (tmp_path / "version.py").write_bytes(b"\xff\xfe\x00")
    assert installed_torch(tmp_path) is None


class Library:
    """A driver's library that knows a version, or refuses to tell it."""

    def __init__(self, version, refusal=0):
        self.version, self.refusal = version, refusal

    def cuDriverGetVersion(self, place):  # noqa: N802 - the library's own name
        ctypes.cast(place, ctypes.POINTER(ctypes.c_int))[0] = self.version
        return self.refusal


@pytest.mark.parametrize(
    ("library", "known"),
    [
        (Library(13010), (13, 1)),
        (Library(11040), (11, 4)),
        (Library(0), None),
        (Library(13010, refusal=999), None),
        (object(), None),
    ],
    ids=["13.1", "11.4", "a stub", "a refusal", "another library"],
)
def test_a_driver_tells_the_newest_cuda_it_knows(library, known):
    assert driver_cuda("nvcuda.dll", load=lambda name: library) == known


def test_a_library_that_does_not_load_is_no_driver():
    def refused(name):
        raise OSError(f"{name}: cannot open shared object file")

    assert driver_cuda("libcuda.so.1", load=refused) is None
    assert driver_cuda(None) is None


def test_linux_shows_a_driver_by_its_files(tmp_path):
    (tmp_path / "nvidia").mkdir()
    assert has_driver_files([tmp_path / "nothing", tmp_path / "nvidia"])
    assert not has_driver_files([tmp_path / "nothing"])


@pytest.mark.parametrize(
    ("visible", "hidden"),
    [("-1", True), ("", True), (" -1", True), ("0", False), ("1,0", False), (None, False)],
)
def test_a_card_that_the_user_hides_is_known_as_hidden(visible, hidden, monkeypatch):
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    facts = card_facts()
    assert facts.is_hidden is hidden
    assert facts.system == sys.platform
    assert facts.torch is not None
