"""What the engine wants a person to know, put into the notice strip with what can be done about it."""

from PySide6.QtCore import QObject

from desktop.engine_link.engine_link import EngineLink, LinkState
from desktop.state.notices import Notice, Notices, Remedy, Tone
from desktop.state.render_queue import RenderQueue
from engine.protocol.messages import ResumeQueue


class EngineNotices(QObject):
    """Shows each of the engine's notices once, and takes it away when it no longer holds."""

    def __init__(self, link: EngineLink, queue: RenderQueue, notices: Notices) -> None:
        super().__init__()
        self._link = link
        self._queue = queue
        self._notices = notices
        self._told = ""
        self._resumable = False
        self._shown: Notice | None = None
        link.notice_told.connect(self._on_notice_told)
        queue.link_changed.connect(self._on_link_changed)

    def _on_notice_told(self, told: str) -> None:
        status = self._queue.status
        if not told and status is not None and status.needs_answer:
            told = self.tr("The engine was interrupted while it rendered, so the queue waits for you.")
        if told != self._told:
            self._take_away()
            self._told = told
            if told:
                self._show(told)
        elif self._resumable and not self._queue.paused:
            self._take_away()

    def _show(self, told: str) -> None:
        self._resumable = self._queue.paused
        resume = Remedy(label=self.tr("Resume queue"), act=lambda: self._link.send(ResumeQueue()))
        self._shown = Notice(tone=Tone.TROUBLE, message=told, remedies=(resume,) if self._resumable else ())
        self._notices.show(self._shown)

    def _take_away(self) -> None:
        if self._shown is not None and self._notices.notice is self._shown:
            self._notices.dismiss()
        self._shown, self._resumable = None, False

    def _on_link_changed(self) -> None:
        """An engine that comes back tells anew."""
        if self._queue.link_state is not LinkState.READY:
            self._take_away()
            self._told = ""
