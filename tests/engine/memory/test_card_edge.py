"""What is said to a graphics card, word for word, where there is none: its library is replaced here."""

import contextlib
import gc

import pytest
import torch

from engine.memory.copy_lane import CardLane, DoneMark, copy_lane
from engine.memory.flat_buffer import FlatLayout
from engine.memory.host_buffer import HostBuffer
from engine.memory.item_source import HostItems

CARD = torch.device("cuda", 0)


class FakeStream:
    """Writes down what is put on it."""

    def __init__(self, name, said):
        self.name, self.said = name, said

    def wait_event(self, event):
        self.said.append(f"{self.name} waits for {event.moment}")

    def record_event(self, event):
        event.moment = f"{self.name} {len(self.said)}"
        self.said.append(f"{self.name} tells {event.moment}")
        return event

    def synchronize(self):
        self.said.append(f"all wait for {self.name}")


class FakeEvent:
    """A moment; whoever waits for it sleeps."""

    def __init__(self, *, blocking):
        assert blocking
        self.moment = None
        self.is_waited_for = False

    def synchronize(self):
        self.is_waited_for = True


class FakeBytes:
    """Writes down when it is copied to."""

    def __init__(self, said):
        self.said = said

    def copy_(self, source, *, non_blocking):
        assert non_blocking
        self.said.append(f"copy of {source}")


@pytest.fixture
def said(monkeypatch):
    """A card whose library writes down what it is asked."""
    said = []
    compute = FakeStream("compute", said)

    @contextlib.contextmanager
    def on_stream(stream):
        said.append(f"on {stream.name}")
        yield
        said.append(f"off {stream.name}")

    monkeypatch.setattr(torch.cuda, "Stream", lambda device: FakeStream("copies", said))
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: compute)
    monkeypatch.setattr(torch.cuda, "stream", on_stream)
    return said


def test_a_copy_waits_on_its_stream_alone_and_tells_when_it_is_done(said):
    lane = copy_lane(CARD)
    assert isinstance(lane, CardLane)
    assert lane.device == CARD
    assert lane.needs_pinned_memory
    free = lane.mark()
    copied = lane.copy(FakeBytes(said), "block 3", free)
    lane.wait(copied)
    lane.copy(FakeBytes(said), "block 4", None)
    lane.settle()
    assert said == [
        "compute tells compute 0",
        "copies waits for compute 0",
        "on copies",
        "copy of block 3",
        "off copies",
        "copies tells copies 5",
        "compute waits for copies 5",
        "on copies",
        "copy of block 4",
        "off copies",
        "copies tells copies 10",
        "all wait for copies",
        "all wait for compute",
    ]
    copied.wait_here()
    assert copied.event.is_waited_for


def test_a_moment_of_another_lane_is_refused(said):
    with pytest.raises(TypeError, match="no moment of a card"):
        CardLane(CARD).wait(DoneMark())


class FakeRuntime:
    """Registers memory until there is none left to register."""

    def __init__(self, most):
        self.most, self.held = most, {}
        self.cudaHostRegister, self.cudaHostUnregister = self.register, self.unregister

    def register(self, address, size, flags):
        assert address % 4096 == 0
        if sum(self.held.values()) + size > self.most:
            return 2
        self.held[address] = size
        return 0

    def unregister(self, address):
        del self.held[address]
        return 0


@pytest.fixture
def runtime(monkeypatch):
    runtime, kernels = FakeRuntime(10_000), []
    runtime.kernels = kernels

    def next_kernel(*shape, device):
        kernels.append(device)
        raise RuntimeError("the refusal comes out here")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "cudart", lambda: runtime)
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(torch, "ones", next_kernel)
    return runtime


def test_memory_is_registered_in_its_exact_size_until_it_is_let_go(runtime):
    buffer = HostBuffer(5001, pin_for=CARD)
    assert buffer.pinned
    assert list(runtime.held.values()) == [5001]
    buffer.unpin()
    assert not buffer.pinned
    assert runtime.held == {}
    buffer.unpin()
    buffer = HostBuffer(5001, pin_for=CARD)
    del buffer
    gc.collect()
    assert runtime.held == {}
    assert runtime.kernels == []


def test_a_refusal_leaves_ordinary_memory_and_no_error_for_the_next_kernel(runtime):
    layout = FlatLayout.of({"a": torch.zeros(2000, dtype=torch.uint8)})
    items = HostItems([layout] * 7, pin_for=CARD, pinned_numbers=range(1, 7))
    for number in range(7):
        items.put(number, {"a": torch.full((2000,), number, dtype=torch.uint8)})
    assert items.pinned_bytes == 4 * 2048
    assert items.size_bytes == 7 * 2048
    assert len(runtime.kernels) == 2
    assert [int(items.take(number)[0]) for number in range(7)] == list(range(7))
    items.close()
    assert runtime.held == {}
