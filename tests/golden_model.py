"""The tiny published model of tests/data/golden with its inputs: for tests and for the golden table."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file

from engine.memory.lending import AtHand
from engine.networks.adapter_attention import group_rows
from engine.networks.shot_tokens import CharacterTokens, TokenRegions
from engine.networks.token_windows import expression_windows, voice_windows
from engine.planning.adapter_names import AdapterName
from engine.planning.guidance import Branch, TextRole
from engine.sampling.conditions import ShotConditions
from engine.sampling.guided_velocity import DiffusionModel
from engine.sampling.key_value_bank import key_value_bank
from engine.sampling.lockstep import LockstepTransformer
from engine.weights.adapter_loader import load_expression_adapter, load_voice_adapter
from engine.weights.transformer_loader import load_transformer

GOLDEN = Path(__file__).resolve().parent / "data" / "golden"
FRAMES, LATENT_FRAMES, SPATIAL = 17, 5, 30
BOTH = frozenset({AdapterName.EXPRESSION, AdapterName.VOICE})


@dataclass(frozen=True, kw_only=True)
class GoldenModel:
    """The model, its token networks, the inputs and what the published code made of them."""

    model: DiffusionModel
    expression_tokens: torch.nn.Module
    voice_tokens: torch.nn.Module
    inputs: dict[str, torch.Tensor]
    outputs: dict[str, torch.Tensor]


@cache
def golden() -> GoldenModel:
    """Load everything once."""
    shards = sorted(GOLDEN.glob("diffusion_pytorch_model-*.safetensors"))
    transformer = load_transformer(shards, dtype=torch.float32, heads=4)
    portrait = load_expression_adapter(GOLDEN / "fantasyportrait_tiny.ckpt", torch.float32, head_width=12)
    talking = load_voice_adapter(GOLDEN / "fantasytalking_tiny.ckpt", torch.float32)
    return GoldenModel(
        model=DiffusionModel(
            transformer=transformer,
            projections={
                AdapterName.EXPRESSION: portrait.projections,
                AdapterName.VOICE: talking.projections,
            },
        ),
        expression_tokens=portrait.tokens,
        voice_tokens=talking.tokens,
        inputs=load_file(GOLDEN / "inputs.safetensors"),
        outputs=load_file(GOLDEN / "outputs.safetensors"),
    )


def clip(letter: str, strength: float = 1.0) -> CharacterTokens:
    """Return the tokens of the features A, B or C."""
    known = golden()
    with torch.inference_mode():
        tokens = known.expression_tokens(known.inputs[f"features{letter}"][0])
    return character(tokens, expression_windows(FRAMES), strength)


def voice(strength: float = 1.0) -> CharacterTokens:
    """Return the tokens of the sound."""
    known = golden()
    with torch.inference_mode():
        tokens = known.voice_tokens(known.inputs["audio_hidden"][0])
    return character(tokens, voice_windows(FRAMES, tokens.shape[0]), strength)


def character(tokens, windows, strength=1.0) -> CharacterTokens:
    """Return a character that is there throughout."""
    frames = windows.indices_FL.shape[0]
    return CharacterTokens(
        tokens_KD=tokens,
        windows=windows,
        strength_F=torch.full((frames,), float(strength)),
        present_F=torch.ones(frames, dtype=torch.bool),
    )


def nobodys_regions() -> TokenRegions:
    """Return regions in which every token belongs to nobody: the published scripts for one face."""
    owner = torch.zeros(LATENT_FRAMES, SPATIAL, dtype=torch.long)
    return TokenRegions(owner_FS=owner, share_FS=torch.zeros(owner.shape))


def labelled_regions(labels: torch.Tensor) -> TokenRegions:
    """Return regions constant in time from one label for each token of a latent frame."""
    owner = labels.flatten().long().expand(LATENT_FRAMES, -1).contiguous()
    return TokenRegions(owner_FS=owner, share_FS=(owner > 0).float())


def two_face_regions() -> TokenRegions:
    """Return the regions of the published boxes of two faces, pooled by 16 as published: 5 x 6 tokens."""
    pixels = torch.zeros(80, 96)
    for number, (left, top, right, bottom) in enumerate(golden().outputs["extended_boxes"].tolist()):
        pixels[top:bottom, left:right] = number + 1
    return labelled_regions(torch.nn.functional.max_pool2d(pixels[None, None], 16)[0, 0])


def conditions(adapters, regions=None) -> ShotConditions:
    """Return the golden shot's conditions with these adapters."""
    known = golden().inputs
    return ShotConditions(
        text={TextRole.PROMPT: padded(known["text"]), TextRole.NEGATIVE: padded(known["negative_text"])},
        image_tokens=known["clip_hidden"][0],
        plate_20FHW=known["condition"][0],
        regions=nobodys_regions() if regions is None else regions,
        adapters=adapters,
    )


def padded(text: torch.Tensor) -> torch.Tensor:
    """Return a text's tokens with zeros up to 512."""
    return torch.cat([text[0], text.new_zeros(512 - text.shape[1], text.shape[2])])


def forward(adapters, regions=None, branch=None) -> torch.Tensor:
    """Return one forward of one branch [16, F, h, w]."""
    known, shot = golden(), conditions(adapters, regions)
    bank = key_value_bank(known.model.transformer, known.model.projections, shot)
    groups = {name: group_rows(shot.regions, people) for name, people in adapters.items()}
    chosen = branch or Branch(text=TextRole.PROMPT, adapters=frozenset(adapters))
    noisy = torch.cat([known.inputs["latents"][0], known.inputs["condition"][0]])
    transformer = LockstepTransformer(known.model.transformer, AtHand(bank))
    return transformer.velocities(noisy, known.inputs["timestep"], [chosen], groups)[chosen]
