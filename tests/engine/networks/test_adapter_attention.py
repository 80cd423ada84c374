"""Rows gathered by region give what a dense mask gives, for any number of characters, and keep them apart."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.networks import adapter_attention
from engine.networks.adapter_attention import attend, group_rows, with_zero_token
from engine.networks.shot_tokens import CharacterTokens, TokenRegions
from engine.networks.token_windows import expression_windows, voice_windows

WIDTH, HEADS = 16, 2


def projected(character, seed):
    """Bias-free keys and values of a timeline, as an adapter's projections make them."""
    generator = torch.Generator().manual_seed(seed)
    key, value = torch.randn(2, character.tokens_KD.shape[1], WIDTH, generator=generator)
    return with_zero_token(character.tokens_KD @ key, character.tokens_KD @ value, HEADS)


def drawn_character(generator, frame_count, *, spoken, strength=1.0, present=None):
    """A character with random tokens: expression-like (24 a frame) or speech-like."""
    frames = (frame_count - 1) // 4 + 1
    if spoken:
        count = max(3, int(frame_count * 2.17))
        windows = voice_windows(frame_count, count)
    else:
        count, windows = 24 * frame_count, expression_windows(frame_count)
    return CharacterTokens(
        tokens_KD=torch.randn(count, 6, generator=generator),
        windows=windows,
        strength_F=torch.full((frames,), strength) + 0.1 * torch.arange(frames),
        present_F=torch.ones(frames, dtype=torch.bool) if present is None else present,
    )


def dense(query, regions, characters, keys_values):
    """The rule token by token, in float64, from the words of it."""
    frames, spatial = regions.owner_FS.shape
    result = torch.zeros(query.shape, dtype=torch.float64)

    def attended(token, frame, shares):
        labels, rows = list(shares), []
        for label in labels:
            windows = characters[label].windows
            rows.append(windows.indices_FL[frame][: int(windows.lengths_F[frame])])
        keys = torch.cat([keys_values[c][0][i] for c, i in zip(labels, rows, strict=True)]).double()
        values = torch.cat([keys_values[c][1][i] for c, i in zip(labels, rows, strict=True)]).double()
        scores = torch.einsum("hw,lhw->hl", query[token].double(), keys) / query.shape[-1] ** 0.5
        counts = torch.tensor([len(tokens) for tokens in rows])
        weights = scores.softmax(-1) * torch.tensor(list(shares.values())).repeat_interleave(counts)
        return torch.einsum("hl,lhw->hw", weights / weights.sum(-1, keepdim=True), values)

    for frame in range(frames):
        present = [label for label in sorted(characters) if characters[label].present_F[frame]]
        strengths = {label: float(characters[label].strength_F[frame]) for label in present}
        strengths = {label: strength for label, strength in strengths.items() if strength}
        for place in range(spatial):
            token, owner = frame * spatial + place, int(regions.owner_FS[frame, place])
            share = float(regions.share_FS[frame, place]) if owner else 0.0
            if owner in strengths:
                result[token] += share * strengths[owner] * attended(token, frame, {owner: 1.0})
            if strengths and share < 1:
                strongest = max(strengths.values())
                shares = {label: strength / strongest for label, strength in strengths.items()}
                result[token] += (1 - share) * strongest * attended(token, frame, shares)
    return result


def drawn_regions(generator, frames, spatial, people, *, feathered):
    owner = torch.randint(0, people + 1, (frames, spatial), generator=generator)
    share = torch.rand(frames, spatial, generator=generator) if feathered else torch.ones(frames, spatial)
    return TokenRegions(owner_FS=owner, share_FS=torch.where(owner > 0, share, torch.zeros(())))


@given(
    seed=st.integers(0, 2**31),
    k=st.integers(1, 7),
    spatial=st.integers(1, 9),
    people=st.integers(1, 5),
    spoken=st.booleans(),
    feathered=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_gathered_rows_equal_a_dense_reference(seed, k, spatial, people, spoken, feathered):
    generator = torch.Generator().manual_seed(seed)
    frames = k + 1
    regions = drawn_regions(generator, frames, spatial, people, feathered=feathered)
    labels = [label for label in range(1, people + 1) if torch.rand((), generator=generator) < 0.8]
    characters = {
        label: drawn_character(
            generator,
            4 * k + 1,
            spoken=spoken,
            strength=float(torch.rand((), generator=generator)),
            present=torch.rand(frames, generator=generator) < 0.8,
        )
        for label in labels
    }
    keys_values = {label: projected(character, seed) for label, character in characters.items()}
    query = torch.randn(frames * spatial, HEADS, WIDTH // HEADS, generator=generator)
    found = attend(query, group_rows(regions, characters), keys_values)
    expected = dense(query, regions, characters, keys_values)
    assert float((found.double() - expected).abs().max()) < 1e-4


@pytest.mark.parametrize("frame_count", [5, 81, 201])
def test_long_shots_equal_the_dense_reference_too(frame_count):
    generator = torch.Generator().manual_seed(frame_count)
    frames = (frame_count - 1) // 4 + 1
    regions = drawn_regions(generator, frames, 6, 3, feathered=False)
    characters = {n: drawn_character(generator, frame_count, spoken=n == 3) for n in (1, 2, 3)}
    keys_values = {label: projected(character, label) for label, character in characters.items()}
    query = torch.randn(frames * 6, HEADS, WIDTH // HEADS, generator=generator)
    found = attend(query, group_rows(regions, characters), keys_values)
    assert float((found.double() - dense(query, regions, characters, keys_values)).abs().max()) < 1e-4


@pytest.mark.parametrize("people", [2, 3, 4, 5])
@pytest.mark.parametrize("spoken", [False, True])
def test_another_driver_of_one_character_changes_nothing_at_all_for_the_others(people, spoken):
    generator = torch.Generator().manual_seed(people)
    regions = drawn_regions(generator, 6, 24, people, feathered=False)
    characters = {n: drawn_character(generator, 21, spoken=spoken) for n in range(1, people + 1)}
    query = torch.randn(6 * 24, HEADS, WIDTH // HEADS, generator=generator)

    def output(cast):
        keys_values = {label: projected(character, 7) for label, character in cast.items()}
        return attend(query, group_rows(regions, cast), keys_values)

    before = output(characters)
    after = output({**characters, people: drawn_character(generator, 21, spoken=spoken, strength=0.3)})
    owner = regions.owner_FS.flatten()
    others = (owner > 0) & (owner != people)
    assert others.any()
    assert torch.equal(before[others], after[others])
    assert not torch.equal(before[owner == people], after[owner == people])
    assert not torch.equal(before[owner == 0], after[owner == 0])


def test_a_region_whose_character_says_nothing_gets_nothing():
    generator = torch.Generator().manual_seed(3)
    regions = TokenRegions(owner_FS=torch.full((3, 4), 2), share_FS=torch.ones(3, 4))
    characters = {1: drawn_character(generator, 9, spoken=False)}
    query = torch.randn(12, HEADS, WIDTH // HEADS, generator=generator)
    found = attend(query, group_rows(regions, characters), {1: projected(characters[1], 1)})
    assert torch.equal(found, torch.zeros_like(found))


def test_rows_of_no_strength_are_not_computed():
    generator = torch.Generator().manual_seed(3)
    regions = TokenRegions(owner_FS=torch.zeros(3, 4, dtype=torch.long), share_FS=torch.zeros(3, 4))
    silent = drawn_character(generator, 9, spoken=False)
    silent = CharacterTokens(
        tokens_KD=silent.tokens_KD,
        windows=silent.windows,
        strength_F=torch.zeros(3),
        present_F=silent.present_F,
    )
    assert group_rows(regions, {1: silent}) == ()


def moving_regions(generator, frames, spatial, people):
    """Regions of another size in each frame."""
    owner = torch.zeros(frames, spatial, dtype=torch.long)
    for frame in range(frames):
        for label in range(1, people + 1):
            width = int(torch.randint(0, 4, (), generator=generator))
            start = int(torch.randint(0, spatial - 3, (), generator=generator))
            owner[frame, start : start + width] = label
    share = 0.25 + 0.75 * torch.rand(frames, spatial, generator=generator)
    return TokenRegions(owner_FS=owner, share_FS=torch.where(owner > 0, share, torch.zeros(())))


@given(seed=st.integers(0, 2**31), people=st.integers(1, 4), k=st.integers(0, 6))
@settings(max_examples=30, deadline=None)
def test_no_row_comes_twice_in_a_group(seed, people, k):
    generator = torch.Generator().manual_seed(seed)
    regions = moving_regions(generator, k + 1, 12, people)
    characters = {n: drawn_character(generator, 4 * k + 1, spoken=False) for n in range(1, people + 1)}
    groups = group_rows(regions, characters)
    assert groups
    for group in groups:
        assert group.rows_P.unique().numel() == group.rows_P.numel()
        assert torch.equal(group.rows_GR.flatten()[group.kept_P], group.rows_P)


def test_a_feathered_row_of_the_only_character_is_computed_once():
    generator = torch.Generator().manual_seed(5)
    regions = moving_regions(generator, 3, 12, 1)
    groups = group_rows(regions, {1: drawn_character(generator, 9, spoken=False)})
    assert sum(group.rows_P.numel() for group in groups) == 3 * 12


def test_a_whole_picture_of_nobody_is_one_range_that_needs_no_gathering():
    generator = torch.Generator().manual_seed(4)
    regions = TokenRegions(owner_FS=torch.zeros(5, 8, dtype=torch.long), share_FS=torch.zeros(5, 8))
    characters = {1: drawn_character(generator, 17, spoken=False)}
    (group,) = group_rows(regions, characters)
    assert group.first_row == 0
    query = torch.randn(40, HEADS, WIDTH // HEADS, generator=generator)
    keys_values = {1: projected(characters[1], 1)}
    gathered = attend(query, (replace(group, first_row=None),), keys_values)
    assert torch.equal(attend(query, (group,), keys_values), gathered)


@given(seed=st.integers(0, 2**31), most=st.sampled_from([1, 7, 12, 30, 10_000]))
@settings(max_examples=15, deadline=None)
def test_how_many_rows_are_computed_at_once_does_not_matter(seed, most):
    generator = torch.Generator().manual_seed(seed)
    regions = moving_regions(generator, 6, 12, 3)
    characters = {n: drawn_character(generator, 21, spoken=n == 2) for n in (1, 2, 3)}
    keys_values = {label: projected(character, label) for label, character in characters.items()}
    query = torch.randn(72, HEADS, WIDTH // HEADS, generator=generator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapter_attention, "MOST_ROWS", most)
        groups = group_rows(regions, characters)
    assert all(len(group.rows_GR) == 1 or group.rows_GR.numel() <= most for group in groups)
    whole = attend(query, group_rows(regions, characters), keys_values)
    torch.testing.assert_close(attend(query, groups, keys_values), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_factors_are_not_rounded_to_the_number_format(dtype):
    generator = torch.Generator().manual_seed(6)
    regions = TokenRegions(owner_FS=torch.zeros(2, 4, dtype=torch.long), share_FS=torch.zeros(2, 4))
    character = replace(drawn_character(generator, 5, spoken=False), strength_F=torch.full((2,), 1.3))
    alone = replace(character, strength_F=torch.ones(2))
    keys, values = projected(character, 2)
    keys_values = {1: (keys.to(dtype), values.to(dtype))}
    query = torch.randn(8, HEADS, WIDTH // HEADS, generator=generator).to(dtype)
    expected = (attend(query, group_rows(regions, {1: alone}), keys_values).float() * 1.3).to(dtype)
    assert torch.equal(attend(query, group_rows(regions, {1: character}), keys_values), expected)


def test_the_same_is_computed_under_torch_s_rule_of_determinism():
    generator = torch.Generator().manual_seed(8)
    regions = moving_regions(generator, 6, 12, 3)
    characters = {n: drawn_character(generator, 21, spoken=False) for n in (1, 2, 3)}
    keys_values = {label: projected(character, label) for label, character in characters.items()}
    query = torch.randn(72, HEADS, WIDTH // HEADS, generator=generator)
    groups = group_rows(regions, characters)
    free = attend(query, groups, keys_values)
    torch.use_deterministic_algorithms(True)
    try:
        assert torch.equal(attend(query, groups, keys_values), free)
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_character_that_fades_out_fades_out_for_the_tokens_of_nobody_too():
    generator = torch.Generator().manual_seed(9)
    regions = drawn_regions(generator, 3, 12, 2, feathered=False)
    first, second = (drawn_character(generator, 9, spoken=False) for _ in range(2))
    query = torch.randn(36, HEADS, WIDTH // HEADS, generator=generator)

    def output(strength):
        faded = replace(second, strength_F=torch.full((3,), strength))
        cast = {1: first, 2: faded}
        keys_values = {label: projected(character, 7) for label, character in cast.items()}
        return attend(query, group_rows(regions, cast), keys_values)

    alone = attend(query, group_rows(regions, {1: first}), {1: projected(first, 7)})
    assert torch.equal(output(0.0), alone)
    assert float((output(1e-7) - alone).abs().max()) < 1e-3
    assert float((output(1.0) - alone).abs().max()) > 0.1
