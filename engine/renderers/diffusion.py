"""The diffusion renderer: Wan2.1-I2V with FantasyPortrait's and FantasyTalking's adapters in one pass."""

from pathlib import Path

from engine.conditioning.condition_cache import ConditionCache
from engine.conditioning.expression_track import ExpressionStoppedError
from engine.media.opencv import cv2
from engine.memory.device import (
    compute_float32_in_full,
    compute_precision,
    device_name,
    release_cached_memory,
    render_device,
)
from engine.protocol.diffusion_settings import DiffusionSettings
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import RenderResult
from engine.protocol.render_request import RenderRequest
from engine.renderers.diffusion_characters import Watch
from engine.renderers.diffusion_conditions import ShotPreparation
from engine.renderers.diffusion_models import BundleModels
from engine.renderers.diffusion_pieces import ShotPieces
from engine.renderers.diffusion_record import diffusion_record
from engine.renderers.fingerprint import fingerprint
from engine.renderers.finished_frames import FinishedFrames
from engine.renderers.render_notes import RenderNotes
from engine.renderers.renderer import RenderReport, RenderStoppedError
from engine.renderers.take_rendering import render_take
from engine.renderers.usable_bundle import usable_bundle
from engine.weights.memory_shortage import let_memory_shortage_through

CACHE_FOLDER = "conditions"


class DiffusionRenderer:
    """Renders with an installed model bundle. `cache` keeps encoded conditions, `data` the bundles' list."""

    def __init__(self, cache: Path, data: Path) -> None:
        self._cache = cache / CACHE_FOLDER
        self._data = data

    def render(self, request: RenderRequest, work: Path, report: RenderReport) -> RenderResult:
        """Render what is missing and write the take's files, as `render_take` says.

        Raises MemoryError where the device has too little memory.
        """
        settings = _settings(request)
        bundle = usable_bundle(self._data, request, settings.bundle)
        compute_float32_in_full()
        device = render_device()
        models = BundleModels(bundle, device, compute_precision(device, settings.precision), report)

        def render_missing(frames: FinishedFrames, notes: RenderNotes) -> None:
            try:
                self._render_missing(request, models, frames, notes, report, work)
            except (RuntimeError, cv2.error) as error:
                let_memory_shortage_through(error)
                raise
            finally:
                release_cached_memory(device)

        owner = f"{fingerprint(request)} {_made_with(models)}"
        try:
            return render_take(request, work, report, owner=owner, render_missing=render_missing)
        except ExpressionStoppedError as error:
            raise RenderStoppedError from error

    def _render_missing(
        self,
        request: RenderRequest,
        models: BundleModels,
        frames: FinishedFrames,
        notes: RenderNotes,
        report: RenderReport,
        work: Path,
    ) -> None:
        cache = ConditionCache(self._cache)
        watch = Watch(
            tell=lambda phase: report.progress(phase, frames.count, None), should_stop=report.should_stop
        )
        prepared = ShotPreparation(request, models, cache, watch).prepared(_settings(request))
        notes.keep_record(diffusion_record(prepared.shot, models))
        notes.keep_warnings(prepared.warnings)
        ShotPieces(prepared.shot, models, cache, frames, report, work).render(notes)
        notes.keep_warnings((*prepared.warnings, *cache.warnings))


def _settings(request: RenderRequest) -> DiffusionSettings:
    if request.diffusion is None:
        raise UserError(
            "The render request says nothing of its model bundle.",
            next_step="Build it again from its scene.",
            code=ErrorCode.BAD_INPUT,
        )
    return request.diffusion


def _made_with(models: BundleModels) -> str:
    """Return what the pieces of one take must have in common: weights, device and number format.

    A card that is gone when a render goes on would leave one take in two number formats.
    """
    weights = [file.sha256 for part in models.bundle.parts.values() for file in part.files]
    return " ".join((*weights, device_name(models.device), models.precision.value))
