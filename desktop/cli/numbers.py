"""Numbers as people write them on the command line."""

from fractions import Fraction

from engine.protocol.errors import UserError


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
