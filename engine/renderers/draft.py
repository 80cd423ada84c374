"""The draft renderer: optical flow on the processor, no network, a take's files at the end."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from engine.draft.draft_shot import DraftShot
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import RenderResult
from engine.protocol.render_request import RenderRequest
from engine.renderers.fingerprint import fingerprint
from engine.renderers.finished_frames import SEGMENT_FRAMES, FinishedFrames, Picture
from engine.renderers.pace import Pace
from engine.renderers.pictures_ahead import pictures_ahead
from engine.renderers.preview import preview_jpeg
from engine.renderers.render_notes import RenderNotes
from engine.renderers.renderer import RenderReport, RenderStoppedError
from engine.renderers.take_rendering import render_take


class DraftRenderer:
    """Renders with `engine.draft`. Frames depend on the request alone, however often a render is resumed."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache

    def render(self, request: RenderRequest, work: Path, report: RenderReport) -> RenderResult:
        """Render what is missing and write the take's files, as `render_take` says."""

        def render_missing(frames: FinishedFrames, notes: RenderNotes) -> None:
            self._render_missing(request, frames, notes, report)

        return render_take(request, work, report, owner=fingerprint(request), render_missing=render_missing)

    def _render_missing(
        self, request: RenderRequest, frames: FinishedFrames, notes: RenderNotes, report: RenderReport
    ) -> None:
        shot = self._prepared(request, frames.count, report)
        notes.keep_warnings(shot.warnings)
        pace = Pace()
        while frames.count < request.frame_count:
            end = min(frames.count + SEGMENT_FRAMES, request.frame_count)
            frames.add(_told(shot, range(frames.count, end), request.frame_count, pace, report))
            notes.add_time()
            if report.should_stop():
                raise RenderStoppedError

    def _prepared(self, request: RenderRequest, frames_done: int, report: RenderReport) -> DraftShot:
        def on_progress(phase: str, _share: float) -> None:
            report.progress(phase, frames_done, None)

        try:
            return DraftShot.prepare(
                request, cache_directory=self._cache, on_progress=on_progress, should_stop=report.should_stop
            )
        except UserError as error:
            if error.report.code is ErrorCode.CANCELLED:
                raise RenderStoppedError from error
            raise


def _told(
    shot: DraftShot, frames: range, frame_count: int, pace: Pace, report: RenderReport
) -> Iterator[Picture]:
    """Yield the pictures of a segment and tell how far the render is; told to stop: fewer, at least one."""
    for frame, picture in pictures_ahead(shot.picture, frames.start, frames.stop):
        yield picture
        pace.step()
        done = frame + 1
        report.progress("Rendering", done, pace.seconds_left(frame_count - done))
        report.preview(frame, partial(preview_jpeg, picture))
        if report.should_stop():
            return
