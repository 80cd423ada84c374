"""The timeline dock: snap, zoom and fit above, the scene's lanes below; drags become edits."""

import math
from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from desktop.background.media_art import MediaArt
from desktop.panels.channel_words import INSPECTOR_ORDER, channel_word
from desktop.panels.desk import Desk
from desktop.panels.timeline_content import lane_channel, timeline_content
from desktop.widgets.dock_header import action_button
from desktop.widgets.dock_page import DockPage
from desktop.widgets.level_slider import LevelSlider
from desktop.widgets.stage.view import local_files
from desktop.widgets.timeline.content import TimelineContent
from desktop.widgets.timeline.layout import Hit, Part
from desktop.widgets.timeline.scale import LARGEST_PX_PER_FRAME, SMALLEST_PX_PER_FRAME
from desktop.widgets.timeline.view import MEDIA_MIME, ZOOM_STEP, TimelineView
from projects_db.records import Channel, Interpolation

ZOOM_RANGE = LARGEST_PX_PER_FRAME / SMALLEST_PX_PER_FRAME


class TimelinePanel(DockPage):
    """Binds the timeline to the session, the selection and the playback."""

    faces_wanted = Signal()
    drawing_wanted = Signal()

    def __init__(self, desk: Desk) -> None:
        self.view = TimelineView(desk.theme)
        super().__init__(self.tr("Timeline"), self.view)
        self._desk = desk
        self._folded: frozenset[str] = frozenset()
        self.snap_action = QAction(self.tr("Snap"), self, checkable=True, checked=True)
        self.fold_action = QAction(self.tr("Fold curves"), self, checkable=True)
        self.fit_action = QAction(self.tr("Fit"), self)
        self.zoom_in_action = QAction(self.tr("Zoom in"), self)
        self.zoom_out_action = QAction(self.tr("Zoom out"), self)
        self.zoom = LevelSlider(desk.theme, low=0.0, high=1.0, name=self.tr("Timeline zoom"))
        self._find_button = self.empty.add_button(self.tr("Find faces"))
        self._draw_button = self.empty.add_button(self.tr("Draw a face region"))
        self._find_button.clicked.connect(self.faces_wanted)
        self._draw_button.clicked.connect(self.drawing_wanted)
        self._fill_header()
        self._bind_view()
        self._bind_state()
        self._show_content()

    def sizeHint(self) -> QSize:
        """As high as in the design."""
        return QSize(800, 240)

    def show_all_curves(self, shown: bool) -> None:
        """Unfold or fold every curve lane."""
        lanes = self.view.content.lanes
        self._folded = frozenset() if shown else frozenset(lane.lane_id for lane in lanes)
        self._show_content()

    def mark_playhead(self) -> None:
        """Add a marker at the playhead, or ask for the name of the one that is there."""
        marker = self._desk.markers.marker_at(self._desk.playback.frame)
        if marker is None:
            self._desk.markers.add(self._desk.playback.frame)
        else:
            self.rename_marker(marker.id)

    def rename_marker(self, marker_id: str) -> None:
        """Ask for a marker's new name."""
        marker = self._desk.markers.marker(marker_id)
        if marker is not None:
            self._desk.questions.ask(
                self.tr("Marker name"),
                initial=marker.name,
                accept=self.tr("Rename"),
                answer=lambda name: self._desk.markers.rename(marker_id, name),
            )

    def _fill_header(self) -> None:
        for action in (self.snap_action, self.fold_action):
            button = action_button(action)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            self.header.add_widget(button, at_start=True)
        self.zoom.setFixedWidth(120)
        fit = action_button(self.fit_action)
        fit.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        for widget in (
            action_button(self.zoom_out_action),
            self.zoom,
            action_button(self.zoom_in_action),
            fit,
        ):
            self.header.add_widget(widget)

    def _bind_view(self) -> None:
        desk, view = self._desk, self.view
        view.playhead_dragged.connect(desk.playback.move_to)
        view.track_chosen.connect(desk.selection.select_character)
        view.lane_fold_toggled.connect(self._on_fold_toggled)
        view.clips_chosen.connect(desk.selection.select_clips)
        view.clips_shifted.connect(desk.clips.move)
        view.clip_start_trimmed.connect(desk.clips.trim_start)
        view.clip_end_trimmed.connect(desk.clips.trim_end)
        view.clip_slipped.connect(desk.clips.slip)
        view.clips_deleted.connect(desk.clips.delete)
        view.key_added.connect(self._on_key_added)
        view.key_moved.connect(self._on_key_moved)
        view.key_shaped.connect(self._on_key_shaped)
        view.keys_deleted.connect(self._on_keys_deleted)
        view.marker_moved.connect(desk.markers.move)
        view.media_dropped.connect(self._on_media_dropped)
        view.menu_wanted.connect(self._on_menu_wanted)
        view.zoom_changed.connect(self._show_zoom)
        self.snap_action.toggled.connect(view.set_snaps)
        self.fold_action.toggled.connect(lambda folded: self.show_all_curves(not folded))
        self.fit_action.triggered.connect(view.fit)
        self.zoom_in_action.triggered.connect(lambda: view.set_zoom(view.px_per_frame * ZOOM_STEP))
        self.zoom_out_action.triggered.connect(lambda: view.set_zoom(view.px_per_frame / ZOOM_STEP))
        self.zoom.value_dragged.connect(self._on_zoom_chosen)
        self.zoom.value_settled.connect(self._on_zoom_chosen)

    def _bind_state(self) -> None:
        desk = self._desk
        session = desk.session
        for signal in (
            session.project_opened,
            session.project_closed,
            session.scene_chosen,
            session.scene_changed,
            session.project_changed,
        ):
            signal.connect(self._show_content)
        session.scene_chosen.connect(self.view.fit)
        session.media_changed.connect(self._show_content)
        desk.looks.looks_changed.connect(self._show_art)
        desk.playback.frame_changed.connect(self.view.set_playhead)
        desk.selection.clips_selected.connect(lambda: self.view.set_selected_clips(desk.selection.clip_ids))
        desk.theme.theme_changed.connect(self._show_icons)
        self._show_icons()

    def _show_content(self) -> None:
        session = self._desk.session
        scene = session.scene
        if scene is None:
            self.view.set_content(TimelineContent())
        else:
            self.view.set_content(
                timeline_content(scene, session.assets, session.frame_rate, folded=self._folded)
            )
        has_tracks = bool(scene and scene.characters)
        self._show_tracks(has_tracks, has_scene=scene is not None)
        self.view.setEnabled(has_tracks)
        self.view.set_playhead(self._desk.playback.frame)
        self._show_art()

    def _show_tracks(self, has_tracks: bool, *, has_scene: bool) -> None:
        self._find_button.setVisible(has_scene)
        self._draw_button.setVisible(has_scene)
        if has_scene:
            text = self.tr("A character brings its tracks. Find the faces on the plate, or draw one.")
        else:
            text = self.tr("The tracks of a scene's characters show here.")
        self.show_body(has_tracks, otherwise=text)

    def _show_art(self) -> None:
        art: dict[str, MediaArt] = {}
        for lane in self.view.content.lanes:
            for clip in lane.clips:
                asset = self._desk.session.assets.get(clip.art_id)
                looks = self._desk.looks.art(asset) if asset is not None else None
                if looks is not None:
                    art[clip.art_id] = looks
        self.view.set_art(art)

    def _show_icons(self) -> None:
        theme = self._desk.theme
        self.snap_action.setIcon(theme.icon("snap"))
        self.fold_action.setIcon(theme.icon("fold"))
        self.zoom_in_action.setIcon(theme.icon("add"))
        self.zoom_out_action.setIcon(theme.icon("remove"))

    def _show_zoom(self, px_per_frame: float) -> None:
        share = _log(px_per_frame / SMALLEST_PX_PER_FRAME) / _log(ZOOM_RANGE)
        self.zoom.set_level(share)

    def _on_zoom_chosen(self, share: float) -> None:
        self.view.set_zoom(SMALLEST_PX_PER_FRAME * ZOOM_RANGE**share)

    def _on_fold_toggled(self, lane_id: str) -> None:
        self._folded ^= {lane_id}
        self._show_content()

    def _on_key_added(self, lane_id: str, frame: int, value: float) -> None:
        self._desk.curves.add_key(*lane_channel(lane_id), frame, value)
        self.view.set_selected_keys(frozenset({(lane_id, frame)}))

    def _on_key_moved(self, lane_id: str, frame: int, to_frame: int, value: float) -> None:
        self._desk.curves.move_key(*lane_channel(lane_id), frame, to_frame=to_frame, value=value)

    def _on_key_shaped(
        self, lane_id: str, frame: int, handle_in: tuple[float, float], handle_out: tuple[float, float]
    ) -> None:
        self._desk.curves.shape_key(*lane_channel(lane_id), frame, handle_in=handle_in, handle_out=handle_out)

    def _on_keys_deleted(self, keys: frozenset[tuple[str, int]]) -> None:
        for lane_id in {lane_id for lane_id, _ in keys}:
            frames = frozenset(frame for lane, frame in keys if lane == lane_id)
            self._desk.curves.remove_keys(*lane_channel(lane_id), frames)

    def _on_media_dropped(self, track_id: str, frame: int, data: QMimeData) -> None:
        imports, assets = self._desk.imports, self._desk.session.assets
        if data.hasFormat(MEDIA_MIME):
            ids = bytes(data.data(MEDIA_MIME).data()).decode().splitlines()
            for asset in (assets[asset_id] for asset_id in ids if asset_id in assets):
                imports.place_asset(track_id, asset, frame)
        else:
            imports.place_files(track_id, [Path(file) for file in local_files(data)], frame)

    def _on_menu_wanted(self, hit: Hit, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if hit.part is Part.KEY and hit.lane is not None and hit.point is not None:
            self._fill_key_menu(menu, hit.lane.lane_id, hit.point.frame)
        elif hit.marker is not None:
            self._fill_marker_menu(menu, hit.marker.marker_id)
        elif hit.clip is not None:
            menu.addAction(self.tr("Delete clip"), self.view.delete_selected)
        elif hit.lane is not None:
            self._fill_track_menu(menu, hit.lane.track_id)
        if not menu.isEmpty():
            menu.popup(at)

    def _fill_marker_menu(self, menu: QMenu, marker_id: str) -> None:
        menu.addAction(self.tr("Rename marker…"), lambda: self.rename_marker(marker_id))
        menu.addAction(self.tr("Delete marker"), lambda: self._desk.markers.remove(marker_id))

    def _fill_key_menu(self, menu: QMenu, lane_id: str, frame: int) -> None:
        character_id, channel = lane_channel(lane_id)
        words = {
            Interpolation.HOLD: self.tr("Hold"),
            Interpolation.LINEAR: self.tr("Straight"),
            Interpolation.BEZIER: self.tr("Smooth"),
        }
        for interpolation, word in words.items():
            self._add_interpolation(menu, word, (character_id, channel, frame), interpolation)
        menu.addSeparator()
        menu.addAction(self.tr("Delete key"), self.view.delete_selected)

    def _add_interpolation(
        self, menu: QMenu, word: str, key: tuple[str, Channel, int], interpolation: Interpolation
    ) -> None:
        character_id, channel, frame = key
        menu.addAction(
            word,
            lambda: self._desk.curves.set_interpolation(
                character_id, channel, frozenset({frame}), interpolation
            ),
        )

    def _fill_track_menu(self, menu: QMenu, character_id: str) -> None:
        keys = menu.addMenu(self.tr("Set key at the playhead"))
        for channel in INSPECTOR_ORDER:
            self._add_key_action(keys, character_id, channel)

    def _add_key_action(self, menu: QMenu, character_id: str, channel: Channel) -> None:
        menu.addAction(
            channel_word(channel),
            lambda: self._desk.curves.add_key(character_id, channel, self._desk.playback.frame),
        )


def _log(value: float) -> float:
    return math.log(max(value, 1e-9))
