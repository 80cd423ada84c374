"""The drivers of a request: the face of each clip followed and encoded, and kept by what its file holds.

A clip is kept under the hash of the file as it is now, not of the file that was imported: what replaced it
since would otherwise be kept under the old one's name for good.
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import torch

from engine.bundles.installed_bundle import PartName
from engine.conditioning.condition_cache import ConditionCache, cache_key
from engine.conditioning.expression_track import ExpressionTools, ExpressionTrack, expression_track
from engine.conditioning.face_cascades import CascadeFaceFinder
from engine.conditioning.face_finder import FaceFinder
from engine.conditioning.face_landmark_finder import LandmarkFaceFinder
from engine.media.content_hash import hash_file
from engine.protocol.clips import DrivingInput
from engine.renderers.diffusion_models import BundleModels

EXPRESSION_VERSION = 1
NEUTRAL_SPAN_S = Fraction(1, 10)


class DriverTracks:
    """Analyses driving clips with the parts of a bundle; each file is hashed once."""

    def __init__(
        self,
        models: BundleModels,
        cache: ConditionCache,
        *,
        tell: Callable[[str], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """`tell` takes the phase in words for a person."""
        self._models = models
        self._cache = cache
        self._tell = tell
        self._should_stop = should_stop
        self._hashes: dict[Path, str] = {}

    def track(self, clip: DrivingInput) -> ExpressionTrack:
        """Return the expression in all that a clip shows, and in its neutral face.

        Its report says so where the file is not the one that was imported. Raises as `expression_track` and
        `hash_file` do.
        """
        content_hash = self._content_hash(clip.path)
        found = self._kept(clip, content_hash)
        if content_hash == clip.content_hash:
            return found
        changed = (
            f"“{clip.path.name}” has changed since it was imported; the take follows the file as it is now."
        )
        return replace(found, report=(changed, *found.report))

    def _content_hash(self, path: Path) -> str:
        if path not in self._hashes:
            self._tell(f"Checking {path.name}")
            self._hashes[path] = hash_file(path)
        return self._hashes[path]

    def _kept(self, clip: DrivingInput, content_hash: str) -> ExpressionTrack:
        finder, parts = self._finder()
        start, end = _analysed_span(clip)
        key = cache_key(
            "expression",
            version=EXPRESSION_VERSION,
            clip=content_hash,
            start=start,
            end=end,
            face=clip.face_index,
            finder=finder.name,
            weights=self._models.identity(PartName.EXPRESSION_ENCODER, *parts),
        )

        def make() -> dict[str, torch.Tensor]:
            tools = ExpressionTools(
                finder=finder, encoder=self._models.expression_encoder, device=self._models.device
            )
            return expression_track(
                clip.path,
                span_s=(start, end),
                face_index=clip.face_index,
                tools=tools,
                on_progress=lambda share: self._tell(
                    f"Following the face in {clip.path.name}, {round(100 * share)} %"
                ),
                should_stop=self._should_stop,
            ).to_tensors()

        return ExpressionTrack.from_tensors(self._cache.tensors(key, make))

    def _finder(self) -> tuple[FaceFinder, tuple[PartName, ...]]:
        parts = (PartName.FACE_DETECTOR, PartName.FACE_LANDMARKS)
        bundle = self._models.bundle
        if not all(part in bundle.parts for part in parts):
            return CascadeFaceFinder(), ()
        detector, landmarks = (bundle.paths(part)[0] for part in parts)
        return LandmarkFaceFinder(detector, landmarks), parts


def _analysed_span(clip: DrivingInput) -> tuple[Fraction, Fraction]:
    """Return the seconds of the file to analyse: what the clip shows, and its neutral face."""
    if clip.neutral_s is None:
        return clip.source_in_s, clip.source_out_s
    return min(clip.source_in_s, clip.neutral_s), max(clip.source_out_s, clip.neutral_s + NEUTRAL_SPAN_S)
