"""How a memory plan is said to people, at the terminal and in the window: read from the plan's own fields."""

from engine.planning.plan_words import picture_losses
from engine.protocol.memory_plan import BankPlace, MemoryPlan

PROCESSOR = "processor"


def memory_line(plan: MemoryPlan, asked_segment_frames: int, measured_peak_bytes: int | None) -> str:
    """Return how a take used the memory and what of the picture that cost, on one line."""
    peak = f"peak {size_words(plan.peak_bytes)} predicted"
    if measured_peak_bytes is not None:
        peak += f", {size_words(measured_peak_bytes)} measured"
    losses = picture_words(plan, asked_segment_frames)
    used = [
        blocks_words(plan),
        f"keys and values {bank_words(plan)}",
        f"{plan.piece_tokens:,} tokens at a time",
    ]
    return "; ".join([peak, *([losses] if losses else []), ", ".join(used)])


def picture_words(plan: MemoryPlan, asked_segment_frames: int) -> str:
    """Return what a plan gives up of the picture, as a clause without a full stop; empty where nothing is."""
    losses = picture_losses(plan, asked_segment_frames)
    return f"to save memory, {' and '.join(losses)}" if losses else ""


def time_losses(plan: MemoryPlan) -> tuple[str, ...]:
    """Return what a plan does to save memory that costs time alone, in clauses without a full stop.

    Small pieces are not among them: on the processor they cost nothing.
    """
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
    if not plan.streams:
        return f"all {plan.block_count} blocks {place_words(plan)}"
    return f"{len(plan.resident_blocks)} of {plan.block_count} blocks {place_words(plan)}"


def bank_words(plan: MemoryPlan) -> str:
    """Return where keys and values are."""
    return place_words(plan) if plan.bank_place is BankPlace.DEVICE else "brought block by block"


def place_words(plan: MemoryPlan) -> str:
    """Return where what is on the device is: the processor's memory is the computer's."""
    return "in memory" if plan.device == PROCESSOR else "on the card"


def size_words(count: int) -> str:
    """Return bytes as people say them: `11.2 GB`, `52.1 MB`."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
