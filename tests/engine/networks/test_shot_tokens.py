"""Characters' tokens cut to what some latent frames see."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.networks.shot_tokens import CharacterTokens
from engine.networks.token_windows import (
    ZERO_TOKEN,
    TokenWindows,
    expression_windows,
    gather_windows,
    voice_windows,
)


def character(windows, count):
    frames = windows.indices_FL.shape[0]
    generator = torch.Generator().manual_seed(6)
    return CharacterTokens(
        tokens_KD=torch.randn(count, 3, generator=generator),
        windows=windows,
        strength_F=torch.rand(frames, generator=generator),
        present_F=torch.rand(frames, generator=generator) < 0.5,
    )


@given(k=st.integers(0, 50), start=st.integers(0, 50), length=st.integers(1, 20), spoken=st.booleans())
@settings(max_examples=40, deadline=None)
def test_compacted_tokens_show_the_same_and_nothing_that_no_window_shows(k, start, length, spoken):
    frames, count = 4 * k + 1, (8 * k + 3 if spoken else 24 * (4 * k + 1))
    windows = voice_windows(frames, count) if spoken else expression_windows(frames)
    start = min(start, k)
    part = character(windows, count).frames(start, start + length)
    small = part.compacted()
    assert torch.equal(
        gather_windows(small.tokens_KD, small.windows), gather_windows(part.tokens_KD, part.windows)
    )
    shown = part.windows.indices_FL
    assert small.tokens_KD.shape[0] == shown[shown >= 0].unique().numel()
    assert torch.equal(small.windows.lengths_F, part.windows.lengths_F)
    assert torch.equal(small.strength_F, part.strength_F)
    assert torch.equal(small.present_F, part.present_F)


def test_compacting_twice_is_compacting_once():
    small = character(expression_windows(33), 24 * 33).frames(2, 5).compacted()
    again = small.compacted()
    assert torch.equal(again.tokens_KD, small.tokens_KD)
    assert torch.equal(again.windows.indices_FL, small.windows.indices_FL)


def test_the_order_of_the_timeline_is_kept():
    windows = TokenWindows(
        indices_FL=torch.tensor([[7, 2, ZERO_TOKEN, 7]]), lengths_F=torch.tensor([4], dtype=torch.int64)
    )
    small = character(windows, 9).compacted()
    assert small.windows.indices_FL.tolist() == [[1, 0, ZERO_TOKEN, 1]]


def test_windows_that_show_nothing_need_no_tokens():
    windows = TokenWindows(
        indices_FL=torch.full((2, 3), ZERO_TOKEN), lengths_F=torch.tensor([3, 3], dtype=torch.int64)
    )
    small = character(windows, 9).compacted()
    assert small.tokens_KD.shape == (0, 3)
    assert small.windows.indices_FL.tolist() == windows.indices_FL.tolist()


def test_a_part_without_frames_is_borne():
    small = character(expression_windows(9), 24 * 9).frames(1, 1).compacted()
    assert small.tokens_KD.shape[0] == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_number_format_is_kept(dtype):
    whole = character(expression_windows(5), 24 * 5)
    lowered = CharacterTokens(
        tokens_KD=whole.tokens_KD.to(dtype),
        windows=whole.windows,
        strength_F=whole.strength_F,
        present_F=whole.present_F,
    )
    assert lowered.compacted().tokens_KD.dtype is dtype
