"""The sizes of Wan's transformer, by the shapes of its weights and by what its description says."""

import math
from collections.abc import Mapping
from pathlib import Path

from engine.protocol.errors import ErrorCode, UserError
from engine.weights.file_sources import Shape
from engine.weights.weight_descriptions import read_json
from engine.weights.weight_errors import GET_FITTING

PUBLISHED_HEAD_WIDTH = 128
"""Every published Wan transformer has heads 128 wide; shapes do not tell."""

TransformerConfig = dict[str, object]

_LARGEST_HEADS = 1024
_LONGEST_POSITIONS = 1 << 16
_EPSILON = 1e-6
_CLASSES = ("WanModel", "WanTransformer3DModel")
_NAMES_OF_AUTHORS = {
    "in_dim": "in_channels",
    "out_dim": "out_channels",
    "ffn_dim": "ffn_dim",
    "freq_dim": "freq_dim",
    "text_dim": "text_dim",
    "num_layers": "num_layers",
    "num_heads": "num_attention_heads",
    "eps": "eps",
}
_READ_FROM_SHAPES = (
    "in_channels",
    "out_channels",
    "ffn_dim",
    "freq_dim",
    "text_dim",
    "num_layers",
    "image_dim",
    "added_kv_proj_dim",
    "patch_size",
    "cross_attn_norm",
)
_QUERY_KEY_NORM = "rms_norm_across_heads"


def transformer_config(shapes: Mapping[str, Shape], *, heads: int | None = None) -> TransformerConfig:
    """Return the config of diffusers' WanTransformer3DModel from shapes under diffusers' names.

    `heads`: how many there are, where it is known; else the width over 128. Raises UserError for shapes that
    no such transformer has; KeyError names a tensor that is missing.
    """
    width, channels_in, *patch = _shape(shapes, "patch_embedding.weight", 5)
    count = heads if heads is not None else width // PUBLISHED_HEAD_WIDTH
    if not 1 <= count <= _LARGEST_HEADS or width % count or (width // count) % 2:
        raise _unfitting(f"A transformer of width {width} cannot have {count} heads.")
    pooled = "condition_embedder.image_embedder.norm1.weight"
    places = "condition_embedder.image_embedder.pos_embed"
    image_keys = "blocks.0.attn2.add_k_proj.weight"
    return {
        "patch_size": tuple(patch),
        "num_attention_heads": count,
        "attention_head_dim": width // count,
        "in_channels": channels_in,
        "out_channels": _shape(shapes, "proj_out.weight", 2)[0] // max(1, math.prod(patch)),
        "text_dim": _shape(shapes, "condition_embedder.text_embedder.linear_1.weight", 2)[1],
        "freq_dim": _shape(shapes, "condition_embedder.time_embedder.linear_1.weight", 2)[1],
        "ffn_dim": _shape(shapes, "blocks.0.ffn.net.0.proj.weight", 2)[0],
        "num_layers": len({key.split(".")[1] for key in shapes if key.startswith("blocks.")}),
        "cross_attn_norm": "blocks.0.norm2.weight" in shapes,
        "qk_norm": _QUERY_KEY_NORM,
        "image_dim": _shape(shapes, pooled, 1)[0] if pooled in shapes else None,
        "added_kv_proj_dim": _shape(shapes, image_keys, 2)[1] if image_keys in shapes else None,
        "pos_embed_seq_len": _shape(shapes, places, 3)[1] if places in shapes else None,
    }


def described_config(path: Path) -> TransformerConfig:
    """Return what a `config.json` says of a Wan transformer, under diffusers' names; either layout's file.

    Raises UserError for a file that describes something else.
    """
    content = read_json(path)
    if content.get("_class_name") not in _CLASSES:
        raise UserError(
            f"The description {path.name} in {path.parent.name} is not of a Wan transformer.",
            next_step=GET_FITTING,
            code=ErrorCode.BAD_INPUT,
            details={"path": str(path), "key": "_class_name"},
        )
    if content["_class_name"] == "WanModel":
        return {ours: content[theirs] for theirs, ours in _NAMES_OF_AUTHORS.items() if theirs in content}
    return {key: value for key, value in content.items() if not key.startswith("_")}


def agreed_config(
    shapes: Mapping[str, Shape], *, description: Path | None, heads: int | None = None
) -> TransformerConfig:
    """Return the config by shapes and by a `config.json` beside them, which have to agree.

    What shapes do not tell (heads, epsilon, the longest positions) comes from the description; `heads` goes
    before it. Raises UserError where they disagree; KeyError names a tensor that is missing.
    """
    if description is None:
        return transformer_config(shapes, heads=heads)
    described = described_config(description)
    told = _told_count(description, described, "num_attention_heads", most=_LARGEST_HEADS)
    config = transformer_config(shapes, heads=told if heads is None else heads)
    for key in (*_READ_FROM_SHAPES, *(("attention_head_dim",) if heads is None else ())):
        said = described.get(key, config[key])
        said = tuple(said) if isinstance(said, list) else said
        if said != config[key]:
            raise _disagreeing(description, key, f"{said} where the weights have {config[key]}")
    if described.get("qk_norm", _QUERY_KEY_NORM) != _QUERY_KEY_NORM:
        raise _disagreeing(description, "qk_norm", f"{described['qk_norm']}, which is no norm of Wan2.1")
    config["eps"] = _told_epsilon(description, described)
    positions = _told_count(description, described, "rope_max_seq_len", most=_LONGEST_POSITIONS)
    return config if positions is None else config | {"rope_max_seq_len": positions}


def _shape(shapes: Mapping[str, Shape], key: str, dimensions: int) -> Shape:
    shape = shapes[key]
    if len(shape) != dimensions or 0 in shape:
        raise _unfitting(f"The transformer's {key} has not the shape it has in a Wan transformer.")
    return shape


def _told_count(path: Path, described: TransformerConfig, key: str, *, most: int) -> int | None:
    number = described.get(key)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most:
        raise _disagreeing(path, key, f"{number!r}, which is no whole number from 1 to {most}")
    return number


def _told_epsilon(path: Path, described: TransformerConfig) -> float:
    number = described.get("eps", _EPSILON)
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < 1:
        raise _disagreeing(path, "eps", f"{number!r}, which is not between 0 and 1")
    return number


def _disagreeing(path: Path, key: str, what: str) -> UserError:
    return UserError(
        f"The description {path.name} in {path.parent.name} says {key} is {what}.",
        next_step=GET_FITTING,
        code=ErrorCode.BAD_INPUT,
        details={"path": str(path), "key": key},
    )


def _unfitting(message: str) -> UserError:
    return UserError(message, next_step=GET_FITTING, code=ErrorCode.BAD_INPUT)
