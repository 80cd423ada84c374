"""A transformer and adapters of random weights with a random shot, made where they compute.

Shapes: C the transformer's width, D the adapters'; F latent frames, S tokens of one, K tokens on a timeline;
latents are [16, F, h, w] with 2x2 of them to a token.
"""

from dataclasses import dataclass

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanRotaryPosEmbed
from torch import nn

from engine.benchmark.step_options import StepOptions
from engine.networks.adapter_projections import AdapterProjections
from engine.networks.shot_tokens import NOBODY, CharacterTokens, TokenRegions
from engine.networks.token_windows import TokenWindows, expression_windows, voice_windows
from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import TextRole
from engine.planning.token_ranges import TOKENS_PER_VIDEO_FRAME
from engine.sampling.conditions import ShotConditions
from engine.sampling.denoising import LATENT_CHANNELS
from engine.sampling.guided_velocity import DiffusionModel

TEXT_TOKENS, IMAGE_TOKENS, PLATE_CHANNELS = 512, 257, 20
PROMPT_LENGTH, NEGATIVE_LENGTH = 60, 120
VOICE_FRAME_RATE, SPEECH_TOKENS_PER_S = 23, 50
_SEED = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RandomShot:
    """All that a step needs; `timestep` is early in the pass."""

    model: DiffusionModel
    conditions: ShotConditions
    latents_16FHW: torch.Tensor
    timestep: torch.Tensor


def random_shot(options: StepOptions, device: torch.device, dtype: torch.dtype) -> RandomShot:
    """Return a model in `dtype` and a shot for it on `device`, the same each time.

    What diffusers keeps in float32 is so here; nothing of the model passes through the processor's memory.
    """
    generator = torch.Generator(device).manual_seed(_SEED)
    transformer = transformer_without_weights(options, dtype)
    fill_randomly(transformer, device, generator)
    projections = {
        name: random_projections(options, device, dtype, generator) for name in adapter_names(options)
    }
    return RandomShot(
        model=DiffusionModel(transformer=transformer.eval(), projections=projections),
        conditions=random_conditions(options, device, generator),
        latents_16FHW=random_latents(options, device, generator),
        timestep=early_timestep(device),
    )


def parameter_count(*modules: nn.Module) -> int:
    """Return how many numbers the modules learned."""
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def parameter_bytes(model: DiffusionModel) -> int:
    """Return how much memory the transformer and the adapters' projections take."""
    modules = (model.transformer, *model.projections.values())
    parameters = [parameter for module in modules for parameter in module.parameters()]
    return sum(parameter.numel() * parameter.element_size() for parameter in parameters)


def adapter_names(options: StepOptions) -> tuple[AdapterName, ...]:
    """Return the adapters that speak."""
    return (AdapterName.EXPRESSION, AdapterName.VOICE) if options.voice else (AdapterName.EXPRESSION,)


def transformer_without_weights(options: StepOptions, dtype: torch.dtype) -> WanTransformer3DModel:
    """Return the network on the meta device in its number formats; its rotary positions are there."""
    with torch.device("meta"):
        model = WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=options.heads,
            attention_head_dim=options.width // options.heads,
            in_channels=LATENT_CHANNELS + PLATE_CHANNELS,
            out_channels=LATENT_CHANNELS,
            text_dim=options.text_width,
            freq_dim=256,
            ffn_dim=options.feed_forward,
            num_layers=options.blocks,
            cross_attn_norm=True,
            eps=1e-6,
            image_dim=options.image_width,
            added_kv_proj_dim=options.width,
        )
    kept = set(WanTransformer3DModel._keep_in_fp32_modules)  # diffusers offers no other way to ask
    for name, parameter in model.named_parameters():
        stays = not kept.isdisjoint(name.split("."))
        parameter.data = parameter.data.to(torch.float32 if stays else dtype)
    rope = model.rope
    model.rope = WanRotaryPosEmbed(rope.attention_head_dim, rope.patch_size, rope.max_seq_len)
    return model


def random_projections(
    options: StepOptions, device: torch.device, dtype: torch.dtype, generator: torch.Generator
) -> AdapterProjections:
    """Return an adapter's projections."""
    with torch.device("meta"):
        projections = AdapterProjections(
            width=options.adapter_width, model_width=options.width, blocks=options.blocks
        )
    fill_randomly(projections.to(dtype), device, generator)
    return projections


@torch.no_grad()
def fill_randomly(module: nn.Module, device: torch.device, generator: torch.Generator) -> None:
    """Give a module its weights on a device: random ones that keep the variance of what goes through them.

    Whatever is on the meta device gets memory; buffers that have values keep them.
    """
    buffers = {name: buffer for name, buffer in module.named_buffers() if not buffer.is_meta}
    module.to_empty(device=device)
    for name, buffer in buffers.items():
        module.get_buffer(name).copy_(buffer)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(False)
        deviation = (
            0.1 if parameter.ndim == 1 or name.endswith("scale_shift_table") else _fan_in(parameter) ** -0.5
        )
        parameter.normal_(0.0, deviation, generator=generator)
        if parameter.ndim == 1 and name.endswith("weight"):
            parameter.add_(1.0)


def _fan_in(parameter: torch.Tensor) -> int:
    return parameter[0].numel()


def random_latents(options: StepOptions, device: torch.device, generator: torch.Generator) -> torch.Tensor:
    """Return noise [16, F, h, w]."""
    size = (options.latent_frames, 2 * options.rows, 2 * options.columns)
    return torch.randn(LATENT_CHANNELS, *size, device=device, generator=generator)


def early_timestep(device: torch.device) -> torch.Tensor:
    """Return a timestep early in the pass."""
    return torch.tensor(900.0, device=device)


def random_conditions(
    options: StepOptions, device: torch.device, generator: torch.Generator
) -> ShotConditions:
    """Return a shot whose characters are driven by every adapter."""
    size = (options.latent_frames, 2 * options.rows, 2 * options.columns)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, device=device, generator=generator)

    def text(length: int) -> torch.Tensor:
        return torch.cat(
            [drawn(length, options.text_width), drawn(TEXT_TOKENS - length, options.text_width) * 0.0]
        )

    return ShotConditions(
        text={TextRole.PROMPT: text(PROMPT_LENGTH), TextRole.NEGATIVE: text(NEGATIVE_LENGTH)},
        image_tokens=drawn(IMAGE_TOKENS, options.image_width),
        plate_20FHW=drawn(PLATE_CHANNELS, *size),
        regions=face_regions(options),
        adapters={
            name: {
                label: _character(drawn(tokens, options.adapter_width), windows)
                for label in range(1, options.characters + 1)
            }
            for name in adapter_names(options)
            for tokens, windows in (_timeline(name, options),)
        },
    )


def face_regions(options: StepOptions) -> TokenRegions:
    """Return a box for each character, side by side from left to right, with tokens of nobody around them."""
    owner_RC = torch.full((options.rows, options.columns), NOBODY, dtype=torch.int64)
    strip = options.columns / options.characters
    top, bottom = options.rows // 5, options.rows - options.rows // 5
    for number in range(options.characters):
        left, right = int((number + 0.15) * strip), int((number + 0.85) * strip)
        owner_RC[top:bottom, left : max(right, left + 1)] = number + 1
    owner_FS = owner_RC.flatten().expand(options.latent_frames, -1).contiguous()
    return TokenRegions(owner_FS=owner_FS, share_FS=(owner_FS != NOBODY).float())


def _timeline(name: AdapterName, options: StepOptions) -> tuple[int, TokenWindows]:
    """Return how many tokens a character has, and each latent frame's window into them."""
    frames = 4 * (options.latent_frames - 1) + 1
    if name is AdapterName.EXPRESSION:
        return TOKENS_PER_VIDEO_FRAME * frames, expression_windows(frames)
    tokens = max(1, round(frames * SPEECH_TOKENS_PER_S / VOICE_FRAME_RATE))
    return tokens, voice_windows(frames, tokens)


def _character(tokens_KD: torch.Tensor, windows: TokenWindows) -> CharacterTokens:
    frames = windows.lengths_F.shape[0]
    return CharacterTokens(
        tokens_KD=tokens_KD,
        windows=windows,
        strength_F=torch.ones(frames),
        present_F=torch.ones(frames, dtype=torch.bool),
    )
