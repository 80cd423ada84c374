"""The libraries' ways of computing with a transformer whose weights wait on the host.

Where diffusers' and accelerate's hooks are called with Masque's step, its loop over the blocks is the forward
of a module, so that they see where a step begins and ends. Each block's table of shifts and scales stays on
the device: no layer owns it, so no hook would bring it where the loop uses it.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import torch
from diffusers.hooks import HookRegistry
from diffusers.models.transformers.transformer_wan import WanTransformerBlock
from torch import nn

from engine.benchmark.stream_measuring import ReadyWay, Way
from engine.benchmark.stream_model import (
    StreamShot,
    WholeTransformer,
    module_bytes,
    untouched_transformer,
    whole_transformer,
)
from engine.benchmark.stream_options import StreamPart
from engine.benchmark.stream_plans import STEPS_OF_A_PASS
from engine.memory.lending import AtHand, Lender
from engine.memory.library_offload import group_offloaded, layer_by_layer
from engine.planning.guidance import TextRole
from engine.sampling.guided_velocity import DiffusionModel, GuidedVelocity
from engine.sampling.key_value_bank import bank_bytes
from engine.sampling.lockstep import USUAL_TOKENS, TokenHandling

OWN_FORWARD_RESIDENT = "diffusers, resident"
_PROCESSOR = torch.device("cpu")
_TABLE = "scale_shift_table"
_HOOKS = ("layer_execution_tracker", "group_offloading")
_Offload = Callable[[nn.Module], AbstractContextManager[None]]


class SteppedBlocks(nn.Module):
    """Blocks whose forward is one of Masque's steps over them.

    It has a parameter of its own: only with one does diffusers look for the order of the blocks, which it
    needs to fetch the next while one is computed.
    """

    def __init__(self, blocks: Sequence[WanTransformerBlock], device: torch.device) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.own = nn.Parameter(torch.zeros(1), requires_grad=False)
        for block in blocks:
            table = block.scale_shift_table.detach().to(device)
            delattr(block, _TABLE)
            setattr(block, _TABLE, table)
            block.attn2.norm_k = block.attn2.norm_added_k = None  # never called: diffusers would warn of them

    def forward(self, step: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return what the step gives."""
        return step()


class HookedBlocks:
    """Lends blocks as if the forward of each were called: diffusers' hooks on it run before and after."""

    def __init__(self, blocks: Sequence[WanTransformerBlock]) -> None:
        self._blocks = blocks

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._blocks)

    @contextmanager
    def use(self, number: int) -> Iterator[WanTransformerBlock]:
        """Lend a block."""
        block = self._blocks[number]
        registry = HookRegistry.check_if_exists_or_initialize(block)
        hooks = [hook for name in _HOOKS if (hook := registry.get_hook(name)) is not None]
        for hook in hooks:
            hook.pre_forward(block)
        yield block
        for hook in reversed(hooks):
            hook.post_forward(block, None)


def resident_way(shot: StreamShot, name: str, handlings: Collection[TokenHandling] = ()) -> Way:
    """Return the reference: everything on the device. It is computed in other handlings as well."""
    return Way(name=name, part=StreamPart.RESIDENT, open=lambda: _resident(shot, handlings), reference=None)


def group_ways(shot: StreamShot, resident: str) -> list[Way]:
    """Return diffusers' group offloading with streams, in Masque's step and in diffusers' own forward."""

    def way(name: str, opened: Callable[[], AbstractContextManager[ReadyWay]], reference: str | None) -> Way:
        return Way(name=name, part=StreamPart.GROUP, open=opened, reference=reference)

    return [
        way("groups of layers", lambda: _layers_in_groups(shot), resident),
        way("groups of blocks", lambda: _blocks_in_groups(shot), resident),
        way(OWN_FORWARD_RESIDENT, lambda: _own_forward_resident(shot), None),
        way("diffusers, blocks", lambda: _own_forward(shot, 1), OWN_FORWARD_RESIDENT),
        way("diffusers, layers", lambda: _own_forward(shot, None), OWN_FORWARD_RESIDENT),
    ]


def accelerate_way(shot: StreamShot, resident: str) -> Way:
    """Return accelerate's `cpu_offload`: every layer is fetched when it is called."""
    return Way(
        name="accelerate",
        part=StreamPart.ACCELERATE,
        open=lambda: _stepped(shot, lambda blocks: layer_by_layer(blocks, shot.device), AtHand),
        reference=resident,
    )


@contextmanager
def _resident(shot: StreamShot, handlings: Collection[TokenHandling]) -> Iterator[ReadyWay]:
    whole = whole_transformer(shot, shot.device)

    def step(tokens: TokenHandling = USUAL_TOKENS) -> torch.Tensor:
        velocity = _velocity(shot, whole, AtHand(whole.blocks), tokens)
        return velocity(shot.latents_16FHW, shot.timestep, 0)

    yield ReadyWay(
        step=step,
        held_bytes=module_bytes(whole.frame) + sum(map(module_bytes, whole.blocks)) + bank_bytes(whole.bank),
        handled=lambda: {tokens: step(tokens) for tokens in handlings},
    )


def _layers_in_groups(shot: StreamShot) -> AbstractContextManager[ReadyWay]:
    return _stepped(shot, lambda blocks: group_offloaded(blocks, shot.device), AtHand)


def _blocks_in_groups(shot: StreamShot) -> AbstractContextManager[ReadyWay]:
    return _stepped(
        shot,
        lambda blocks: group_offloaded(blocks, shot.device, blocks_per_group=1),
        HookedBlocks,
    )


@contextmanager
def _stepped(
    shot: StreamShot,
    offloaded: _Offload,
    lent: Callable[[Sequence[WanTransformerBlock]], Lender[WanTransformerBlock]],
) -> Iterator[ReadyWay]:
    """Open Masque's step over blocks on the processor, brought to the device by a library's hooks."""
    whole = whole_transformer(shot, _PROCESSOR)
    stepped = SteppedBlocks(whole.blocks, shot.device)
    velocity = _velocity(shot, whole, lent(whole.blocks))
    with offloaded(stepped):
        yield ReadyWay(
            step=lambda: stepped(lambda: velocity(shot.latents_16FHW, shot.timestep, 0)), held_bytes=None
        )


def _velocity(
    shot: StreamShot,
    whole: WholeTransformer,
    blocks: Lender[WanTransformerBlock],
    tokens: TokenHandling = USUAL_TOKENS,
) -> GuidedVelocity:
    model = DiffusionModel(
        transformer=whole.frame, projections=shot.projections, blocks=blocks, tokens=tokens
    )
    return GuidedVelocity(model, shot.conditions, shot.scales, steps=STEPS_OF_A_PASS, bank=AtHand(whole.bank))


@contextmanager
def _own_forward_resident(shot: StreamShot) -> Iterator[ReadyWay]:
    model = untouched_transformer(shot, shot.device)
    yield ReadyWay(step=lambda: _two_forwards(shot, model), held_bytes=module_bytes(model))


@contextmanager
def _own_forward(shot: StreamShot, blocks_per_group: int | None) -> Iterator[ReadyWay]:
    model = untouched_transformer(shot, _PROCESSOR)
    with group_offloaded(model, shot.device, blocks_per_group=blocks_per_group):
        yield ReadyWay(step=lambda: _two_forwards(shot, model), held_bytes=None)


@torch.inference_mode()
def _two_forwards(shot: StreamShot, model: nn.Module) -> torch.Tensor:
    """Return the guided velocity as diffusers computes it: a forward for each text, without any adapter."""
    like = shot.blocks.number_format
    noisy = torch.cat([shot.latents_16FHW, shot.conditions.plate_20FHW])[None].to(like)
    image = shot.conditions.image_tokens[None].to(like)
    found = {}
    for role in (TextRole.PROMPT, TextRole.NEGATIVE):
        (velocity,) = model(
            hidden_states=noisy,
            timestep=shot.timestep.reshape(1),
            encoder_hidden_states=shot.conditions.text[role][None].to(like),
            encoder_hidden_states_image=image,
            return_dict=False,
        )
        found[role] = velocity[0].float()
    return found[TextRole.NEGATIVE] + shot.scales.text * (found[TextRole.PROMPT] - found[TextRole.NEGATIVE])
