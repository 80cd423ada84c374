"""Events to everyone who is connected. A slow client gets the latest of each job; it holds up nobody."""

from engine.client_events import EngineEvent, PendingEvents


class EventFanout:
    """The listeners there are."""

    def __init__(self) -> None:
        self._listeners: set[PendingEvents] = set()

    def join(self) -> PendingEvents:
        """Return what a new listener reads from."""
        pending = PendingEvents()
        self._listeners.add(pending)
        return pending

    def leave(self, pending: PendingEvents) -> None:
        """End a listener."""
        pending.end()
        self._listeners.discard(pending)

    def publish(self, event: EngineEvent) -> None:
        """Hand an event to all listeners."""
        for pending in self._listeners:
            pending.add(event)
