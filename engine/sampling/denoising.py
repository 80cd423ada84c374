"""From noise to latents: the steps of one pass, told and stoppable one by one, and gone on with after any.

The noise at the start, drawn from a seed on the processor, is all that is random in a pass: no step draws a
number, so there is no state of a random generator to keep.

Shapes: latents [16, F, h, w], float32; K of the F latent frames may be known before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from engine.sampling.flow_solver import FlowSolver
from engine.sampling.guided_velocity import Velocity

LATENT_CHANNELS = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DenoisingState:
    """A pass after `step` of its `steps` steps: all that the rest depends on beside noise and velocity.

    The tensors are those of the pass itself, wherever it has them; nothing writes to them afterwards.
    """

    step: int
    steps: int
    latents_16FHW: torch.Tensor
    solver_state: Mapping[str, torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepDone:
    """A step that is done: its number from 1, how many there are, and what the picture looks like by now.

    `clean_16FHW` is the prediction of the noiseless latents, x - sigma * velocity; known ones are themselves.
    `state` is for a checkpoint: going on from it gives what this pass will give.
    """

    step: int
    steps: int
    clean_16FHW: torch.Tensor
    state: DenoisingState


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownStart:
    """Latents [16, K, h, w] of the first latent frames, known from the piece before (motion frames)."""

    latents_16KHW: torch.Tensor

    def put_into(self, noisy_16FHW: torch.Tensor, noise_16FHW: torch.Tensor, sigma: float) -> torch.Tensor:
        """Return the latents with the known ones in place, as noisy as the rest."""
        count = self.latents_16KHW.shape[1]
        known = (1.0 - sigma) * self.latents_16KHW + sigma * noise_16FHW[:, :count]
        return torch.cat([known, noisy_16FHW[:, count:]], dim=1)


def shot_noise(seed: int, *, latent_frames: int, rows: int, columns: int) -> torch.Tensor:
    """Return the noise [16, F, h, w] of a whole shot, drawn as published: the same on every device."""
    generator = torch.Generator("cpu").manual_seed(seed)
    shape = (1, LATENT_CHANNELS, latent_frames, rows, columns)
    return torch.randn(shape, generator=generator, dtype=torch.float32)[0]


@torch.inference_mode()
def denoise(
    noise_16FHW: torch.Tensor,
    velocity: Velocity,
    solver: FlowSolver,
    *,
    known: KnownStart | None = None,
    resume: DenoisingState | None = None,
    on_step: Callable[[StepDone], None] | None = None,
) -> torch.Tensor:
    """Return the clean latents [16, F, h, w] that noise flows to.

    What `on_step` raises ends the pass. Known latents are re-noised and put back before every step and come
    out unchanged. Guidance and steps are computed in float32.

    With `resume` the pass goes on after that step; given the same noise, velocity and solver it ends with the
    very bits of an undisturbed one on the same device. Raises ValueError for a state of another pass.
    """
    timesteps = solver.timesteps
    begin, latents = (0, noise_16FHW.float()) if resume is None else _restored(resume, noise_16FHW, solver)
    for step in range(begin, len(timesteps)):
        sigma = solver.sigma(step)
        if known is not None:
            latents = known.put_into(latents, noise_16FHW, sigma)
        moving = velocity(latents, timesteps[step], step)
        clean = latents - sigma * moving
        if known is not None:
            clean = known.put_into(clean, noise_16FHW, 0.0)
        latents = solver.step(step, moving, latents)
        if on_step is not None:
            on_step(_told(step + 1, clean, latents, solver))
    return latents if known is None else known.put_into(latents, noise_16FHW, 0.0)


def _told(step: int, clean: torch.Tensor, latents: torch.Tensor, solver: FlowSolver) -> StepDone:
    steps = len(solver.timesteps)
    state = DenoisingState(step=step, steps=steps, latents_16FHW=latents, solver_state=solver.state())
    return StepDone(step=step, steps=steps, clean_16FHW=clean, state=state)


def _restored(
    state: DenoisingState, noise_16FHW: torch.Tensor, solver: FlowSolver
) -> tuple[int, torch.Tensor]:
    """Return the next step (from 0) and the latents before it, with the solver in the state it was in."""
    if state.steps != len(solver.timesteps):
        raise ValueError(f"a pass of {state.steps} steps cannot go on with {len(solver.timesteps)}")
    tensors = {"latents": state.latents_16FHW, **state.solver_state}
    shapes = {tuple(tensor.shape) for tensor in tensors.values() if tensor.is_floating_point()}
    if shapes != {tuple(noise_16FHW.shape)} or state.latents_16FHW.dtype != torch.float32:
        raise ValueError(f"latents of {sorted(shapes)} cannot go on as {tuple(noise_16FHW.shape)}")
    solver.restore(state.step, state.solver_state)
    return state.step, state.latents_16FHW.to(noise_16FHW.device)
