"""Flat buffers: tensors beside one another in the memory they were given."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.memory.flat_buffer import ALIGNMENT_BYTES, FlatLayout
from engine.memory.host_buffer import HostBuffer
from engine.memory.item_source import HostItems
from engine.protocol.errors import BugError

DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.int64, torch.float64]


@given(
    parts=st.lists(
        st.tuples(st.lists(st.integers(0, 9), max_size=3), st.sampled_from(DTYPES)), min_size=1, max_size=6
    ),
    spare=st.integers(0, 700),
)
@settings(max_examples=150, deadline=None)
def test_tensors_come_back_from_a_buffer_as_they_went_in(parts, spare):
    tensors = {f"part{n}": torch.randint(0, 100, shape).to(dtype) for n, (shape, dtype) in enumerate(parts)}
    layout = FlatLayout.of(tensors)
    buffer = torch.zeros(layout.size_bytes + spare, dtype=torch.uint8)
    layout.fill(buffer, tensors)
    views = layout.views(buffer)
    for name, tensor in tensors.items():
        assert views[name].shape == tensor.shape
        assert views[name].dtype is tensor.dtype
        assert torch.equal(views[name].double(), tensor.double())
    begins = [place.offset_bytes for place in layout.places]
    assert all(begin % ALIGNMENT_BYTES == 0 for begin in begins)
    assert layout == FlatLayout.of({name: tensor.to("meta") for name, tensor in tensors.items()})


def test_views_share_the_memory_of_the_buffer():
    layout = FlatLayout.of({"a": torch.zeros(3), "b": torch.zeros(2, dtype=torch.bfloat16)})
    buffer = torch.zeros(layout.size_bytes, dtype=torch.uint8)
    layout.views(buffer)["b"][1] = 1.0
    assert buffer.nonzero().flatten().tolist() == [ALIGNMENT_BYTES + 2, ALIGNMENT_BYTES + 3]


@pytest.mark.parametrize(
    "others",
    [
        {"a": torch.zeros(3)},
        {"a": torch.zeros(3), "b": torch.zeros(3)},
        {"a": torch.zeros(3), "b": torch.zeros(2).bfloat16()},
        {"a": torch.zeros(3), "b": torch.zeros(2), "c": torch.zeros(1)},
    ],
)
def test_tensors_that_are_not_the_layouts_are_refused(others):
    layout = FlatLayout.of({"a": torch.zeros(3), "b": torch.zeros(2)})
    with pytest.raises(BugError, match=r"do not fit the layout: [bc]"):
        layout.fill(torch.zeros(layout.size_bytes, dtype=torch.uint8), others)


@pytest.mark.parametrize(
    "buffer", [torch.zeros(511, dtype=torch.uint8), torch.zeros(512), torch.zeros(8, 99)]
)
def test_a_buffer_that_is_too_short_or_of_numbers_is_refused(buffer):
    with pytest.raises(BugError, match="holds no 512 bytes"):
        FlatLayout.of({"a": torch.zeros(3)}).views(buffer)


@pytest.mark.parametrize("size_bytes", [0, 1, 4096, 5_000_001])
def test_host_memory_has_the_size_asked_for_and_starts_at_a_page(size_bytes):
    buffer = HostBuffer(size_bytes)
    assert buffer.bytes_B.shape == (size_bytes,)
    assert buffer.bytes_B.data_ptr() % 4096 == 0
    assert not buffer.bytes_B.any()
    assert not buffer.pinned
    buffer.bytes_B.fill_(7)
    kept = buffer.bytes_B[size_bytes // 2 :]
    buffer.unpin()
    del buffer
    assert bool((kept == 7).all())


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="the system does not tell of its pages")
def test_child_processes_get_no_share_of_the_memory():
    buffer = HostBuffer(3_000_000)
    begin = f"{buffer.bytes_B.data_ptr():x}-"
    told = Path("/proc/self/smaps").read_text("utf-8").partition(f"\n{begin}")[2]
    flags = next(line for line in told.splitlines() if line.startswith("VmFlags"))
    assert "dc" in flags.split()  # do not copy on fork


def test_a_device_that_pins_nothing_is_told():
    buffer = HostBuffer(4096, pin_for=torch.device("cpu"))
    assert not buffer.pinned
    items = HostItems([FlatLayout.of({"a": torch.ones(5)})], pin_for=torch.device("cpu"))
    items.put(0, {"a": torch.ones(5)})
    assert (items.size_bytes, items.pinned_bytes) == (512, 0)
    items.close()
    assert items.size_bytes == 0


def test_more_memory_than_there_is_is_refused_when_it_is_asked_for():
    with pytest.raises((OSError, MemoryError)):
        HostBuffer(2**62)
