"""The options of `masque render` and `masque plan` that are for diffusion quality alone."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from desktop.authoring.diffusion_options import (
    ADAPTER_GUIDANCE,
    FLOW_SHIFT,
    GUIDANCE_END,
    GUIDANCE_START,
    LONG_SHOT,
    OVERLAP_FRAMES,
    PRECISION,
    SEGMENT_FRAMES,
    SOLVER,
    TEXT_GUIDANCE,
    VOICE_GUIDANCE,
)
from desktop.authoring.diffusion_settings import DiffusionChoice
from desktop.authoring.frame_rates import parse_frame_rate
from desktop.cli.values import parse_choice
from engine.protocol.diffusion_limits import MOST_STEPS
from engine.protocol.diffusion_settings import LongShotMode, Precision, Solver

PANEL = "Diffusion quality"


def _option(text: str, metavar: str | None = None) -> typer.models.OptionInfo:
    made: typer.models.OptionInfo = typer.Option(help=text, metavar=metavar, rich_help_panel=PANEL)
    return made


BundleOption = Annotated[str | None, _option("The model bundle; else the only one that can.", "NAME")]
StepsOption = Annotated[int | None, _option(f"Denoising steps, 1 to {MOST_STEPS}; else 30.")]
TextGuidanceOption = Annotated[float | None, _option(TEXT_GUIDANCE.help)]
AdapterGuidanceOption = Annotated[float | None, _option(ADAPTER_GUIDANCE.help)]
VoiceGuidanceOption = Annotated[float | None, _option(VOICE_GUIDANCE.help)]
GuidanceStartOption = Annotated[float | None, _option(GUIDANCE_START.help, "PERCENT")]
GuidanceEndOption = Annotated[float | None, _option(GUIDANCE_END.help, "PERCENT")]
SolverOption = Annotated[str | None, _option(SOLVER.help, "NAME")]
FlowShiftOption = Annotated[float | None, _option(FLOW_SHIFT.help)]
LongShotOption = Annotated[str | None, _option(LONG_SHOT.help, "NAME")]
SegmentFramesOption = Annotated[int | None, _option(SEGMENT_FRAMES.help)]
OverlapFramesOption = Annotated[int | None, _option(OVERLAP_FRAMES.help)]
PrecisionOption = Annotated[str | None, _option(PRECISION.help, "NAME")]
ModelRateOption = Annotated[
    str | None, _option("Frames a second the model works at; else what the bundle expects.", "RATE")
]


def diffusion_choice(  # noqa: PLR0913, PLR0917 - a parameter is an option
    bundle: BundleOption = None,
    steps: StepsOption = None,
    text_guidance: TextGuidanceOption = None,
    adapter_guidance: AdapterGuidanceOption = None,
    voice_guidance: VoiceGuidanceOption = None,
    guidance_start: GuidanceStartOption = None,
    guidance_end: GuidanceEndOption = None,
    solver: SolverOption = None,
    flow_shift: FlowShiftOption = None,
    long_shot: LongShotOption = None,
    segment_frames: SegmentFramesOption = None,
    overlap_frames: OverlapFramesOption = None,
    precision: PrecisionOption = None,
    model_rate: ModelRateOption = None,
) -> DiffusionChoice:
    """Return what was chosen by options. Raises UserError for a word that is none of the choices."""
    return DiffusionChoice(
        bundle=bundle,
        steps=steps,
        text_guidance=text_guidance,
        adapter_guidance=adapter_guidance,
        voice_guidance=voice_guidance,
        guidance_start=guidance_start,
        guidance_end=guidance_end,
        solver=None if solver is None else parse_choice(Solver, solver, "solver"),
        flow_shift=flow_shift,
        long_shot=None if long_shot is None else parse_choice(LongShotMode, long_shot, "way of long shots"),
        segment_frames=segment_frames,
        overlap_frames=overlap_frames,
        precision=None if precision is None else parse_choice(Precision, precision, "precision"),
        model_rate=None if model_rate is None else parse_frame_rate(model_rate),
    )


def with_diffusion_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose parameter `diffusion` is asked for as all the options of `diffusion_choice`."""
    options = inspect.signature(diffusion_choice).parameters
    own = {name: part for name, part in inspect.signature(command).parameters.items() if name != "diffusion"}

    def ask(**given: Any) -> None:  # noqa: ANN401 - the options' types, which typer has checked
        chosen = diffusion_choice(**{name: given.pop(name) for name in options})
        command(diffusion=chosen, **given)

    asked = {**own, **options}
    ask.__name__, ask.__doc__ = command.__name__, command.__doc__
    ask.__annotations__ = {name: part.annotation for name, part in asked.items()}
    vars(ask)["__signature__"] = inspect.Signature(
        [part.replace(kind=inspect.Parameter.KEYWORD_ONLY) for part in asked.values()]
    )
    return ask
