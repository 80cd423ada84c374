"""Edits of intensity curves."""

from dataclasses import replace

from desktop.authoring.curves import HIGHEST_VALUE, ease
from desktop.authoring.engine_inputs import curve_input
from desktop.commands.edit_history import EditHistory
from desktop.commands.wording import worded
from desktop.state.project_session import ProjectSession
from engine.protocol.curves import Channel as EngineChannel
from engine.protocol.curves import value_at
from projects_db.records import Channel, CurveKeyRecord, IntensityCurveRecord, Interpolation

Keys = tuple[CurveKeyRecord, ...]
Handle = tuple[float, float]
LEVEL: Handle = (0.0, 0.0)


class CurveEdits:
    """Each method is one undoable edit of one channel of one character."""

    def __init__(self, session: ProjectSession, history: EditHistory) -> None:
        self._session = session
        self._history = history

    def keys(self, character_id: str, channel: Channel) -> Keys:
        """Return a channel's keys, none where it keeps its neutral value."""
        curve = self._curve(character_id, channel)
        return curve.keys if curve else ()

    def value_at(self, character_id: str, channel: Channel, frame: int) -> float:
        """Return a channel's value at a frame."""
        curve = self._curve(character_id, channel)
        return value_at(curve_input(curve) if curve else None, frame, EngineChannel(channel.value))

    def set_value(self, character_id: str, channel: Channel, frame: int, value: float) -> None:
        """Set a channel's value: all along while it has at most one key, else at `frame`."""
        keys = self.keys(character_id, channel)
        if len(keys) <= 1:
            at = keys[0] if keys else CurveKeyRecord(frame=0, value=value, interpolation=Interpolation.BEZIER)
            changed: Keys = (replace(at, value=_allowed(value)),)
        else:
            changed = _with_key(keys, frame, value)
        self._set(worded("Change intensity"), character_id, channel, changed)

    def add_key(self, character_id: str, channel: Channel, frame: int, value: float | None = None) -> None:
        """Set a key; without a value the curve keeps its shape there."""
        if value is None:
            value = self.value_at(character_id, channel, frame)
        keys = _with_key(self.keys(character_id, channel), frame, value)
        self._set(worded("Set key"), character_id, channel, keys)

    def toggle_key(self, character_id: str, channel: Channel, frame: int) -> None:
        """Set a key at `frame`, or remove the one that is there."""
        if any(key.frame == frame for key in self.keys(character_id, channel)):
            self.remove_keys(character_id, channel, frozenset({frame}))
        else:
            self.add_key(character_id, channel, frame)

    def move_key(
        self, character_id: str, channel: Channel, frame: int, *, to_frame: int, value: float
    ) -> None:
        """Move a key; it stays between its neighbours."""
        keys = self.keys(character_id, channel)
        index = next((index for index, key in enumerate(keys) if key.frame == frame), None)
        if index is None:
            return
        low = keys[index - 1].frame + 1 if index else 0
        high = keys[index + 1].frame - 1 if index + 1 < len(keys) else max(to_frame, low)
        moved = replace(keys[index], frame=min(max(to_frame, low), high), value=_allowed(value))
        self._set(worded("Move key"), character_id, channel, (*keys[:index], moved, *keys[index + 1 :]))

    def remove_keys(self, character_id: str, channel: Channel, frames: frozenset[int]) -> None:
        """Remove the keys at these frames; without keys a channel is neutral again."""
        keys = self.keys(character_id, channel)
        left = tuple(key for key in keys if key.frame not in frames)
        if len(left) != len(keys):
            name = worded("Delete key") if len(keys) - len(left) == 1 else worded("Delete keys")
            self._set(name, character_id, channel, left)

    def shape_key(
        self, character_id: str, channel: Channel, frame: int, *, handle_in: Handle, handle_out: Handle
    ) -> None:
        """Give a key handles of its own, as offsets (frames, value); the curve stays in its range."""
        keys = tuple(
            replace(key, handle_in=_reach(key, handle_in), handle_out=_reach(key, handle_out))
            if key.frame == frame
            else key
            for key in self.keys(character_id, channel)
        )
        self._set(worded("Shape curve"), character_id, channel, keys)

    def set_interpolation(
        self, character_id: str, channel: Channel, frames: frozenset[int], interpolation: Interpolation
    ) -> None:
        """Choose how the curve leaves these keys; handles of their own are given up."""
        keys = tuple(
            replace(key, interpolation=interpolation, handle_in=LEVEL, handle_out=LEVEL)
            if key.frame in frames
            else key
            for key in self.keys(character_id, channel)
        )
        self._set(worded("Change interpolation"), character_id, channel, keys)

    def reset(self, character_id: str, channel: Channel) -> None:
        """Make a channel neutral."""
        if self.keys(character_id, channel):
            self._set(worded("Reset intensity"), character_id, channel, ())

    def _curve(self, character_id: str, channel: Channel) -> IntensityCurveRecord | None:
        character = self._session.character(character_id)
        curves = character.curves if character else ()
        return next((curve for curve in curves if curve.channel is channel), None)

    def _set(self, name: str, character_id: str, channel: Channel, keys: Keys) -> None:
        before = self.keys(character_id, channel)
        after = settled(before, keys)
        if after != before:
            self._history.perform(name, lambda change: change.set_curve(character_id, channel, after))


def settled(before: Keys, after: Keys) -> Keys:
    """Return edited keys with their handles: those shaped by hand stay, all others are eased anew.

    A key was not shaped by hand if its handles are level ones, as they come with easing `before`.
    """
    eased_before = {(key.handle_in, key.handle_out) for key in ease(before)} | {(LEVEL, LEVEL)}
    return tuple(
        eased if (key.handle_in, key.handle_out) in eased_before else key
        for key, eased in zip(after, ease(after), strict=True)
    )


def _with_key(keys: Keys, frame: int, value: float) -> Keys:
    before = [key for key in keys if key.frame <= frame]
    interpolation = before[-1].interpolation if before else Interpolation.BEZIER
    added = CurveKeyRecord(frame=frame, value=_allowed(value), interpolation=interpolation)
    return tuple(sorted([*(key for key in keys if key.frame != frame), added], key=lambda key: key.frame))


def _reach(key: CurveKeyRecord, handle: Handle) -> Handle:
    """Return a handle whose end has an allowed value: then so has the whole curve."""
    return round(handle[0], 3), round(min(max(key.value + handle[1], 0.0), HIGHEST_VALUE) - key.value, 4)


def _allowed(value: float) -> float:
    return round(min(max(value, 0.0), HIGHEST_VALUE), 3)
