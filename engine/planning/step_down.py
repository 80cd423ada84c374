"""How far a plan steps down for want of memory: kept by a job between attempts, and learnt by the machine."""

from dataclasses import dataclass

from engine.protocol.memory_plan import Concession, EncoderPlace

_LADDER, _PLACES = tuple(Concession), tuple(EncoderPlace)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """How far a plan has to step down: the rung, where encoders may run nearest to the device, and the side
    of the widest tile (None: as wide as memory allows).
    """

    concession: Concession = Concession.NONE
    encoders: EncoderPlace = EncoderPlace.DEVICE
    tile_at_most: int | None = None


def further(*steps: NextStep) -> NextStep:
    """Return the furthest down of several steps in everything."""
    tiles = [step.tile_at_most for step in steps if step.tile_at_most is not None]
    return NextStep(
        concession=max((step.concession for step in steps), key=_LADDER.index, default=Concession.NONE),
        encoders=max((step.encoders for step in steps), key=_PLACES.index, default=EncoderPlace.DEVICE),
        tile_at_most=min(tiles, default=None),
    )
