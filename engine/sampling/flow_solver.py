"""Integrating the flow from noise to a picture.

Euler on the grid both projects publish: sigma from 1 towards 0 in equal steps without the end, then shifted,
sigma' = s*sigma / (1 + (s-1)*sigma) with s = 5; the step after the last is 0. UniPC (arXiv 2302.04867, order
2, as diffusers has it) on the same grid. All in float32.
"""

from collections.abc import Mapping
from typing import Protocol

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler

from engine.protocol.diffusion_settings import Solver

TRAIN_TIMESTEPS = 1000
_ORDERS = "orders"
_LAST_SAMPLE = "last_sample"
_PREDICTION = "prediction_{}"  # of the noiseless latents, the newest has the highest number


class FlowSolver(Protocol):
    """A solver for one pass through all steps; steps are taken in order, each once."""

    @property
    def timesteps(self) -> torch.Tensor:
        """The timesteps [steps], float32, from 1000 towards 0, never rounded."""

    def sigma(self, step: int) -> float:
        """Return the share of noise before a step (from 0)."""

    def step(self, step: int, velocity: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
        """Return the sample after a step; `velocity` and `sample` have one shape."""

    def state(self) -> dict[str, torch.Tensor]:
        """Return what the solver remembers of the steps so far: its own tensors, never written to again."""

    def restore(self, step: int, state: Mapping[str, torch.Tensor]) -> None:
        """Go on as the solver that had taken `step` steps when it gave `state`, to the last bit.

        Raises ValueError where that is no state after so many steps.
        """


class _EulerSolver:
    """Euler on the grid; it remembers nothing but the number of its steps."""

    def __init__(self, scheduler: FlowMatchEulerDiscreteScheduler | UniPCMultistepScheduler) -> None:
        """Left to itself the scheduler looks its first step up by a rounded timestep, and with a strong shift
        the first ones are alike.
        """
        self._scheduler = scheduler
        self._scheduler.set_begin_index(0)

    @property
    def timesteps(self) -> torch.Tensor:
        return self._scheduler.sigmas[:-1].float() * TRAIN_TIMESTEPS

    def sigma(self, step: int) -> float:
        return float(self._scheduler.sigmas[step])

    def step(self, step: int, velocity: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
        timestep = self._scheduler.timesteps[step]
        moved = self._scheduler.step(velocity.float(), timestep, sample.float(), return_dict=False)
        return moved[0]

    def state(self) -> dict[str, torch.Tensor]:
        return {}

    def restore(self, step: int, state: Mapping[str, torch.Tensor]) -> None:
        self._go_to(step, state, expected=set())

    def _go_to(self, step: int, state: Mapping[str, torch.Tensor], *, expected: set[str]) -> None:
        if not 0 <= step <= len(self._scheduler.timesteps):
            raise ValueError(f"there is no step {step} in {len(self._scheduler.timesteps)}")
        if set(state) != expected:
            raise ValueError(f"a state after {step} steps holds {sorted(expected)}, not {sorted(state)}")
        self._scheduler._step_index = step


class _UniPCSolver(_EulerSolver):
    """UniPC: it remembers the sample before its last step, its predictions, and the orders it has reached.

    `orders` [2]: how many steps count for the next order, and the order of the last step.

    It computes on the processor: on a card its small systems of equations would start one more library, which
    needs room of its own where a plan leaves none, and wait for it five times a step.
    """

    _scheduler: UniPCMultistepScheduler

    def step(self, step: int, velocity: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
        return super().step(step, velocity.cpu(), sample.cpu()).to(sample.device)

    def state(self) -> dict[str, torch.Tensor]:
        unipc = self._scheduler
        if unipc.last_sample is None:
            return {}
        outputs = enumerate(unipc.model_outputs)
        predictions = {_PREDICTION.format(place): output for place, output in outputs if output is not None}
        orders = torch.tensor([unipc.lower_order_nums, unipc.this_order])
        return {_ORDERS: orders, _LAST_SAMPLE: unipc.last_sample, **predictions}

    def restore(self, step: int, state: Mapping[str, torch.Tensor]) -> None:
        unipc, most = self._scheduler, self._scheduler.config.solver_order
        kept = range(max(0, most - step), most)
        names = {_LAST_SAMPLE, *(_PREDICTION.format(place) for place in kept)} if step > 0 else set()
        state = {name: tensor.cpu() for name, tensor in state.items()}
        _require_alike([state[name] for name in names & set(state)])
        self._go_to(step, state, expected=names | ({_ORDERS} if step > 0 else set()))
        unipc.model_outputs = [state.get(_PREDICTION.format(place)) for place in range(most)]
        past = [step - most + place for place in range(most)]
        unipc.timestep_list = [unipc.timesteps[number] if number >= 0 else None for number in past]
        unipc.last_sample = state.get(_LAST_SAMPLE)
        unipc.lower_order_nums, unipc.this_order = _orders(state, most) if step > 0 else (0, 0)


def _require_alike(tensors: list[torch.Tensor]) -> None:
    kinds = {(tuple(tensor.shape), tensor.dtype) for tensor in tensors}
    if len(kinds) > 1 or any(dtype is not torch.float32 for _, dtype in kinds):
        raise ValueError(f"samples and predictions are float32 of one shape, not {sorted(map(str, kinds))}")


def _orders(state: Mapping[str, torch.Tensor], most: int) -> tuple[int, int]:
    orders = state[_ORDERS]
    if orders.shape != (2,) or orders.is_floating_point() or not all(1 <= int(n) <= most for n in orders):
        raise ValueError(f"the orders are two whole numbers from 1 to {most}")
    return int(orders[0]), int(orders[1])


def flow_solver(solver: Solver, *, steps: int, shift: float) -> FlowSolver:
    """Return a solver on the published grid of `steps` steps."""
    grid = torch.linspace(1.0, 0.0, steps + 1)[:-1].numpy()  # numpy's own linspace rounds otherwise
    if solver is Solver.EULER:
        euler = FlowMatchEulerDiscreteScheduler(num_train_timesteps=TRAIN_TIMESTEPS, shift=shift)
        euler.set_timesteps(sigmas=grid)
        return _EulerSolver(euler)
    unipc = UniPCMultistepScheduler(
        num_train_timesteps=TRAIN_TIMESTEPS,
        prediction_type="flow_prediction",
        use_flow_sigmas=True,
        flow_shift=shift,
    )
    unipc.set_timesteps(sigmas=grid)
    return _UniPCSolver(unipc)
