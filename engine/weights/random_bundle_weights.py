"""Random weights that keep activations at about one, from one seed for each part of a test bundle."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import save_file


@contextmanager
def seeded(part: str, seed: int) -> Iterator[None]:
    """Let torch's random numbers on the processor follow from a part's name and a seed, in here only."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int.from_bytes(hashlib.sha256(f"{part} {seed}".encode()).digest()[:4], "little"))
        yield


def random_like(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return random weights of the same names and shapes, drawn in the order of names.

    Matrices and kernels keep the variance of what goes through them, norms scale by about one, running
    variances are about one and never negative, whole numbers are zero.
    """
    return {name: _random(name, weights[name]) for name in sorted(weights)}


def write_tensors(path: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Write a safetensors file, making its folder. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: weights[name].contiguous() for name in sorted(weights)}, path, metadata={"format": "pt"})


def _random(name: str, like: torch.Tensor) -> torch.Tensor:
    if not like.is_floating_point():
        return torch.zeros_like(like)
    drawn = torch.randn(like.shape)
    if name.endswith("running_var"):
        return 1 + 0.1 * drawn.abs()
    if like.ndim > 1:
        return drawn / max(1, like[0].numel()) ** 0.5
    return 0.1 * drawn + (1.0 if name.endswith("weight") else 0.0)
