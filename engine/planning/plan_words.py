"""What a memory plan gives up, in words for people: read from the plan itself, not from the ladder."""

from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import BankPlace, EncoderPlace, MemoryPlan, PlanPhase, WeightStorage

_DOING = {
    PlanPhase.PROMPT: "reading the prompt",
    PlanPhase.PLATE_PICTURE: "looking at the plate",
    PlanPhase.SPEECH: "listening to the voice",
    PlanPhase.PLATE_LATENTS: "encoding the plate",
    PlanPhase.KEYS_AND_VALUES: "loading the transformer",
    PlanPhase.DENOISING: "denoising",
    PlanPhase.DECODING: "decoding the pictures",
}


def doing(phase: PlanPhase | None) -> str:
    """Return what a render does in a phase: "denoising"; before the first one it is "preparing"."""
    return "preparing" if phase is None else _DOING[phase]


def picture_losses(plan: MemoryPlan, asked_segment_frames: int) -> tuple[str, ...]:
    """Return what a plan gives up that changes the picture, in clauses without a full stop; mostly nothing.

    `asked_segment_frames`: how long segments were to be, in the transformer's frames.
    """
    losses = []
    if plan.token_precision is not Precision.FLOAT32:
        losses.append("tokens are kept in the narrow number format")
    if plan.storage is WeightStorage.EIGHT_BIT:
        losses.append("weights are kept in 8 bits")
    if plan.segment_frames < asked_segment_frames:
        losses.append(f"segments are {plan.segment_frames} frames long instead of {asked_segment_frames}")
    return tuple(losses)


def lowered(before: MemoryPlan, after: MemoryPlan) -> str:
    """Return what a plan does with less memory than another, in one clause without a full stop."""
    found = []
    if after.piece_tokens < before.piece_tokens:
        found.append("fewer tokens go through a layer at a time")
    if len(after.resident_blocks) < len(before.resident_blocks) or after.slots < before.slots:
        found.append("fewer blocks stay on the device")
    if after.bank_place is BankPlace.HOST and before.bank_place is BankPlace.DEVICE:
        found.append("keys and values come to the device block by block")
    if after.releases_blocks and not before.releases_blocks:
        found.append("the blocks leave the device while pictures are decoded")
    if after.tile_latents is not None and after.tile_latents < (
        before.tile_latents or after.tile_latents + 1
    ):
        found.append("pictures are encoded and decoded in smaller tiles")
    if _encoders(after) != _encoders(before):
        found.append("encoders run where there is room for them")
    known = set(picture_losses(before, before.segment_frames))
    found += [loss for loss in picture_losses(after, before.segment_frames) if loss not in known]
    return " and ".join(found) or "less memory is taken"


def _encoders(plan: MemoryPlan) -> tuple[EncoderPlace, ...]:
    return plan.text_encoder, plan.image_encoder, plan.speech_encoder
