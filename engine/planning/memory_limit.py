"""The most of the device's memory that Masque may use, where the user has set it."""

import os
import re
from collections.abc import Mapping
from decimal import Decimal

from engine.protocol.errors import ErrorCode, UserError

LIMIT_VARIABLE = "MASQUE_DEVICE_MEMORY"
_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?) ?([kmgt]i?)?b", re.IGNORECASE)
MOST_BYTES = 100 * 10**12
"""More than any machine has: whoever writes more has mistaken the unit."""

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def device_memory_limit(environment: Mapping[str, str] = os.environ) -> int | None:
    """Return the limit in bytes, or None where none is set.

    Raises UserError BAD_INPUT, which names the variable, for a text that is no size.
    """
    text = environment.get(LIMIT_VARIABLE, "").strip()
    if not text:
        return None
    try:
        return memory_size(text)
    except UserError as error:
        report = error.report
        raise UserError(
            f"{LIMIT_VARIABLE}: {report.message}",
            next_step=f"{report.next_step} Without it there is no limit.",
            code=report.code,
            details=report.details,
        ) from error


def memory_size(text: str) -> int:
    """Return the bytes of a size such as "12GB", "11.5 GB" or "8GiB" (powers of 1000, with i of 1024).

    Raises UserError BAD_INPUT for any other text, for a size of no bytes and for one above MOST_BYTES.
    """
    match = _SIZE.fullmatch(text.strip())
    size_bytes = 0 if match is None else _bytes(match.group(1), (match.group(2) or "").lower())
    if size_bytes < 1:
        raise UserError(
            f"{text.strip()[:40]!r} is no size of a memory.",
            next_step=f"Write a number and its unit, for example {LIMIT_VARIABLE}=12GB or 11.5GiB.",
            code=ErrorCode.BAD_INPUT,
            details={"variable": LIMIT_VARIABLE},
        )
    if size_bytes > MOST_BYTES:
        raise UserError(
            f"{text.strip()[:40]!r} is more memory than any machine has.",
            next_step=f"Write at most {MOST_BYTES // 10**12} TB, for example {LIMIT_VARIABLE}=12GB.",
            code=ErrorCode.BAD_INPUT,
            details={"variable": LIMIT_VARIABLE},
        )
    return size_bytes


def _bytes(number: str, unit: str) -> int:
    step = 1024 if unit.endswith("i") else 1000
    return int(Decimal(number) * step ** _POWERS[unit[:1]])
