"""The menu entries that reach into the window's panels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from desktop.panels.channel_words import INSPECTOR_ORDER, channel_word
from desktop.panels.desk import Desk
from desktop.state.playback import StageSource
from projects_db.records import Channel, RegionShape

if TYPE_CHECKING:
    from desktop.windows.main_window import MainWindow


def fill_window_menus(window: MainWindow, desk: Desk) -> None:
    """Fill the menus Edit, Scene, Character, View and Queue."""
    _fill_edit(window)
    _fill_scene(window, desk)
    _fill_character(window, desk)
    _fill_view(window, desk)
    _fill_queue(window, desk)


def _fill_edit(window: MainWindow) -> None:
    window.menus.add("edit", _tr("Delete selected clips or keys"), window.timeline.view.delete_selected)


def _fill_scene(window: MainWindow, desk: Desk) -> None:
    menus, scenes, session = window.menus, desk.scenes, desk.session

    def shift(by: int) -> None:
        if session.scene is not None:
            scenes.move(session.scene.id, by)

    def remove() -> None:
        if session.scene is not None:
            window.confirm_scene_removal(session.scene.id)

    menus.add("scene", _tr("Add scene from a still…"), window.flows.ask_stills, "Ctrl+Shift+N")
    menus.add("scene", _tr("Add driving clips and voices…"), window.flows.ask_media, "Ctrl+I")
    menus.separate("scene")
    menus.add("scene", _tr("Rename scene…"), window.scenes.rename_chosen)
    menus.add("scene", _tr("Move scene up"), lambda: shift(-1))
    menus.add("scene", _tr("Move scene down"), lambda: shift(1))
    menus.add("scene", _tr("Scene ends at the playhead"), lambda: scenes.set_length(desk.playback.frame + 1))
    menus.add("scene", _tr("Scene ends with its clips"), lambda: scenes.set_length(None))
    menus.add("scene", _tr("Mark the playhead"), window.timeline.mark_playhead, "M")
    menus.add_frame_rates()
    menus.separate("scene")
    menus.add("scene", _tr("Remove scene…"), remove)


def _fill_character(window: MainWindow, desk: Desk) -> None:
    menus, selection = window.menus, desk.selection

    def rename() -> None:
        character = desk.session.character(selection.character_id)
        if character is not None:
            desk.questions.ask(
                _tr("Character name"),
                initial=character.name,
                accept=_tr("Rename"),
                answer=lambda name: desk.characters.rename(character.id, name),
            )

    def reshape(shape: RegionShape) -> None:
        if selection.character_id is not None:
            desk.characters.set_shape(selection.character_id, shape)

    menus.add("character", _tr("Find faces on the plate"), desk.imports.find_characters, "Ctrl+F")
    menus.add("character", _tr("Draw a face region"), window.stage.view.begin_drawing, "Ctrl+D")
    menus.separate("character")
    menus.add("character", _tr("Rename character…"), rename, "F2")
    menus.add("character", _tr("Ellipse region"), lambda: reshape(RegionShape.ELLIPSE))
    menus.add("character", _tr("Box region"), lambda: reshape(RegionShape.BOX))
    keys = menus.menu("character").addMenu(_tr("Set key at the playhead"))
    for channel in INSPECTOR_ORDER:
        keys.addAction(_key_action(keys, desk, channel))
    menus.separate("character")
    menus.add("character", _tr("Remove character…"), window.confirm_character_removal)


def _key_action(parent: QMenu, desk: Desk, channel: Channel) -> QAction:
    action = QAction(channel_word(channel), parent)

    def set_key() -> None:
        if desk.selection.character_id is not None:
            desk.curves.add_key(desk.selection.character_id, channel, desk.playback.frame)

    action.triggered.connect(set_key)
    return action


def _fill_view(window: MainWindow, desk: Desk) -> None:
    menus, transport, timeline = window.menus, window.stage.transport, window.timeline
    view = menus.menu("view")
    for source, word in (
        (StageSource.PLATE, _tr("Show the plate")),
        (StageSource.DRAFT, _tr("Show the draft")),
    ):
        menus.add("view", word, _shower(desk, source))
    menus.separate("view")
    view.addActions([transport.play_action, transport.loop_action])
    view.addActions([timeline.snap_action, timeline.fold_action, timeline.fit_action])
    menus.separate("view")
    for dock in window.docks.values():
        view.addAction(dock.toggleViewAction())
    menus.add("view", _tr("Put the docks back"), window.reset_layout, always=True)
    menus.separate("view")
    menus.add_theme_choice()


def _shower(desk: Desk, source: StageSource) -> Callable[[], None]:
    return lambda: desk.playback.show(source)


def _fill_queue(window: MainWindow, desk: Desk) -> None:
    menus, queue = window.menus, window.results.queue
    menus.add("queue", _tr("Queue render"), desk.renders.queue_scene, "Ctrl+Return")
    menus.separate("queue")
    menus.menu("queue").addActions(
        [queue.pause_action, queue.cancel_action, queue.retry_action, queue.up_action, queue.down_action]
    )
    menus.separate("queue")
    menus.menu("queue").addActions([queue.pause_queue_action, queue.clear_action])
    menus.separate("queue")
    menus.add("queue", _tr("Start engine"), desk.link.start_engine, always=True)


def _tr(text: str) -> str:
    return QCoreApplication.translate("menus", text)
