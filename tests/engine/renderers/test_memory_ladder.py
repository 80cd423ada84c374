"""How far a job has stepped down is known in the next process, whatever happened to the file."""

import pytest

from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.memory_plan import Concession
from engine.renderers.memory_ladder import MemoryLadder, Rungs


def test_the_next_process_begins_where_the_last_one_stepped_down(tmp_path):
    ladder = MemoryLadder(tmp_path)
    assert ladder.rungs == Rungs()
    ladder.step_down(Concession.SMALLER_PIECES, "first", by_plan=True)
    ladder.step_down(Concession.BANK_ON_HOST, "second", by_plan=False)
    ladder.leave_host_memory("third")
    again = MemoryLadder(tmp_path).rungs
    assert again == ladder.rungs
    assert (again.concession, again.told, again.by_plan) == (
        Concession.BANK_ON_HOST,
        ("first", "second", "third"),
        True,
    )
    assert again.host_share == 0.75


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"concession": "all"}', b"\xff\xfe", b'{"concession": null, "told": 3}']
)
def test_a_damaged_ladder_is_begun_anew(content, tmp_path):
    (tmp_path / "memory.json").write_bytes(content)
    assert MemoryLadder(tmp_path).rungs == Rungs()


def test_after_the_ladders_end_a_retry_begins_at_the_top(tmp_path):
    ladder = MemoryLadder(tmp_path)
    ladder.step_down(Concession.SHORTEST_SEGMENTS, "last", by_plan=True)
    ladder.begin_anew()
    ladder.begin_anew()
    assert MemoryLadder(tmp_path).rungs == Rungs()


def test_a_rung_that_cannot_be_written_is_told(tmp_path):
    ladder = MemoryLadder(tmp_path / "gone")
    with pytest.raises(UserError) as caught:
        ladder.step_down(Concession.SMALLER_PIECES, "first", by_plan=True)
    assert caught.value.report.code is ErrorCode.FILE_MISSING
