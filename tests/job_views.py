"""Jobs as clients see them."""

from dataclasses import replace
from pathlib import Path

from engine.protocol.jobs import JobProgress, JobState, JobView


def job(number, state=JobState.QUEUED, **changes):
    """The view of a draft of a hundred frames, with changes."""
    view = JobView(
        job_id=f"job{number}",
        request_id=f"request{number}",
        project_id="project",
        project_path=Path("night.masque"),
        scene_id=f"scene{number}",
        scene_name=f"Scene {number}",
        take_id=f"take{number}",
        take_number=1,
        renderer="draft",
        seed=7,
        output_directory=Path("renders"),
        state=state,
        priority=0,
        position=number,
        attempts=0,
        attempt_limit=3,
        progress=JobProgress(frame_count=100),
        created_at=0.0,
    )
    return replace(view, **changes)
