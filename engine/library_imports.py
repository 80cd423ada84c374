"""Importing the large libraries without looking for garbage meanwhile."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_MANY_MODULES = 300
"""Of large libraries more arrive: 950 with torch, 2200 more with what diffusion quality needs."""


@contextmanager
def large_imports() -> Iterator[None]:
    """Import large libraries in the block: a quarter faster than otherwise.

    They bring a million objects that last as long as the process. The collector would look through them again
    and again while they arrive, and whenever it runs later; here it waits, and then leaves them out for good.
    Where they were there already nothing is left out: what is garbage by then would stay for good too.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    modules_before = len(sys.modules)
    try:
        yield
    finally:
        if len(sys.modules) - modules_before >= _MANY_MODULES:
            gc.freeze()
        if was_enabled:
            gc.enable()
