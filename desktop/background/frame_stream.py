"""Frames computed ahead of the playhead on a thread of their own, in a bounded cache."""

import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from desktop.background.pictures import Picture, to_image
from desktop.background.task_pool import report_of

CACHE_BYTES = 256 * 1024 * 1024
FEWEST_FRAMES = 12
JOIN_S = 10.0


class FrameStream(QObject):
    """Serves the frames of one source (a draft, a take).

    `frame_ready(frame)` comes for every frame that is computed, `stream_failed(ErrorReport)` once if the
    source raises: then no more frames come. Call `close`, and keep it until it has `ended`.
    """

    frame_ready = Signal(int)
    stream_failed = Signal(object)

    def __init__(
        self,
        source: Callable[[int], Picture],
        *,
        frame_count: int,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        super().__init__()
        self._source = source
        self._frame_count = frame_count
        self._on_close = on_close
        self._capacity = FEWEST_FRAMES
        self._images: dict[int, QImage] = {}
        self._playhead = 0
        self._loops = False
        self._closed = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="masque-frames", daemon=True)

    @property
    def frame_count(self) -> int:
        """How many frames there are."""
        return self._frame_count

    def seek(self, frame: int, *, loops: bool) -> None:
        """Say where the playhead is and whether frame 0 follows the last one; the first call starts."""
        with self._wake:
            self._playhead = max(0, min(frame, self._frame_count - 1))
            self._loops = loops
            if self._thread.ident is None and not self._closed:
                self._thread.start()
            self._wake.notify()

    def image(self, frame: int) -> QImage | None:
        """Return a frame if it is computed."""
        with self._wake:
            return self._images.get(frame)

    def frames_ahead(self) -> int:
        """Return how many frames from the playhead on are computed without a gap."""
        with self._wake:
            ahead = 0
            for frame in self._order():
                if frame not in self._images:
                    break
                ahead += 1
            return ahead

    def close(self) -> None:
        """Stop computing; the thread ends with the frame it is at. Keep the stream until `ended`."""
        with self._wake:
            self._closed = True
            self._wake.notify()

    @property
    def ended(self) -> bool:
        """Whether the thread is gone."""
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Wait for the thread after `close`."""
        if self._thread.ident is not None:
            self._thread.join(JOIN_S)

    def _order(self) -> list[int]:
        reach = range(self._playhead, self._playhead + min(self._capacity, self._frame_count))
        if self._loops:
            return [frame % self._frame_count for frame in reach]
        return [frame for frame in reach if frame < self._frame_count]

    def _next_wanted(self) -> int | None:
        with self._wake:
            while not self._closed:
                for frame in self._order():
                    if frame not in self._images:
                        return frame
                self._wake.wait()
        return None

    def _work(self) -> None:
        try:
            while (frame := self._next_wanted()) is not None:
                self._keep(frame, to_image(self._source(frame)))
        except Exception as error:  # noqa: BLE001 - a worker thread reports instead of dying unheard
            self.stream_failed.emit(report_of(error))
        finally:
            if self._on_close is not None:
                self._on_close()

    def _keep(self, frame: int, image: QImage) -> None:
        with self._wake:
            self._capacity = max(FEWEST_FRAMES, CACHE_BYTES // max(1, image.sizeInBytes()))
            self._images[frame] = image
            wanted = set(self._order())
            for kept in [kept for kept in self._images if kept not in wanted]:
                if len(self._images) <= self._capacity:
                    break
                del self._images[kept]
            closed = self._closed
        if not closed:
            self.frame_ready.emit(frame)
