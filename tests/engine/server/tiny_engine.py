"""A real engine process with a tiny renderer: `python tiny_engine.py serve` or `worker`.

The renderer writes one small file per frame. Words in the scene's name tell what goes wrong.
"""

import os
import sys
import time
from dataclasses import fields
from pathlib import Path

import tiny_mishaps

from engine.locations import engine_locations
from engine.protocol.codec import encode_result
from engine.protocol.jobs import FileRole, RenderResult, ResultFile
from engine.protocol.render_request import RendererName
from engine.renderers.renderer import RenderStoppedError
from engine.renderers.work_directory import note_outputs
from engine.worker.main import run_worker


class TinyRenderer:
    """Writes frames as text files, one every few milliseconds, and goes on where it was."""

    def __init__(self, cache):
        self._cache = cache

    def render(self, request, work, report):
        words = request.scene_name.split()
        print("a library prints to standard output")
        os.write(1, b"and so does a C library\n")
        tiny_mishaps.begin(words, request, work)
        started = work / "started"
        started.write_text(str(int(started.read_text()) + 1 if started.exists() else 1))
        finished = len(list(work.glob("frame-*")))
        report.progress("Preparing", finished, None)
        tiny_mishaps.take_memory(words, request, work, report)
        tiny_mishaps.end_without_memory(words, work, report)
        tiny_mishaps.step(words, work, report)
        for frame in range(finished, request.frame_count):
            self._draw(words, work, frame)
            report.progress("Rendering", frame + 1, 0.5)
            report.preview(frame, lambda: b"\xff\xd8 a picture")
            if report.should_stop():
                raise RenderStoppedError
        if "piecemeal" in words:
            self._finish_one_file(request, work)
        return self._result(request, work)

    @staticmethod
    def _finish_one_file(request, work):
        """Make one more file of the take and crash, until all are there."""
        request.output_directory.mkdir(parents=True, exist_ok=True)
        files = [request.output_directory / f"piece-{number}" for number in range(8)]
        note_outputs(work, files)
        for path in files:
            if not path.exists():
                path.touch()
                os._exit(9)

    @staticmethod
    def _draw(words, work, frame):
        if "slow" in words:
            time.sleep(0.02)
        if "filling" in words:
            (work / "large").write_bytes(bytes(3_000_000))
        part = work / "part"
        part.write_text(f"picture {frame}")
        part.rename(work / f"frame-{frame:05d}")
        if "crumbling" in words:
            os._exit(9)

    @staticmethod
    def _result(request, work):
        request.output_directory.mkdir(parents=True, exist_ok=True)
        movie = request.output_directory / f"{request.file_stem}.txt"
        movie.write_text("\n".join(path.read_text() for path in sorted(work.glob("frame-*"))))
        file = ResultFile(role=FileRole.MASTER, name=movie.name, size_bytes=movie.stat().st_size)
        result = RenderResult(
            request_id=request.request_id,
            take_id=request.take_id,
            renderer=request.renderer.value,
            seed=request.seed,
            frame_rate=request.frame_rate,
            frame_count=request.frame_count,
            width=request.width,
            height=request.height,
            has_alpha=False,
            files=(file,),
        )
        (request.output_directory / "take.json").write_text(encode_result(result))
        return result


def _limits(kind):
    """Worker limits from TINY_LIMITS, as `name=seconds` words."""
    words = os.environ.get("TINY_LIMITS", "").split()
    given = {name: float(value) for name, value in (word.split("=") for word in words)}
    return kind(**{field.name: given.get(field.name, field.default) for field in fields(kind)})


def _serve():
    # Here, since workers start often and need none of it.
    from engine.server import worker_process
    from engine.server.engine_process import run_engine
    from engine.server.settings import ServerSettings, WorkerLimits

    if "TINY_VMSTAT" in os.environ:
        worker_process.SYSTEM_COUNTS = Path(os.environ["TINY_VMSTAT"])
    command = os.environ.get("TINY_WORKER", f"{sys.executable} {Path(__file__).resolve()} worker").split()
    idle_exit_s = float(os.environ.get("TINY_IDLE_EXIT_S", "60"))
    settings = ServerSettings(
        idle_exit_s=idle_exit_s, worker_command=tuple(command), worker_limits=_limits(WorkerLimits)
    )
    return run_engine(engine_locations(), settings)


if __name__ == "__main__":
    serve = sys.argv[1] == "serve"
    patience_s = float(os.environ.get("TINY_ORPHAN_S", "12"))
    renderers = {RendererName.DRAFT: TinyRenderer}
    sys.exit(_serve() if serve else run_worker(renderers, orphan_patience_s=patience_s))
