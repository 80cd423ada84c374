"""A job, and a request that property tests may use."""

from fractions import Fraction
from pathlib import Path

import pytest

from engine.jobs.records import JobRecord
from engine.protocol.jobs import JobState
from engine.protocol.render_request import PlateInput, RendererName, RenderRequest


@pytest.fixture
def job(make_request):
    """A job that waits."""
    return JobRecord(
        job_id="one", request=make_request(), state=JobState.QUEUED, priority=0, position=0, created_at=0.0
    )


@pytest.fixture(scope="module")
def make_request_once():
    """A request that is the same for all examples of a property test."""
    return RenderRequest(
        request_id="r",
        project_id="p",
        project_path=Path("/film.masque"),
        scene_id="s",
        scene_name="scene",
        take_id="t",
        take_number=1,
        renderer=RendererName.DRAFT,
        plate=PlateInput(path=Path("/p.png"), content_hash="h", width=2, height=2),
        characters=(),
        frame_rate=Fraction(24),
        frame_count=1,
        width=2,
        height=2,
        seed=0,
        output_directory=Path("/out"),
        file_stem="shot",
    )
