"""What ran out of memory on this machine, so that the next render of that size begins where it went well.

One JSON file in the engine's data directory, with the newest lessons only.
"""

import json
import logging
import time
from dataclasses import replace
from pathlib import Path

from engine.media.atomic import atomic_path
from engine.media.write_errors import writing
from engine.planning.lesson import Demand, HostLesson, Lesson, Lessons
from engine.planning.lesson_text import (
    host_lesson_from_json,
    host_lesson_to_json,
    lesson_from_json,
    lesson_to_json,
)
from engine.planning.machine import MemoryNow
from engine.planning.step_down import NextStep, further
from engine.protocol.errors import ErrorCode, UserError

LESSONS_FORMAT = 1
_log = logging.getLogger(__name__)
_FILE_NAME = "lessons.json"
_MOST_LESSONS = 200
_BUDGET_TOLERANCE_PERCENT = 5


def learnt_step(data: Path, device: str, demand: Demand, budget_bytes: int) -> NextStep:
    """Return how far down to begin: the furthest of the lessons that hold here, not at all without any.

    A lesson holds on its own device, for a demand that asks in every number at least as much as the lesson's,
    under a budget of at most 1.05 times the lesson's (what is free differs a little from one render to the
    next). With more memory or less to do, nothing has been learnt. `data`: the engine's data directory.
    """
    held = [
        lesson.step
        for lesson in _lessons(data).of_device
        if lesson.device == device
        and lesson.demand.asks_no_more_than(demand)
        and _is_no_more(budget_bytes, lesson.budget_bytes)
    ]
    return further(*held)


def learnt_host_share(data: Path, device: str, demand: Demand, now: MemoryNow) -> float:
    """Return how much of the free host memory a plan may count on: the least of the lessons that hold here.

    1.0 without any. A lesson holds as in `learnt_step`, with what is free of the host for a budget, and only
    for the host that taught it.
    """
    held = [
        lesson.share
        for lesson in _lessons(data).of_host
        if lesson.device == device
        and lesson.demand.asks_no_more_than(demand)
        and lesson.is_of_host(now.host_total_bytes)
        and _is_no_more(now.host_free_bytes, lesson.free_bytes)
    ]
    return min(held, default=1.0)


def learn(data: Path, lesson: Lesson | HostLesson) -> None:
    """Remember a lesson; of more than 200 of a kind the oldest are forgotten.

    What a host of another memory taught is forgotten too. Raises UserError as writing a file does.
    """
    known = _lessons(data)
    if isinstance(lesson, Lesson):
        others = tuple(each for each in known.of_device if each != lesson)
        _write(data, replace(known, of_device=(lesson, *others)[:_MOST_LESSONS]))
    else:
        others_of_host = tuple(
            each for each in known.of_host if each != lesson and each.is_of_host(lesson.total_bytes)
        )
        _write(data, replace(known, of_host=(lesson, *others_of_host)[:_MOST_LESSONS]))


def known_lessons(data: Path) -> Lessons:
    """Return all that was learnt. Raises UserError for a file that cannot be opened."""
    path = data / _FILE_NAME
    try:
        path.open("rb").close()
    except FileNotFoundError:
        return Lessons()
    except OSError as error:
        raise UserError(
            f"What Masque has learnt of this machine cannot be read: {path} ({error.strerror or error}).",
            next_step="Allow Masque to read and write that file, or delete it.",
            code=ErrorCode.FILE_UNREADABLE,
            details={"file": str(path)},
        ) from error
    return _lessons(data)


def forget_lessons(data: Path) -> int:
    """Forget everything that was learnt; return how many lessons. Raises UserError as `known_lessons` and
    writing a file do.
    """
    count = known_lessons(data).count
    path = data / _FILE_NAME
    with writing(path):
        path.unlink(missing_ok=True)
    return count


def _is_no_more(now_bytes: int, then_bytes: int) -> bool:
    """Whether there is no more memory than there was, but for what differs from one render to the next."""
    return now_bytes * 100 <= then_bytes * (100 + _BUDGET_TOLERANCE_PERCENT)


def _lessons(data: Path) -> Lessons:
    """Return the lessons. A file that is damaged or of another version is kept aside."""
    path = data / _FILE_NAME
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != LESSONS_FORMAT:
            raise ValueError("another version's")
        return Lessons(
            of_device=tuple(lesson_from_json(entry) for entry in content["lessons"]),
            of_host=tuple(host_lesson_from_json(entry) for entry in content.get("host_lessons", ())),
        )
    except OSError:
        return Lessons()
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        _keep_aside(path)
        return Lessons()


def _keep_aside(path: Path) -> None:
    kept = path.with_name(f"{path.stem}-damaged-{time.time_ns()}{path.suffix}")
    try:
        path.replace(kept)
    except OSError as error:
        _log.warning("%s is damaged and cannot be moved aside; it teaches nothing: %s", path.name, error)
    else:
        _log.warning("%s was damaged; what it held is kept as %s", path.name, kept.name)


def _write(data: Path, lessons: Lessons) -> None:
    content = {
        "format": LESSONS_FORMAT,
        "lessons": [lesson_to_json(lesson) for lesson in lessons.of_device],
        "host_lessons": [host_lesson_to_json(lesson) for lesson in lessons.of_host],
    }
    path = data / _FILE_NAME
    with atomic_path(path) as temporary, writing(path):
        temporary.write_text(json.dumps(content, indent=1) + "\n", "ascii")
