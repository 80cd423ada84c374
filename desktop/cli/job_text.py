"""A job in words."""

from desktop.cli.presenting import shown
from engine.protocol.jobs import FileRole, JobState, JobView


def job_line(job: JobView) -> str:
    """Return a job as one line for a person."""
    name = f"[bold]{shown(job.scene_name)}[/bold] take {job.take_number}"
    if job.state is JobState.DONE and job.result is not None:
        viewing = next((f.name for f in job.result.files if f.role is FileRole.VIEWING), "")
        seconds = f"{job.result.frame_count} frames in {job.result.render_seconds:.1f} s"
        warnings = "".join(f"\n  note: {shown(warning)}" for warning in job.result.warnings)
        return f"{name}: {seconds} · {shown(job.output_directory / viewing)}{warnings}"
    if job.error is not None:
        return f"{name}: {job.state.value} · {shown(job.error.sentence())}"
    return f"{name}: {job.state.value} · job {job.job_id}"
