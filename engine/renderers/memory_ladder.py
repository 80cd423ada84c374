"""How far a job has stepped down for want of memory, kept in its work directory between processes."""

import json
import logging
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.media.atomic import atomic_path
from engine.media.write_errors import writing
from engine.planning.step_down import NextStep
from engine.protocol.memory_plan import Concession, EncoderPlace

_log = logging.getLogger(__name__)
_NAME = "memory.json"
HOST_SHARE_STEP = 0.75
"""Each time the system ended the process, the next plan uses this much of the host memory that seems free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostView:
    """The host's memory as an attempt's plan found it: in all, free, and in use by others; `share`: how much
    of what was free it counted on.

    Kept on the disk before anything is loaded: a process that the system ends can note nothing more.
    """

    total_bytes: int
    free_bytes: int
    host_others_bytes: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rungs:
    """`step`: what the next plan gives up at least.

    `told`: a sentence for the take for each step down. `host_share`: how much of the free host memory a plan
    may count on. `by_plan`: whether any step was taken because a plan was wrong, and not because another
    program took the memory; `budget_bytes` is what the first such plan had. `host_by_others`: whether any
    shortage of the host's memory may have been another program's; `host_free_bytes`: what was free of it
    before the first one. `attempt`: what the newest plan found there, None before there was one.
    """

    step: NextStep = field(default_factory=NextStep)
    told: tuple[str, ...] = ()
    host_share: float = 1.0
    by_plan: bool = False
    budget_bytes: int = 0
    host_by_others: bool = False
    host_free_bytes: int = 0
    attempt: HostView | None = None


class MemoryLadder:
    """The rungs of one job. What cannot be read is begun anew: it costs one more attempt."""

    def __init__(self, work: Path) -> None:
        self._path = work / _NAME
        self.rungs = self._kept()

    def step_down(self, step: NextStep, told: str, *, wrong_budget_bytes: int | None = None) -> None:
        """Note what the next attempt gives up; `wrong_budget_bytes`: what a plan had that was wrong.

        Raises UserError where it cannot be written.
        """
        rungs = self.rungs
        self._keep(
            replace(
                rungs,
                step=step,
                told=(*rungs.told, told),
                by_plan=rungs.by_plan or wrong_budget_bytes is not None,
                budget_bytes=rungs.budget_bytes or wrong_budget_bytes or 0,
            )
        )

    def begin_attempt(self, found: HostView) -> None:
        """Note what a plan is made for. Raises UserError as writing does."""
        self._keep(replace(self.rungs, attempt=found))

    def leave_host_memory(self, told: str, *, by_others: bool) -> None:
        """Note that the host's memory ran out, and whether another program may have taken it.

        Raises UserError as writing does.
        """
        rungs = self.rungs
        before = rungs.attempt
        counted_on = rungs.host_share if before is None else min(rungs.host_share, before.share)
        self._keep(
            replace(
                rungs,
                host_share=counted_on * HOST_SHARE_STEP,
                told=(*rungs.told, told),
                host_by_others=rungs.host_by_others or by_others,
                host_free_bytes=rungs.host_free_bytes or (0 if before is None else before.free_bytes),
            )
        )

    def begin_anew(self) -> None:
        """Forget the rungs: whoever tries again after the ladder's end has changed something."""
        self.rungs = Rungs()
        self._path.unlink(missing_ok=True)

    def _keep(self, rungs: Rungs) -> None:
        self.rungs = rungs
        with atomic_path(self._path) as temporary, writing(self._path):
            temporary.write_text(json.dumps(asdict(rungs)), encoding="utf-8")

    def _kept(self) -> Rungs:
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            step = kept["step"]
            return Rungs(
                step=NextStep(
                    concession=Concession(step["concession"]),
                    encoders=EncoderPlace(step["encoders"]),
                    tile_at_most=None if step["tile_at_most"] is None else int(step["tile_at_most"]),
                ),
                told=tuple(str(sentence) for sentence in kept["told"]),
                host_share=float(kept["host_share"]),
                by_plan=bool(kept["by_plan"]),
                budget_bytes=int(kept["budget_bytes"]),
                host_by_others=bool(kept.get("host_by_others", True)),
                host_free_bytes=int(kept.get("host_free_bytes", 0)),
                attempt=_attempt(kept.get("attempt")),
            )
        except FileNotFoundError:
            return Rungs()
        except (OSError, ValueError, KeyError, TypeError):
            _log.info("%s cannot be read and is begun anew", self._path)
            return Rungs()


def _attempt(kept: dict[str, Any] | None) -> HostView | None:
    """Return what an attempt found. What others use had the name of the device's at first."""
    if kept is None:
        return None
    of_others = kept["host_others_bytes"] if "host_others_bytes" in kept else kept["others_bytes"]
    return HostView(
        total_bytes=int(kept["total_bytes"]),
        free_bytes=int(kept["free_bytes"]),
        host_others_bytes=int(of_others),
        share=float(kept["share"]),
    )
