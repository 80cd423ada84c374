"""The adapters' cross-attention, kept apart by character, without a mask.

A token in character i's region attends to i's own tokens; a token outside every region attends to all
characters' tokens of that adapter together; a region whose character has nothing for the adapter gets
nothing from it. For one and two faces that is what FantasyPortrait publishes (masked cross-attention, arXiv
2507.12956, section 3.3); from three faces on the published script mixes people up. Where the published code
builds a dense mask, rows are gathered by region here, and latent frames with windows of one length computed
at once.

Shapes: F latent frames, S tokens of one, N = F*S; G latent frames of a group, R rows in each; L tokens of a
window, K tokens on a timeline; H heads of width W, C = H*W.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from engine.networks.shot_tokens import NOBODY, CharacterTokens, TokenRegions
from engine.planning.step_memory import MOST_ROWS

KeysValues = tuple[torch.Tensor, torch.Tensor]
"""Keys and values [K+1, H, W] of one character for one block; the last row is the token of zeros."""

_GroupKey = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowGroup:
    """Rows of some latent frames that attend to the same characters through windows of equal length.

    `rows_GR` (int64) are positions in N; shorter lists are filled up by repeating a row. `kept_P` are the
    positions in G*R that count, `rows_P` the rows they are, none of them twice, `weights_P` (float32) the
    factor of each. `windows` has for each of `characters` the window's tokens [G, L] as rows of its keys and
    values. `first_row`: where the rows are one range of N without filling, its first; else None. `biases_GL`
    is added to the scores of the windows' tokens, None where it is 0 throughout.
    """

    characters: tuple[int, ...]
    rows_GR: torch.Tensor
    kept_P: torch.Tensor
    rows_P: torch.Tensor
    weights_P: torch.Tensor
    windows: tuple[torch.Tensor, ...]
    first_row: int | None
    biases_GL: torch.Tensor | None

    def to(self, device: torch.device) -> "RowGroup":
        """Return the group with its tensors on a device."""
        return replace(
            self,
            rows_GR=self.rows_GR.to(device),
            kept_P=self.kept_P.to(device),
            rows_P=self.rows_P.to(device),
            weights_P=self.weights_P.to(device),
            windows=tuple(window.to(device) for window in self.windows),
            biases_GL=None if self.biases_GL is None else self.biases_GL.to(device),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _FrameRows:
    """Rows of one latent frame [R], the factor of each, and what is added to the scores of each character."""

    frame: int
    rows_R: torch.Tensor
    weights_R: torch.Tensor
    biases: tuple[float, ...]


def group_rows(regions: TokenRegions, characters: Mapping[int, CharacterTokens]) -> tuple[RowGroup, ...]:
    """Return who attends to what, for one adapter.

    A character of strength 0 is not there. Where several of different strength speak to one token, each
    counts in the softmax by its share of the strongest, whose strength is the factor: one that fades out
    fades out there too, and what it leaves is what there is without it. Rows with factor 0 are left out.
    """
    pending: dict[_GroupKey, list[_FrameRows]] = {}
    for frame in range(regions.owner_FS.shape[0]):
        present = tuple(label for label in sorted(characters) if characters[label].speaks(frame))
        for members, rows in _rows_of_frame(regions, characters, present, frame):
            if rows.rows_R.numel():
                lengths = tuple(int(characters[label].windows.lengths_F[frame]) for label in members)
                pending.setdefault((members, lengths), []).append(rows)
    return tuple(
        _group(members, lengths, batch, characters)
        for (members, lengths), rows in pending.items()
        for batch in _batches(rows)
    )


def attend(
    query_NHW: torch.Tensor, groups: tuple[RowGroup, ...], keys_values: Mapping[int, KeysValues]
) -> torch.Tensor:
    """Return what an adapter adds to the cross-attention before its output projection, [N, H, W]."""
    result_NHW = torch.zeros_like(query_NHW)
    add_attended(result_NHW, query_NHW, groups, keys_values)
    return result_NHW


def add_attended(
    result_NHW: torch.Tensor,
    query_NHW: torch.Tensor,
    groups: tuple[RowGroup, ...],
    keys_values: Mapping[int, KeysValues],
) -> None:
    """Add it to `result_NHW` in place. Factors and sums are float32; the order of sums is always the same.

    Each character's keys and values are asked for once.
    """
    labels = sorted({label for group in groups for label in group.characters})
    at_hand = {label: keys_values[label] for label in labels}
    for group in groups:
        keys, values = _windowed(group, at_hand)
        query_GHRW = _taken(query_NHW, group).transpose(1, 2)
        biases = None if group.biases_GL is None else group.biases_GL[:, None, None].to(query_GHRW.dtype)
        found_GHRW = F.scaled_dot_product_attention(query_GHRW, keys, values, attn_mask=biases)
        found_PHW = found_GHRW.transpose(1, 2).flatten(0, 1)
        weights_P11 = group.weights_P[:, None, None]
        if group.first_row is not None:
            result_NHW[group.first_row : group.first_row + len(found_PHW)] += found_PHW * weights_P11
            continue
        if group.kept_P.numel() < group.rows_GR.numel():
            found_PHW = found_PHW[group.kept_P]
        # No row comes twice in a group, so writing back needs no atomic sums and is the same in every run.
        result_NHW[group.rows_P] = (result_NHW[group.rows_P] + found_PHW * weights_P11).to(result_NHW.dtype)


def with_zero_token(keys_KC: torch.Tensor, values_KC: torch.Tensor, heads: int) -> KeysValues:
    """Return keys and values [K+1, H, W]: the published zero tokens have key 0 and value 0, without bias."""
    return _with_zero_row(keys_KC, heads), _with_zero_row(values_KC, heads)


def _with_zero_row(rows_KC: torch.Tensor, heads: int) -> torch.Tensor:
    return torch.cat([rows_KC, rows_KC.new_zeros(1, rows_KC.shape[1])]).unflatten(-1, (heads, -1))


def _rows_of_frame(
    regions: TokenRegions, characters: Mapping[int, CharacterTokens], present: tuple[int, ...], frame: int
) -> Iterator[tuple[tuple[int, ...], _FrameRows]]:
    owner_S, share_S = regions.owner_FS[frame], regions.share_FS[frame]
    first_row = frame * owner_S.shape[0]
    strengths = [float(characters[label].strength_F[frame]) for label in present]
    own = [
        (owner_S == label) * share_S * strength for label, strength in zip(present, strengths, strict=True)
    ]
    if len(present) > 1:
        for label, factor_S in zip(present, own, strict=True):
            yield (label,), _weighted(frame, first_row, factor_S)
    if present:
        shared_S = torch.where(owner_S == NOBODY, torch.ones_like(share_S), 1.0 - share_S)
        factor_S = shared_S * max(strengths)
        biases = tuple(math.log(strength / max(strengths)) for strength in strengths)
        # Alone, a character is everyone: both shares of a row are of the same tokens and computed once.
        together_S = factor_S if len(present) > 1 else factor_S + own[0]
        yield present, _weighted(frame, first_row, together_S, biases)


def _weighted(
    frame: int, first_row: int, factor_S: torch.Tensor, biases: tuple[float, ...] = (0.0,)
) -> _FrameRows:
    rows_R = factor_S.nonzero().flatten()
    return _FrameRows(
        frame=frame, rows_R=first_row + rows_R, weights_R=factor_S[rows_R].float(), biases=biases
    )


def _batches(frames: list[_FrameRows]) -> Iterator[list[_FrameRows]]:
    """Yield the frames, as many at a time as have MOST_ROWS rows together, at least one."""
    most = max(rows.rows_R.numel() for rows in frames)
    count = max(1, MOST_ROWS // most)
    for start in range(0, len(frames), count):
        yield frames[start : start + count]


def _group(
    members: tuple[int, ...],
    lengths: tuple[int, ...],
    frames: list[_FrameRows],
    characters: Mapping[int, CharacterTokens],
) -> RowGroup:
    most = max(rows.rows_R.numel() for rows in frames)
    numbers = torch.arange(most)
    rows_P = torch.cat([rows.rows_R for rows in frames])
    return RowGroup(
        characters=members,
        rows_GR=torch.stack([rows.rows_R[numbers.clamp(max=rows.rows_R.numel() - 1)] for rows in frames]),
        kept_P=torch.cat(
            [number * most + torch.arange(rows.rows_R.numel()) for number, rows in enumerate(frames)]
        ),
        rows_P=rows_P,
        weights_P=torch.cat([rows.weights_R for rows in frames]),
        windows=tuple(
            _window_rows(characters[label], [rows.frame for rows in frames], length)
            for label, length in zip(members, lengths, strict=True)
        ),
        first_row=_first_row(rows_P, most * len(frames)),
        biases_GL=_biases(frames, lengths),
    )


def _biases(frames: list[_FrameRows], lengths: tuple[int, ...]) -> torch.Tensor | None:
    """Return what is added to the scores of each token of the windows, None where nothing is."""
    if not any(bias for rows in frames for bias in rows.biases):
        return None
    counts = torch.tensor(lengths)
    return torch.stack([torch.tensor(rows.biases).repeat_interleave(counts) for rows in frames])


def _first_row(rows_P: torch.Tensor, count: int) -> int | None:
    """Return the first of `count` rows where they are one range, else None."""
    first = int(rows_P[0])
    return first if torch.equal(rows_P, torch.arange(first, first + count)) else None


def _taken(query_NHW: torch.Tensor, group: RowGroup) -> torch.Tensor:
    """Return a group's queries [G, R, H, W]: without a copy where they lie side by side."""
    if group.first_row is None:
        return query_NHW[group.rows_GR]
    frames, rows = group.rows_GR.shape
    return query_NHW[group.first_row : group.first_row + frames * rows].unflatten(0, (frames, rows))


def _window_rows(character: CharacterTokens, frames: list[int], length: int) -> torch.Tensor:
    """Return the windows of some frames as rows of `KeysValues`: ZERO_TOKEN is the row behind the last."""
    indices_GL = character.windows.indices_FL[frames, :length]
    return torch.where(indices_GL < 0, character.tokens_KD.shape[0], indices_GL)


def _windowed(group: RowGroup, keys_values: Mapping[int, KeysValues]) -> KeysValues:
    """Return keys and values [G, H, L, W] of all characters a group attends to."""
    pairs = [
        (keys_values[label], window) for label, window in zip(group.characters, group.windows, strict=True)
    ]
    keys = torch.cat([keys[window] for (keys, _), window in pairs], dim=1)
    values = torch.cat([values[window] for (_, values), window in pairs], dim=1)
    return keys.transpose(1, 2), values.transpose(1, 2)
