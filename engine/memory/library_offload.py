"""Networks whose weights pass through the device layer by layer, the libraries' ways.

For encoders, which run once for a take and are no matter of seconds, and to compare with. The transformer has
a way of its own (`engine.memory.block_streamer`).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate import cpu_offload  # type: ignore[import-untyped]  # it has no types
from accelerate.hooks import remove_hook_from_submodules  # type: ignore[import-untyped]  # nor these
from diffusers.hooks import HookRegistry, apply_group_offloading
from torch import nn

_PROCESSOR = torch.device("cpu")
_GROUP_HOOKS = ("group_offloading", "layer_execution_tracker", "lazy_prefetch_group_offloading")


@contextmanager
def layer_by_layer(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Let a network on the processor compute on a device that holds one layer's weights at a time.

    accelerate's `cpu_offload`: each layer is fetched when it is called and forgotten after. The most it takes
    there at once is the largest layer: a text encoder's table of words. Afterwards the network is as before.
    """
    cpu_offload(network, execution_device=device)
    try:
        yield
    finally:
        remove_hook_from_submodules(network)


@contextmanager
def group_offloaded(
    network: nn.Module, device: torch.device, *, blocks_per_group: int | None = None
) -> Iterator[None]:
    """Let a network on the processor compute on a device by diffusers' group offloading.

    Groups of `blocks_per_group` blocks, or of single layers (None). On a card the next group is fetched on a
    stream of its own; that keeps a pinned copy of the network, so it is in memory twice at the beginning.
    """
    streams = device.type == "cuda"
    apply_group_offloading(
        network,
        onload_device=device,
        offload_device=_PROCESSOR,
        offload_type="leaf_level" if blocks_per_group is None else "block_level",
        num_blocks_per_group=blocks_per_group,
        use_stream=streams,
        record_stream=streams,
    )
    try:
        yield
    finally:
        registry = HookRegistry.check_if_exists_or_initialize(network)
        for name in _GROUP_HOOKS:
            registry.remove_hook(name, recurse=True)
        network.to(_PROCESSOR)
