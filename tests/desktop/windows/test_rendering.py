"""The window and a real engine process: queue a render, watch it, close while it runs."""

import asyncio

import pytest
import qasync
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop.app import Application
from desktop.engine_link.engine_link import LinkState
from desktop.state.playback import StageSource
from engine.client import EngineClient, engine_directories
from engine.locations import engine_locations
from engine.protocol.jobs import JobState
from engine.protocol.messages import ListJobs, PauseQueue, ResumeQueue
from projects_db.records import TakeStatus
from tests.desktop.conftest import assert_nothing_is_left
from tests.patience import PATIENCE_S


async def until(holds):
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.02)


@pytest.fixture
def run_window(qt_application, engine, project):
    """Run a coroutine with the whole window on the Qt loop, the engine within reach, the project open."""

    def run(act):
        async def whole():
            data, cache, _, _ = engine_directories()
            masque = Application(qt_application, data=data, cache=cache)
            masque.desk.live.set_enabled(False)
            masque.show(project)
            try:
                await act(masque)
            finally:
                await masque.close()

        with qasync.QEventLoop(qt_application) as loop:
            loop.run_until_complete(whole())
        assert_nothing_is_left()

    return run


def click_render(masque):
    masque.desk.choice.set_size((320, 180))
    QTest.mouseClick(masque.window.bar.render_button, Qt.MouseButton.LeftButton)


def test_a_click_renders_a_take_that_can_be_seen_rated_and_noted(run_window):
    async def act(masque):
        desk, window = masque.desk, masque.window
        assert desk.queue.link_state is LinkState.NOT_RUNNING
        desk.clips.delete(frozenset({desk.session.scene.characters[0].driving_clips[0].id}))
        desk.scenes.set_length(12)
        click_render(masque)
        await until(lambda: any(take.status is TakeStatus.DONE for take in desk.session.takes))
        assert window.results.queue.model.rowCount() == 1
        assert desk.queue.jobs()[0].state is JobState.DONE
        takes = window.results.takes
        window.results.show_page(takes)
        takes.rating.rated.emit(4)
        takes.notes.setText("keep this one")
        takes.keep_note()
        assert (desk.session.takes[0].rating, desk.session.takes[0].notes) == (4, "keep this one")
        takes.show_button.click()
        assert desk.playback.source is StageSource.TAKE
        await until(lambda: desk.player.image is not None)
        assert desk.player.image.width() == 320

    run_window(act)


def test_closing_the_window_leaves_the_queue_to_the_engine(run_window, project):
    async def act(masque):
        desk = masque.desk
        async with EngineClient.connect() as client:
            await client.send(PauseQueue())
        desk.scenes.set_length(6)
        click_render(masque)
        await until(lambda: desk.queue.unfinished_count() == 1)
        desk.renders.pause_or_resume(desk.queue.jobs()[0])
        await until(lambda: desk.queue.jobs()[0].state is JobState.PAUSED)

    run_window(act)

    async def afterwards():
        async with EngineClient.connect(start=False) as client:
            jobs = (await client.send(ListJobs())).jobs
            await client.send(ResumeQueue())
            return [job.state for job in jobs]

    assert asyncio.run(afterwards()) == [JobState.PAUSED]


def test_an_engine_that_dies_is_missed_and_can_be_started_again(run_window):
    async def act(masque):
        desk, status = masque.desk, masque.window.statusBar()
        desk.link.start_engine()
        await until(lambda: desk.queue.link_state is LinkState.READY)
        async with EngineClient.connect(start=False) as client:
            await client.stop_engine()
        await until(lambda: desk.queue.link_state is LinkState.LOST)
        assert status.engine.text() == "Engine gone"
        status.start_button.click()
        await until(lambda: desk.queue.link_state is LinkState.READY)
        assert not status.start_button.isVisible()

    run_window(act)


def test_a_render_without_a_plate_file_is_refused_in_place(run_window, project):
    async def act(masque):
        desk = masque.desk
        desk.session.store.asset_path(desk.session.scene.plate).unlink()
        click_render(masque)
        await until(lambda: desk.notices.notice is not None)
        assert "duet.png" in masque.window.message.text
        assert desk.session.takes == ()

    run_window(act)


def test_what_the_engine_has_to_say_stands_in_the_strip(run_window):
    queue = engine_locations().queue_database
    queue.parent.mkdir(parents=True, exist_ok=True)
    queue.write_bytes(b"no queue at all" * 100)

    async def act(masque):
        masque.desk.link.start_engine()
        await until(lambda: masque.desk.notices.notice is not None)
        assert "The queue was damaged" in masque.window.message.text

    run_window(act)


def test_a_project_closed_while_a_render_is_being_queued_gets_its_take_back(run_window, project):
    async def act(masque):
        desk = masque.desk
        desk.clips.delete(frozenset({desk.session.scene.characters[0].driving_clips[0].id}))
        desk.scenes.set_length(6)
        click_render(masque)
        assert len(desk.session.takes) == 1
        desk.session.close()
        await until(desk.queue.jobs)
        assert desk.notices.notice is None
        masque.window.flows.open_project(project)
        await until(lambda: desk.session.takes[0].status is TakeStatus.DONE)

    run_window(act)
