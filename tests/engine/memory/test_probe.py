"""What is found out of a machine: what it is, what is free, how fast; also of a card that is full or gone."""

from types import SimpleNamespace

import psutil
import pytest
import torch

from engine.locations import engine_locations
from engine.memory import arithmetic_rate, eight_bit, host_memory, probe
from engine.memory.block_file import BLOCK_FOLDER
from engine.memory.device import limit_this_process
from engine.memory.driver_version import driver_version
from engine.memory.eight_bit import has_eight_bit
from engine.memory.probe import ProbeEffort, machine_identity, measure_rates, memory_now
from engine.protocol.diffusion_settings import Precision
from engine.protocol.errors import ErrorCode, UserError

PROCESSOR = torch.device("cpu")
CARD = torch.device("cuda", 0)
SMALL = ProbeEffort(copied_bytes=2**20, pinned_bytes=2**20, disk_pieces=1, long_enough_s=0.001)
GB = 10**9

needs_no_card = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")


@pytest.fixture
def card(monkeypatch):
    """A card of 12 GB of which 7 are unclaimed, 3 held by our allocator and 2 of those in tensors."""
    numbers = {"unclaimed": 7 * GB, "total": 12 * GB, "held": 3 * GB, "used": 2 * GB}
    for name, answer in (
        ("mem_get_info", lambda device: (numbers["unclaimed"], numbers["total"])),
        ("memory_reserved", lambda device: numbers["held"]),
        ("memory_allocated", lambda device: numbers["used"]),
        ("get_device_name", lambda device: "Card 12"),
        ("get_device_properties", lambda device: SimpleNamespace(total_memory=numbers["total"])),
    ):
        monkeypatch.setattr(torch.cuda, name, answer)
    return numbers


def test_blocks_may_take_what_is_free_on_the_disk_and_what_they_take_there_already(tmp_path, monkeypatch):
    monkeypatch.setenv("MASQUE_HOME", str(tmp_path))
    usage = SimpleNamespace(total=9 * GB, used=4 * GB, free=5 * GB)
    monkeypatch.setattr(probe.shutil, "disk_usage", lambda folder: usage)
    assert memory_now(PROCESSOR).disk_free_bytes == 5 * GB
    folder = engine_locations().cache / BLOCK_FOLDER
    folder.mkdir()
    (folder / "blocks-0.masque-blocks").write_bytes(bytes(1000))
    (folder / "another").write_bytes(bytes(10))
    assert memory_now(PROCESSOR).disk_free_bytes == 5 * GB + 1000


def test_a_disk_that_does_not_answer_is_not_known(tmp_path, monkeypatch):
    def gone(folder):
        raise OSError

    monkeypatch.setenv("MASQUE_HOME", str(tmp_path))
    monkeypatch.setattr(probe.shutil, "disk_usage", gone)
    assert memory_now(PROCESSOR).disk_free_bytes is None


def test_the_processors_memory_is_the_hosts():
    now = memory_now(PROCESSOR)
    assert now.device_total_bytes == now.host_total_bytes <= psutil.virtual_memory().total
    assert 0 < now.device_free_bytes == now.host_free_bytes < now.host_total_bytes
    assert 0 <= now.others_bytes < now.device_total_bytes - now.device_free_bytes
    assert now.limit_bytes is None


def test_what_our_allocator_holds_unused_is_free_and_not_the_others(card):
    now = memory_now(CARD)
    assert (now.device_total_bytes, now.device_free_bytes, now.others_bytes) == (12 * GB, 8 * GB, 2 * GB)


def test_a_card_that_others_have_filled_has_nothing_free(card):
    card.update(unclaimed=0, held=0, used=0)
    now = memory_now(CARD)
    assert (now.device_free_bytes, now.others_bytes) == (0, 12 * GB)


def test_the_users_limit_is_part_of_what_is_known(monkeypatch):
    monkeypatch.setenv("MASQUE_DEVICE_MEMORY", "900MB")
    assert memory_now(PROCESSOR).limit_bytes == 900 * 10**6


def test_a_card_too_full_to_be_asked_is_out_of_memory(card, monkeypatch):
    def full(device):
        raise torch.OutOfMemoryError("CUDA error: out of memory")

    monkeypatch.setattr(torch.cuda, "mem_get_info", full)
    with pytest.raises(UserError, match="graphics card has no memory free") as refusal:
        memory_now(CARD)
    assert refusal.value.report.code is ErrorCode.OUT_OF_MEMORY


def test_a_card_that_disappears_is_told_in_a_sentence(card, monkeypatch):
    def gone(device):
        raise RuntimeError("CUDA error: device is lost\nCompile with DSA")

    monkeypatch.setattr(torch.cuda, "mem_get_info", gone)
    with pytest.raises(UserError, match="graphics card does not answer") as refusal:
        memory_now(CARD)
    assert refusal.value.report.code is ErrorCode.RENDERER_UNAVAILABLE
    assert refusal.value.report.details == {"error": "CUDA error: device is lost"}


@needs_no_card
def test_without_a_card_measuring_one_is_refused_in_a_sentence(tmp_path):
    for asked in (
        lambda: machine_identity(CARD),
        lambda: memory_now(CARD),
        lambda: measure_rates(CARD, tmp_path),
    ):
        with pytest.raises(UserError, match="graphics card does not answer"):
            asked()


def test_the_processors_identity_names_its_memory_cores_and_software():
    identity = machine_identity(PROCESSOR)
    assert identity == machine_identity(PROCESSOR)
    assert (identity.device, identity.is_processor) == ("processor", True)
    assert identity.device_bytes == identity.host_bytes == memory_now(PROCESSOR).host_total_bytes
    assert identity.cores == torch.get_num_threads()
    assert identity.software == f"torch {torch.__version__}"


def test_a_cards_identity_names_its_memory_and_driver(card):
    identity = machine_identity(CARD)
    assert (identity.device, identity.is_processor, identity.device_bytes) == ("Card 12", False, 12 * GB)
    assert identity.software.startswith(f"torch {torch.__version__}, driver ")


def test_the_drivers_version_is_the_systems(tmp_path):
    (tmp_path / "nvidia").mkdir()
    (tmp_path / "nvidia" / "version").write_text("550.54.15\n")
    assert driver_version(tmp_path) == "nvidia 550.54.15"
    assert driver_version(tmp_path / "none")


def test_a_processor_is_measured_and_leaves_no_file(tmp_path):
    rates = measure_rates(PROCESSOR, tmp_path, effort=SMALL)
    assert (rates.pinned_bytes_per_s, rates.pinnable_bytes) == (0.0, 0)
    assert min(rates.pageable_bytes_per_s, rates.disk_bytes_per_s) > 1e6
    for measured in (rates.product_flop_per_s, rates.attention_flop_per_s):
        assert Precision.FLOAT32 in measured
        assert all(rate > 1e6 for rate in measured.values())
    assert rates.product_flop_per_s.keys() == rates.attention_flop_per_s.keys()
    assert list(tmp_path.iterdir()) == []


def test_measuring_draws_none_of_the_programs_random_numbers(tmp_path):
    state = torch.get_rng_state()
    measure_rates(PROCESSOR, tmp_path, effort=SMALL)
    assert torch.equal(torch.get_rng_state(), state)


def test_where_no_memory_is_left_measuring_is_refused_in_a_sentence(tmp_path, monkeypatch):
    def full(*given):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 100 MiB")

    monkeypatch.setattr(arithmetic_rate, "_random", full)
    with pytest.raises(UserError, match="Too little memory is free on processor") as refusal:
        measure_rates(PROCESSOR, tmp_path, effort=SMALL)
    assert refusal.value.report.code is ErrorCode.OUT_OF_MEMORY


def test_a_fault_of_ours_is_not_taken_for_a_cards(tmp_path, monkeypatch):
    def wrong(*given):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(arithmetic_rate, "_random", wrong)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        measure_rates(PROCESSOR, tmp_path, effort=SMALL)


def test_a_number_format_the_device_lacks_is_left_out(tmp_path, monkeypatch):
    random = arithmetic_rate._random

    def without_halves(device, dtype, *shape):
        if dtype is torch.float16:
            raise RuntimeError("\"addmm_impl\" not implemented for 'Half'")
        return random(device, dtype, *shape)

    monkeypatch.setattr(arithmetic_rate, "_random", without_halves)
    rates = measure_rates(PROCESSOR, tmp_path, effort=SMALL)
    assert set(rates.product_flop_per_s) == {Precision.FLOAT32, Precision.BFLOAT16}


def test_float8_is_tried_with_real_numbers(monkeypatch):
    assert has_eight_bit(PROCESSOR)
    # a conversion that loses what comes after the point
    monkeypatch.setattr(eight_bit, "EIGHT_BIT", torch.int8)
    assert not has_eight_bit(PROCESSOR)


def test_a_card_is_limited_to_the_users_share(card, monkeypatch):
    asked = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *given: asked.append(given))
    limit_this_process(CARD, 3 * GB)
    limit_this_process(CARD, 90 * GB)
    limit_this_process(CARD, None)
    limit_this_process(PROCESSOR, 3 * GB)
    assert asked == [(0.25, CARD), (1.0, CARD)]


def test_the_least_of_machine_and_groups_counts(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=8 * GB, available=GB))
    for limit, used, total, free in (
        (4 * GB, GB, 4 * GB, GB),
        (16 * GB, 0, 8 * GB, GB),
        (9 * GB, 9 * GB - 5, 8 * GB, 5),
        (GB, 2 * GB, GB, 0),
    ):
        group = host_memory.GroupMemory(limit_bytes=limit, used_bytes=used)
        monkeypatch.setattr(host_memory, "group_memory", lambda group=group: (group,))
        monkeypatch.setattr(host_memory.sys, "platform", "linux")
        found = host_memory.host_memory()
        assert (found.total_bytes, found.free_bytes) == (total, free)


def test_a_fault_of_ours_beside_a_card_is_not_the_cards(card, monkeypatch):
    def wrong(device):
        raise RuntimeError("The size of tensor a must match the size of tensor b")

    monkeypatch.setattr(torch.cuda, "memory_reserved", wrong)
    with pytest.raises(RuntimeError, match="must match"):
        memory_now(CARD)


def test_what_others_use_of_the_host_leaves_out_this_process_but_not_for_files_it_has_mapped(monkeypatch):
    machine = host_memory.HostMemory(total_bytes=32 * GB, free_bytes=20 * GB)
    process = SimpleNamespace(rss=9 * GB, shared=4 * GB)
    monkeypatch.setattr(host_memory, "host_memory", lambda: machine)
    with monkeypatch.context() as patch:  # whoever looks for processes after the test finds real ones
        patch.setattr(psutil, "Process", lambda: SimpleNamespace(memory_info=lambda: process))
        assert host_memory.host_others_bytes() == 7 * GB
        del process.shared  # macOS and Windows do not tell it
        assert host_memory.host_others_bytes() == 3 * GB
