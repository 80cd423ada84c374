"""What is said when a render was queued that will not fit this machine: it may run all the same, or not."""

from PySide6.QtCore import QObject

from desktop.commands.renders import Renders
from desktop.state.memory_outlook import MemoryOutlook
from desktop.state.notices import Notice, Notices, Tone
from engine.protocol.jobs import JobView


class MemoryWarnings(QObject):
    """Warns once a take is queued; the engine decides when its turn comes, for memory may be free then."""

    def __init__(self, renders: Renders, outlook: MemoryOutlook, notices: Notices) -> None:
        super().__init__()
        self._outlook = outlook
        self._notices = notices
        renders.render_queued.connect(self._on_render_queued)

    def _on_render_queued(self, job: JobView) -> None:
        planned = self._outlook.planned
        if planned is None or planned.refusal is None or planned.request.scene_id != job.scene_id:
            return
        if planned.render_runs:  # how much will be free once that one is done is not known well enough
            return
        refusal = planned.refusal
        notice = Notice(
            tone=Tone.TROUBLE,
            message=self.tr("“%s” is queued, but as things are it will not fit.") % job.scene_name,
            next_step=" ".join((refusal.reason, *refusal.changes[:1])),
        )
        if self._notices.notice != notice:
            self._notices.show(notice)
