"""Edits of scenes, of the project itself and of takes' remarks."""

from fractions import Fraction

from desktop.authoring.prompts import prompt_text
from desktop.commands.edit_history import EditHistory
from desktop.commands.wording import worded
from desktop.state.project_session import ProjectSession


class SceneEdits:
    """Each method is one undoable edit."""

    def __init__(self, session: ProjectSession, history: EditHistory) -> None:
        self._session = session
        self._history = history

    def rename(self, scene_id: str, name: str) -> None:
        """Give a scene another name."""
        name = name.strip()
        present = next((scene.name for scene in self._session.scenes if scene.id == scene_id), None)
        if name and present is not None and name != present:
            self._history.perform(
                worded("Rename scene"), lambda change: change.update_scene(scene_id, name=name)
            )

    def move(self, scene_id: str, shift: int) -> None:
        """Move a scene up (negative) or down the list."""
        position = next((at for at, scene in enumerate(self._session.scenes) if scene.id == scene_id), None)
        if position is not None and 0 <= position + shift < len(self._session.scenes):
            self._history.perform(
                worded("Move scene"), lambda change: change.move_scene(scene_id, position + shift)
            )

    def remove(self, scene_id: str) -> None:
        """Remove a scene with its characters and its takes' entries; files stay."""
        self._history.perform(worded("Remove scene"), lambda change: change.remove_scene(scene_id))

    def set_length(self, length_frames: int | None) -> None:
        """Fix the chosen scene's length in frames, or let it be as long as its clips (None)."""
        scene = self._session.scene
        if scene is not None and scene.length_frames != length_frames:
            self._history.perform(
                worded("Change scene length"),
                lambda change: change.update_scene(scene.id, length_frames=length_frames),
            )

    def set_prompt(self, text: str) -> None:
        """Say what diffusion quality should show of the chosen scene."""
        scene = self._session.scene
        if scene is not None and scene.prompt != text.strip():
            self._history.perform(
                worded("Change prompt"),
                lambda change: change.update_scene(scene.id, prompt=prompt_text(text)),
            )

    def set_negative_prompt(self, text: str) -> None:
        """Say what diffusion quality should not show of the chosen scene."""
        scene = self._session.scene
        if scene is not None and scene.negative_prompt != text.strip():
            self._history.perform(
                worded("Change negative prompt"),
                lambda change: change.update_scene(scene.id, negative_prompt=prompt_text(text)),
            )

    def set_frame_rate(self, rate: Fraction) -> None:
        """Change the project's frame rate; positions in frames stay."""
        if rate != self._session.frame_rate:
            self._history.perform(worded("Change frame rate"), lambda change: change.set_frame_rate(rate))

    def rate_take(self, take_id: str, rating: int) -> None:
        """Rate a take from 0 to 5."""
        self._history.perform(worded("Rate take"), lambda change: change.rate_take(take_id, rating))

    def note_take(self, take_id: str, notes: str) -> None:
        """Write a remark on a take."""
        present = next((take.notes for take in self._session.takes if take.id == take_id), None)
        if present is not None and notes != present:
            self._history.perform(worded("Note take"), lambda change: change.note_take(take_id, notes))
