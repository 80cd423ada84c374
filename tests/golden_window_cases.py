"""The golden results of the tokens: made, cut into windows, and whom they may speak to."""

import torch

from engine.networks.adapter_attention import group_rows
from engine.networks.token_windows import (
    ZERO_TOKEN,
    expression_windows,
    gather_windows,
    voice_windows,
)
from engine.planning.token_ranges import expression_ranges, voice_ranges
from tests.golden_case import GoldenCase, Kind
from tests.golden_model import FRAMES, LATENT_FRAMES, SPATIAL, clip, golden, two_face_regions, voice


def _case(name, kind, found):
    return GoldenCase(name=name, kind=kind, found=found, expected=lambda: golden().outputs[name])


def _two_faces_mask():
    """Our groups as the dense mask they stand for: each token of the picture, both clips' windows.

    A row's window counts where it holds the tokens of the row's own latent frame, in order. The published
    script puts the last face's window first.
    """
    people = {1: clip("A"), 2: clip("B")}
    length = people[1].windows.indices_FL.shape[1]
    mask = torch.zeros(LATENT_FRAMES * SPATIAL, 2 * length, dtype=torch.bool)
    for group in group_rows(two_face_regions(), people):
        windows_of_row = torch.arange(len(group.rows_GR)).repeat_interleave(group.rows_GR.shape[1])
        for label, windows in zip(group.characters, group.windows, strict=True):
            own = people[label].windows.indices_FL[group.rows_P // SPATIAL]
            own = torch.where(own == ZERO_TOKEN, people[label].tokens_KD.shape[0], own)
            columns = slice((2 - label) * length, (3 - label) * length)
            mask[group.rows_P, columns] |= windows[windows_of_row[group.kept_P]] == own
    return mask


WINDOW_CASES = (
    *(
        _case(
            f"portrait_window_ranges_{n}_frames", Kind.EXACT, lambda n=n: torch.tensor(expression_ranges(n))
        )
        for n in (5, 17, 81, 201)
    ),
    *(
        _case(
            f"audio_window_ranges_{n}_frames_{k}_tokens",
            Kind.EXACT,
            lambda n=n, k=k: torch.tensor(voice_ranges(n, k)),
        )
        for n, k in ((17, 36), (49, 106), (81, 173), (81, 175))
    ),
    _case(
        "window_lengths", Kind.EXACT, lambda: (expression_windows(FRAMES).indices_FL != ZERO_TOKEN).sum(dim=1)
    ),
    _case("audio_window_lengths", Kind.EXACT, lambda: voice_windows(FRAMES, 36).lengths_F),
    _case("two_faces_attention_mask", Kind.EXACT, _two_faces_mask),
    _case("tokens_per_frame_A", Kind.NETWORK, lambda: clip("A").tokens_KD),
    _case("windows_A", Kind.NETWORK, lambda: gather_windows(clip("A").tokens_KD, expression_windows(FRAMES))),
    _case(
        "audio_windows", Kind.NETWORK, lambda: gather_windows(voice().tokens_KD, voice_windows(FRAMES, 36))
    ),
)
