"""Intensity curves as people write them."""

from itertools import pairwise

from engine.protocol.errors import UserError
from projects_db.records import Channel, CurveKeyRecord, Interpolation

HIGHEST_VALUE = 3.0
CHANNEL_SPELLINGS = {"body": Channel.BODY_MOTION, "body-motion": Channel.BODY_MOTION}


def parse_channel(text: str) -> Channel:
    """Return the channel of that name. Raises UserError that lists them."""
    try:
        return CHANNEL_SPELLINGS.get(text) or Channel(text)
    except ValueError:
        names = ", ".join(channel.value for channel in Channel)
        raise UserError(f"There is no channel “{text}”.", next_step=f"Choose one of {names}.") from None


def parse_curve(texts: list[str]) -> tuple[CurveKeyRecord, ...]:
    """Return the keys written as `frame:value[:hold|linear|bezier]`, sorted by frame.

    A bezier key eases: its handles are level and reach a third of the way to its neighbours.
    Raises UserError for a key that cannot be read, a value outside 0 to 3, two keys on one frame.
    """
    keys = sorted((_parse_key(text) for text in texts), key=lambda key: key.frame)
    for left, right in pairwise(keys):
        if left.frame == right.frame:
            raise UserError(f"Frame {left.frame} has two keys.", next_step="Give each frame one key.")
    return ease(tuple(keys))


def ease(keys: tuple[CurveKeyRecord, ...]) -> tuple[CurveKeyRecord, ...]:
    """Return the keys with level handles on bezier spans, each a third of the way to its neighbour."""
    eased = []
    for index, key in enumerate(keys):
        before = keys[index - 1] if index else None
        after = keys[index + 1] if index + 1 < len(keys) else None
        arrives = before is not None and before.interpolation is Interpolation.BEZIER
        leaves = after is not None and key.interpolation is Interpolation.BEZIER
        eased.append(
            CurveKeyRecord(
                frame=key.frame,
                value=key.value,
                interpolation=key.interpolation,
                handle_in=((before.frame - key.frame) / 3, 0.0) if before and arrives else (0.0, 0.0),
                handle_out=((after.frame - key.frame) / 3, 0.0) if after and leaves else (0.0, 0.0),
            )
        )
    return tuple(eased)


def _parse_key(text: str) -> CurveKeyRecord:
    parts = text.split(":")
    try:
        if len(parts) not in (2, 3):
            raise ValueError(text)
        key = CurveKeyRecord(
            frame=int(parts[0]),
            value=float(parts[1]),
            interpolation=Interpolation(parts[2]) if len(parts) == 3 else Interpolation.LINEAR,
        )
    except ValueError:
        raise UserError(
            f"“{text}” is not a key.",
            next_step="Write frame:value[:hold|linear|bezier], such as 24:1.2:bezier.",
        ) from None
    if key.frame < 0 or not 0.0 <= key.value <= HIGHEST_VALUE:
        raise UserError(
            f"The key “{text}” is out of range.",
            next_step=f"Use frames from 0 and values from 0 to {HIGHEST_VALUE:g}.",
        )
    return key
