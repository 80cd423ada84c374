"""How fast the draft renderer is on this machine: analysing a driving clip, and drawing frames."""

import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from engine.benchmark.drawn_media import drawn_performance, write_drawn_clip, write_drawn_still
from engine.draft.draft_shot import DraftShot
from engine.draft.driving_analysis import DriverPart, analyse_driver
from engine.draft.face_detection import find_faces
from engine.media.content_hash import hash_file
from engine.media.still import read_still
from engine.media.video_reader import VideoReader
from engine.protocol.clips import DrivingInput, LoopMode
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.regions import FaceRegion, RegionBox, RegionKey, RegionShape
from engine.protocol.render_request import CharacterInput, PlateInput, RendererName, RenderRequest

DRAWN_CLIP_FRAMES = 100
DRAWN_CLIP_RATE = Fraction(25)
FEATHER = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftBenchmark:
    """Measured speeds: frames drawn a second, and driver frames analysed a second (reading included).

    `width` and `height` are the drawn size in pixels, `drawn_frames` and `analysed_frames` how many were
    measured.
    """

    drawn_per_s: float
    analysed_per_s: float
    width: int
    height: int
    drawn_frames: int
    analysed_frames: int


def run_draft_benchmark(
    *,
    still: Path | None = None,
    clip: Path | None = None,
    width: int = 1280,
    height: int = 720,
    frame_count: int = 120,
) -> DraftBenchmark:
    """Measure the draft renderer with one character, on the files given or else on drawn ones.

    Raises UserError: NO_FACE when the still shows none, and what reading the files raises.
    """
    with tempfile.TemporaryDirectory(prefix="masque-benchmark-") as folder:
        work = Path(folder)
        if still is None:
            still = work / "still.png"
            write_drawn_still(still, width, height)
        if clip is None:
            clip = work / "driver.mkv"
            performance = drawn_performance(DRAWN_CLIP_FRAMES, DRAWN_CLIP_RATE)
            write_drawn_clip(clip, performance, DRAWN_CLIP_RATE)
        request = _request(still, clip, (width, height), frame_count, work)
        analysed, analysis_s = _timed_analysis(clip)
        shot = DraftShot.prepare(request, cache_directory=work / "cache")
        shot.picture(0)
        started = time.perf_counter()
        for frame in range(frame_count):
            shot.picture(frame)
        drawing_s = time.perf_counter() - started
    return DraftBenchmark(
        drawn_per_s=frame_count / drawing_s,
        analysed_per_s=analysed / analysis_s,
        width=width,
        height=height,
        drawn_frames=frame_count,
        analysed_frames=analysed,
    )


def _timed_analysis(clip: Path) -> tuple[int, float]:
    """Analyse the whole clip; return its frames and the seconds it took."""
    with VideoReader(clip) as reader:
        duration_s = reader.duration_s
    part = DriverPart(
        path=clip, content_hash="", face_index=0, neutral_s=None, start_s=Fraction(0), end_s=duration_s
    )
    started = time.perf_counter()
    motion = analyse_driver(part, lambda _share: None, lambda: None)
    return len(motion.times_s), time.perf_counter() - started


def _request(still: Path, clip: Path, size: tuple[int, int], frame_count: int, work: Path) -> RenderRequest:
    """Return a scene with one character, the first face of the still, driven by the whole clip in a loop."""
    picture = read_still(still)
    character = CharacterInput(
        character_id="benchmark",
        name="Benchmark",
        region=_first_face(still),
        driving=(_looped(clip, frame_count),),
    )
    return RenderRequest(
        request_id="benchmark",
        project_id="benchmark",
        project_path=work / "benchmark.masque",
        scene_id="benchmark",
        scene_name="Benchmark",
        take_id="benchmark",
        take_number=1,
        renderer=RendererName.DRAFT,
        plate=PlateInput(
            path=still, content_hash=hash_file(still), width=picture.width, height=picture.height
        ),
        characters=(character,),
        frame_rate=Fraction(24),
        frame_count=frame_count,
        width=size[0],
        height=size[1],
        seed=1,
        output_directory=work,
        file_stem="benchmark",
    )


def _first_face(still: Path) -> FaceRegion:
    faces = find_faces(read_still(still).bgr)
    if not faces:
        raise UserError(
            f"{still.name}: no face is found.",
            next_step="Choose a still that shows a face from the front.",
            code=ErrorCode.NO_FACE,
        )
    box = RegionBox(x=faces[0].x, y=faces[0].y, width=faces[0].width, height=faces[0].height)
    return FaceRegion(shape=RegionShape.ELLIPSE, feather=FEATHER, keys=(RegionKey(frame=0, box=box),))


def _looped(clip: Path, frame_count: int) -> DrivingInput:
    with VideoReader(clip) as reader:
        duration_s = reader.duration_s
    return DrivingInput(
        path=clip,
        content_hash=hash_file(clip),
        source_in_s=Fraction(0),
        source_out_s=duration_s,
        start_frame=0,
        length_frames=frame_count,
        loop_mode=LoopMode.PING_PONG,
    )
