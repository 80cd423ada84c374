"""The inspector: the selected character, what drives it and how strongly, and its face region."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from desktop.authoring.engine_inputs import region_input
from desktop.panels.channel_words import INSPECTOR_ORDER, channel_word
from desktop.panels.clip_section import ClipSection
from desktop.panels.desk import Desk
from desktop.panels.driver_check import DriverCheck
from desktop.widgets.dock_header import DockHeader
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.key_diamond import KeyDiamond, KeyState
from desktop.widgets.labels import ElidedLabel, TextTone, label
from desktop.widgets.level_row import NAME_PX, LevelRow
from desktop.widgets.status_dot import StatusDot
from engine.protocol.regions import box_at
from projects_db.records import Channel, CharacterRecord, RegionBox

HIGHEST_LEVEL = 2.0
HIGHEST_FEATHER = 0.5


class InspectorPanel(QWidget):
    """Follows the selection; while nothing is selected it says what to do."""

    faces_wanted = Signal()
    drawing_wanted = Signal()

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self.header = DockHeader(self.tr("Inspector"))
        self._dot = StatusDot()
        self.header.add_widget(self._dot)
        self._driven_by = ElidedLabel()
        self.rows: dict[Channel, LevelRow] = {}
        self.feather = LevelRow(
            desk.theme, self.tr("Feather"), high=HIGHEST_FEATHER, show_value=self._feather_px, has_keys=False
        )
        self._keys = ElidedLabel()
        self.region_key = KeyDiamond(desk.theme, self.tr("Key for the region"))
        self.driver_check = DriverCheck(desk)
        self._empty = EmptyState("", "")
        self._find_button = self._empty.add_button(self.tr("Find faces"))
        self._draw_button = self._empty.add_button(self.tr("Draw a face region"))
        self._stack = QStackedWidget()
        self._stack.addWidget(self._filled_page())
        self._stack.addWidget(self._empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._stack)
        self._bind()
        self._show()

    def sizeHint(self) -> QSize:
        """As wide as in the design."""
        return QSize(272, 400)

    def minimumSizeHint(self) -> QSize:
        """Narrower on a small screen."""
        return QSize(216, 120)

    def _filled_page(self) -> QScrollArea:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(12, 2, 8, 8)
        column.setSpacing(4)
        column.addLayout(_row(self.tr("Driven by"), self._driven_by))
        for channel in INSPECTOR_ORDER:
            self.rows[channel] = self._level_row(channel)
            column.addWidget(self.rows[channel])
        column.addSpacing(4)
        column.addWidget(label(self.tr("Region"), TextTone.HEADING))
        column.addWidget(self.feather)
        column.addLayout(_row(self.tr("Keys"), self._keys, self.region_key))
        column.addSpacing(4)
        column.addWidget(ClipSection(self._desk))
        column.addWidget(self.driver_check)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(page)
        return area

    def _level_row(self, channel: Channel) -> LevelRow:
        row = LevelRow(self._desk.theme, channel_word(channel), high=HIGHEST_LEVEL)
        row.level_settled.connect(lambda level: self._on_level_settled(channel, level))
        row.key_toggled.connect(lambda: self._on_key_toggled(channel))
        return row

    def _bind(self) -> None:
        desk = self._desk
        session = desk.session
        for signal in (
            session.project_opened,
            session.project_closed,
            session.scene_chosen,
            session.scene_changed,
            session.media_changed,
            desk.selection.character_selected,
            desk.live.draft_changed,
        ):
            signal.connect(self._show)
        desk.playback.frame_changed.connect(self._show_levels)
        desk.theme.theme_changed.connect(self._show)
        self.feather.level_settled.connect(self._on_feather_settled)
        self.region_key.clicked.connect(self._on_region_key_clicked)
        self._find_button.clicked.connect(self.faces_wanted)
        self._draw_button.clicked.connect(self.drawing_wanted)

    def _character(self) -> CharacterRecord | None:
        return self._desk.session.character(self._desk.selection.character_id)

    def _show(self) -> None:
        character = self._character()
        self._dot.setVisible(character is not None)
        if character is None:
            self._show_empty()
            return
        self._stack.setCurrentIndex(0)
        self.header.title.setText(character.name)
        self._dot.set_colour(self._desk.theme.tokens.character(character.colour))
        self._driven_by.set_text(self._driver_words(character))
        for row in (*self.rows.values(), self.feather):
            row.slider.set_colour(character.colour)
        self._show_levels()
        self.driver_check.show_character(character)

    def _show_empty(self) -> None:
        scene = self._desk.session.scene
        self._stack.setCurrentWidget(self._empty)
        self.header.title.setText(self.tr("Inspector"))
        for button in (self._find_button, self._draw_button):
            button.setVisible(scene is not None)
        if scene is None:
            self._empty.say("", self.tr("Characters show here once there is a scene."))
        elif scene.characters:
            self._empty.say("", self.tr("Select a character on the stage or on its track."))
        else:
            self._empty.say(
                self.tr("No characters yet"),
                self.tr("Find the faces on the plate, or draw a region around one."),
            )

    def _show_levels(self) -> None:
        character = self._character()
        if character is None:
            return
        frame, curves = self._desk.playback.frame, self._desk.curves
        for channel, row in self.rows.items():
            keys = curves.keys(character.id, channel)
            row.show_level(
                curves.value_at(character.id, channel, frame), _key_state([key.frame for key in keys], frame)
            )
        self.feather.show_level(character.region.feather)
        frames = [key.frame for key in character.region.keys]
        shown = ", ".join(str(at) for at in frames)
        still = len(frames) == 1
        self._keys.set_text(self.tr("still") if still else self.tr("%d · at %s") % (len(frames), shown))
        self.region_key.show_state(KeyState.NONE if still else _key_state(frames, frame))

    def _driver_words(self, character: CharacterRecord) -> str:
        parts = []
        for clips, word in (
            (character.driving_clips, self.tr("Clip")),
            (character.voice_clips, self.tr("Voice")),
        ):
            if clips:
                asset = self._desk.session.assets.get(clips[0].asset_id)
                more = f" +{len(clips) - 1}" if len(clips) > 1 else ""
                parts.append(f"{word} · {asset.name if asset else ''}{more}")
        return ", ".join(parts) or self.tr("nothing yet")

    def _feather_px(self, feather: float) -> str:
        scene, character = self._desk.session.scene, self._character()
        if scene is None or character is None:
            return ""
        box = box_at(region_input(character.region), self._desk.playback.frame)
        width, height = scene.plate.probe.width or 1, scene.plate.probe.height or 1
        return self.tr("%d px") % round(feather * min(box.width * width, box.height * height))

    def _on_level_settled(self, channel: Channel, level: float) -> None:
        character = self._character()
        if character is not None:
            self._desk.curves.set_value(character.id, channel, self._desk.playback.frame, level)

    def _on_key_toggled(self, channel: Channel) -> None:
        character = self._character()
        if character is not None:
            self._desk.curves.toggle_key(character.id, channel, self._desk.playback.frame)

    def _on_feather_settled(self, feather: float) -> None:
        character = self._character()
        if character is not None:
            self._desk.characters.set_feather(character.id, feather)

    def _on_region_key_clicked(self) -> None:
        character, frame = self._character(), self._desk.playback.frame
        if character is not None:
            box = box_at(region_input(character.region), frame)
            record = RegionBox(x=box.x, y=box.y, width=box.width, height=box.height)
            self._desk.characters.toggle_region_key(character.id, frame, record)


def _key_state(frames: list[int], frame: int) -> KeyState:
    if not frames:
        return KeyState.NONE
    return KeyState.HERE if frame in frames else KeyState.ELSEWHERE


def _row(name: str, *fields: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(6)
    heading = label(name, TextTone.QUIET)
    heading.setFixedWidth(NAME_PX)
    row.addWidget(heading)
    row.addWidget(fields[0], 1)
    for field in fields[1:]:
        row.addWidget(field)
    return row
