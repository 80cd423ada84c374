"""FantasyPortrait's and FantasyTalking's adapters, as published (.ckpt) and as repackaged (.safetensors).

Source of the names: the published dictionaries. A repackaged file has the same names joined with dots; some
leave out `processor.` and the word before the blocks, and carry the expression encoder as `pd_fpg.*`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from engine.networks.adapter_projections import AdapterProjections
from engine.networks.adapters import ExpressionAdapter, VoiceAdapter
from engine.networks.expression_tokens import ExpressionTokens, ExpressionTokensConfig
from engine.networks.voice_tokens import VoiceTokens
from engine.protocol.errors import UserError
from engine.weights.file_sources import Shape
from engine.weights.module_filling import Naming, NumberFormats, check_module, fill_apart
from engine.weights.tensor_file import TensorFile, open_tensors
from engine.weights.weight_errors import unfitting_file
from engine.weights.weights_kind import WeightsKind, check_kind

PUBLISHED_HEAD_WIDTH = 64
"""The resamplers' heads as published; shapes do not tell."""

ENCODER_PREFIX = "pd_fpg."
"""What the expression encoder's names begin with in a repackaged adapter."""

_PROJECTION = re.compile(
    r"^(?P<before>.*)blocks\.(?P<block>\d+)\.cross_attn\."
    r"(?P<stem>(processor\.)?(ip_adapter_single_stream_)?)[kv]_proj\.weight$"
)
_TOKENS = "tokens"
_LETTERS = {"keys": "k", "values": "v"}


def load_expression_adapter(
    path: Path, dtype: torch.dtype, *, tokens_in_float32: bool = False, head_width: int | None = None
) -> ExpressionAdapter:
    """Return FantasyPortrait's adapter out of one file, its sizes read from the shapes, in memory of its own.

    `tokens_in_float32`: whether what makes tokens is in float32 where the projections are not. `head_width`:
    of the resamplers, where it is known not to be as published (64). Raises UserError for a file that is
    damaged, something else, or not as it is published.
    """
    file = open_tensors([path])
    check_kind(file, WeightsKind.EXPRESSION_ADAPTER)
    shapes = _KnownShapes(file)
    config = _expression_config(shapes, head_width)
    names = _ProjectionNames.of(file)
    with torch.device("meta"):
        tokens = ExpressionTokens(config)
        projections = names.empty_projections(config.width)
    naming = Naming(name_in_file=_naming("", names), passed_over=lambda key: key.startswith(ENCODER_PREFIX))
    _fill(tokens, projections, file, naming, _formats(dtype, tokens_in_float32))
    return ExpressionAdapter(tokens=tokens, projections=projections)


def load_voice_adapter(path: Path, dtype: torch.dtype, *, tokens_in_float32: bool = False) -> VoiceAdapter:
    """Return FantasyTalking's adapter out of one file, its sizes read from the shapes, in memory of its own.

    `tokens_in_float32`: whether what makes tokens is in float32 where the projections are not. Raises
    UserError for a file that is damaged, something else, or not as it is published.
    """
    file = open_tensors([path])
    check_kind(file, WeightsKind.VOICE_ADAPTER)
    width, speech_width = _KnownShapes(file).shape("proj_model.proj.weight", 2)
    names = _ProjectionNames.of(file)
    with torch.device("meta"):
        tokens = VoiceTokens(speech_width=speech_width, width=width)
        projections = names.empty_projections(width)
    naming = Naming(name_in_file=_naming("proj_model.", names))
    _fill(tokens, projections, file, naming, _formats(dtype, tokens_in_float32))
    return VoiceAdapter(tokens=tokens, projections=projections)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProjectionNames:
    """What one file calls the projections of a block, for how many blocks, and how wide the blocks are."""

    before: str
    stem: str
    blocks: int
    model_width: int

    @classmethod
    def of(cls, file: TensorFile) -> "_ProjectionNames":
        """Read the names from the file: the first projection's way is expected of all of them."""
        found = [match for key in file.keys() if (match := _PROJECTION.match(key))]  # noqa: SIM118
        if not found:
            raise unfitting_file(file.paths[0], "lack the projections of the transformer's blocks")
        first = found[0]
        model_width = _KnownShapes(file).shape(first.string, 2)[0]
        blocks = len({match["block"] for match in found})
        return cls(before=first["before"], stem=first["stem"], blocks=blocks, model_width=model_width)

    def empty_projections(self, width: int) -> AdapterProjections:
        return AdapterProjections(width=width, model_width=self.model_width, blocks=self.blocks)

    def name(self, key: str) -> str:
        """Return the file's name of a tensor of AdapterProjections (`keys.3.weight`)."""
        which, block, _ = key.split(".")
        return f"{self.before}blocks.{block}.cross_attn.{self.stem}{_LETTERS[which]}_proj.weight"


class _KnownShapes:
    """Shapes of a file that sizes are read from; a missing or odd one is a UserError."""

    def __init__(self, file: TensorFile) -> None:
        self._file = file

    def shape(self, key: str, dimensions: int) -> Shape:
        if key not in self._file:
            raise unfitting_file(self._file.paths[0], f"lack {key}", key=key)
        shape = self._file.shape(key)
        if len(shape) != dimensions or 0 in shape:
            raise unfitting_file(self._file.paths[0], f"hold {key} in a shape it never has", key=key)
        return shape

    def layers_below(self, prefix: str) -> int:
        below = (key.removeprefix(prefix) for key in self._file.shapes() if key.startswith(prefix))
        return len({rest.partition(".")[0] for rest in below})

    def odd(self, key: str, what: str) -> UserError:
        return unfitting_file(self._file.paths[0], f"hold {key} with {what}", key=key)


def _expression_config(shapes: _KnownShapes, head_width: int | None) -> ExpressionTokensConfig:
    (width,) = shapes.shape("proj_model.norm.weight", 1)
    _, mouth_queries, resampler_width = shapes.shape("mouth_proj_model.latents", 3)
    _, emotion_queries, _ = shapes.shape("emo_proj_model.latents", 3)
    inner_key = "mouth_proj_model.layers.0.0.to_q.weight"
    inner, _ = shapes.shape(inner_key, 2)
    wide, _ = shapes.shape("mouth_proj_model.layers.0.1.1.weight", 2)
    heads_wide = PUBLISHED_HEAD_WIDTH if head_width is None else head_width
    if inner % heads_wide:
        raise shapes.odd(inner_key, f"{inner} rows, which are not heads of {heads_wide}")
    return ExpressionTokensConfig(
        width=width,
        resampler_width=resampler_width,
        resampler_depth=shapes.layers_below("mouth_proj_model.layers."),
        resampler_heads=inner // heads_wide,
        head_width=heads_wide,
        feed_forward_factor=max(1, wide // resampler_width),
        mouth_queries=mouth_queries,
        emotion_queries=emotion_queries,
    )


def _formats(dtype: torch.dtype, tokens_in_float32: bool) -> NumberFormats:
    return NumberFormats(dtype=dtype, keep_float32={_TOKENS} if tokens_in_float32 else ())


def _fill(
    tokens: nn.Module,
    projections: AdapterProjections,
    file: TensorFile,
    naming: Naming,
    formats: NumberFormats,
) -> None:
    """Fill both as one network, so that the file is held against both at once."""
    both = nn.ModuleDict({_TOKENS: tokens, "projections": projections})
    check_module(both, file, naming)
    names = {key: naming.name_in_file(key) for key in both.state_dict()}
    fill_apart(both, file, names=names, formats=formats)


def _naming(tokens_prefix: str, names: _ProjectionNames) -> Callable[[str], str]:
    def name_in_file(key: str) -> str:
        part, _, rest = key.partition(".")
        return f"{tokens_prefix}{rest}" if part == _TOKENS else names.name(rest)

    return name_in_file
