"""From noise to latents: the steps of one pass, told and stoppable one by one.

Shapes: latents [16, F, h, w], float32; K of the F latent frames may be known before.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from engine.sampling.flow_solver import FlowSolver
from engine.sampling.guided_velocity import Velocity

LATENT_CHANNELS = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepDone:
    """A step that is done: its number from 1, how many there are, and what the picture looks like by now.

    `clean_16FHW` is the prediction of the noiseless latents, x - sigma * velocity; known ones are themselves.
    """

    step: int
    steps: int
    clean_16FHW: torch.Tensor


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
    on_step: Callable[[StepDone], None] | None = None,
) -> torch.Tensor:
    """Return the clean latents [16, F, h, w] that noise flows to.

    What `on_step` raises ends the pass. Known latents are re-noised and put back before every step and come
    out unchanged. Guidance and steps are computed in float32.
    """
    latents = noise_16FHW.float()
    steps = len(solver.timesteps)
    for step, timestep in enumerate(solver.timesteps):
        sigma = solver.sigma(step)
        if known is not None:
            latents = known.put_into(latents, noise_16FHW, sigma)
        moving = velocity(latents, timestep, step)
        clean = latents - sigma * moving
        if known is not None:
            clean = known.put_into(clean, noise_16FHW, 0.0)
        latents = solver.step(step, moving, latents)
        if on_step is not None:
            on_step(StepDone(step=step + 1, steps=steps, clean_16FHW=clean))
    return latents if known is None else known.put_into(latents, noise_16FHW, 0.0)
