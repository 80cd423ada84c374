"""The two prompts of the chosen scene: each is kept, as one edit, when its field is left."""

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.authoring.prompts import prompt_text
from desktop.panels.desk import Desk
from desktop.widgets.labels import TextTone, label
from desktop.widgets.prose_field import ProseField
from engine.protocol.errors import UserError
from projects_db.records import SceneRecord


class PromptFields(QWidget):
    """A prompt that is too long, or that cannot be written, is not kept and not lost: it stays.

    `refusal` says why one is too long; why nothing can be written, the window's notices say.
    """

    grown = Signal()

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._scene_id: str | None = None
        self.refusal: UserError | None = None
        self.prompt = _field(self.tr("What the shot shows"), self.tr("Prompt"))
        self.negative_prompt = _field(self.tr("What it must not show"), self.tr("Negative prompt"))
        self.trouble = label(wraps=True)
        self.trouble.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 0)
        column.setSpacing(3)
        for name, field in (
            (self.tr("Prompt"), self.prompt),
            (self.tr("Negative prompt"), self.negative_prompt),
        ):
            heading = label(name, TextTone.QUIET)
            heading.setBuddy(field)
            column.addWidget(heading)
            column.addWidget(field)
            field.grown.connect(self.grown)
        column.addWidget(self.trouble)
        self.prompt.text_settled.connect(self.keep)
        self.negative_prompt.text_settled.connect(self.keep)

    def refresh(self) -> None:
        """Show the chosen scene's prompts; what is being typed for it stays."""
        scene = self._desk.session.scene
        scene_id = scene.id if scene else None
        if scene_id != self._scene_id:
            self._scene_id = scene_id
            self.prompt.keep()
            self.negative_prompt.keep()
            self._refuse(None)
        self.prompt.show_text(scene.prompt if scene else "")
        self.negative_prompt.show_text(scene.negative_prompt if scene else "")

    def keep(self) -> None:
        """Write what was typed into the scene."""
        scene = self._desk.session.scene
        if scene is None or scene.id != self._scene_id:
            return
        self._refuse(None)
        self._write(self.prompt, self._desk.scenes.set_prompt, lambda scene: scene.prompt)
        self._write(
            self.negative_prompt, self._desk.scenes.set_negative_prompt, lambda scene: scene.negative_prompt
        )

    def _write(
        self, field: ProseField, write: Callable[[str], None], written: Callable[[SceneRecord], str]
    ) -> None:
        """Write a field's text; it is settled only once the scene holds it: a disk may be full."""
        if not field.is_modified:
            return
        text = field.toPlainText()
        try:
            kept = prompt_text(text)
        except UserError as error:
            self._refuse(error)
            return
        write(text)
        scene = self._desk.session.scene
        if scene is not None and scene.id == self._scene_id and written(scene) == kept:
            field.keep()
            field.show_text(kept)

    def _refuse(self, refusal: UserError | None) -> None:
        if refusal is not self.refusal:
            self.refusal = refusal
            self.trouble.setText("" if refusal is None else str(refusal))
            self.trouble.setVisible(refusal is not None)
            self.grown.emit()


def _field(hint: str, name: str) -> ProseField:
    made = ProseField()
    made.setPlaceholderText(hint)
    made.setAccessibleName(name)
    return made
