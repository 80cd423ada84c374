"""Lessons as JSON and back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from engine.planning.lesson import Demand, HostLesson, Lesson
from engine.planning.step_down import NextStep
from engine.protocol.memory_plan import Concession, EncoderPlace


def lesson_to_json(lesson: Lesson) -> dict[str, Any]:
    """Return a lesson as JSON types."""
    return {
        **_beginning_to_json(lesson),
        "budget_bytes": lesson.budget_bytes,
        "concession": lesson.step.concession.value,
        "encoders": lesson.step.encoders.value,
        "tile_at_most": lesson.step.tile_at_most,
    }


def host_lesson_to_json(lesson: HostLesson) -> dict[str, Any]:
    """Return a host's lesson as JSON types."""
    return {
        **_beginning_to_json(lesson),
        "total_bytes": lesson.total_bytes,
        "free_bytes": lesson.free_bytes,
        "share": lesson.share,
    }


def _beginning_to_json(lesson: Lesson | HostLesson) -> dict[str, Any]:
    return {
        "device": lesson.device,
        "render": lesson.render,
        "pass_tokens": lesson.demand.pass_tokens,
        "branches": lesson.demand.branches,
        "bank_tokens": lesson.demand.bank_tokens,
        "learnt_at": lesson.learnt_at.astimezone(UTC).isoformat(),
    }


def lesson_from_json(entry: Mapping[str, Any]) -> Lesson:
    """Return the lesson of its JSON. Raises ValueError, KeyError, TypeError for what is not one."""
    return Lesson(
        device=_text(entry["device"]),
        demand=_demand(entry),
        budget_bytes=_count(entry["budget_bytes"]),
        step=NextStep(
            concession=Concession(entry["concession"]),
            encoders=EncoderPlace(entry["encoders"]),
            tile_at_most=None if entry["tile_at_most"] is None else _count(entry["tile_at_most"]),
        ),
        learnt_at=datetime.fromisoformat(entry["learnt_at"]),
        render=_text(entry.get("render", "")),
    )


def host_lesson_from_json(entry: Mapping[str, Any]) -> HostLesson:
    """Return the host's lesson of its JSON. Raises ValueError, KeyError, TypeError for what is not one."""
    share = entry["share"]
    if not isinstance(share, float) or not 0 < share <= 1:
        raise ValueError(f"{share!r} is no share")
    return HostLesson(
        device=_text(entry["device"]),
        demand=_demand(entry),
        total_bytes=_count(entry["total_bytes"]),
        free_bytes=_count(entry["free_bytes"]),
        share=share,
        learnt_at=datetime.fromisoformat(entry["learnt_at"]),
        render=_text(entry["render"]),
    )


def _demand(entry: Mapping[str, Any]) -> Demand:
    return Demand(
        pass_tokens=_count(entry["pass_tokens"]),
        branches=_count(entry["branches"]),
        bank_tokens=_count(entry["bank_tokens"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value
