"""Messages come out as they went in, and rubbish becomes one sentence."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol import codec
from engine.protocol.clips import DrivingInput, LoopMode, VoiceInput
from engine.protocol.curves import Channel, Curve, CurveKey, Handle, Interpolation
from engine.protocol.diffusion_record import DiffusionRecord
from engine.protocol.diffusion_settings import (
    DiffusionSettings,
    GuidanceSettings,
    LongShotMode,
    Precision,
    Solver,
)
from engine.protocol.errors import ErrorCode, ErrorReport, UserError
from engine.protocol.jobs import (
    AfterCrash,
    EngineStatus,
    FileRole,
    JobProgress,
    JobState,
    JobView,
    QueueStatus,
    RenderResult,
    ResultFile,
)
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
    SubmitJob,
    WorkerAlive,
    WorkerDeviceLost,
    WorkerFailed,
    WorkerFinished,
    WorkerOutOfMemory,
    WorkerPreview,
    WorkerProgress,
    WorkerStopped,
)
from engine.protocol.regions import FaceRegion, RegionBox, RegionKey, RegionShape
from engine.protocol.render_request import CharacterInput, PlateInput, RendererName, RenderRequest

DATA = Path(__file__).resolve().parents[2] / "data" / "stored"
REGION = FaceRegion(
    shape=RegionShape.ELLIPSE,
    feather=0.2,
    keys=(
        RegionKey(frame=0, box=RegionBox(x=0.1, y=0.2, width=0.3, height=0.4)),
        RegionKey(frame=9, box=RegionBox(x=0.2, y=0.2, width=0.3, height=0.4)),
    ),
)
CURVE = Curve(
    channel=Channel.MOUTH,
    keys=(
        CurveKey(
            frame=3, value=1.5, interpolation=Interpolation.BEZIER, handle_out=Handle(frames=2.0, value=0.1)
        ),
    ),
)
ANNA = CharacterInput(
    character_id="a",
    name="Änna “the first” 安娜",
    region=REGION,
    driving=(
        DrivingInput(
            path=Path("/films/driver 1.mp4"),
            content_hash="d" * 64,
            source_in_s=Fraction(1, 3),
            source_out_s=Fraction(7, 2),
            start_frame=-3,
            length_frames=80,
            speed=Fraction(24000, 1001),
            loop_mode=LoopMode.PING_PONG,
            neutral_s=Fraction(1, 2),
        ),
    ),
    voices=(
        VoiceInput(
            path=Path("voice.wav"),
            content_hash="v",
            source_in_s=Fraction(0),
            source_out_s=Fraction(3),
            start_frame=0,
            gain_db=-3.5,
        ),
    ),
    curves=(CURVE,),
)
REQUEST = RenderRequest(
    request_id="r",
    project_id="p",
    project_path=Path("/films/film.masque"),
    scene_id="s",
    scene_name="Scene 1",
    take_id="t",
    take_number=2,
    renderer=RendererName.DRAFT,
    plate=PlateInput(path=Path("/films/plate.png"), content_hash="h", width=1920, height=1080),
    characters=(ANNA,),
    frame_rate=Fraction(24000, 1001),
    frame_count=48,
    width=1280,
    height=720,
    seed=2**63 - 1,
    output_directory=Path("/films/renders/1"),
    file_stem="Scene 1 take 2",
)
SETTINGS = DiffusionSettings(
    bundle="fantasy-14b",
    steps=12,
    flow_shift=3.5,
    solver=Solver.UNIPC,
    guidance=GuidanceSettings(text_scale=1.0, voice_scale=4.5, start_percent=10.0, end_percent=90.0),
    long_shot=LongShotMode.CONTEXT_WINDOWS,
    segment_frames=49,
    overlap_frames=16,
    precision=Precision.BFLOAT16,
    model_frame_rate=Fraction(24000, 1001),
)
DIFFUSION_REQUEST = replace(
    REQUEST,
    renderer=RendererName.DIFFUSION,
    prompt="Two friends “talk” — 安娜",
    negative_prompt="blur",
    diffusion=SETTINGS,
)
RESULT = RenderResult(
    request_id="r",
    take_id="t",
    renderer="draft",
    seed=1,
    frame_rate=Fraction(25),
    frame_count=48,
    width=1280,
    height=720,
    has_alpha=True,
    files=(ResultFile(role=FileRole.STEM, name="a.wav", size_bytes=10, label="Anna"),),
    warnings=("The face is lost from 1 s to 2 s.",),
    render_seconds=1.5,
)
DIFFUSION_RESULT = replace(
    RESULT,
    renderer="diffusion",
    diffusion=DiffusionRecord(
        settings=SETTINGS,
        weights={"transformer": "a" * 64, "vae": "b" * 64},
        branches=("adapters 4", "text -3"),
        forwards_per_step=2,
        forwards=60,
        device="cpu",
        precision=Precision.FLOAT32,
        model_width=848,
        model_height=480,
        model_frame_rate=Fraction(23),
        model_frame_count=81,
        segments=1,
        random_weights=True,
        versions={"torch": "2.13.0"},
    ),
)
ERROR = ErrorReport(
    code=ErrorCode.DISK_FULL, message="Full.", next_step="Free some space.", details={"folder": "/x"}
)
JOB = JobView(
    job_id="j",
    request_id="r",
    project_id="p",
    project_path=Path("/films/film.masque"),
    scene_id="s",
    scene_name="Scene",
    take_id="t",
    take_number=1,
    renderer="draft",
    seed=1,
    output_directory=Path("/out"),
    state=JobState.FAILED,
    priority=1,
    position=0,
    attempts=1,
    attempt_limit=3,
    progress=JobProgress(phase="Rendering", frames_done=1, frame_count=2, seconds_left=0.5),
    created_at=1.25,
    error=ERROR,
    result=RESULT,
)
QUEUE = QueueStatus(
    paused=True, needs_answer=True, after_crash=AfterCrash.ASK, counts=dict.fromkeys(JobState, 1)
)
STATUS = EngineStatus(
    process_id=1,
    worker_process_id=None,
    version="0.1",
    protocol_version=1,
    uptime_s=1.0,
    clients=2,
    queue=QUEUE,
    log_directory=Path("/log"),
    notice="Look.",
)
COMMANDS = [
    SubmitJob(request=REQUEST, priority=-2),
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


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ('"solver":"unipc"', '"solver":"heun"'),
        ('"steps":12', '"steps":"many"'),
        ('"bundle":"fantasy-14b",', ""),
        ('"model_frame_rate":"24000/1001"', '"model_frame_rate":"1/0"'),
        ('"flow_shift":3.5', '"flow_shift":NaN'),
    ],
)
def test_diffusion_settings_that_are_none_are_refused(there, instead):
    text = codec.encode_request(DIFFUSION_REQUEST)
    assert there in text
    with pytest.raises(UserError) as caught:
        codec.decode_request(text.replace(there, instead))
    assert caught.value.report.code is ErrorCode.MESSAGE_MALFORMED


def test_a_preview_comes_out_as_it_went_in():
    picture = PreviewPicture(job_id="0123456789abcdef", frame=70_000, jpeg=b"\xff\xd8\x00picture")
    assert codec.decode_preview(codec.encode_preview(picture)) == picture


@pytest.mark.parametrize(
    "data", [b"", b"MQP1", b"MQP1\0\0\0\1\x05abc", b"XXXX\0\0\0\1\x01aJPEG", b"MQP1\0\0\0\1\x01a"]
)
def test_what_is_no_preview_is_refused(data):
    with pytest.raises(UserError) as caught:
        codec.decode_preview(data)
    assert caught.value.report.code is ErrorCode.MESSAGE_MALFORMED


@pytest.mark.parametrize("rate", ["1/0", "x", "", "1e9", "9" * 30, "1/2/3", 5, None, ["1"], " 1", "١"])
def test_what_is_no_fraction_is_refused(rate):
    text = codec.encode_request(REQUEST).replace(
        '"frame_rate":"24000/1001"', f'"frame_rate":{codec.msgspec.json.encode(rate).decode()}'
    )
    with pytest.raises(UserError) as caught:
        codec.decode_request(text)
    assert caught.value.report.code is ErrorCode.MESSAGE_MALFORMED


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_rubbish_is_one_sentence_and_never_another_exception(rubbish):
    for decode in (codec.decode_call, codec.decode_server_message, codec.decode_request, codec.decode_result):
        with pytest.raises(UserError) as caught:
            decode(rubbish)
        assert caught.value.report.code is ErrorCode.MESSAGE_MALFORMED
        assert "\n" not in str(caught.value)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_message_never_raises_anything_else(place, value):
    data = bytearray(codec.encode_call(Call(call_id=1, command=COMMANDS[0])))
    data[place % len(data)] = value
    try:
        codec.decode_call(bytes(data))
    except codec.MalformedCall as error:
        assert error.report.message


def test_a_call_beyond_the_limit_is_refused_before_it_is_sent():
    with pytest.raises(UserError) as caught:
        codec.encode_call(Call(call_id=1, command=GetJob(job_id="x" * codec.MAX_CALL_BYTES)))
    assert caught.value.report.code is ErrorCode.MESSAGE_TOO_LARGE


def test_a_file_name_that_is_not_text_is_told():
    with pytest.raises(UserError) as caught:
        codec.encode_request(_with_path("/x/\udcff.png"))
    assert "file name" in caught.value.report.message


def _with_path(text):
    values = {name: getattr(REQUEST, name) for name in REQUEST.__dataclass_fields__}
    return RenderRequest(**{**values, "project_path": Path(text)})
