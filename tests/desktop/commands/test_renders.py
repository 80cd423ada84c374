"""A take is in the project before the engine hears of it, whatever happens to the project meanwhile."""

import asyncio

import pytest

from desktop.commands.renders import Renders
from desktop.engine_link.engine_link import EngineLink, LinkState
from desktop.state.notices import Tone
from desktop.state.render_queue import RenderQueue
from engine.protocol.errors import ErrorCode, UserError
from projects_db.project_store import ProjectStore
from projects_db.records import TakeStatus
from tests.job_views import job


class SlowEngine(EngineLink):
    """An engine that answers when the test lets it."""

    def use(self, work, *, on_failed=None):
        self.waiting = (work, on_failed)

    def accept(self):
        asyncio.run(self.waiting[0](self))

    async def send(self, command):
        self.submitted = command.request
        return job(1, take_id=command.request.take_id)

    def refuse(self):
        error = UserError("The engine is full.", next_step="Wait.", code=ErrorCode.ENGINE_UNREACHABLE)
        self.waiting[1](error.report)


@pytest.fixture
def slow(opened):
    return SlowEngine()


@pytest.fixture
def renders(opened, slow):
    desk = opened.desk
    return Renders(desk.session, RenderQueue(slow), slow, choice=desk.choice, notices=desk.notices)


def takes_in(path):
    with ProjectStore.open(path) as store:
        return store.takes()


def test_the_take_is_there_at_once_and_the_engine_gets_its_request(opened, renders, slow):
    queued = []
    renders.render_queued.connect(queued.append)
    renders.queue_scene()
    (take,) = opened.desk.session.takes
    assert take.status is TakeStatus.QUEUED
    slow.accept()
    assert slow.submitted.take_id == take.id
    assert [one.take_id for one in queued] == [take.id]


def test_a_refused_take_is_kept_with_the_reason(opened, renders, slow):
    renders.queue_scene()
    slow.refuse()
    assert opened.desk.session.takes[0].status is TakeStatus.FAILED
    assert "full" in opened.desk.session.takes[0].error


def test_a_project_that_is_closed_meanwhile_is_left_alone(opened, renders, slow, project, caplog):
    renders.queue_scene()
    opened.desk.session.close()
    slow.accept()
    slow.refuse()
    assert [take.status for take in takes_in(project)] == [TakeStatus.QUEUED]
    assert opened.desk.notices.lines[-1].tone is Tone.NEWS
    assert caplog.records == []


def test_another_project_opened_meanwhile_gets_nothing_of_it(opened, renders, slow, project):
    renders.queue_scene()
    opened.desk.session.create(project.with_name("other.masque"))
    slow.refuse()
    assert opened.desk.session.takes == ()
    assert [take.status for take in takes_in(project)] == [TakeStatus.QUEUED]


def test_a_scene_that_cannot_be_rendered_adds_no_take_and_asks_no_engine(opened, renders, slow):
    opened.desk.session.store.asset_path(opened.desk.session.scene.plate).unlink()
    renders.queue_scene()
    assert opened.desk.session.takes == ()
    assert "duet.png" in opened.desk.notices.notice.message
    assert not hasattr(slow, "waiting")
    assert slow.state is LinkState.NOT_RUNNING
