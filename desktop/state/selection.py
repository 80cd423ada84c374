"""What is selected: a character, and clips or keys on its timeline."""

from PySide6.QtCore import QObject, Signal


class Selection(QObject):
    """Ids only: whether they still exist is the reader's question."""

    character_selected = Signal()
    clips_selected = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._character_id: str | None = None
        self._clip_ids: frozenset[str] = frozenset()

    @property
    def character_id(self) -> str | None:
        """The selected character."""
        return self._character_id

    @property
    def clip_ids(self) -> frozenset[str]:
        """The selected clips."""
        return self._clip_ids

    def select_character(self, character_id: str | None) -> None:
        """Select one character or none."""
        if character_id != self._character_id:
            self._character_id = character_id
            self.character_selected.emit()

    def select_clips(self, clip_ids: frozenset[str]) -> None:
        """Select clips."""
        if clip_ids != self._clip_ids:
            self._clip_ids = clip_ids
            self.clips_selected.emit()
