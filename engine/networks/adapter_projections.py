"""An adapter's key and value projections: one pair of bias-free Linears for each block.

Shapes: D the adapter's width, C the transformer's width. Published: FantasyPortrait
(`ip_adapter_single_stream_{k,v}_proj`) and FantasyTalking (`{k,v}_proj`), 40 blocks, 2048 -> 5120.
"""

import torch
import torch.nn.functional as F
from torch import nn


class AdapterProjections(nn.Module):
    """`keys` and `values` hold a Linear D -> C for each block, zero at first: it says nothing."""

    def __init__(self, *, width: int, model_width: int, blocks: int) -> None:
        super().__init__()
        self.width = width
        self.model_width = model_width
        self.keys = nn.ModuleList(nn.Linear(width, model_width, bias=False) for _ in range(blocks))
        self.values = nn.ModuleList(nn.Linear(width, model_width, bias=False) for _ in range(blocks))
        for projection in (*self.keys, *self.values):
            nn.init.zeros_(projection.weight)

    def forward(self, tokens_KD: torch.Tensor, block: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return keys and values [K, C] of tokens [K, D] for one block, on the tokens' device.

        Projections that lie elsewhere visit it for this: all of them are 1.7 GB at 14 B.
        """
        device = tokens_KD.device
        keys_KC = F.linear(tokens_KD, self.keys[block].get_parameter("weight").to(device))
        values_KC = F.linear(tokens_KD, self.values[block].get_parameter("weight").to(device))
        return keys_KC, values_KC
