"""What can be set about an engine process: limits in seconds, and which program the worker is."""

import sys
from dataclasses import dataclass, field

IDLE_EXIT_VARIABLE = "MASQUE_ENGINE_IDLE_S"
DEFAULT_IDLE_EXIT_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """How long the server waits for its worker, in seconds.

    `start_s`: until the first sign of life; `heartbeat_s`: between two; `tick_s`: between two steps of a
    render; `stop_s`: until a render that was told to stop has stopped; `end_s`: until a process that was told
    to end has ended; `idle_s`: how long a worker without a job is kept warm.
    """

    start_s: float = 60.0
    heartbeat_s: float = 10.0
    tick_s: float = 120.0
    stop_s: float = 20.0
    end_s: float = 5.0
    idle_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How an engine process runs. `idle_exit_s`: how long it stays without a client and without work."""

    idle_exit_s: float = DEFAULT_IDLE_EXIT_S
    worker_command: tuple[str, ...] = (sys.executable, "-m", "engine.worker")
    worker_limits: WorkerLimits = field(default_factory=WorkerLimits)
