"""Values as people write them on the command line."""

from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from engine.protocol.errors import UserError
from projects_db.records import LoopMode

Choice = TypeVar("Choice", bound=StrEnum)


def parse_seconds(text: str | None) -> Fraction | None:
    """Return seconds written as `1.5`, `3/2` or `1:02.5` (minutes); None stays None. Raises UserError."""
    if text is None:
        return None
    minutes, _, seconds = text.strip().rpartition(":")
    try:
        return Fraction(seconds) + 60 * Fraction(minutes or 0)
    except (ValueError, ZeroDivisionError):
        raise UserError(
            f"“{text}” is not a time.", next_step="Write seconds, such as 1.5 or 1:02.5."
        ) from None


def parse_speed(text: str) -> Fraction:
    """Return a speed written as `0.75` or `3/4`. Raises UserError."""
    try:
        return Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        raise UserError(f"“{text}” is not a speed.", next_step="Write a number, such as 0.75.") from None


def parse_loop_mode(text: str) -> LoopMode:
    """Return a loop mode written with a dash or an underscore. Raises UserError that lists them."""
    return parse_choice(LoopMode, text, "loop mode")


def parse_choice(choices: type[Choice], text: str, what: str) -> Choice:
    """Return one of the choices, written with a dash or an underscore. Raises UserError that lists them."""
    try:
        return choices(text.strip().replace("-", "_"))
    except ValueError:
        names = ", ".join(choice.value.replace("_", "-") for choice in choices)
        raise UserError(f"There is no {what} “{text}”.", next_step=f"Choose one of {names}.") from None
