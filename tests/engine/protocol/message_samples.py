"""Messages, and what travels in them, with something in every field."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

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
from engine.protocol.errors import ErrorCode, ErrorReport
from engine.protocol.jobs import (
    AfterCrash,
    EngineStatus,
    FileRole,
    JobProgress,
    JobState,
    QueueStatus,
    RenderResult,
    ResultFile,
)
from engine.protocol.messages import SubmitJob
from engine.protocol.regions import FaceRegion, RegionBox, RegionKey, RegionShape
from engine.protocol.render_request import CharacterInput, PlateInput, RendererName, RenderRequest
from tests.job_views import job

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
JOB = job(
    1,
    JobState.FAILED,
    priority=1,
    attempts=1,
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
    limit_bytes=20_000_000,
)
SUBMIT = SubmitJob(request=REQUEST, priority=-2)
