"""The plan of a render, open."""

import pytest

from engine.bundles.registry import register
from engine.client import engine_directories
from tests.desktop.hands import wait_until
from tests.desktop.windows.plan_hands import WHOLE, open_plan


@pytest.fixture
def popup(opened):
    """The plan, open on the draft, with a bundle installed."""
    register(engine_directories()[0], WHOLE)
    open_plan(opened)
    wait_until(lambda: opened.desk.shelf.bundles == (WHOLE,))
    yield opened.window.plan
    opened.window.plan.hide()
