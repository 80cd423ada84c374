"""The middle of the window: the plate with its regions, moving when it plays, and the transport below."""

import mimetypes
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QStackedWidget, QVBoxLayout, QWidget

from desktop.authoring.engine_inputs import region_input
from desktop.panels.desk import Desk
from desktop.panels.transport_bar import TransportBar
from desktop.state.playback import StageSource
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.labels import TextTone, label
from desktop.widgets.stage.region_item import Box, StageRegion
from desktop.widgets.stage.view import StageView
from engine.protocol.regions import box_at
from projects_db.records import RegionBox, RegionShape


class StageNote(QWidget):
    """A small word in the stage's corner: what is being prepared, or why there is no draft."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("stage_note")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.text = label(tone=TextTone.SECONDARY)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setFixedSize(90, 4)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(8)
        row.addWidget(self.text)
        row.addWidget(self.bar)
        self.hide()

    def say(self, text: str, share: float | None = None) -> None:
        """Show a word, with how far it is; an empty one hides the note."""
        self.text.setText(text)
        self.bar.setVisible(share is not None)
        self.bar.setValue(round((share or 0.0) * 1000))
        self.setVisible(bool(text))
        self.adjustSize()


class StagePanel(QWidget):
    """Binds the stage to the session, the selection and the player."""

    stills_wanted = Signal()
    new_wanted = Signal()
    open_wanted = Signal()

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self.view = StageView(desk.theme)
        self.note = StageNote(self.view)
        self.transport = TransportBar(desk)
        self._no_project = EmptyState(
            self.tr("Masque turns stills into speaking shots"),
            self.tr("Make a project, or open one."),
        )
        self._no_project.add_button(self.tr("New project…")).clicked.connect(self.new_wanted)
        self._no_project.add_button(self.tr("Open project…")).clicked.connect(self.open_wanted)
        self._no_scene = EmptyState(
            self.tr("No scene yet"), self.tr("Drop a still here, or choose one. Each still becomes a scene.")
        )
        self._no_scene.add_button(self.tr("Choose a still…")).clicked.connect(self.stills_wanted)
        self._stack = QStackedWidget()
        for page in (self._no_project, self._no_scene, self.view):
            self._stack.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._stack, 1)
        column.addWidget(self.transport)
        self.view.installEventFilter(self)
        self._bind()
        self._show_page()

    def minimumSizeHint(self) -> QSize:
        """Room for the transport."""
        return QSize(560, 160)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the note in its corner."""
        if watched is self.view and event.type() == QEvent.Type.Resize:
            self._place_note()
        return False

    def _bind(self) -> None:
        desk, view = self._desk, self.view
        session = desk.session
        self._no_scene.files_dropped.connect(self._on_files_dropped)
        view.files_dropped.connect(self._on_files_dropped)
        view.region_chosen.connect(desk.selection.select_character)
        view.region_placed.connect(self._on_region_placed)
        view.region_drawn.connect(self._on_region_drawn)
        view.drawing_changed.connect(lambda _: self._show_note())
        for signal in (session.project_opened, session.project_closed, session.scene_chosen):
            signal.connect(self._show_page)
        for signal in (session.scene_changed, session.scene_chosen, session.project_opened):
            signal.connect(self._show_regions)
        desk.playback.frame_changed.connect(self._show_regions)
        desk.playback.playing_changed.connect(self._show_outlines)
        desk.selection.character_selected.connect(self._show_selection)
        desk.sources.plate_changed.connect(self._show_picture)
        desk.player.image_changed.connect(self._show_picture)
        desk.live.state_changed.connect(self._show_note)
        desk.playback.source_changed.connect(self._show_note)
        desk.imports.busy_changed.connect(lambda _: self._show_note())

    def _show_page(self) -> None:
        session = self._desk.session
        if not session.is_open:
            page: QWidget = self._no_project
        else:
            page = self.view if session.scene is not None else self._no_scene
        self._stack.setCurrentWidget(page)
        self.transport.setEnabled(session.scene is not None)
        if session.scene is not None:
            probe = session.scene.plate.probe
            self.view.set_plate_size(probe.width or 1, probe.height or 1)
        self._show_regions()
        self._show_picture()

    def _show_picture(self) -> None:
        self.view.set_image(self._desk.player.image or self._desk.sources.plate)

    def _show_regions(self) -> None:
        scene, frame = self._desk.session.scene, self._desk.playback.frame
        regions = []
        for character in scene.characters if scene else ():
            box = box_at(region_input(character.region), frame)
            regions.append(
                StageRegion(
                    region_id=character.id,
                    name=character.name,
                    colour=character.colour,
                    is_ellipse=character.region.shape is RegionShape.ELLIPSE,
                    box=(box.x, box.y, box.width, box.height),
                )
            )
        self.view.set_regions(tuple(regions))
        self._show_selection()
        self._show_outlines()

    def _show_selection(self) -> None:
        self.view.select_region(self._desk.selection.character_id)

    def _show_outlines(self) -> None:
        self.view.set_regions_visible(not self._desk.playback.playing)

    def _show_note(self) -> None:
        live, source = self._desk.live, self._desk.playback.source
        if self.view.is_drawing:
            self.note.say(self.tr("Draw a box around the face. Escape gives up."))
        elif self._desk.imports.busy:
            self.note.say(self.tr("Reading files…"))
        elif source is not StageSource.DRAFT:
            self.note.say("")
        elif live.problem is not None:
            self.note.say(self.tr("No draft: %s") % live.problem.sentence())
        elif live.progress is not None:
            self.note.say(live.phase or self.tr("Preparing the draft"), live.progress)
        else:
            self.note.say("")
        self._place_note()

    def _place_note(self) -> None:
        self.note.adjustSize()
        self.note.move(12, self.view.height() - self.note.height() - 12)

    def _on_region_placed(self, character_id: str, box: Box) -> None:
        self._desk.characters.place_region(character_id, self._desk.playback.frame, _region_box(box))

    def _on_region_drawn(self, box: Box) -> None:
        character_id = self._desk.characters.add(_region_box(box))
        if character_id is not None:
            self._desk.selection.select_character(character_id)

    def _on_files_dropped(self, files: list[str]) -> None:
        if not self._desk.session.is_open:
            return
        paths = [Path(file) for file in files]
        stills = [path for path in paths if _looks_like(path, "image")]
        others = [path for path in paths if path not in stills]
        self._desk.imports.add_scenes(stills)
        character_id = self._desk.selection.character_id
        if character_id is not None:
            self._desk.imports.place_files(character_id, others, self._desk.playback.frame)
        else:
            self._desk.imports.add_media(others)


def _looks_like(path: Path, kind: str) -> bool:
    guessed, _ = mimetypes.guess_type(path.name)
    return guessed is not None and guessed.startswith(f"{kind}/")


def _region_box(box: Box) -> RegionBox:
    return RegionBox(x=box[0], y=box[1], width=box[2], height=box[3])
