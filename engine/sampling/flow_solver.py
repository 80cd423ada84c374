"""Integrating the flow from noise to a picture.

Euler on the grid both projects publish: sigma from 1 towards 0 in equal steps without the end, then shifted,
sigma' = s*sigma / (1 + (s-1)*sigma) with s = 5; the step after the last is 0. UniPC (arXiv 2302.04867, order
2, as diffusers has it) on the same grid. All in float32.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler

from engine.protocol.diffusion_settings import Solver

TRAIN_TIMESTEPS = 1000


class FlowSolver(Protocol):
    """A solver for one pass through all steps; steps are taken in order, each once."""

    @property
    def timesteps(self) -> torch.Tensor:
        """The timesteps [steps], float32, from 1000 towards 0, never rounded."""

    def sigma(self, step: int) -> float:
        """Return the share of noise before a step (from 0)."""

    def step(self, step: int, velocity: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
        """Return the sample after a step; `velocity` and `sample` have one shape."""


@dataclass(frozen=True, slots=True)
class _DiffusersSolver:
    """A scheduler of diffusers that has been given the grid."""

    scheduler: FlowMatchEulerDiscreteScheduler | UniPCMultistepScheduler

    @property
    def timesteps(self) -> torch.Tensor:
        return self.scheduler.sigmas[:-1].float() * TRAIN_TIMESTEPS

    def sigma(self, step: int) -> float:
        return float(self.scheduler.sigmas[step])

    def step(self, step: int, velocity: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
        timestep = self.scheduler.timesteps[step]
        moved = self.scheduler.step(velocity.float(), timestep, sample.float(), return_dict=False)
        return moved[0]


def flow_solver(solver: Solver, *, steps: int, shift: float) -> FlowSolver:
    """Return a solver on the published grid of `steps` steps."""
    grid = torch.linspace(1.0, 0.0, steps + 1)[:-1].numpy()  # numpy's own linspace rounds otherwise
    if solver is Solver.EULER:
        euler = FlowMatchEulerDiscreteScheduler(num_train_timesteps=TRAIN_TIMESTEPS, shift=shift)
        euler.set_timesteps(sigmas=grid)
        return _from_the_first_step(euler)
    unipc = UniPCMultistepScheduler(
        num_train_timesteps=TRAIN_TIMESTEPS,
        prediction_type="flow_prediction",
        use_flow_sigmas=True,
        flow_shift=shift,
    )
    unipc.set_timesteps(sigmas=grid)
    return _from_the_first_step(unipc)


def _from_the_first_step(scheduler: FlowMatchEulerDiscreteScheduler | UniPCMultistepScheduler) -> FlowSolver:
    """Return the solver. Left to itself the scheduler looks its first step up by a rounded timestep, and with
    a strong shift the first ones are alike.
    """
    scheduler.set_begin_index(0)
    return _DiffusersSolver(scheduler)
