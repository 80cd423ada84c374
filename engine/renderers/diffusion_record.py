"""What a take remembers of the transformer that made it."""

from importlib.metadata import version

from engine.memory.device import device_name
from engine.protocol.diffusion_settings import DiffusionRecord
from engine.renderers.diffusion_models import BundleModels
from engine.renderers.diffusion_shot import DiffusionShot
from engine.sampling.guidance import Branch, weighted_branches

_LIBRARIES = ("torch", "diffusers", "transformers", "opencv-python", "av")


def diffusion_record(shot: DiffusionShot, models: BundleModels) -> DiffusionRecord:
    """Return the record of a shot: it follows from the request, the weights and the machine alone."""
    steps = shot.settings.steps
    by_step = [
        weighted_branches(shot.scales, shot.conditions.branches, step=step, steps=steps)
        for step in range(steps)
    ]
    windows = shot.windows
    passes = [len(shot.pieces) if windows is None else len(windows.windows(step)) for step in range(steps)]
    return DiffusionRecord(
        settings=shot.settings,
        weights={
            f"{part.name.value}: {file.path}": file.sha256
            for part in models.bundle.parts.values()
            for file in part.files
        },
        branches=tuple(_weighted_name(branch, weight) for branch, weight in max(by_step, key=len).items()),
        forwards_per_step=max(len(branches) for branches in by_step),
        forwards=sum(len(branches) * count for branches, count in zip(by_step, passes, strict=True)),
        device=device_name(models.device),
        precision=models.precision,
        model_width=shot.fit.model_width,
        model_height=shot.fit.model_height,
        model_frame_rate=shot.time.model_rate,
        model_frame_count=shot.time.model_frame_count,
        segments=max(passes),
        random_weights=models.bundle.random_weights,
        versions={name: version(name) for name in _LIBRARIES},
    )


def _weighted_name(branch: Branch, weight: float) -> str:
    return f"{weight:+g} ({branch.name})"
