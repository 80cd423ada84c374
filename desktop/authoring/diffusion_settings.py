"""From what a person asks of the diffusion renderer, and what the scene needs, to its settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from math import sqrt

from engine.bundles.installed_bundle import Capability, InstalledBundle
from engine.bundles.registry import require_unchanged
from engine.protocol.diffusion_limits import check_diffusion
from engine.protocol.diffusion_settings import (
    DiffusionSettings,
    GuidanceSettings,
    LongShotMode,
    Precision,
    Solver,
)
from engine.protocol.errors import ErrorCode, UserError
from projects_db.records import Channel, SceneRecord

USUAL_AREA_PX = 832 * 480
USUAL = DiffusionSettings(bundle="")
CONTEXT_OVERLAP_FRAMES = 16
NO_BUNDLE = "No model bundle is installed."
ADD_A_BUNDLE = "Add one on the command line: masque models add DIR."
_DRIVEN_WORDS = {
    Capability.CLIP_DRIVEN: ("a clip", "clips"),
    Capability.VOICE_DRIVEN: ("a voice", "voices"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffusionChoice:
    """What a person chose of a diffusion render; None is left to Masque.

    `guidance_start` and `guidance_end` are percent of the steps, `segment_frames` and `overlap_frames` the
    model's own frames. The fields are named as the options of `masque render` are.
    """

    bundle: str | None = None
    steps: int | None = None
    text_guidance: float | None = None
    adapter_guidance: float | None = None
    voice_guidance: float | None = None
    guidance_start: float | None = None
    guidance_end: float | None = None
    solver: Solver | None = None
    flow_shift: float | None = None
    long_shot: LongShotMode | None = None
    segment_frames: int | None = None
    overlap_frames: int | None = None
    precision: Precision | None = None
    model_rate: Fraction | None = None

    def options_given(self) -> tuple[str, ...]:
        """Return the options that were chosen, as they are written on the command line."""
        return tuple(
            f"--{field.name.replace('_', '-')}"
            for field in fields(self)
            if getattr(self, field.name) is not None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffusionPlan:
    """Settings that can be rendered, and what a person should know of them before the night."""

    settings: DiffusionSettings
    notes: tuple[str, ...]


def plan_diffusion(
    scene: SceneRecord, choice: DiffusionChoice, bundles: Sequence[InstalledBundle]
) -> DiffusionPlan:
    """Return how a scene is rendered with one of the installed bundles.

    Raises UserError(RENDERER_UNAVAILABLE) where no bundle, or none in particular, can render the scene or a
    file of it has changed, and UserError(BAD_INPUT) for settings out of range.
    """
    bundle = choose_bundle(scene, choice.bundle, bundles)
    require_unchanged(bundle)
    settings = _settings(choice, bundle.name)
    check_diffusion(settings)
    return DiffusionPlan(settings=settings, notes=_notes(scene, choice, bundle))


def why_refused(choice: DiffusionChoice) -> str:
    """Return why these settings cannot be rendered with any bundle, in a sentence; empty where they can."""
    try:
        check_diffusion(_settings(choice, choice.bundle or "any"))
    except UserError as error:
        return error.report.sentence()
    return ""


def choose_bundle(
    scene: SceneRecord, wanted: str | None, bundles: Sequence[InstalledBundle]
) -> InstalledBundle:
    """Return the bundle of that name; without a name, the only one that can render the scene.

    Raises UserError(RENDERER_UNAVAILABLE) that says what is missing, or which bundles there are.
    """
    if not bundles:
        raise _unavailable(NO_BUNDLE, f"{ADD_A_BUNDLE} Draft quality needs none.")
    if wanted is not None:
        return _named(scene, wanted, bundles)
    suited = [bundle for bundle in bundles if not what_is_missing(scene, bundle)]
    if len(suited) == 1:
        return suited[0]
    if suited:
        raise _unavailable(
            f"Several model bundles can render “{scene.name}”.",
            f"Choose one with --bundle: {_listed(suited)}.",
        )
    if len(bundles) == 1:
        return _named(scene, bundles[0].name, bundles)
    needs = " and ".join(
        f"{_people(names)} with {_DRIVEN_WORDS[capability][0]}"
        for capability, names in driven_characters(scene).items()
    )
    raise _unavailable(
        f"No installed model bundle can move {needs}.",
        "Add one that can: masque models add DIR. Or render in draft quality.",
    )


def what_is_missing(scene: SceneRecord, bundle: InstalledBundle) -> str:
    """Return why a bundle cannot render a scene, in a sentence that names the characters; empty if it can."""
    for capability, names in driven_characters(scene).items():
        if capability not in bundle.capabilities:
            driver, plural = _DRIVEN_WORDS[capability]
            return (
                f"{_people(names)} {'are' if len(names) > 1 else 'is'} driven by {driver}, "
                f"and the bundle “{bundle.name}” cannot follow {plural}."
            )
    return ""


def driven_characters(scene: SceneRecord) -> Mapping[Capability, tuple[str, ...]]:
    """Return what a scene asks of a bundle, each with the names of the characters that ask it."""
    by_clip = tuple(character.name for character in scene.characters if character.driving_clips)
    by_voice = tuple(character.name for character in scene.characters if character.voice_clips)
    asked = {Capability.CLIP_DRIVEN: by_clip, Capability.VOICE_DRIVEN: by_voice}
    return {capability: names for capability, names in asked.items() if names}


def diffusion_size(plate_width: int, plate_height: int) -> tuple[int, int]:
    """Return the usual size in pixels: the plate's shape, about 832x480 in area, never above the plate."""
    scale = min(1.0, sqrt(USUAL_AREA_PX / (plate_width * plate_height)))
    return max(2, 2 * round(plate_width * scale / 2)), max(2, 2 * round(plate_height * scale / 2))


def usual_overlap(mode: LongShotMode, segment_frames: int) -> int:
    """Return how many frames two segments share when nobody says: fewer where a segment is short."""
    if mode is LongShotMode.CONTEXT_WINDOWS:
        return max(4, min(CONTEXT_OVERLAP_FRAMES, (segment_frames - 1) // 8 * 4))
    return max(1, min(USUAL.overlap_frames, (segment_frames - 1) // 8 * 4 + 1))


def _settings(choice: DiffusionChoice, bundle: str) -> DiffusionSettings:
    mode = choice.long_shot or USUAL.long_shot
    segment = USUAL.segment_frames if choice.segment_frames is None else choice.segment_frames
    overlap = usual_overlap(mode, segment) if choice.overlap_frames is None else choice.overlap_frames
    return replace(
        USUAL,
        bundle=bundle,
        steps=USUAL.steps if choice.steps is None else choice.steps,
        flow_shift=USUAL.flow_shift if choice.flow_shift is None else choice.flow_shift,
        solver=choice.solver or USUAL.solver,
        guidance=_guidance(choice),
        long_shot=mode,
        segment_frames=segment,
        overlap_frames=overlap,
        precision=choice.precision or USUAL.precision,
        model_frame_rate=choice.model_rate,
    )


def _guidance(choice: DiffusionChoice) -> GuidanceSettings:
    usual = USUAL.guidance
    return GuidanceSettings(
        text_scale=choice.text_guidance,
        adapter_scale=choice.adapter_guidance,
        voice_scale=choice.voice_guidance,
        start_percent=usual.start_percent if choice.guidance_start is None else choice.guidance_start,
        end_percent=usual.end_percent if choice.guidance_end is None else choice.guidance_end,
    )


def _notes(scene: SceneRecord, choice: DiffusionChoice, bundle: InstalledBundle) -> tuple[str, ...]:
    driven = driven_characters(scene)
    notes = []
    if bundle.random_weights:
        notes.append(f"The bundle “{bundle.name}” has random weights: the take will be noise.")
    if not driven:
        notes.append(f"Nothing drives anybody in “{scene.name}”: the prompt alone moves the picture.")
    if choice.voice_guidance is not None and Capability.VOICE_DRIVEN not in driven:
        notes.append(f"Nobody in “{scene.name}” has a voice: the voice guidance changes nothing.")
    if Capability.MOTION_INTENSITY not in bundle.capabilities:
        moved = [c.name for c in scene.characters if any(k.channel is Channel.BODY_MOTION for k in c.curves)]
        if moved:
            notes.append(
                f"The bundle “{bundle.name}” has no motion intensity: "
                f"the body motion curve of {_people(moved)} changes nothing."
            )
    return tuple(notes)


def _named(scene: SceneRecord, wanted: str, bundles: Sequence[InstalledBundle]) -> InstalledBundle:
    found = next((bundle for bundle in bundles if bundle.name == wanted), None)
    if found is None:
        raise _unavailable(
            f"There is no model bundle “{wanted}”.", f"Choose one of those installed: {_listed(bundles)}."
        )
    missing = what_is_missing(scene, found)
    if missing:
        suited = [bundle for bundle in bundles if not what_is_missing(scene, bundle)]
        other = f"Choose another bundle ({_listed(suited)})" if suited else "Add a bundle that can"
        raise _unavailable(missing, f"{other}, take the drivers away, or render in draft quality.")
    return found


def _people(names: Sequence[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def _listed(bundles: Sequence[InstalledBundle]) -> str:
    return ", ".join(bundle.name for bundle in bundles)


def _unavailable(message: str, next_step: str) -> UserError:
    return UserError(message, next_step=next_step, code=ErrorCode.RENDERER_UNAVAILABLE)
