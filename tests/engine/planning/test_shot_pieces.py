"""Pieces that become shorter in the middle of a shot: what is done stays, all is made, nothing twice."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.planning.shot_pieces import Piece, continuation_pieces, pieces_going_on


def length(piece):
    return piece.end - piece.start


def new_frames(pieces):
    return [frame for piece in pieces for frame in range(piece.start + piece.known, piece.end)]


@given(data=st.data(), latent_frames=st.integers(1, 300), overlap=st.integers(1, 12))
@settings(max_examples=300, deadline=None)
def test_pieces_that_become_shorter_and_shorter_cover_the_shot(data, latent_frames, overlap):
    most = data.draw(st.integers(2, 51))
    pieces = pieces_going_on((), latent_frames, most=most, overlap=overlap)
    for _ in range(data.draw(st.integers(0, 3))):
        done = pieces[: data.draw(st.integers(0, len(pieces)))]
        most = data.draw(st.integers(2, most))
        pieces = pieces_going_on(done, latent_frames, most=most, overlap=overlap)
        assert pieces[: len(done)] == done
        assert all(length(piece) <= most for piece in pieces[len(done) :])
    assert new_frames(pieces) == list(range(latent_frames))
    assert (pieces[0].start, pieces[0].known) == (0, 0)
    for before, piece in pairwise(pieces):
        assert 1 <= piece.known <= overlap
        assert before.end - piece.known == piece.start >= before.start
        assert length(piece) > piece.known


@given(
    latent_frames=st.integers(1, 300),
    first=st.integers(2, 51),
    most=st.integers(2, 51),
    overlap=st.integers(1, 12),
    count=st.integers(0, 8),
)
@settings(max_examples=200, deadline=None)
def test_the_rest_is_nearly_equal_in_length_and_overlaps_as_before(
    latent_frames, first, most, overlap, count
):
    done = continuation_pieces(latent_frames, most=first, overlap=min(overlap, first - 1))[:count]
    rest = pieces_going_on(done, latent_frames, most=most, overlap=overlap)[max(1, len(done)) :]
    fresh = [length(piece) - piece.known for piece in rest]
    assert not fresh or max(fresh) - min(fresh) <= 1
    assert len({piece.known for piece in rest}) <= 1
    if rest and done:
        assert rest[0].known == min(overlap, most - 1, length(done[-1]))


def test_a_shot_of_four_pieces_goes_on_in_shorter_ones():
    pieces = continuation_pieces(72, most=21, overlap=4)
    assert [(piece.start, piece.end, piece.known) for piece in pieces] == [
        (0, 21, 0), (17, 38, 4), (34, 55, 4), (51, 72, 4),
    ]  # fmt: skip
    shorter = pieces_going_on(pieces[:2], 72, most=13, overlap=4)
    assert shorter[:2] == pieces[:2]
    assert [(piece.start, piece.end, piece.known) for piece in shorter[2:]] == [
        (34, 46, 4), (42, 55, 4), (51, 64, 4), (60, 72, 4),
    ]  # fmt: skip


def test_pieces_that_fit_already_are_the_usual_ones():
    pieces = continuation_pieces(72, most=21, overlap=4)
    for count in range(len(pieces) + 1):
        assert pieces_going_on(pieces[:count], 72, most=21, overlap=4) == pieces


def test_a_finished_shot_gets_no_more_pieces():
    whole = (Piece(start=0, end=21, known=0),)
    assert pieces_going_on(whole, 21, most=5, overlap=4) == whole


def test_an_overlap_that_leaves_nothing_new_is_shortened():
    done = (Piece(start=0, end=9, known=0),)
    rest = pieces_going_on(done, 12, most=3, overlap=4)[1:]
    assert [(piece.start, piece.end, piece.known) for piece in rest] == [(7, 10, 2), (8, 11, 2), (9, 12, 2)]


@pytest.mark.parametrize("most", [1, 0, -3])
def test_pieces_of_less_than_two_latent_frames_are_refused(most):
    with pytest.raises(ValueError, match="latent frames"):
        pieces_going_on((), 21, most=most, overlap=1)
