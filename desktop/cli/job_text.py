"""A job in words."""

from desktop.cli.presenting import shown
from engine.protocol.jobs import EngineStatus, FileRole, JobState, JobView


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


def queue_notes(status: EngineStatus) -> list[str]:
    """Return what a person must know of the queue: why it stands still, and what the engine has to say."""
    notes = [f"[yellow]note[/yellow] {shown(status.notice)}"] if status.notice else []
    if status.queue.needs_answer:
        notes.append("The engine stopped during a render. Go on with: masque queue resume")
    elif status.queue.paused:
        notes.append("The queue is paused. Go on with: masque queue resume")
    return notes
