"""Requests for renders with a tiny model bundle, and renders in this process."""

from fractions import Fraction

import pytest

from engine.bundles.registry import register
from engine.locations import engine_locations
from engine.protocol.diffusion_settings import DiffusionSettings
from engine.protocol.messages import RenderJob
from engine.protocol.render_request import RendererName
from engine.renderers import render_memory
from engine.renderers.diffusion import DiffusionRenderer
from engine.renderers.render_memory import RenderMemory
from engine.worker.rendering import JobRendering
from tests.diffusion_cast import driven, plate_of, speaking
from tests.engine.renderers.memory_host import CARD, Host
from tests.render_watching import Watching


@pytest.fixture
def installed(verified_bundle):
    """The bundle, installed in this test's engine."""
    register(engine_locations().data, verified_bundle)
    return verified_bundle


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
            "width": 64,
            "height": 48,
            "prompt": "Two people talk.",
            "diffusion": DiffusionSettings(**{"bundle": "test", "steps": 2, **(settings or {})}),
        }
        return make_request(**{**values, **changes})

    return make


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    """Encoded conditions of these tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def render(tmp_path, shared_cache):
    """Return a function that renders a request in this process, in `work` or a directory of its own."""
    numbers = iter(range(1000))

    def run(request, report=None, work=None, cache=shared_cache):
        folder = work or tmp_path / f"work {next(numbers)}"
        folder.mkdir(exist_ok=True)
        watching = report or Watching()
        return DiffusionRenderer(cache, engine_locations().data).render(request, folder, watching), watching

    return run


class NoOrders:
    """Nobody stops a render or takes it back."""

    def should_discard(self, job_id):
        return False

    def forget(self, job_id):
        pass


@pytest.fixture
def outcome(shared_cache):
    """Return a function that gives a job to the worker's part that never raises, and returns its report."""
    locations = engine_locations()
    rendering = JobRendering(
        locations=locations,
        renderers={RendererName.DIFFUSION: lambda _: DiffusionRenderer(shared_cache, locations.data)},
        orders=NoOrders(),
        orphan_patience_s=1.0,
    )

    def run(request):
        return rendering.outcome(RenderJob(job_id=request.request_id, request=request), Watching())

    return run


@pytest.fixture
def host(monkeypatch):
    """The machine that renders find. They have no patience with it."""
    made = Host()
    monkeypatch.setattr(render_memory, "machine_identity", lambda device: made.machine.identity)
    monkeypatch.setattr(render_memory, "known_machine", made.known)
    monkeypatch.setattr(render_memory, "memory_now", made.now)
    monkeypatch.setattr(render_memory, "host_others_bytes", lambda: made.host_others_bytes)
    monkeypatch.setattr(render_memory, "PATIENCE_S", 0.0)
    return made


@pytest.fixture
def attempt(host, shot, installed, tmp_path):
    """Return a function that begins an attempt of the job in a work directory."""
    request = shot(characters=())

    def begin(work):
        folder = tmp_path / work
        folder.mkdir(exist_ok=True)
        return RenderMemory(
            request, installed, CARD, data=engine_locations().data, cache=tmp_path, work=folder
        )

    return begin
