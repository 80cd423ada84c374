"""A tiny model bundle, made and verified once, and requests for renders with it."""

from fractions import Fraction

import pytest

from engine.bundles.registry import register
from engine.locations import engine_locations
from engine.protocol.diffusion_settings import DiffusionSettings
from engine.protocol.render_request import RendererName
from engine.weights.inspection import inspect_folder
from engine.weights.test_bundle import make_test_bundle
from tests.diffusion_cast import driven, plate_of, speaking


@pytest.fixture(scope="session")
def test_bundle(tmp_path_factory):
    """The bundle as it was verified."""
    folder = tmp_path_factory.mktemp("bundles") / "test"
    make_test_bundle(folder)
    return inspect_folder(folder)


@pytest.fixture
def installed(test_bundle):
    """The bundle, installed in this test's engine."""
    register(engine_locations().data, test_bundle)
    return test_bundle


@pytest.fixture
def shot(make_request, samples, installed):
    """Return a function that makes requests: the duet, Ada driven by a clip, Ben by a voice."""

    def make(characters=None, settings=None, **changes):
        values = {
            "renderer": RendererName.DIFFUSION,
            "plate": plate_of(samples / "duet.png"),
            "characters": (driven(samples), speaking(samples)) if characters is None else characters,
            "frame_rate": Fraction(24),
            "frame_count": 8,
            "width": 96,
            "height": 64,
            "prompt": "Two people talk.",
            "diffusion": DiffusionSettings(**{"bundle": "test", "steps": 2, **(settings or {})}),
        }
        return make_request(**{**values, **changes})

    return make
