"""What a machine learns of a render that ran out of memory: records only, `lessons` keeps them."""

from dataclasses import dataclass
from datetime import datetime

from engine.planning.step_down import NextStep

_SAME_HOST_PERCENT = 2


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
    """That a demand ran out of memory under a budget, and how far it had to step down to go on.

    `render`: what it was, for people; empty in what was learnt before that was noted.
    """

    device: str
    demand: Demand
    budget_bytes: int
    step: NextStep
    learnt_at: datetime
    render: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLesson:
    """That a demand ran out of host memory, of which so much was free, and with what share it went on.

    `total_bytes`: what the host had in all; with another memory it is another machine.
    """

    device: str
    demand: Demand
    total_bytes: int
    free_bytes: int
    share: float
    learnt_at: datetime
    render: str = ""

    def is_of_host(self, total_bytes: int) -> bool:
        """Return whether a host of so much memory is the one that taught this.

        The system keeps some megabytes more or less to itself after an update, and a virtual machine's memory
        is moved a little: up to 2 % make no other host.
        """
        return abs(self.total_bytes - total_bytes) * 100 <= _SAME_HOST_PERCENT * self.total_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """All that was learnt, the newest first."""

    of_device: tuple[Lesson, ...] = ()
    of_host: tuple[HostLesson, ...] = ()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.of_device) + len(self.of_host)
