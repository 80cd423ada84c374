"""What was chosen for the next render, as it is kept between starts: plain texts, each read on its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TypeVar

from desktop.authoring.diffusion_options import ADVANCED, NumberOption, WordOption, with_setting
from desktop.authoring.diffusion_settings import USUAL, DiffusionChoice, why_refused
from desktop.authoring.render_requests import (
    LARGEST_SEED,
    LARGEST_SIDE_PX,
    MOST_TAKES,
    SMALLEST_SIDE_PX,
)
from engine.protocol.diffusion_limits import MOST_STEPS
from engine.protocol.render_request import RendererName

NEW_SEED = "new"
_READ_FIRST = ("long_shot", "segment_frames")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptChoice:
    """`seed` None: a new one each time. `long_sides`: in pixels, for each quality where one was chosen.

    `advanced` holds what bundle and steps do not say.
    """

    renderer: RendererName = RendererName.DRAFT
    bundle: str | None = None
    steps: int = USUAL.steps
    seed: int | None = 0
    take_count: int = 1
    long_sides: Mapping[RendererName, int] = field(default_factory=dict)
    advanced: DiffusionChoice = field(default_factory=DiffusionChoice)


def written_choice(choice: KeptChoice) -> dict[str, str]:
    """Return a choice as texts; what is left to Masque is left out."""
    texts = {
        "quality": choice.renderer.value,
        "steps": str(choice.steps),
        "seed": NEW_SEED if choice.seed is None else str(choice.seed),
        "takes": str(choice.take_count),
        **{_side_key(renderer): str(side) for renderer, side in choice.long_sides.items()},
    }
    if choice.bundle is not None:
        texts["bundle"] = choice.bundle
    given = {part.name: getattr(choice.advanced, part.name) for part in fields(choice.advanced)}
    return texts | {name: str(value) for name, value in given.items() if value is not None}


def read_choice(texts: Mapping[str, object]) -> KeptChoice:
    """Return the choice that was written, with the usual value for each that is missing or cannot be."""
    usual = KeptChoice()
    sides = {renderer: _read(texts, _side_key(renderer), _side, None) for renderer in RendererName}
    return KeptChoice(
        renderer=_read(texts, "quality", RendererName, usual.renderer),
        bundle=_read(texts, "bundle", _bundle, usual.bundle),
        steps=_read(texts, "steps", lambda text: _within(int(text), 1, MOST_STEPS), usual.steps),
        seed=_read(texts, "seed", _seed, usual.seed),
        take_count=_read(texts, "takes", lambda text: _within(int(text), 1, MOST_TAKES), usual.take_count),
        long_sides={renderer: side for renderer, side in sides.items() if side is not None},
        advanced=_advanced(texts),
    )


def _advanced(texts: Mapping[str, object]) -> DiffusionChoice:
    """Return the settings that can be rendered with those read before them."""
    read = DiffusionChoice()
    for option in sorted(ADVANCED, key=lambda option: option.field not in _READ_FIRST):
        value = _read(texts, option.field, _reader(option), None)
        asked = with_setting(read, option, value)
        if not why_refused(asked):
            read = asked
    return read


def _reader(option: NumberOption | WordOption) -> Callable[[str], object]:
    if isinstance(option, WordOption):
        return option.choices
    return int if option.is_whole else float


def _read(texts: Mapping[str, object], key: str, read: Callable[[str], Value], otherwise: Value) -> Value:
    text = texts.get(key)
    if not isinstance(text, str):
        return otherwise
    try:
        return read(text)
    except ValueError:
        return otherwise


def _side_key(renderer: RendererName) -> str:
    return f"long_side_{renderer.value}"


def _bundle(text: str) -> str | None:
    return text or None


def _seed(text: str) -> int | None:
    return None if text == NEW_SEED else _within(int(text), 0, LARGEST_SEED)


def _side(text: str) -> int | None:
    return 2 * (_within(int(text), SMALLEST_SIDE_PX, LARGEST_SIDE_PX) // 2)


def _within(number: int, lowest: int, highest: int) -> int:
    if not lowest <= number <= highest:
        raise ValueError(f"{number} is not from {lowest} to {highest}")
    return number
