"""What the engine has to say stands in the strip, with the way on."""

from dataclasses import replace

import pytest

from desktop.engine_link.engine_link import LinkState
from engine.protocol.messages import QueueChanged, ResumeQueue
from projects_db.errors import not_found
from tests.desktop.state.test_render_queue import STATUS

WORKER = "The queue is paused: the render process does not start."


@pytest.fixture
def say(masque):
    """Let the engine be connected and tell a notice."""
    link = masque.desk.link

    def tell(notice, *, listed=True, **status):
        if listed:
            link.state_changed.emit(LinkState.READY)
            link.jobs_listed.emit((), replace(STATUS, **status))
        else:
            link.event_arrived.emit(QueueChanged(queue=replace(STATUS, **status)))
        link.notice_told.emit(notice)

    return tell


def labels(masque):
    return [remedy.label for remedy in masque.desk.notices.notice.remedies]


def test_a_quiet_engine_says_nothing(masque, say):
    say("")
    assert masque.desk.notices.notice is None


def test_a_queue_the_engine_has_paused_can_be_resumed_from_the_strip(masque, say, monkeypatch):
    sent = []
    monkeypatch.setattr(masque.desk.link, "send", sent.append)
    say("")
    say(WORKER, listed=False, paused=True)
    assert masque.window.message.text == WORKER
    assert labels(masque) == ["Resume queue"]
    masque.desk.notices.notice.remedies[0].act()
    assert sent == [ResumeQueue()]
    say("", listed=False)
    assert masque.desk.notices.notice is None
    assert not masque.window.message.isVisible()


def test_a_damaged_queue_is_told_once_and_has_nothing_to_resume(masque, say):
    say("The queue was damaged.")
    assert labels(masque) == []
    masque.desk.notices.dismiss()
    say("The queue was damaged.", listed=False, paused=True)
    assert masque.desk.notices.notice is None


def test_an_interrupted_queue_asks_for_its_answer(masque, say):
    say("", paused=True, needs_answer=True)
    assert "interrupted" in masque.window.message.text
    assert labels(masque) == ["Resume queue"]


def test_a_notice_of_an_engine_that_is_gone_goes_too_and_a_new_engine_tells_anew(masque, say):
    say(WORKER, paused=True)
    masque.desk.link.state_changed.emit(LinkState.LOST)
    assert masque.desk.notices.notice is None
    say(WORKER, paused=True)
    assert masque.window.message.text == WORKER


def test_the_engines_notice_never_takes_away_another_message(masque, say):
    say(WORKER, paused=True)
    masque.desk.notices.failed(not_found("scene"))
    say("", listed=False)
    assert "no such scene" in masque.window.message.text
