"""Edits of the chosen scene's markers."""

from desktop.authoring.scenes import unique_name
from desktop.commands.edit_history import EditHistory
from desktop.commands.wording import worded
from desktop.state.project_session import ProjectSession
from projects_db.records import MarkerRecord

MARKER_COLOUR = "#f2b84b"


class MarkerEdits:
    """Each method is one undoable edit."""

    def __init__(self, session: ProjectSession, history: EditHistory) -> None:
        self._session = session
        self._history = history

    def marker(self, marker_id: str) -> MarkerRecord | None:
        """Return a marker of the chosen scene."""
        return next((marker for marker in self._markers() if marker.id == marker_id), None)

    def marker_at(self, frame: int) -> MarkerRecord | None:
        """Return the marker at a frame."""
        return next((marker for marker in self._markers() if marker.frame == frame), None)

    def add(self, frame: int) -> str | None:
        """Add a marker and return its id; a frame has one at most."""
        scene = self._session.scene
        if scene is None or self.marker_at(frame) is not None:
            return None
        taken = {marker.name for marker in scene.markers}
        name = unique_name(f"{worded('Marker')} {len(taken) + 1}", taken)
        return self._history.perform(
            worded("Add marker"),
            lambda change: change.add_marker(scene_id=scene.id, frame=frame, name=name, colour=MARKER_COLOUR),
        )

    def rename(self, marker_id: str, name: str) -> None:
        """Give a marker another name."""
        marker, name = self.marker(marker_id), name.strip()
        if marker is not None and name and name != marker.name:
            self._history.perform(
                worded("Rename marker"), lambda change: change.update_marker(marker_id, name=name)
            )

    def move(self, marker_id: str, frame: int) -> None:
        """Put a marker at another frame that has none."""
        marker = self.marker(marker_id)
        if marker is not None and frame >= 0 and self.marker_at(frame) is None:
            self._history.perform(
                worded("Move marker"), lambda change: change.update_marker(marker_id, frame=frame)
            )

    def remove(self, marker_id: str) -> None:
        """Remove a marker."""
        if self.marker(marker_id) is not None:
            self._history.perform(worded("Delete marker"), lambda change: change.remove_marker(marker_id))

    def _markers(self) -> tuple[MarkerRecord, ...]:
        return self._session.scene.markers if self._session.scene else ()
