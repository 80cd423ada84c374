"""The limit a user sets on the device's memory."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.planning.memory_limit import MOST_BYTES, device_memory_limit, memory_size
from engine.protocol.errors import UserError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("12GB", 12 * 10**9),
        ("11.5 GB", 11_500_000_000),
        (" 900MB ", 900 * 10**6),
        ("8GiB", 8 * 2**30),
        ("0.5gib", 2**29),
        ("512 kb", 512_000),
        ("1TiB", 2**40),
        ("4096B", 4096),
    ],
)
def test_sizes_are_understood(text, size):
    assert memory_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "12",
        "GB",
        "12 G",
        "-1GB",
        "1e3GB",
        "0GB",
        "0.0001B",
        "11,5GB",
        "nanGB",
        "1.GB",
        "١٢GB",
        "9" * 99 + "GB",
        "rubbish",
        "-3GB",
        "1GB 2GB",
    ],
)
def test_what_is_no_size_is_refused_with_an_example(text):
    with pytest.raises(UserError, match="is no size of a memory") as refusal:
        memory_size(text)
    assert "MASQUE_DEVICE_MEMORY=12GB" in refusal.value.report.next_step


def test_more_than_any_machine_has_is_refused():
    assert memory_size("100TB") == MOST_BYTES
    with pytest.raises(UserError, match="more memory than any machine has") as refusal:
        memory_size("99999999999TB")
    assert "at most 100 TB" in refusal.value.report.next_step


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_size_or_refused(text):
    try:
        assert memory_size(text) >= 1
    except UserError as refusal:
        assert len(refusal.report.message) < 300


def test_without_a_limit_there_is_none():
    assert device_memory_limit({}) is None
    assert device_memory_limit({"MASQUE_DEVICE_MEMORY": "  "}) is None
    assert device_memory_limit({"MASQUE_DEVICE_MEMORY": "8GB"}) == 8 * 10**9


def test_a_limit_that_is_no_size_is_refused_by_its_name():
    with pytest.raises(UserError, match="MASQUE_DEVICE_MEMORY: 'rubbish' is no size of a memory"):
        device_memory_limit({"MASQUE_DEVICE_MEMORY": "rubbish"})
