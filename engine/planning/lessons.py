"""What ran out of memory on this machine, so that the next render of that size begins where it went well.

One JSON file in the engine's data directory, with the newest lessons only.
"""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.media.atomic import atomic_path
from engine.media.write_errors import writing
from engine.planning.step_down import NextStep, further
from engine.protocol.memory_plan import Concession, EncoderPlace

LESSONS_FORMAT = 1
_log = logging.getLogger(__name__)
_FILE_NAME = "lessons.json"
_MOST_LESSONS = 200
_BUDGET_TOLERANCE_PERCENT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """How much a render asks of memory, in numbers of which none lowers it by growing.

    `pass_tokens`: tokens of one pass of the transformer; `branches`: how many are computed together;
    `bank_tokens`: tokens whose keys and values are kept, of all branches and characters.
    """

    pass_tokens: int
    branches: int
    bank_tokens: int

    def asks_no_more_than(self, other: "Demand") -> bool:
        """Whether none of the numbers is greater than the other's."""
        return (
            self.pass_tokens <= other.pass_tokens
            and self.branches <= other.branches
            and self.bank_tokens <= other.bank_tokens
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """That a demand ran out of memory under a budget, and how far it had to step down to go on."""

    device: str
    demand: Demand
    budget_bytes: int
    step: NextStep
    learnt_at: datetime


def learnt_step(data: Path, device: str, demand: Demand, budget_bytes: int) -> NextStep:
    """Return how far down to begin: the furthest of the lessons that hold here, not at all without any.

    A lesson holds on its own device, for a demand that asks in every number at least as much as the lesson's,
    under a budget of at most 1.05 times the lesson's (what is free differs a little from one render to the
    next). With more memory or less to do, nothing has been learnt. `data`: the engine's data directory.
    """
    held = [
        lesson.step
        for lesson in _lessons(data)
        if lesson.device == device
        and lesson.demand.asks_no_more_than(demand)
        and budget_bytes * 100 <= lesson.budget_bytes * (100 + _BUDGET_TOLERANCE_PERCENT)
    ]
    return further(*held)


def learn(data: Path, lesson: Lesson) -> None:
    """Remember a lesson; of more than 200 the oldest are forgotten.

    Raises UserError as writing a file does.
    """
    known = [each for each in _lessons(data) if each != lesson]
    _write(data, [lesson, *known][:_MOST_LESSONS])


def forget_lessons(data: Path) -> int:
    """Forget everything that was learnt; return how many lessons. Raises UserError as writing a file does."""
    count = len(_lessons(data))
    path = data / _FILE_NAME
    with writing(path):
        path.unlink(missing_ok=True)
    return count


def _lessons(data: Path) -> list[Lesson]:
    """Return the lessons, newest first. A file that is damaged or of another version is kept aside."""
    path = data / _FILE_NAME
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != LESSONS_FORMAT:
            raise ValueError("another version's")
        return [_from_json(entry) for entry in content["lessons"]]
    except OSError:
        return []
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        _keep_aside(path)
        return []


def _keep_aside(path: Path) -> None:
    kept = path.with_name(f"{path.stem}-damaged-{time.time_ns()}{path.suffix}")
    try:
        path.replace(kept)
    except OSError as error:
        _log.warning("%s is damaged and cannot be moved aside; it teaches nothing: %s", path.name, error)
    else:
        _log.warning("%s was damaged; what it held is kept as %s", path.name, kept.name)


def _write(data: Path, lessons: list[Lesson]) -> None:
    content = {"format": LESSONS_FORMAT, "lessons": [_to_json(lesson) for lesson in lessons]}
    path = data / _FILE_NAME
    with atomic_path(path) as temporary, writing(path):
        temporary.write_text(json.dumps(content, indent=1) + "\n", "ascii")


def _to_json(lesson: Lesson) -> dict[str, Any]:
    return {
        "device": lesson.device,
        "pass_tokens": lesson.demand.pass_tokens,
        "branches": lesson.demand.branches,
        "bank_tokens": lesson.demand.bank_tokens,
        "budget_bytes": lesson.budget_bytes,
        "concession": lesson.step.concession.value,
        "encoders": lesson.step.encoders.value,
        "tile_at_most": lesson.step.tile_at_most,
        "learnt_at": lesson.learnt_at.astimezone(UTC).isoformat(),
    }


def _from_json(entry: Mapping[str, Any]) -> Lesson:
    demand = Demand(
        pass_tokens=_count(entry["pass_tokens"]),
        branches=_count(entry["branches"]),
        bank_tokens=_count(entry["bank_tokens"]),
    )
    if not isinstance(entry["device"], str):
        raise TypeError(f"{entry['device']!r} is no device")
    return Lesson(
        device=entry["device"],
        demand=demand,
        budget_bytes=_count(entry["budget_bytes"]),
        step=NextStep(
            concession=Concession(entry["concession"]),
            encoders=EncoderPlace(entry["encoders"]),
            tile_at_most=None if entry["tile_at_most"] is None else _count(entry["tile_at_most"]),
        ),
        learnt_at=datetime.fromisoformat(entry["learnt_at"]),
    )


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value
