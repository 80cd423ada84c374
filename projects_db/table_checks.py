"""CHECK constraints the tables share, so that the file itself refuses what makes no sense."""

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import CheckConstraint


def condition(name: str, text: str) -> CheckConstraint:
    """Return a named condition on every row of a table."""
    return CheckConstraint(text, name=name)


def one_of(column: str, choices: Iterable[StrEnum]) -> CheckConstraint:
    """Return the check that a text is one of the choices."""
    values = ", ".join(f"'{choice.value}'" for choice in choices)
    return condition(f"{column}_known", f"{column} IN ({values})")


def switch(column: str) -> CheckConstraint:
    """Return the check that an integer is 0 or 1."""
    return condition(f"{column}_switch", f"{column} IN (0, 1)")


def positive_rational(column: str) -> CheckConstraint:
    """Return the check that a text is a rational above zero."""
    return condition(f"{column}_positive", f"{column} GLOB '[1-9]*/[1-9]*'")


def rational_from_zero(column: str) -> CheckConstraint:
    """Return the check that a text is a rational of zero or more."""
    return condition(f"{column}_not_negative", f"{column} GLOB '[0-9]*/[1-9]*'")


def from_zero(column: str) -> CheckConstraint:
    """Return the check that a number is zero or more."""
    return condition(f"{column}_not_negative", f"{column} >= 0")


def positive(column: str) -> CheckConstraint:
    """Return the check that a number is above zero."""
    return condition(f"{column}_positive", f"{column} > 0")


def not_empty(column: str = "name") -> CheckConstraint:
    """Return the check that a text is not empty."""
    return condition(f"{column}_not_empty", f"length({column}) > 0")


def hex_colour() -> CheckConstraint:
    """Return the check that `colour` is #rrggbb."""
    digits = "[0-9a-fA-F]" * 6
    return condition("colour_hex", f"colour GLOB '#{digits}'")
