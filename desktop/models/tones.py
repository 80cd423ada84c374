"""The tones of status dots, and which one a job or a take has. There is always a word beside the dot."""

from enum import StrEnum

from desktop.theme.tokens import Tokens
from engine.protocol.jobs import JobState
from projects_db.records import TakeStatus


class StatusTone(StrEnum):
    """What a dot means."""

    GOOD = "good"
    WAITING = "waiting"
    RUNNING = "running"
    FAILED = "failed"
    NONE = "none"


def tone_colour(tone: StatusTone, tokens: Tokens) -> str:
    """Return the colour of a dot."""
    return {
        StatusTone.GOOD: tokens.good,
        StatusTone.WAITING: tokens.waiting,
        StatusTone.RUNNING: tokens.running,
        StatusTone.FAILED: tokens.failed,
        StatusTone.NONE: tokens.faint,
    }[tone]


TONE_OF_JOB = {
    JobState.QUEUED: StatusTone.WAITING,
    JobState.RUNNING: StatusTone.RUNNING,
    JobState.PAUSED: StatusTone.WAITING,
    JobState.DONE: StatusTone.GOOD,
    JobState.FAILED: StatusTone.FAILED,
    JobState.CANCELLED: StatusTone.NONE,
}
TONE_OF_TAKE = {
    TakeStatus.QUEUED: StatusTone.WAITING,
    TakeStatus.DONE: StatusTone.GOOD,
    TakeStatus.FAILED: StatusTone.FAILED,
    TakeStatus.CANCELLED: StatusTone.NONE,
}
