"""A window with a real project, driven by mouse and keys; nothing of it may be left behind."""

import asyncio
import shutil
import threading
from fractions import Fraction

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from desktop.app import Application
from desktop.authoring.characters import add_character, region_from_box
from desktop.authoring.clips import (
    DrivingPlacement,
    VoicePlacement,
    add_driving_clip,
    add_voice_clip,
    placed_media,
)
from desktop.authoring.curves import parse_curve
from desktop.authoring.media_import import adopt_media, prepare_media_for
from desktop.authoring.project_files import create_project
from desktop.authoring.scenes import add_scene
from engine.client import engine_directories
from projects_db.records import Channel, RegionBox
from tests.desktop.plan_samples import FakeSource


@pytest.fixture(scope="session")
def qt_application():
    """The one QApplication of the test run."""
    application = QApplication.instance() or QApplication([])
    application.setQuitOnLastWindowClosed(False)
    return application


@pytest.fixture
def outlook_source():
    """What the window asks for memory plans: no test of it looks at the real machine."""
    return FakeSource()


@pytest.fixture
def masque(qt_application, masque_home, outlook_source):
    """The whole window without a project and without live drafts; nothing is left of it."""
    data, cache, _, _ = engine_directories()
    made = Application(qt_application, data=data, cache=cache, outlook_source=outlook_source)
    made.desk.live.set_enabled(False)
    made.window.show()
    made.window.activateWindow()
    QTest.qWaitForWindowActive(made.window)
    yield made
    asyncio.run(made.close())
    made.deleteLater()
    assert_nothing_is_left()


def assert_nothing_is_left():
    """No window and no thread of Masque's outlives a test."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert [window.objectName() for window in QApplication.topLevelWidgets() if window.isVisible()] == []
    assert [t.name for t in threading.enumerate() if t.name.startswith("masque")] == []


@pytest.fixture
def project(tmp_path, built_project):
    """A copy of the built project with its media folder."""
    folder = tmp_path / "work"
    shutil.copytree(built_project.parent, folder)
    return folder / built_project.name


@pytest.fixture(scope="session")
def built_project(tmp_path_factory, samples):
    """A project with one scene of two characters: a driving clip and a curve on Ada, a voice on Bruno."""
    path = tmp_path_factory.mktemp("built") / "night shift.masque"
    with create_project(path, frame_rate=Fraction(24)) as store:
        plate = prepare_media_for(store, samples / "duet.png")
        clip = prepare_media_for(store, samples / "driver_smile.mp4")
        voice = prepare_media_for(store, samples / "voice.wav")
        with store.change("Build") as change:
            scene_id = add_scene(store, change, plate, name="Duet")
            ada, bruno = (
                add_character(change, store.scene(scene_id), name, region_from_box(box))
                for name, box in (
                    ("Ada", RegionBox(x=0.15, y=0.2, width=0.2, height=0.5)),
                    ("Bruno", RegionBox(x=0.6, y=0.2, width=0.2, height=0.5)),
                )
            )
            driver = placed_media(adopt_media(store, change, clip), clip)
            placement = DrivingPlacement(start_frame=24)
            add_driving_clip(change, ada, driver, placement, frame_rate=Fraction(24))
            speech = placed_media(adopt_media(store, change, voice), voice)
            add_voice_clip(change, bruno, speech, VoicePlacement(start_frame=10))
            change.set_curve(ada, Channel.MOUTH, parse_curve(["24:0.5:bezier", "72:1.5"]))
    return path


@pytest.fixture
def opened(masque, project):
    """The window with the project open."""
    masque.window.flows.open_project(project)
    assert masque.desk.session.is_open
    return masque
