"""Messages come out as they went in."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from engine.protocol import codec
from engine.protocol.jobs import AfterCrash, FileRole, JobProgress
from engine.protocol.messages import (
    Call,
    CancelJob,
    ClearFinished,
    GetJob,
    GetStatus,
    JobChanged,
    JobList,
    JobRemoved,
    ListJobs,
    MoveJob,
    PauseJob,
    PauseQueue,
    PreviewPicture,
    QueueChanged,
    RenderJob,
    Reply,
    ResumeJob,
    ResumeQueue,
    RetryJob,
    SetAfterCrash,
    SetPriority,
    StopEngine,
    StopRender,
    WorkerAlive,
    WorkerDeviceLost,
    WorkerFailed,
    WorkerFinished,
    WorkerOutOfMemory,
    WorkerPreview,
    WorkerProgress,
    WorkerStopped,
)
from tests.engine.protocol.message_samples import (
    DIFFUSION_REQUEST,
    DIFFUSION_RESULT,
    ERROR,
    JOB,
    QUEUE,
    REQUEST,
    RESULT,
    STATUS,
    SUBMIT,
)

DATA = Path(__file__).resolve().parents[2] / "data" / "stored"
COMMANDS = [
    SUBMIT,
    ListJobs(project_id="p"),
    GetJob(job_id="j"),
    PauseQueue(now=True),
    ResumeQueue(),
    PauseJob(job_id="j"),
    ResumeJob(job_id="j"),
    CancelJob(job_id="j"),
    RetryJob(job_id="j"),
    MoveJob(job_id="j", position=2),
    SetPriority(job_id="j", priority=3),
    ClearFinished(),
    SetAfterCrash(policy=AfterCrash.PAUSED),
    GetStatus(),
    StopEngine(),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_every_command_comes_out_as_it_went_in(command):
    call = Call(call_id=5, command=command)
    assert codec.decode_call(codec.encode_call(call)) == call


@pytest.mark.parametrize(
    "answer", [JOB, JobList(jobs=(JOB, JOB)), QUEUE, STATUS], ids=lambda a: type(a).__name__
)
def test_every_answer_comes_out_as_it_went_in(answer):
    reply = Reply(call_id=5, answer=answer)
    assert codec.decode_server_message(codec.encode_reply(reply)) == reply


def test_an_error_comes_out_as_it_went_in():
    reply = Reply(call_id=5, error=ERROR)
    assert codec.decode_server_message(codec.encode_reply(reply)) == reply
    assert codec.decode_error(codec.encode_error(ERROR)) == ERROR


@pytest.mark.parametrize("event", [JobChanged(job=JOB), JobRemoved(job_id="j"), QueueChanged(queue=QUEUE)])
def test_every_event_comes_out_as_it_went_in(event):
    assert codec.decode_server_message(codec.encode_event(event)) == event


@pytest.mark.parametrize(
    "order", [RenderJob(job_id="j", request=REQUEST), StopRender(job_id="j", discard=True)]
)
def test_every_order_is_one_line(order):
    line = codec.encode_order(order)
    assert line.count(b"\n") == 1
    assert codec.decode_order(line) == order


@pytest.mark.parametrize(
    "report",
    [
        WorkerAlive(ticks=3),
        WorkerProgress(job_id="j", progress=JobProgress()),
        WorkerPreview(job_id="j", frame=3, jpeg_base64="AAAA"),
        WorkerFinished(job_id="j", result=RESULT),
        WorkerStopped(job_id="j"),
        WorkerFailed(job_id="j", error=ERROR),
        WorkerOutOfMemory(job_id="j", told="Memory ran out; the render goes on with less."),
        WorkerDeviceLost(job_id="j", reason="the card stopped computing"),
    ],
)
def test_every_report_is_one_line(report):
    line = codec.encode_report(report)
    assert line.count(b"\n") == 1
    assert codec.decode_report(line) == report


@pytest.mark.parametrize("request_", [REQUEST, DIFFUSION_REQUEST], ids=["draft", "diffusion"])
def test_requests_are_text_for_the_project(request_):
    text = codec.encode_request(request_)
    assert codec.decode_request(text) == request_
    assert codec.encode_request(codec.decode_request(text)) == text
    assert '"24000/1001"' in text


@pytest.mark.parametrize("result", [RESULT, DIFFUSION_RESULT], ids=["draft", "diffusion"])
def test_results_are_text_for_the_project(result):
    text = codec.encode_result(result)
    assert codec.decode_result(text) == result
    assert codec.encode_result(codec.decode_result(text)) == text


@pytest.mark.parametrize("result", [RESULT, DIFFUSION_RESULT], ids=["draft", "diffusion"])
def test_a_job_carries_its_result_to_whoever_listens(result):
    event = JobChanged(job=replace(JOB, result=result))
    assert codec.decode_server_message(codec.encode_event(event)) == event
    report = WorkerFinished(job_id="j", result=result)
    assert codec.decode_report(codec.encode_report(report)) == report


def test_texts_from_before_diffusion_are_still_read():
    request = codec.decode_request((DATA / "render_request_draft.json").read_text())
    assert (request.prompt, request.negative_prompt, request.diffusion) == ("", "", None)
    assert request.characters[0].driving[0].speed == Fraction(3, 4)
    result = codec.decode_result((DATA / "take_draft.json").read_text())
    assert (result.renderer, result.diffusion) == ("draft", None)
    assert result.files[0].role is FileRole.MASTER


def test_a_take_from_before_a_cards_allocator_was_asked_is_still_read():
    text = codec.encode_result(DIFFUSION_RESULT)
    before = text.replace(',"measured_held_bytes":null', "")
    assert before != text
    assert codec.decode_result(before) == DIFFUSION_RESULT


def test_a_preview_comes_out_as_it_went_in():
    picture = PreviewPicture(job_id="0123456789abcdef", frame=70_000, jpeg=b"\xff\xd8\x00picture")
    assert codec.decode_preview(codec.encode_preview(picture)) == picture
