"""A timestep as the shifts, scales and gates of all blocks.

The transformer was trained with waves computed in float64 and embedded in float32 (Wan2.1,
`sinusoidal_embedding_1d` and what follows it). At a timestep near 1000 waves in float32 are wrong by 6e-5,
and a modulation rounded to bfloat16 by 4e-3 of its size: both are felt in every token of every block.

Shapes: C the transformer's width.
"""

import torch
import torch.nn.functional as F
from diffusers.models.transformers.transformer_wan import WanTimeTextImageEmbedding

_LONGEST_WAVE = 10_000
MODULATION_VECTORS = 6


def timestep_embedding(
    embedder: WanTimeTextImageEmbedding, timestep: torch.Tensor, offset_C: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a timestep's embedding [1, C] and its six modulation vectors [1, 6, C], both float32.

    `timestep`: a number in 0..1000 as a tensor of no or one dimension; `offset_C` is added to the embedding
    (FantasyTalking's motion intensity).
    """
    weight = next(embedder.time_embedder.parameters())
    waves = timestep_waves(timestep, embedder.timesteps_proj.num_channels)
    embedding_1C = embedder.time_embedder(waves.to(weight.dtype).to(weight.device)).float()
    if offset_C is not None:
        embedding_1C = embedding_1C + offset_C.to(embedding_1C)
    return embedding_1C, _modulation(embedder.time_proj, embedder.act_fn(embedding_1C))


def timestep_waves(timestep: torch.Tensor, count: int) -> torch.Tensor:
    """Return cosines, then sines [1, count], float64, on the processor: not every device has float64."""
    place = timestep.detach().reshape(1, 1).to(device="cpu", dtype=torch.float64)
    half = count // 2
    frequencies = torch.pow(_LONGEST_WAVE, -torch.arange(half, dtype=torch.float64) / half)
    return torch.cat([torch.cos(place * frequencies), torch.sin(place * frequencies)], dim=1)


def _modulation(projection: torch.nn.Linear, active_1C: torch.Tensor) -> torch.Tensor:
    """Return the projection [1, 6, C] in float32, vector by vector: its weights are many."""
    weights = projection.weight.chunk(MODULATION_VECTORS)
    biases = projection.bias.chunk(MODULATION_VECTORS)
    vectors = [
        F.linear(active_1C.to(weight.device), weight.float(), bias.float())
        for weight, bias in zip(weights, biases, strict=True)
    ]
    return torch.stack(vectors, dim=1)
