"""Random tiny transformers with adapters, and random shots for them."""

import torch
from diffusers import WanTransformer3DModel

from engine.networks.adapter_projections import AdapterProjections
from engine.networks.shot_tokens import CharacterTokens, TokenRegions
from engine.networks.token_windows import expression_windows, voice_windows
from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import TextRole
from engine.sampling.conditions import ShotConditions
from engine.sampling.guided_velocity import DiffusionModel

ADAPTER_WIDTH, TEXT_WIDTH, IMAGE_WIDTH = 10, 14, 18
EXPRESSION, VOICE, IDENTITY = AdapterName.EXPRESSION, AdapterName.VOICE, AdapterName.IDENTITY


def random_model(seed, *, heads, head_width, blocks=2, adapters=(EXPRESSION, VOICE)):
    """A transformer whose adapters say about as much as the text does."""
    torch.manual_seed(seed)
    transformer = WanTransformer3DModel(
        num_attention_heads=heads,
        attention_head_dim=head_width,
        in_channels=36,
        out_channels=16,
        text_dim=TEXT_WIDTH,
        freq_dim=32,
        ffn_dim=2 * heads * head_width,
        num_layers=blocks,
        image_dim=IMAGE_WIDTH,
        added_kv_proj_dim=heads * head_width,
        rope_max_seq_len=64,
    ).eval()
    projections = {
        name: AdapterProjections(width=ADAPTER_WIDTH, model_width=heads * head_width, blocks=blocks)
        for name in adapters
    }
    for projection in projections.values():
        for linear in (*projection.keys, *projection.values):
            torch.nn.init.normal_(linear.weight, std=ADAPTER_WIDTH**-0.5)
    return DiffusionModel(transformer=transformer, projections=projections)


def random_character(generator, frame_count, *, spoken):
    """Tokens as a clip or a voice gives them, with a strength and a presence for each latent frame."""
    frames = (frame_count - 1) // 4 + 1
    count = max(3, int(frame_count * 2.17)) if spoken else 24 * frame_count
    return CharacterTokens(
        tokens_KD=torch.randn(count, ADAPTER_WIDTH, generator=generator),
        windows=voice_windows(frame_count, count) if spoken else expression_windows(frame_count),
        strength_F=1.5 * torch.rand(frames, generator=generator),
        present_F=torch.rand(frames, generator=generator) < 0.85,
    )


def random_regions(generator, frames, spatial, people, *, feathered):
    """Every token of every frame is somebody's or nobody's, by chance."""
    owner = torch.randint(0, people + 1, (frames, spatial), generator=generator)
    share = torch.rand(frames, spatial, generator=generator) if feathered else torch.ones(frames, spatial)
    return TokenRegions(owner_FS=owner, share_FS=torch.where(owner > 0, share, torch.zeros(())))


def random_text(generator):
    """A text of some words, padded with zeros."""
    words = int(torch.randint(1, 60, (), generator=generator))
    text = torch.zeros(512, TEXT_WIDTH)
    text[:words] = torch.randn(words, TEXT_WIDTH, generator=generator)
    return text


def random_shot(seed, *, frame_count, rows, columns, people, feathered=True):
    """Conditions of a shot: each character has a clip, a voice, both or nothing."""
    generator = torch.Generator().manual_seed(seed)
    frames = (frame_count - 1) // 4 + 1
    adapters = {}
    for name in (EXPRESSION, VOICE):
        labels = [n for n in range(1, people + 1) if torch.rand((), generator=generator) < 0.75]
        adapters[name] = {n: random_character(generator, frame_count, spoken=name is VOICE) for n in labels}
    return ShotConditions(
        text={role: random_text(generator) for role in TextRole},
        image_tokens=torch.randn(257, IMAGE_WIDTH, generator=generator),
        plate_20FHW=torch.randn(20, frames, rows, columns, generator=generator),
        regions=random_regions(generator, frames, rows * columns // 4, people, feathered=feathered),
        adapters=adapters,
    )
