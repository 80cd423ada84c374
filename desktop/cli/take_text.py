"""A take in words."""

from desktop.authoring.frame_rates import frame_rate_text
from desktop.authoring.memory_words import exact_memory_line, size_words
from desktop.authoring.take_origin import take_origin
from engine.protocol.diffusion_record import DiffusionRecord
from engine.protocol.diffusion_settings import DiffusionSettings
from projects_db.records import TakeRecord

NOISE = "random weights: noise"


def made_by(take: TakeRecord) -> str:
    """Return what made a take: `draft`, or `diffusion, fantasy-14b, 30 steps`."""
    origin = take_origin(take)
    if origin.settings is None:
        return origin.renderer
    words = [origin.renderer, origin.settings.bundle, f"{origin.settings.steps} steps"]
    return ", ".join([*words, NOISE] if origin.is_noise else words)


def making_lines(take: TakeRecord) -> tuple[str, ...]:
    """Return how a take was made, in full, one thing a line."""
    origin = take_origin(take)
    lines: tuple[str, ...] = (f"made by: {made_by(take)}", f"seed: {take.seed}")
    if origin.settings is not None:
        lines += _settings_lines(origin.settings)
    if origin.record is not None:
        lines += _record_lines(origin.record)
    return (*lines, *(f"note: {warning}" for warning in origin.warnings))


def _settings_lines(settings: DiffusionSettings) -> tuple[str, ...]:
    guidance = settings.guidance
    scales = {"text": guidance.text_scale, "adapters": guidance.adapter_scale, "voice": guidance.voice_scale}
    told = ", ".join(f"{name} {scale:g}" for name, scale in scales.items() if scale is not None)
    percents = f"{guidance.start_percent:g} to {guidance.end_percent:g} percent of the steps"
    mode = settings.long_shot.value.replace("_", " ")
    return (
        f"solver: {settings.solver.value}, flow shift {settings.flow_shift:g}",
        f"guidance: {told or 'as published'}; clips and voices from {percents}",
        f"segments: {settings.segment_frames} frames, {settings.overlap_frames} shared, {mode}",
    )


def _record_lines(record: DiffusionRecord) -> tuple[str, ...]:
    size = f"{record.model_width}x{record.model_height}"
    prompts = {"prompt": record.prompt, "negative prompt": record.negative_prompt}
    return (
        *(f"{name}: {text}" for name, text in prompts.items() if text),
        f"branches: {', '.join(record.branches)}",
        f"forwards: {record.forwards_per_step} a step, {record.forwards} in all",
        f"model: {record.model_frame_count} frames of {size} at {frame_rate_text(record.model_frame_rate)} "
        f"a second, {record.segments} segment{'s' if record.segments != 1 else ''}",
        f"device: {record.device}, {record.precision.value}",
        *_memory_lines(record),
        *(f"weights: {part} {digest}" for part, digest in sorted(record.weights.items())),
        *(f"version: {library} {version}" for library, version in sorted(record.versions.items())),
    )


def _memory_lines(record: DiffusionRecord) -> tuple[str, ...]:
    if record.plan is None:
        return ()
    asked = record.settings.segment_frames
    lines = (f"memory: {exact_memory_line(record.plan, asked, record.measured_peak_bytes)}",)
    if record.measured_held_bytes is None:
        return lines
    return (*lines, f"allocator: {size_words(record.measured_held_bytes)} of the card held at most")
