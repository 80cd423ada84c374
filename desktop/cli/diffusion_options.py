"""The options of `masque render` and `masque plan` that are for diffusion quality alone."""

from typing import Annotated

import typer

PANEL = "Diffusion quality"


def _option(text: str, metavar: str | None = None) -> typer.models.OptionInfo:
    made: typer.models.OptionInfo = typer.Option(help=text, metavar=metavar, rich_help_panel=PANEL)
    return made


BundleOption = Annotated[str | None, _option("The model bundle; else the only one that can.", "NAME")]
StepsOption = Annotated[int | None, _option("Denoising steps, 1 to 200; else 30.")]
TextGuidanceOption = Annotated[
    float | None,
    _option(
        "How strictly the prompt is followed, 0 to 20; else 1, with voices 5. "
        "Above 1 the negative prompt counts."
    ),
]
AdapterGuidanceOption = Annotated[
    float | None, _option("How strictly clips and voices are followed, 0 to 20; else 4, with voices 5.")
]
VoiceGuidanceOption = Annotated[
    float | None, _option("The voices' own; --adapter-guidance is then the clips'. One pass more a step.")
]
GuidanceStartOption = Annotated[
    float | None, _option("From where in the steps clips and voices guide; else 0.", "PERCENT")
]
GuidanceEndOption = Annotated[float | None, _option("Up to where in the steps they do; else 100.", "PERCENT")]
SolverOption = Annotated[str | None, _option("euler, as published, or unipc; else euler.", "NAME")]
FlowShiftOption = Annotated[float | None, _option("Shift of the noise levels; else 5.")]
LongShotOption = Annotated[
    str | None,
    _option("How a long shot is made: continuation, or context-windows; else continuation.", "NAME"),
]
SegmentFramesOption = Annotated[
    int | None, _option("Model frames of one pass: 5, 9, 13 and so on to 201; else 81.")
]
OverlapFramesOption = Annotated[
    int | None,
    _option(
        "Model frames two passes share: 1, 5, 9 and so on, in context windows 4, 8 and so on; else 13, 16."
    ),
]
PrecisionOption = Annotated[str | None, _option("auto, float32, bfloat16 or float16.", "NAME")]
ModelRateOption = Annotated[
    str | None, _option("Frames a second the model works at; else what the bundle expects.", "RATE")
]
