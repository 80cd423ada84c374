"""What is left out of the search for garbage while large libraries are imported."""

import gc
import sys
import weakref
from types import ModuleType

import pytest

from engine.library_imports import large_imports


class Knot:
    """Garbage that only the collector finds."""

    def __init__(self):
        self.itself = self


def test_garbage_of_the_work_before_is_found_though_the_libraries_are_asked_for_again():
    left = weakref.ref(Knot())
    with large_imports():
        import json  # noqa: F401 - it was there already
    gc.collect()
    assert left() is None


def test_libraries_that_arrive_are_left_out_for_good(monkeypatch):
    gc.collect()  # what is garbage by now would be left out with them
    before = gc.get_freeze_count()
    with large_imports():
        assert not gc.isenabled()
        for number in range(1000):
            monkeypatch.setitem(sys.modules, f"large_library.part_{number}", ModuleType("part"))
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + 1000


def test_the_collector_goes_on_after_a_library_that_is_missing():
    with pytest.raises(ModuleNotFoundError), large_imports():
        import a_library_that_is_not_there  # noqa: F401
    assert gc.isenabled()
