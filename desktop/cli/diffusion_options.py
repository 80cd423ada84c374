"""The options of `masque render` that are for diffusion quality alone."""

from typing import Annotated

import typer

PANEL = "Diffusion quality"


def _option(text: str, metavar: str | None = None) -> typer.models.OptionInfo:
    made: typer.models.OptionInfo = typer.Option(help=text, metavar=metavar, rich_help_panel=PANEL)
    return made


BundleOption = Annotated[str | None, _option("The model bundle; else the only one that can.", "NAME")]
StepsOption = Annotated[int | None, _option("Denoising steps, 1 to 200; else 30.")]
TextGuidanceOption = Annotated[
    float | None, _option("How strictly the prompt is followed, 0 to 20; above 1 the negative prompt counts.")
]
AdapterGuidanceOption = Annotated[
    float | None, _option("How strictly the clips and voices are followed, 0 to 20.")
]
VoiceGuidanceOption = Annotated[
    float | None, _option("The voices' own; --adapter-guidance is then the clips'. One pass more a step.")
]
GuidanceStartOption = Annotated[
    float | None, _option("From where in the steps clips and voices guide.", "PERCENT")
]
GuidanceEndOption = Annotated[float | None, _option("Up to where in the steps they do.", "PERCENT")]
SolverOption = Annotated[str | None, _option("euler, as published, or unipc.", "NAME")]
FlowShiftOption = Annotated[float | None, _option("Shift of the noise levels; else 5.")]
LongShotOption = Annotated[
    str | None, _option("How a long shot is made: continuation, or context-windows.", "NAME")
]
SegmentFramesOption = Annotated[
    int | None, _option("Model frames of one pass: 5, 9, 13 and so on to 201; else 81.")
]
OverlapFramesOption = Annotated[int | None, _option("Model frames that two passes share.")]
PrecisionOption = Annotated[str | None, _option("auto, float32, bfloat16 or float16.", "NAME")]
ModelRateOption = Annotated[
    str | None, _option("Frames a second the model works at; else what the bundle expects.", "RATE")
]
