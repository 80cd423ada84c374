"""The diffusion renderer: Wan2.1-I2V with FantasyPortrait's and FantasyTalking's adapters in one pass."""

from dataclasses import dataclass, replace
from pathlib import Path

from engine.bundles.installed_bundle import InstalledBundle
from engine.conditioning.condition_cache import ConditionCache
from engine.conditioning.expression_track import ExpressionStoppedError
from engine.memory.device import compute_float32_in_full, compute_precision, device_name, render_device
from engine.planning.plan_words import picture_losses
from engine.protocol.diffusion_record import DiffusionRecord
from engine.protocol.diffusion_settings import DiffusionSettings
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import RenderResult
from engine.protocol.memory_plan import MemoryPlan
from engine.protocol.render_request import RenderRequest
from engine.renderers.device_failures import failures_of, require_device_of_before
from engine.renderers.diffusion_characters import Watch
from engine.renderers.diffusion_conditions import ShotPreparation
from engine.renderers.diffusion_models import BundleModels
from engine.renderers.diffusion_pieces import ShotPieces
from engine.renderers.diffusion_record import diffusion_record
from engine.renderers.diffusion_shot import planned_settings
from engine.renderers.fingerprint import fingerprint
from engine.renderers.finished_frames import FinishedFrames
from engine.renderers.phase_watch import PhaseWatch
from engine.renderers.render_memory import RenderMemory
from engine.renderers.render_notes import RenderNotes
from engine.renderers.renderer import RenderReport, RenderStoppedError
from engine.renderers.take_rendering import render_take
from engine.renderers.usable_bundle import usable_bundle

CACHE_FOLDER = "conditions"


class DiffusionRenderer:
    """Renders with an installed model bundle. `cache` keeps encoded conditions, `data` the bundles' list."""

    def __init__(self, cache: Path, data: Path) -> None:
        self._cache = cache
        self._data = data

    def render(self, request: RenderRequest, work: Path, report: RenderReport) -> RenderResult:
        """Render what is missing and write the take's files, as `render_take` says.

        Raises MemoryRanOutError where a smaller plan may do, DeviceLostError where the device failed.
        """
        settings = _settings(request)
        bundle = usable_bundle(self._data, request, settings.bundle)
        compute_float32_in_full()
        device = render_device()
        made_with = f"{fingerprint(request)} {_weights_of(bundle)}"
        require_device_of_before(work, made_with, device)
        precision = compute_precision(device, settings.precision)
        settled = replace(request, diffusion=replace(settings, precision=precision))
        # A card that is gone when a render goes on would leave one take in two number formats.
        owner = f"{made_with} on {device_name(device)} in {precision.value}"

        def render_missing(frames: FinishedFrames, notes: RenderNotes) -> None:
            memory = RenderMemory(settled, bundle, device, data=self._data, cache=self._cache, work=work)
            watch = Watch(
                tell=lambda phase: report.progress(phase, frames.count, None), should_stop=report.should_stop
            )
            models = BundleModels(bundle, device, memory.plan(watch), report, cache=self._cache)
            attempt = _Attempt(
                request=settled, models=models, frames=frames, notes=notes, report=report, watch=watch
            )
            with failures_of(device, memory, models.phases):
                self._render_missing(attempt, work, owner, memory)
            memory.remember()

        try:
            return render_take(request, work, report, owner=owner, render_missing=render_missing)
        except ExpressionStoppedError as error:
            raise RenderStoppedError from error

    def _render_missing(self, attempt: "_Attempt", work: Path, owner: str, memory: RenderMemory) -> None:
        frames, models, notes, report = attempt.frames, attempt.models, attempt.notes, attempt.report
        cache = ConditionCache(self._cache / CACHE_FOLDER)
        settings = planned_settings(_settings(attempt.request), models.plan)
        prepared = ShotPreparation(attempt.request, models, cache, attempt.watch).prepared(settings)
        pieces = ShotPieces(prepared.shot, models, cache, frames, report, work, owner=owner)
        before, record = notes.diffusion, diffusion_record(prepared.shot, models, pieces.pieces)
        warnings = (*prepared.warnings, *memory.told, *_losses(attempt.request, models.plan))
        notes.keep_record(_with_memory(record, before, models.phases, denoised=False))
        notes.keep_warnings(warnings)
        pieces.render(notes)
        notes.keep_record(_with_memory(record, before, models.phases, denoised=pieces.denoised))
        notes.keep_warnings((*warnings, *pieces.warnings, *cache.warnings))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Attempt:
    """An attempt at a request: its models under a plan, and what it adds to."""

    request: RenderRequest
    models: BundleModels
    frames: FinishedFrames
    notes: RenderNotes
    report: RenderReport
    watch: Watch


def _settings(request: RenderRequest) -> DiffusionSettings:
    if request.diffusion is None:
        raise UserError(
            "The render request says nothing of its model bundle.",
            next_step="Build it again from its scene.",
            code=ErrorCode.BAD_INPUT,
        )
    return request.diffusion


def _weights_of(bundle: InstalledBundle) -> str:
    return " ".join(file.sha256 for part in bundle.parts.values() for file in part.files)


def _losses(request: RenderRequest, plan: MemoryPlan) -> tuple[str, ...]:
    """Return a sentence for the take where want of memory changes the picture."""
    losses = picture_losses(plan, _settings(request).segment_frames)
    return (f"For want of memory {', and '.join(losses)}.",) if losses else ()


def _with_memory(
    record: DiffusionRecord, before: DiffusionRecord | None, phases: PhaseWatch, *, denoised: bool
) -> DiffusionRecord:
    """Return the record with the plan that denoised the shot: this attempt's, unless it had no step left."""
    if denoised or before is None or before.plan is None:
        return replace(record, measured_peak_bytes=phases.peak_bytes, measured_held_bytes=phases.held_bytes)
    return replace(
        record,
        plan=before.plan,
        measured_peak_bytes=before.measured_peak_bytes,
        measured_held_bytes=before.measured_held_bytes,
    )
