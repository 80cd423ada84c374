"""What every renderer does around its pictures: the take's names, its sound, resuming, and its files."""

from collections.abc import Callable
from pathlib import Path

from engine.media.sound_mix import request_sound
from engine.protocol.errors import UserError
from engine.protocol.jobs import RenderResult
from engine.protocol.render_request import RenderRequest
from engine.renderers.finished_frames import FinishedFrames
from engine.renderers.render_notes import RenderNotes
from engine.renderers.renderer import RenderReport
from engine.renderers.take_files import claim_take_files, finished_take
from engine.renderers.take_writer import TakeWriter
from engine.renderers.work_directory import delete_outputs

RenderMissing = Callable[[FinishedFrames, RenderNotes], None]


def render_take(
    request: RenderRequest, work: Path, report: RenderReport, *, owner: str, render_missing: RenderMissing
) -> RenderResult:
    """Let `render_missing` add the frames that are missing, and write the take's files, `take.json` last.

    `owner` says whose finished frames count: everything that they depend on. Raises RenderStoppedError when
    told to stop, UserError for what the user can mend. After an error the finished frames are kept for
    another try, the files begun in the output directory are not.
    """
    frames = FinishedFrames(work, owner=owner, frame_rate=request.frame_rate)
    report.progress("Preparing", frames.count, None)
    files = claim_take_files(request, work)
    known = finished_take(files, request)
    if known is not None:
        files.reservation.unlink(missing_ok=True)  # a kill between the summary and this leaves it
        return known
    notes = RenderNotes(work)
    try:
        sound = request_sound(request)  # before the pictures: unreadable sound is told at once
        if frames.count < request.frame_count:
            render_missing(frames, notes)
        return TakeWriter(request, files, sound, report).write(frames.paths, notes)
    except (UserError, MemoryError, OSError):
        delete_outputs(work)
        raise
