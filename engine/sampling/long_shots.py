"""A long shot denoised at once: velocities of overlapping windows, blended by linear cross-fades."""

from collections.abc import Callable

import torch

from engine.planning.shot_pieces import WindowPlan
from engine.sampling.guided_velocity import Velocity


def blend_weights(start: int, end: int, *, latent_frames: int, overlap: int) -> torch.Tensor:
    """Return a window's weights [end - start]: linear over the overlaps, 1 between and at the shot's ends."""
    length = end - start
    weights = torch.ones(length)
    ramp = torch.arange(1, overlap + 1, dtype=torch.float32) / (overlap + 1)
    if start > 0:
        weights[:overlap] = torch.minimum(weights[:overlap], ramp[:length])
    if end < latent_frames:
        weights[length - overlap :] = torch.minimum(weights[length - overlap :], ramp.flip(0)[-length:])
    return weights


class BlendedVelocity:
    """The velocity of a whole shot, blended from those of its windows; `velocity_of` makes one when due."""

    def __init__(self, plan: WindowPlan, velocity_of: Callable[[int, int], Velocity]) -> None:
        self._plan = plan
        self._velocity_of = velocity_of

    def __call__(self, latents_16FHW: torch.Tensor, timestep: torch.Tensor, step: int) -> torch.Tensor:
        """Return the velocity [16, F, h, w], each latent frame a mean over the windows it lies in."""
        total = torch.zeros_like(latents_16FHW, dtype=torch.float32)
        weight_F = torch.zeros(latents_16FHW.shape[1], device=total.device)
        for start, end in self._plan.windows(step):
            weights = blend_weights(
                start, end, latent_frames=self._plan.latent_frames, overlap=self._plan.overlap
            ).to(total.device)
            found = self._velocity_of(start, end)(latents_16FHW[:, start:end], timestep, step)
            total[:, start:end] += found * weights[None, :, None, None]
            weight_F[start:end] += weights
        return total / weight_F[None, :, None, None]
