"""Wan's transformer under two sets of names: as its authors published it, and as diffusers calls it.

A tensor's name is a stem and `weight` or `bias`; the tables of shifts and scales have no such end. Source of
the original names: Wan2.1's published checkpoints.
"""

from collections.abc import Iterable
from types import MappingProxyType

_ATTENTION = {"q": "to_q", "k": "to_k", "v": "to_v", "o": "to_out.0", "norm_q": "norm_q", "norm_k": "norm_k"}
_IMAGE_ATTENTION = {"k_img": "add_k_proj", "v_img": "add_v_proj", "norm_k_img": "norm_added_k"}
_BLOCK_STEMS = {
    **{f"self_attn.{theirs}": f"attn1.{ours}" for theirs, ours in _ATTENTION.items()},
    **{f"cross_attn.{theirs}": f"attn2.{ours}" for theirs, ours in (_ATTENTION | _IMAGE_ATTENTION).items()},
    "norm3": "norm2",
    "ffn.0": "ffn.net.0.proj",
    "ffn.2": "ffn.net.2",
}
_STEMS = {
    "patch_embedding": "patch_embedding",
    "time_embedding.0": "condition_embedder.time_embedder.linear_1",
    "time_embedding.2": "condition_embedder.time_embedder.linear_2",
    "time_projection.1": "condition_embedder.time_proj",
    "text_embedding.0": "condition_embedder.text_embedder.linear_1",
    "text_embedding.2": "condition_embedder.text_embedder.linear_2",
    "img_emb.proj.0": "condition_embedder.image_embedder.norm1",
    "img_emb.proj.1": "condition_embedder.image_embedder.ff.net.0.proj",
    "img_emb.proj.3": "condition_embedder.image_embedder.ff.net.2",
    "img_emb.proj.4": "condition_embedder.image_embedder.norm2",
    "head.head": "proj_out",
}
_ENDS = ("weight", "bias")
_BLOCK_NAMES = {f"{a}.{end}": f"{b}.{end}" for a, b in _BLOCK_STEMS.items() for end in _ENDS} | {
    "modulation": "scale_shift_table"
}
_NAMES = {f"{a}.{end}": f"{b}.{end}" for a, b in _STEMS.items() for end in _ENDS} | {
    "head.modulation": "scale_shift_table",
    "img_emb.emb_pos": "condition_embedder.image_embedder.pos_embed",
}

TO_DIFFUSERS = MappingProxyType(_NAMES)
TO_DIFFUSERS_IN_BLOCK = MappingProxyType(_BLOCK_NAMES)
_TO_ORIGINAL = MappingProxyType({ours: theirs for theirs, ours in _NAMES.items()})
_TO_ORIGINAL_IN_BLOCK = MappingProxyType({ours: theirs for theirs, ours in _BLOCK_NAMES.items()})


def diffusers_name(original: str) -> str:
    """Return what diffusers calls a tensor of the original layout. Raises KeyError for an unknown name."""
    return _renamed(original, TO_DIFFUSERS, TO_DIFFUSERS_IN_BLOCK)


def original_name(name: str) -> str:
    """Return the published name of a tensor that diffusers calls `name`. Raises KeyError."""
    return _renamed(name, _TO_ORIGINAL, _TO_ORIGINAL_IN_BLOCK)


def is_original_layout(keys: Iterable[str]) -> bool:
    """Whether names are those of the original layout: only there are the shifts called a modulation."""
    return any(key.endswith(("modulation", "self_attn.q.weight")) for key in keys)


def _renamed(name: str, names: MappingProxyType[str, str], in_block: MappingProxyType[str, str]) -> str:
    first, _, rest = name.partition(".")
    number, _, end = rest.partition(".")
    if first == "blocks" and number.isdecimal():
        return f"blocks.{number}.{in_block[end]}"
    return names[name]
