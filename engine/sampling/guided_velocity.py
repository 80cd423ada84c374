"""The guided velocity of a shot, or of one piece of it: all branches of a step, added up by their weights.

Shapes: latents [16, F, h, w]; F latent frames.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanTransformerBlock

from engine.memory.lending import AtHand, Lender
from engine.networks.adapter_attention import RowGroup, group_rows
from engine.networks.adapter_projections import AdapterProjections
from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import Branch, GuidanceScales, weighted_branches
from engine.sampling.conditions import ShotConditions
from engine.sampling.key_value_bank import BlockKeysValues, key_value_bank
from engine.sampling.lockstep import USUAL_TOKENS, LockstepTransformer, TokenHandling


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DiffusionModel:
    """The transformer and the adapters' projections, ready for use.

    `blocks`: where they are brought to the device one by one; else the transformer's own are on it. The
    projections may lie on the processor: those of a block visit the device when they are needed.
    """

    transformer: WanTransformer3DModel
    projections: Mapping[AdapterName, AdapterProjections]
    blocks: Lender[WanTransformerBlock] | None = None
    tokens: TokenHandling = USUAL_TOKENS

    @property
    def device(self) -> torch.device:
        """Where the transformer computes."""
        return self.transformer.patch_embedding.weight.device


class Velocity(Protocol):
    """Something that says where noisy latents flow to."""

    def __call__(self, latents_16FHW: torch.Tensor, timestep: torch.Tensor, step: int) -> torch.Tensor:
        """Return the guided velocity [16, F, h, w], float32, on the device of the latents."""


class GuidedVelocity:
    """The velocity of a shot under its conditions. `forwards` counts the transformer's forwards so far.

    `bank`: keys and values made for these conditions or for the whole shot they are cut from.
    """

    def __init__(
        self,
        model: DiffusionModel,
        conditions: ShotConditions,
        scales: GuidanceScales,
        *,
        steps: int,
        bank: Lender[BlockKeysValues] | None = None,
        on_block: Callable[[], None] | None = None,
    ) -> None:
        self._shot = conditions.branches
        self._scales = scales
        self._steps = steps
        self._plate_20FHW = conditions.plate_20FHW.to(device=model.device, dtype=torch.float32)
        self._time_offset_C = conditions.time_offset_C
        if bank is None:
            bank = AtHand(key_value_bank(model.transformer, model.projections, conditions))
        self._transformer = LockstepTransformer(
            model.transformer, bank, blocks=model.blocks, tokens=model.tokens, on_block=on_block
        )
        self._groups = _groups(conditions, model.device)
        self.forwards = 0

    def branches(self, step: int) -> Mapping[Branch, float]:
        """Return what a step computes, with weights."""
        return weighted_branches(self._scales, self._shot, step=step, steps=self._steps)

    def __call__(self, latents_16FHW: torch.Tensor, timestep: torch.Tensor, step: int) -> torch.Tensor:
        """Return the guided velocity; the sum over branches is taken in float32."""
        weights = self.branches(step)
        noisy = torch.cat([latents_16FHW.to(self._plate_20FHW), self._plate_20FHW])
        velocities = self._transformer.velocities(
            noisy, timestep, tuple(weights), self._groups, self._time_offset_C
        )
        self.forwards += len(weights)
        guided = torch.zeros_like(latents_16FHW, dtype=torch.float32)
        for branch, weight in weights.items():
            guided += weight * velocities[branch].to(guided)
        return guided


def _groups(conditions: ShotConditions, device: torch.device) -> dict[AdapterName, tuple[RowGroup, ...]]:
    return {
        name: tuple(group.to(device) for group in group_rows(conditions.regions, characters))
        for name, characters in conditions.adapters.items()
    }
