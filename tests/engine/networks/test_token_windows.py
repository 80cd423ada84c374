import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.networks.token_windows import (
    ZERO_TOKEN,
    expression_windows,
    gather_windows,
    voice_windows,
)
from engine.planning.latent_grid import latent_frame_count
from engine.planning.token_ranges import voice_ranges
from engine.protocol.errors import BugError

frame_counts = st.integers(min_value=0, max_value=50).map(lambda k: 4 * k + 1)


def test_expression_windows_cut_the_published_tokens(golden_outputs):
    windows = expression_windows(17)
    assert torch.equal(
        gather_windows(golden_outputs["tokens_per_frame_A"][0], windows), golden_outputs["windows_A"][0]
    )


def test_the_zero_tokens_of_expression_take_part_in_the_softmax():
    assert expression_windows(17).lengths_F.tolist() == [97] * 5


def test_voice_windows_of_81_frames_have_the_published_lengths():
    assert voice_windows(81, 173).lengths_F.tolist() == [6, 14, *[17] * 18, 14]


@given(frames=frame_counts)
@settings(max_examples=30, deadline=None)
def test_a_latent_frame_sees_the_tokens_of_its_video_frames_and_the_one_before(frames):
    for i, row in enumerate(expression_windows(frames).indices_FL.tolist()):
        if i == 0:
            expected = [24 * 0 + n for n in range(24)] + [ZERO_TOKEN] * 73
        else:
            own = [24 * frame + n for frame in range(4 * i - 3, 4 * i + 1) for n in range(24)]
            expected = [24 * (4 * i - 4) + 23, *own]
        assert row == expected


@given(frames=frame_counts, tokens_per_frame=st.floats(min_value=1, max_value=3), margin=st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_voice_windows_agree_with_a_mask_over_the_whole_timeline(frames, tokens_per_frame, margin):
    tokens = max(round(frames * tokens_per_frame), 1)
    windows = voice_windows(frames, tokens, margin)
    seen_by_frame = _slow_voice_mask(frames, tokens, margin)
    assert windows.lengths_F.tolist() == seen_by_frame.sum(dim=1).tolist()
    for row, length, seen in zip(windows.indices_FL, windows.lengths_F, seen_by_frame, strict=True):
        assert row[:length].tolist() == seen.nonzero().flatten().tolist()
        assert (row[length:] == ZERO_TOKEN).all()


@pytest.mark.parametrize(
    ("frames", "tokens", "latent_frame", "middle"), [(21, 48, 2, 14), (33, 72, 3, 22), (57, 135, 5, 43)]
)
def test_a_middle_that_falls_on_a_token_is_rounded_as_in_training(frames, tokens, latent_frame, middle):
    half = 4 * tokens // (2 * frames)
    assert voice_ranges(frames, tokens)[latent_frame] == (middle - half, middle + half)
    assert _middle(latent_frame, frames, tokens) == middle


def _slow_voice_mask(frames, tokens, margin):
    """Which tokens each latent frame sees, token by token from the description of the windows."""
    half = int(tokens / frames * 4 / 2)
    seen_by_frame = torch.zeros(latent_frame_count(frames), tokens, dtype=torch.bool)
    for i in range(len(seen_by_frame)):
        for token in range(tokens):
            if i == 0:
                end = _middle(1, frames, tokens) - half
                start = end - 2 * half
            else:
                start, end = _middle(i, frames, tokens) - half, _middle(i, frames, tokens) + half
            seen_by_frame[i, token] = start - margin <= token <= end + margin
    return seen_by_frame


def _middle(i, frames, tokens):
    """The published place of latent frame i: the mean of its first and last moment, in tokens, less one."""
    rate = tokens / frames
    return int((rate * ((i - 1) * 4 + 1) + rate * (i * 4 + 1)) / 2) - 1


@given(frames=frame_counts, start=st.integers(0, 50), length=st.integers(1, 50))
@settings(max_examples=20, deadline=None)
def test_a_part_of_the_windows_cuts_the_same_tokens_as_the_whole(frames, start, length):
    windows = voice_windows(frames, 2 * frames)
    timeline = torch.randn(2 * frames, 3, generator=torch.Generator().manual_seed(0))
    part = windows.frames(start, start + length)
    whole = gather_windows(timeline, windows)
    assert torch.equal(gather_windows(timeline, part), whole[start : start + length])


def test_a_zero_token_is_zero_even_beside_tokens_that_are_not_numbers():
    gathered = gather_windows(torch.full((24, 2), torch.nan), expression_windows(1))
    assert gathered[0, :24].isnan().all()
    assert not gathered[0, 24:].any()


def test_gathering_keeps_the_number_format():
    assert (
        gather_windows(torch.ones(24, 2, dtype=torch.bfloat16), expression_windows(1)).dtype is torch.bfloat16
    )


def test_an_index_behind_the_timeline_is_an_error():
    with pytest.raises(IndexError):
        gather_windows(torch.ones(24, 2), expression_windows(5))


@pytest.mark.parametrize("frames", [-3, 0, 2, 4, 80])
def test_a_number_of_frames_that_is_not_4k_plus_1_is_refused(frames):
    with pytest.raises(BugError):
        expression_windows(frames)
    with pytest.raises(BugError):
        voice_windows(frames, 20)


def test_a_timeline_without_speech_tokens_is_refused():
    with pytest.raises(BugError):
        voice_windows(5, 0)


def test_one_frame_sees_its_only_speech_token():
    windows = voice_windows(1, 1)
    assert windows.lengths_F.tolist() == [1]
    assert windows.indices_FL[0, 0] == 0
