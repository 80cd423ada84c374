"""How values that SQLite does not know are stored: rationals, instants and choices, all as text."""

from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction

from sqlalchemy import Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class DamagedValueError(Exception):
    """Something stored that no version of Masque can have written."""


class RationalText(TypeDecorator[Fraction]):
    """An exact rational as 'numerator/denominator' in lowest terms, such as '24000/1001'."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Fraction | int | None, dialect: Dialect) -> str | None:
        """Write a rational or an integer; a float is refused, for it would not be exact."""
        if value is None:
            return None
        if not isinstance(value, Fraction | int):
            raise TypeError(f"Expected a Fraction, got {value!r}")
        return f"{value.numerator}/{value.denominator}"

    def process_result_value(self, value: str | None, dialect: Dialect) -> Fraction | None:
        """Read a rational."""
        if value is None:
            return None
        try:
            numerator, denominator = value.split("/")
            return Fraction(int(numerator), int(denominator))
        except (AttributeError, ValueError, ZeroDivisionError) as error:
            raise DamagedValueError(f"{value!r} is not a rational") from error


class InstantText(TypeDecorator[datetime]):
    """A timezone-aware instant as ISO 8601 text in UTC."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Write an instant; one without a time zone is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("Expected an instant with a time zone")
        return value.astimezone(UTC).isoformat()

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Read an instant."""
        if value is None:
            return None
        try:
            return datetime.fromisoformat(value)
        except (TypeError, ValueError) as error:
            raise DamagedValueError(f"{value!r} is not an instant") from error


class ChoiceText(TypeDecorator[StrEnum]):
    """A choice by its value; a CHECK constraint of the table names the values there are."""

    impl = Text
    cache_ok = True

    def __init__(self, choices: type[StrEnum]) -> None:
        super().__init__()
        self.choices = choices

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        """Write a choice."""
        return None if value is None else self.choices(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """Read a choice."""
        if value is None:
            return None
        try:
            return self.choices(value)
        except ValueError as error:
            raise DamagedValueError(f"{value!r} is not a {self.choices.__name__}") from error
