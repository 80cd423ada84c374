"""Events that wait for a listener. Of one job only the latest is kept, so a slow listener costs no memory."""

import asyncio

from engine.protocol.messages import Event, JobChanged, JobRemoved, PreviewPicture, QueueChanged

EngineEvent = Event | PreviewPicture


class PendingEvents:
    """A queue of events in which a newer one takes the place of an older one about the same thing."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], EngineEvent] = {}
        self._arrived = asyncio.Event()
        self._ended = False

    def add(self, event: EngineEvent) -> None:
        """Put an event at the end, in place of what waits about the same thing."""
        if self._ended:
            return
        key = _subject(event)
        self._waiting.pop(key, None)
        self._waiting[key] = event
        self._arrived.set()

    def end(self) -> None:
        """Tell the listener that nothing follows what is waiting."""
        self._ended = True
        self._arrived.set()

    async def next(self) -> EngineEvent | None:
        """Return the oldest waiting event, as soon as there is one; None at the end."""
        while not self._waiting:
            if self._ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.pop(next(iter(self._waiting)))


def _subject(event: EngineEvent) -> tuple[str, str]:
    match event:
        case JobChanged(job=job):
            return ("job", job.job_id)
        case JobRemoved(job_id=job_id):
            return ("job", job_id)
        case PreviewPicture(job_id=job_id):
            return ("preview", job_id)
        case QueueChanged():
            return ("queue", "")
