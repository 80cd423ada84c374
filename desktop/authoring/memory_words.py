"""How a memory plan is said to people: read from the plan's own fields.

Plainly in the window and at the terminal; exactly, in the terms of the model, where details are asked for.
"""

from dataclasses import replace

from engine.planning.plan_words import picture_losses
from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import BankPlace, MemoryPlan

PROCESSOR = "processor"


def memory_line(plan: MemoryPlan, asked_segment_frames: int, measured_peak_bytes: int | None) -> str:
    """Return how a take used the memory and what of the picture that cost, on one line."""
    losses = picture_words(plan, asked_segment_frames)
    peak = _peak_words(plan, measured_peak_bytes)
    return "; ".join([peak, *([losses] if losses else []), parts_words(plan)])


def exact_memory_line(plan: MemoryPlan, asked_segment_frames: int, measured_peak_bytes: int | None) -> str:
    """Return the same in the terms of the model."""
    losses = picture_losses(plan, asked_segment_frames)
    used = [
        blocks_words(plan),
        f"keys and values {bank_words(plan)}",
        f"{plan.piece_tokens:,} tokens at a time",
    ]
    told = [_peak_words(plan, measured_peak_bytes), *([_to_save_memory(losses)] if losses else [])]
    return "; ".join([*told, ", ".join(used)])


def picture_words(plan: MemoryPlan, asked_segment_frames: int) -> str:
    """Return what a plan gives up of the picture, as a clause without a full stop; empty where nothing is."""
    losses = plain_picture_losses(plan, asked_segment_frames)
    return _to_save_memory(losses) if losses else ""


def plain_picture_losses(plan: MemoryPlan, asked_segment_frames: int) -> tuple[str, ...]:
    """Return what a plan gives up that changes the picture, in clauses without a full stop."""
    losses = picture_losses(replace(plan, token_precision=Precision.FLOAT32), asked_segment_frames)
    if plan.token_precision is Precision.FLOAT32:
        return losses
    return ("the picture is carried through the model in 16-bit numbers", *losses)


def plain_time_losses(plan: MemoryPlan) -> tuple[str, ...]:
    """Return what a plan does to save memory that costs time alone, in clauses without a full stop."""
    losses = []
    if plan.streams:
        others = plan.block_count - len(plan.resident_blocks)
        losses.append(f"{others} of {plan.block_count} parts of the model are brought when they are needed")
    if plan.bank_place is BankPlace.HOST:
        losses.append("what it knows of prompt, plate and characters is brought part by part")
    if plan.releases_blocks:
        losses.append("the model makes room while pictures are encoded and decoded")
    if plan.tile_latents is not None:
        losses.append("pictures are encoded and decoded in tiles")
    return tuple(losses)


def parts_words(plan: MemoryPlan) -> str:
    """Return how much of the model stays on the device: `10 of 40 parts of the model on the card`."""
    return _staying_words(plan, "the whole model", "parts of the model")


def time_losses(plan: MemoryPlan) -> tuple[str, ...]:
    """Return the same in the terms of the model. Small pieces are not among them: they may cost nothing."""
    where, losses = place_words(plan), []
    if plan.streams:
        others = plan.block_count - len(plan.resident_blocks)
        losses.append(f"{others} of {plan.block_count} blocks are brought when they are needed")
    if plan.bank_place is BankPlace.HOST:
        losses.append("keys and values are brought block by block")
    if plan.releases_blocks:
        losses.append(f"no block stays {where} while pictures are encoded and decoded")
    if plan.tile_latents is not None:
        losses.append("pictures are encoded and decoded in tiles")
    return tuple(losses)


def blocks_words(plan: MemoryPlan) -> str:
    """Return how many blocks stay on the device: `10 of 40 blocks on the card`."""
    return _staying_words(plan, f"all {plan.block_count} blocks", "blocks")


def bank_words(plan: MemoryPlan) -> str:
    """Return where keys and values are."""
    return place_words(plan) if plan.bank_place is BankPlace.DEVICE else "brought block by block"


def place_words(plan: MemoryPlan) -> str:
    """Return where what is on the device is: the processor's memory is the computer's."""
    return "in memory" if plan.device == PROCESSOR else "on the card"


def size_words(count: int) -> str:
    """Return bytes as people say them: `11.2 GB`, `52.1 MB`."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _staying_words(plan: MemoryPlan, everything: str, things: str) -> str:
    some = f"{len(plan.resident_blocks)} of {plan.block_count} {things}"
    return f"{some if plan.streams else everything} {place_words(plan)}"


def _peak_words(plan: MemoryPlan, measured_bytes: int | None) -> str:
    peak = f"peak {size_words(plan.peak_bytes)} predicted"
    return peak if measured_bytes is None else f"{peak}, {size_words(measured_bytes)} measured"


def _to_save_memory(losses: tuple[str, ...]) -> str:
    return f"to save memory, {' and '.join(losses)}"
