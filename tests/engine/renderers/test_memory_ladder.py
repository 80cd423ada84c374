"""How far a job has stepped down is known in the next process, whatever happened to the file."""

import json

import pytest

from engine.planning.step_down import NextStep
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.memory_plan import Concession, EncoderPlace
from engine.renderers.memory_ladder import HostView, MemoryLadder, Rungs


def step(concession, encoders=EncoderPlace.DEVICE, tile_at_most=None):
    return NextStep(concession=concession, encoders=encoders, tile_at_most=tile_at_most)


def test_the_next_process_begins_where_the_last_one_stepped_down(tmp_path):
    ladder = MemoryLadder(tmp_path)
    assert ladder.rungs == Rungs()
    ladder.step_down(step(Concession.SMALLER_PIECES), "first", wrong_budget_bytes=700)
    lower = step(Concession.BANK_ON_HOST, encoders=EncoderPlace.STREAMED, tile_at_most=32)
    ladder.step_down(lower, "second")
    ladder.begin_attempt(HostView(total_bytes=1000, free_bytes=900, host_others_bytes=50, share=1.0))
    ladder.leave_host_memory("third", by_others=False)
    assert MemoryLadder(tmp_path).rungs == Rungs(
        step=lower,
        told=("first", "second", "third"),
        host_share=0.75,
        by_plan=True,
        budget_bytes=700,
        host_free_bytes=900,
        attempt=HostView(total_bytes=1000, free_bytes=900, host_others_bytes=50, share=1.0),
    )


def test_the_hosts_share_goes_down_from_what_the_attempt_counted_on(tmp_path):
    ladder = MemoryLadder(tmp_path)
    ladder.begin_attempt(HostView(total_bytes=1000, free_bytes=900, host_others_bytes=50, share=0.5))
    ladder.leave_host_memory("first", by_others=False)
    ladder.begin_attempt(HostView(total_bytes=1000, free_bytes=800, host_others_bytes=50, share=0.375))
    ladder.leave_host_memory("second", by_others=True)
    rungs = MemoryLadder(tmp_path).rungs
    assert rungs.host_share == 0.5 * 0.75 * 0.75
    assert (rungs.host_free_bytes, rungs.host_by_others) == (900, True)


def test_a_ladder_from_before_shortages_of_the_host_taught_anything_teaches_nothing(tmp_path):
    MemoryLadder(tmp_path).leave_host_memory("first", by_others=False)
    path = tmp_path / "memory.json"
    kept = json.loads(path.read_text())
    for name in ("attempt", "host_by_others", "host_free_bytes"):
        del kept[name]
    path.write_text(json.dumps(kept))
    rungs = MemoryLadder(tmp_path).rungs
    assert (rungs.host_share, rungs.host_by_others, rungs.attempt) == (0.75, True, None)


def test_what_an_attempt_found_is_read_under_the_name_that_it_had_at_first(tmp_path):
    found = HostView(total_bytes=1000, free_bytes=900, host_others_bytes=50, share=0.5)
    MemoryLadder(tmp_path).begin_attempt(found)
    path = tmp_path / "memory.json"
    kept = json.loads(path.read_text())
    kept["attempt"]["others_bytes"] = kept["attempt"].pop("host_others_bytes")
    path.write_text(json.dumps(kept))
    assert MemoryLadder(tmp_path).rungs == Rungs(attempt=found)


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
