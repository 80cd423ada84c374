"""What a take remembers of the transformer that made it."""

from collections.abc import Mapping, Sequence
from types import ModuleType

import av
import diffusers
import torch
import transformers

from engine.media.opencv import cv2
from engine.memory.device import device_name
from engine.planning.guidance import Branch, weighted_branches
from engine.planning.shot_pieces import Piece
from engine.protocol.diffusion_record import DiffusionRecord
from engine.renderers.diffusion_models import BundleModels
from engine.renderers.diffusion_shot import DiffusionShot

LIBRARIES = {
    "torch": torch,
    "diffusers": diffusers,
    "transformers": transformers,
    "opencv": cv2,
    "av": av,
}
_UNKNOWN = "unknown"


def diffusion_record(shot: DiffusionShot, models: BundleModels, pieces: Sequence[Piece]) -> DiffusionRecord:
    """Return the record of a shot made in these pieces."""
    forwards = [_forwards(shot, pieces, step) for step in range(shot.settings.steps)]
    branches = [found for step in forwards for found in step]
    return DiffusionRecord(
        settings=shot.settings,
        weights={
            f"{part.name.value}: {file.path}": file.sha256
            for part in models.bundle.parts.values()
            for file in part.files
        },
        branches=tuple(_weighted_name(branch, weight) for branch, weight in max(branches, key=len).items()),
        forwards_per_step=max(map(len, branches)),
        forwards=sum(map(len, branches)),
        device=device_name(models.device),
        precision=models.precision,
        model_width=shot.fit.model_width,
        model_height=shot.fit.model_height,
        model_frame_rate=shot.time.model_rate,
        model_frame_count=shot.time.model_frame_count,
        segments=max(map(len, forwards)),
        prompt=shot.request.prompt,
        negative_prompt=shot.request.negative_prompt,
        random_weights=models.bundle.random_weights,
        versions=library_versions(LIBRARIES),
        plan=models.plan,
    )


def library_versions(libraries: Mapping[str, ModuleType]) -> dict[str, str]:
    """Return the version each library says it has, "unknown" for one that says none.

    Asked are the libraries that compute, not the installer's records: a frozen build has none, and OpenCV
    comes in several packages.
    """
    return {name: str(getattr(library, "__version__", _UNKNOWN)) for name, library in libraries.items()}


def _forwards(shot: DiffusionShot, pieces: Sequence[Piece], step: int) -> list[Mapping[Branch, float]]:
    """Return the branches of each pass (piece or window) of a step: a pass computes what speaks in it."""
    windows, whole = shot.windows, shot.conditions
    spans = [(piece.start, piece.end) for piece in pieces] if windows is None else windows.windows(step)
    return [
        weighted_branches(
            shot.scales,
            whole.frames(start, end, whole.plate_20FHW).branches,
            step=step,
            steps=shot.settings.steps,
        )
        for start, end in spans
    ]


def _weighted_name(branch: Branch, weight: float) -> str:
    return f"{weight:+g} ({branch.name})"
