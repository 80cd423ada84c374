"""What a renderer is: it takes a request, tells how far it is, and leaves a take's files."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from engine.protocol.jobs import RenderResult
from engine.protocol.render_request import RenderRequest


class RenderStoppedError(Exception):
    """The render stopped because it was told to; what is finished is in the work directory."""


class MemoryRanOutError(Exception):
    """Memory ran out, and a smaller plan may do: what to give up next is noted in the work directory.

    A fresh process goes on from there. `told` is a sentence for people; the message is for the log.
    """

    def __init__(self, message: str, *, told: str) -> None:
        super().__init__(message)
        self.told = told


class DeviceLostError(Exception):
    """The device computes no more, nor does anything else in this process; in a fresh one it may.

    `device` is its name for people; the message is for the log.
    """

    def __init__(self, message: str, *, device: str) -> None:
        super().__init__(message)
        self.device = device


class RenderReport(Protocol):
    """How a render tells what it does. Any of these calls counts as a step of the render."""

    def step(self) -> None:
        """Note that the render is getting on."""

    def progress(
        self, phase: str, frames_done: int, seconds_left: float | None, share: float | None = None
    ) -> None:
        """Tell the phase, in a word for a person, and how many frames are finished.

        `share` (0..1): how much of the work is done, where that is more than the frames tell.
        """

    def preview(self, frame: int, jpeg: Callable[[], bytes]) -> None:
        """Offer a small picture of a frame; `jpeg` is called only when one is due."""

    def should_stop(self) -> bool:
        """Return whether the render has been told to stop."""


class Renderer(Protocol):
    """A way to render."""

    def render(self, request: RenderRequest, work: Path, report: RenderReport) -> RenderResult:
        """Render what is not finished yet in `work`, and leave the take's files in its output directory.

        Raises RenderStoppedError when told to stop, UserError for what the user can mend, and
        MemoryRanOutError or DeviceLostError where the job is to go on in a fresh process. Where the system
        ended the process of the attempt before for want of memory, `work` holds MEMORY_RAN_OUT_NAME: a
        renderer that can do with less notes that it must, and then deletes the file.
        """


RendererFactory = Callable[[Path], Renderer]
"""Makes a renderer; the path is the cache directory, whose files can be made again."""
