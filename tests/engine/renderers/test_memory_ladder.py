"""How far a job has stepped down is known in the next process, whatever happened to the file."""

import pytest

from engine.planning.step_down import NextStep
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.memory_plan import Concession, EncoderPlace
from engine.renderers.memory_ladder import MemoryLadder, Rungs


def step(concession, encoders=EncoderPlace.DEVICE, tile_at_most=None):
    return NextStep(concession=concession, encoders=encoders, tile_at_most=tile_at_most)


def test_the_next_process_begins_where_the_last_one_stepped_down(tmp_path):
    ladder = MemoryLadder(tmp_path)
    assert ladder.rungs == Rungs()
    ladder.step_down(step(Concession.SMALLER_PIECES), "first", wrong_budget_bytes=700)
    lower = step(Concession.BANK_ON_HOST, encoders=EncoderPlace.STREAMED, tile_at_most=32)
    ladder.step_down(lower, "second")
    ladder.leave_host_memory("third")
    assert MemoryLadder(tmp_path).rungs == Rungs(
        step=lower,
        told=("first", "second", "third"),
        host_share=0.75,
        by_plan=True,
        budget_bytes=700,
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"step": {"concession": "all"}}', b"\xff\xfe", b'{"step": null, "told": 3}'],
)
def test_a_damaged_ladder_is_begun_anew(content, tmp_path):
    (tmp_path / "memory.json").write_bytes(content)
    assert MemoryLadder(tmp_path).rungs == Rungs()


def test_after_the_ladders_end_a_retry_begins_at_the_top(tmp_path):
    ladder = MemoryLadder(tmp_path)
    ladder.step_down(step(Concession.SHORTEST_SEGMENTS), "last")
    ladder.begin_anew()
    ladder.begin_anew()
    assert MemoryLadder(tmp_path).rungs == Rungs()


def test_a_rung_that_cannot_be_written_is_told(tmp_path):
    ladder = MemoryLadder(tmp_path / "gone")
    with pytest.raises(UserError) as caught:
        ladder.step_down(step(Concession.SMALLER_PIECES), "first")
    assert caught.value.report.code is ErrorCode.FILE_MISSING
