"""Reading ahead: every item in its turn, through a few buffers, and errors where they matter."""

import random
import threading
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.memory.block_streamer import BlockStreamer
from engine.memory.copy_lane import DoneMark, PlainLane
from engine.memory.flat_buffer import FlatLayout
from engine.memory.item_source import HostItems
from engine.memory.read_ahead import ReadAhead
from engine.protocol.errors import BugError, ErrorCode, UserError
from tests.engine.memory.simulated_lane import SimulatedLane, copies_early, copies_late

PROCESSOR = torch.device("cpu")


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert [one.name for one in threading.enumerate() if one.name.startswith("read-ahead")] == []


class Disk:
    """Items of numbers on a disk that may be slow, or broken for some items."""

    def __init__(self, count, *, pause_s=0.0, broken=()):
        self.count, self.pause_s, self.broken = count, pause_s, set(broken)
        self.reads, self.is_closed = [], False

    def item_bytes(self, number):
        return 512 * (1 + number % 3)

    def holds(self, number):
        return number < self.count

    def load(self, number, destination):
        self.reads.append(number)
        half = len(destination) // 2
        destination[:half] = number + 1
        time.sleep(self.pause_s)
        if number in self.broken:
            raise UserError("The disk is broken.", next_step="Mend it.", code=ErrorCode.FILE_UNREADABLE)
        destination[half:] = number + 1

    def close(self):
        self.is_closed = True


def layouts_of(disk):
    return [
        FlatLayout.of({"all": torch.zeros(disk.item_bytes(number), dtype=torch.uint8)})
        for number in range(disk.count)
    ]


def is_item(tensors, number):
    return bool((tensors["all"] == number + 1).all())


def streamer_of(disk, lane, *, residents=(), slots=2, buffers=2):
    layouts = layouts_of(disk)
    held = {}
    for number in residents:
        held[number] = torch.full((layouts[number].size_bytes,), number + 1, dtype=torch.uint8)
    order = [number for number in range(disk.count) if number not in held]
    source = ReadAhead(disk, order, buffers=buffers)
    return BlockStreamer(source, layouts, make=dict, lane=lane, residents=held, slots=slots)


@st.composite
def runs(draw):
    """How many items, slots and buffers, which items stay, and where each step ends (None: whole)."""
    count = draw(st.integers(1, 6))
    return {
        "count": count,
        "residents": draw(st.sets(st.integers(0, count - 1), max_size=3)),
        "slots": draw(st.integers(1, 3)),
        "buffers": draw(st.integers(1, 4)),
        "stops": draw(st.lists(st.one_of(st.none(), st.integers(0, count)), min_size=1, max_size=5)),
        "release": draw(st.booleans()),
        "choice": draw(st.sampled_from(["late", "early", "odd"])),
        "seed": draw(st.integers(0, 1000)),
    }


@given(run=runs())
@settings(max_examples=120, deadline=None)
def test_no_buffer_is_read_into_while_it_is_copied_from(run):
    odd = random.Random(run["seed"])
    choose = {"late": copies_late, "early": copies_early, "odd": odd.choice}[run["choice"]]
    disk, lane, seen, asked = Disk(run["count"]), SimulatedLane(choose), [], []
    streamer = streamer_of(disk, lane, residents=run["residents"], slots=run["slots"], buffers=run["buffers"])
    for stop in run["stops"]:
        streamer.restart()
        for number in range(run["count"] if stop is None else stop):
            with streamer.use(number) as tensors:
                lane.compute(lambda t=tensors, n=number: seen.append((n, is_item(t, n))))
            asked.append(number)
        if run["release"]:
            streamer.release()
            assert streamer.device_bytes == 0
            streamer.refill()
    streamer.close()
    assert seen == [(number, True) for number in asked]
    assert disk.is_closed


def test_a_buffer_given_back_too_early_is_found_out():
    """The simulation sees the fault it is there for."""

    class Hasty(ReadAhead):
        def sent(self, number, done):
            super().sent(number, DoneMark())

    disk, lane, seen = Disk(4), SimulatedLane(copies_late), []
    source = Hasty(disk, range(4), buffers=1)
    streamer = BlockStreamer(source, layouts_of(disk), make=dict, lane=lane, residents={}, slots=2)
    for number in range(4):
        with streamer.use(number) as tensors:
            lane.compute(lambda t=tensors, n=number: seen.append(is_item(t, n)))
    streamer.close()
    assert not all(seen)


@pytest.mark.parametrize("pause_s", [0.0, 0.003])
def test_a_fast_and_a_slow_disk_give_the_same(pause_s):
    disk = Disk(5, pause_s=pause_s)
    streamer = streamer_of(disk, PlainLane(PROCESSOR), residents={1})
    for _ in range(3):
        for number in range(5):
            with streamer.use(number) as tensors:
                assert is_item(tensors, number)
    streamer.close()
    assert disk.reads[:8] == [0, 2, 3, 4, 0, 2, 3, 4]


def test_no_more_is_read_ahead_than_there_are_buffers():
    disk = Disk(9)
    ring = ReadAhead(disk, range(9), buffers=3)
    ring.take(0)
    ring._thread.submit(lambda: None).result()
    assert disk.reads == [0, 1, 2]
    assert ring.host_bytes == 3 * disk.item_bytes(2)
    assert not ring.pinned
    ring.close()


@pytest.mark.parametrize("buffers", [1, 3])
def test_an_error_in_the_middle_ends_the_step_that_needs_the_item_and_may_be_mended(buffers):
    disk = Disk(5, broken={3})
    streamer = streamer_of(disk, PlainLane(PROCESSOR), buffers=buffers)
    with pytest.raises(UserError, match="The disk is broken") as caught:
        for number in range(5):
            with streamer.use(number) as tensors:
                assert is_item(tensors, number)
    assert caught.value.report.code is ErrorCode.FILE_UNREADABLE
    with pytest.raises(BugError), streamer.use(3):
        pass
    disk.broken.clear()
    streamer.restart()
    for number in (*range(5), *range(5)):
        with streamer.use(number) as tensors:
            assert is_item(tensors, number)
    streamer.close()


def test_a_disk_that_is_broken_from_the_beginning_is_told_and_let_go():
    disk = Disk(5, broken={1})
    with pytest.raises(UserError, match="The disk is broken"):
        streamer_of(disk, PlainLane(PROCESSOR), residents={3})
    assert disk.is_closed


def test_without_memory_for_the_buffers_the_disk_is_let_go(monkeypatch):
    disk = Disk(2)
    monkeypatch.setattr(disk, "item_bytes", lambda number: 2**62)
    with pytest.raises((OSError, MemoryError)):
        ReadAhead(disk, range(2))
    assert disk.is_closed


def test_an_error_of_any_kind_reaches_the_render():
    class Faulty(Disk):
        def load(self, number, destination):
            raise ZeroDivisionError

    source = ReadAhead(Faulty(3), range(3), buffers=2)
    with pytest.raises(ZeroDivisionError):
        source.take(0)
    source.close()


def test_a_device_that_failed_is_told_by_the_reading_that_waited_for_it():
    class Failed:
        def wait_here(self):
            raise RuntimeError("the device is lost")

    source = ReadAhead(Disk(3), range(3), buffers=1)
    source.take(0)
    source.sent(0, Failed())
    with pytest.raises(RuntimeError, match="lost"):
        source.take(1)
    source.close()


def test_beginning_again_reads_nothing_of_what_is_not_wanted_any_more():
    disk, gate = Disk(9), threading.Event()
    source = ReadAhead(disk, range(9), buffers=4)
    source._thread.submit(gate.wait)
    source.take(0)
    source.sent(0, DoneMark())
    for number in (1, 2, 3):
        source.take(number)
        source.sent(number, DoneMark())
    source.restart()
    gate.set()
    source.take(0)
    source.close()
    assert 4 not in disk.reads


def test_closing_while_an_item_is_read_waits_for_that_one_alone():
    disk = Disk(50, pause_s=0.02)
    source = ReadAhead(disk, range(50), buffers=20)
    source.take(0)
    source.close()
    assert len(disk.reads) < 5
    assert disk.is_closed


def test_residents_are_filled_again_from_the_disk():
    disk = Disk(4)
    streamer = streamer_of(disk, PlainLane(PROCESSOR), residents={1, 2})
    streamer.release()
    assert streamer.device_bytes == 0
    streamer.refill()
    for number in range(4):
        with streamer.use(number) as tensors:
            assert is_item(tensors, number)
    streamer.close()


def test_items_in_memory_are_read_ahead_like_any():
    items = [{"a": torch.full((50,), float(number))} for number in range(4)]
    layouts = [FlatLayout.of(tensors) for tensors in items]
    host = HostItems(layouts)
    for number, tensors in enumerate(items):
        host.put(number, tensors)
    source = ReadAhead(host, [0, 2, 3], buffers=2)
    held = host.take(1).clone()
    streamer = BlockStreamer(
        source, layouts, make=dict, lane=PlainLane(PROCESSOR), residents={1: held}, slots=2
    )
    for number in (0, 1, 2, 3, 0):
        with streamer.use(number) as tensors:
            assert torch.equal(tensors["a"], items[number]["a"])
    streamer.close()
    assert host.size_bytes == 0


def test_items_out_of_turn_are_refused():
    source = ReadAhead(Disk(3), range(3), buffers=2)
    with pytest.raises(BugError, match="item 1 was not read ahead"):
        source.take(1)
    with pytest.raises(BugError, match="was not taken"):
        source.sent(0, DoneMark())
    source.take(0)
    with pytest.raises(BugError, match="not read ahead"):
        source.take(1)
    source.close()
    with pytest.raises(BugError, match="needs a buffer"):
        ReadAhead(Disk(3), range(3), buffers=0)
