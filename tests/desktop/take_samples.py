"""What the engine leaves of a finished diffusion take, without its pictures."""

from fractions import Fraction

from engine.protocol.diffusion_record import DiffusionRecord
from engine.protocol.diffusion_settings import Precision
from engine.protocol.jobs import RenderResult


def diffusion_result(settings, plan, seconds, *, size, frames, request_id="r", take_id="t"):
    """A take that lasted so many seconds, made with a plan or without."""
    record = DiffusionRecord(
        settings=settings,
        weights={},
        branches=(),
        forwards_per_step=2,
        forwards=2 * settings.steps,
        device="cpu",
        precision=Precision.FLOAT32,
        model_width=size[0],
        model_height=size[1],
        model_frame_rate=Fraction(23),
        model_frame_count=frames,
        segments=1,
        plan=plan,
    )
    return RenderResult(
        request_id=request_id,
        take_id=take_id,
        renderer="diffusion",
        seed=0,
        frame_rate=Fraction(25),
        frame_count=frames,
        width=size[0],
        height=size[1],
        has_alpha=False,
        files=(),
        render_seconds=seconds,
        diffusion=record,
    )
