"""Items stream through slots: whole when used, whatever the device does first."""

import contextlib
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.memory.block_streamer import BlockStreamer
from engine.memory.copy_lane import PlainLane, copy_lane
from engine.memory.flat_buffer import FlatLayout
from engine.memory.item_source import HostItems
from engine.protocol.errors import BugError
from tests.engine.memory.simulated_lane import SimulatedLane, copies_early, copies_late

SHAPES = [(3, 5), (700,), (1,)]


class BrokenOffError(Exception):
    """A step that ended early."""


def tensors_of(number):
    """An item: every one of its numbers says whose it is."""
    shape = SHAPES[number % len(SHAPES)]
    return {"weight": torch.full(shape, number + 1.0), "bias": torch.full((4,), -number - 1.0).double()}


def is_item(tensors, number):
    wanted = tensors_of(number)
    return all(torch.equal(tensors[name], wanted[name]) for name in wanted)


def streamer_of(lane, *, count, residents=(), slots=2, make=dict, held=None):
    """A streamer of numbered items, its residents on the device already."""
    items = [tensors_of(number) for number in range(count)]
    layouts = [FlatLayout.of(tensors) for tensors in items]
    source = HostItems(layouts)
    buffers = {}
    for number, tensors in enumerate(items):
        if number in residents:
            buffers[number] = torch.zeros(layouts[number].size_bytes, dtype=torch.uint8)
            layouts[number].fill(buffers[number], tensors)
        if held is None or number in held:
            source.put(number, tensors)
    return BlockStreamer(source, layouts, make=make, lane=lane, residents=buffers, slots=slots)


def use(streamer, lane, number, seen):
    """Compute with an item, in two pieces; what the device saw is added to `seen` when it comes to it."""
    with streamer.use(number) as tensors:
        for _ in range(2):
            lane.compute(lambda: seen.append((number, is_item(tensors, number))))


def chooser(name, seed):
    if name == "odd":
        numbers = random.Random(seed)
        return numbers.choice
    return {"late": copies_late, "early": copies_early}[name]


@st.composite
def runs(draw):
    """How many items, which stay, how many slots, and what befalls each step: None, or where it ends."""
    count = draw(st.integers(1, 7))
    return {
        "count": count,
        "residents": draw(st.sets(st.integers(0, count - 1))),
        "slots": draw(st.integers(1, 4)),
        "events": draw(
            st.lists(
                st.one_of(
                    st.just("whole"),
                    st.just("released"),
                    st.tuples(st.sampled_from(["inside", "between"]), st.integers(0, count - 1)),
                ),
                min_size=1,
                max_size=6,
            )
        ),
        "choice": draw(st.sampled_from(["late", "early", "odd"])),
        "seed": draw(st.integers(0, 1000)),
    }


@given(run=runs())
@settings(max_examples=250, deadline=None)
def test_every_item_is_whole_when_the_device_comes_to_it(run):
    lane = SimulatedLane(chooser(run["choice"], run["seed"]))
    streamer = streamer_of(lane, count=run["count"], residents=run["residents"], slots=run["slots"])
    seen, asked = [], []
    for event in run["events"]:
        streamer.restart()
        where, last = event if isinstance(event, tuple) else ("", run["count"])
        for number in range(last):
            use(streamer, lane, number, seen)
            asked += [number, number]
        if where == "inside":
            with contextlib.suppress(BrokenOffError), streamer.use(last) as tensors:
                lane.compute(lambda t=tensors, n=last: seen.append((n, is_item(t, n))))
                raise BrokenOffError
            asked.append(last)
        if event == "released":
            streamer.release()
            assert streamer.device_bytes == 0
            streamer.refill()
    streamer.close()
    assert seen == [(number, True) for number in asked]
    assert streamer.device_bytes == 0


@pytest.mark.parametrize("choose", [copies_late, copies_early])
def test_a_lane_that_ignores_what_a_copy_has_to_wait_for_is_found_out(choose):
    """The simulation sees the fault it is there for: slots overwritten while they are in use."""

    class Hasty(SimulatedLane):
        def copy(self, destination, source, after):
            return super().copy(destination, source, None)

    lane, seen = Hasty(choose), []
    streamer = streamer_of(lane, count=5, slots=2)
    for number in range(5):
        use(streamer, lane, number, seen)
    streamer.close()
    assert all(right for _, right in seen) == (choose is copies_late)


def test_a_lane_that_computes_without_waiting_for_copies_is_found_out():
    class Hasty(SimulatedLane):
        def wait(self, mark):
            return

    lane, seen = Hasty(copies_late), []
    streamer = streamer_of(lane, count=3, slots=2)
    use(streamer, lane, 0, seen)
    streamer.close()
    assert seen == [(0, False), (0, False)]


def test_memory_that_computation_still_uses_is_not_copied_to_when_it_becomes_a_slot(monkeypatch):
    """An allocator lends memory again as soon as nobody holds it; the device may not have come that far."""
    lane, seen = SimulatedLane(copies_early), []
    before = torch.full((4096,), 77, dtype=torch.uint8)
    lane.compute(lambda: seen.append(bool((before == 77).all())))
    monkeypatch.setattr(BlockStreamer, "_allocated", lambda self, size_bytes: before[:size_bytes])
    streamer = streamer_of(lane, count=2, residents={1}, slots=1)
    use(streamer, lane, 0, [])
    streamer.close()
    assert seen == [True]


def test_the_processor_never_waits_in_steps():
    lane, seen = SimulatedLane(copies_late), []
    streamer = streamer_of(lane, count=5, residents={2}, slots=2)
    for _ in range(4):
        streamer.restart()
        for number in range(5):
            use(streamer, lane, number, seen)
    assert seen == []  # everything was asked for before the device did anything
    streamer.close()
    assert len(seen) == 40


def test_the_next_item_is_copied_while_one_is_computed_with_also_across_steps():
    lane = SimulatedLane(copies_early)
    streamer = streamer_of(lane, count=3, slots=2)
    for number in (0, 1, 2, 0, 1, 2):
        with streamer.use(number):
            pass
        lane.settle()
        upcoming = (number + 1) % 3
        slots = [slot.items[streamer._layouts[upcoming]] for slot in streamer._slots]
        assert any(is_item(tensors, upcoming) for tensors in slots)
    streamer.close()


def test_items_are_made_once_for_each_buffer_and_kept_across_steps():
    made = []

    def make(tensors):
        made.append(tensors)
        return tensors

    lane = PlainLane(torch.device("cpu"))
    streamer = streamer_of(lane, count=6, residents={0}, slots=2, make=make)
    before = len(made)
    for _ in range(3):
        for number in range(6):
            with streamer.use(number) as tensors:
                assert any(tensors is one for one in made)
    assert before == len(made) == 1 + 2 * 3  # three layouts in each slot
    streamer.close()


def test_as_many_slots_as_items_copy_nothing_after_the_first_step():
    lane = SimulatedLane(copies_early)
    streamer = streamer_of(lane, count=3, residents={1}, slots=5)
    copied = lane.copied_bytes
    for _ in range(3):
        streamer.restart()
        for number in range(3):
            use(streamer, lane, number, [])
    assert lane.copied_bytes == copied
    streamer.close()


def test_slots_and_residents_take_the_memory_they_need_and_no_more():
    streamer = streamer_of(PlainLane(torch.device("cpu")), count=6, residents={0, 3}, slots=2)
    sizes = [FlatLayout.of(tensors_of(number)).size_bytes for number in range(6)]
    assert streamer.device_bytes == sizes[0] + sizes[3] + 2 * max(sizes[1], sizes[2])
    streamer.close()


def test_residents_without_a_copy_on_the_host_stay_when_the_others_go():
    lane, seen = SimulatedLane(copies_late), []
    streamer = streamer_of(lane, count=4, residents={1, 2}, slots=1, held={0, 2, 3})
    streamer.release()
    assert streamer.device_bytes == FlatLayout.of(tensors_of(1)).size_bytes
    streamer.refill()
    for number in range(4):
        use(streamer, lane, number, seen)
    streamer.close()
    assert seen == [(number, True) for number in (0, 0, 1, 1, 2, 2, 3, 3)]


def test_buffers_filled_inside_inference_are_used_and_filled_outside_too():
    lane, seen = SimulatedLane(copies_early), []
    with torch.inference_mode():
        streamer = streamer_of(lane, count=4, residents={1}, slots=2)
        for number in range(4):
            use(streamer, lane, number, seen)
        streamer.release()
        streamer.refill()
    for number in range(4):
        use(streamer, lane, number, seen)
    streamer.close()
    assert len(seen) == 16
    assert all(right for _, right in seen)


def test_another_item_than_the_next_one_is_refused():
    streamer = streamer_of(PlainLane(torch.device("cpu")), count=3)
    with pytest.raises(BugError, match="item 1 was asked for where 0 comes next"), streamer.use(1):
        pass
    with streamer.use(0), pytest.raises(BugError), streamer.use(1):
        pass
    with streamer.use(1):
        for forbidden in (streamer.restart, streamer.release, streamer.refill):
            with pytest.raises(BugError, match=r"in use"):
                forbidden()
    streamer.close()


def test_after_a_step_that_broke_off_or_a_release_nothing_is_given_before_a_new_beginning():
    streamer = streamer_of(PlainLane(torch.device("cpu")), count=3)
    with contextlib.suppress(BrokenOffError), streamer.use(0):
        raise BrokenOffError
    with pytest.raises(BugError), streamer.use(1):
        pass
    streamer.restart()
    streamer.release()
    with pytest.raises(BugError, match="given back"):
        streamer.restart()
    with pytest.raises(BugError), streamer.use(0):
        pass
    streamer.close()


def test_streaming_without_a_slot_is_refused_and_no_slot_is_made_where_all_stay():
    with pytest.raises(BugError, match="slot"):
        streamer_of(PlainLane(torch.device("cpu")), count=2, slots=0)
    streamer = streamer_of(copy_lane(torch.device("cpu")), count=2, residents={0, 1}, slots=0)
    for number in (0, 1, 0, 1):
        with streamer.use(number) as tensors:
            assert is_item(tensors, number)
    streamer.close()
