"""The pieces a render was begun with are the ones it goes on with."""

import json
import sys

import pytest

from engine.planning.shot_pieces import Piece, continuation_pieces, pieces_going_on
from engine.protocol.errors import ErrorCode, UserError
from engine.renderers.settled_pieces import PIECES_NAME, settle_pieces, settled_pieces
from tests.engine.renderers.full_disk import files_no_larger_than

PIECES = continuation_pieces(72, most=21, overlap=4)
SHORTER = pieces_going_on(PIECES[:2], 72, most=13, overlap=4)


def test_what_was_settled_first_stays_whatever_is_wanted_later(tmp_path):
    assert settled_pieces(tmp_path, PIECES) == PIECES
    assert settled_pieces(tmp_path, SHORTER) == PIECES
    assert [path.name for path in tmp_path.iterdir()] == [PIECES_NAME]


def test_pieces_are_settled_anew_in_the_middle_of_a_shot(tmp_path):
    settled_pieces(tmp_path, PIECES)
    settle_pieces(tmp_path, SHORTER)
    assert settled_pieces(tmp_path, PIECES) == SHORTER


@pytest.mark.parametrize("length", [0, 1, 10, 60, -1])
def test_a_list_that_is_cut_short_is_no_list(tmp_path, length):
    settle_pieces(tmp_path, SHORTER)
    path = tmp_path / PIECES_NAME
    path.write_bytes(path.read_bytes()[:length])
    assert settled_pieces(tmp_path, PIECES) == PIECES
    assert settled_pieces(tmp_path, SHORTER) == PIECES


@pytest.mark.parametrize(
    "content", ["null", "[]", "{}", "7", '{"pieces": 3, "digest": "x"}', "[" * 100_000, "\x00" * 50]
)
def test_rubbish_is_no_list(tmp_path, content):
    (tmp_path / PIECES_NAME).write_text(content)
    assert settled_pieces(tmp_path, PIECES) == PIECES


def test_a_changed_number_is_noticed(tmp_path):
    settle_pieces(tmp_path, SHORTER)
    path = tmp_path / PIECES_NAME
    kept = json.loads(path.read_text())
    kept["pieces"][2][1] += 1
    path.write_text(json.dumps(kept))
    assert settled_pieces(tmp_path, PIECES) == PIECES


@pytest.mark.parametrize(
    "other",
    [
        PIECES[:3],
        PIECES[1:],
        (*PIECES[:2], PIECES[3]),
        (Piece(start=0, end=21, known=2), *PIECES[1:]),
        (*PIECES[:3], Piece(start=51, end=72, known=21)),
        (*PIECES, Piece(start=68, end=80, known=4)),
        (),
    ],
)
def test_pieces_that_are_not_this_shot_are_not_used(tmp_path, other):
    settle_pieces(tmp_path, other)
    assert settled_pieces(tmp_path, PIECES) == PIECES


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are POSIX")
def test_a_full_disk_leaves_the_list_that_was_there(tmp_path):
    settle_pieces(tmp_path, PIECES)
    with files_no_larger_than(10), pytest.raises(UserError) as error:
        settle_pieces(tmp_path, SHORTER)
    assert error.value.report.code is ErrorCode.DISK_FULL
    assert settled_pieces(tmp_path, SHORTER) == PIECES
