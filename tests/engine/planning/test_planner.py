"""A plan never takes more than there is, is never slower with more, and is the same every time."""

import re
from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.planning.machine import MachineRates
from engine.planning.plan_limits import LADDER, device_budget
from engine.planning.plan_search import spread
from engine.planning.planner import best_plan, plan_render
from engine.planning.vae_memory import decoding_bytes
from engine.protocol.diffusion_settings import Precision
from engine.protocol.memory_plan import (
    BankPlace,
    Bottleneck,
    Concession,
    EncoderPlace,
    HostPlace,
    MemoryPlan,
    NoPlan,
    PlanPhase,
    WeightStorage,
)
from tests.engine.planning.machines import GB, card, processor
from tests.engine.planning.workloads import PUBLISHED, memory, shots, workload

host_memory = st.sampled_from([40 * GB, 64 * GB, 128 * GB])


def is_sound(plan, machine, asked):
    """Whether a plan keeps within its machine and says so rightly."""
    assert plan.peak_bytes <= plan.device_budget_bytes == device_budget(machine)
    assert plan.host_bytes <= machine.now.host_free_bytes
    blocks, residents = asked.sizes.transformer.blocks, plan.resident_blocks
    assert plan.block_count == blocks
    assert list(residents) == sorted(set(residents))
    assert all(0 <= number < blocks for number in residents)
    assert (plan.slots == 0) == (len(residents) == blocks)
    gaps = [right - left for left, right in pairwise(residents)]
    assert not gaps or max(gaps) - min(gaps) <= 1
    assert {PlanPhase.DENOISING, PlanPhase.DECODING} <= {need.phase for need in plan.phases}
    return True


rungs = st.sampled_from(LADDER)


@settings(max_examples=15, deadline=None)
@given(size=memory, host=host_memory, asked=shots, rung=rungs)
def test_a_plan_takes_no_more_than_there_is_and_is_the_same_every_time(size, host, asked, rung):
    machine = card(size, host_bytes=host)
    found = plan_render(machine, asked, concession=rung)
    assert found == plan_render(machine, asked, concession=rung)
    if isinstance(found, MemoryPlan):
        assert is_sound(found, machine, asked)
        assert found.concession is rung
    else:
        assert found.reason.endswith(".")


def of_more(machine, kind, more):
    """The same machine with more memory of one kind."""
    now, rates = machine.now, machine.rates
    if kind == "host":
        return replace(machine, now=replace(now, host_free_bytes=int(now.host_free_bytes * more)))
    if kind == "pinnable":
        return replace(machine, rates=replace(rates, pinnable_bytes=int(rates.pinnable_bytes * more)))
    if kind == "disk":
        return replace(machine, now=replace(now, disk_free_bytes=int(now.disk_free_bytes * more)))
    return replace(machine, now=replace(now, device_free_bytes=int(now.device_free_bytes * more)))


some_cards = st.builds(
    lambda size, host, pinnable, disk: of_disk(card(size, host_bytes=host, pinnable_bytes=pinnable), disk),
    size=memory,
    host=st.integers(12, 90).map(lambda size: size * GB),
    pinnable=st.integers(0, 40).map(lambda size: size * GB),
    disk=st.integers(0, 40).map(lambda size: size * GB),
)
some_processors = st.builds(
    lambda host, disk: of_disk(processor(host * GB), disk * GB),
    host=st.integers(20, 120),
    disk=st.integers(0, 80),
)


def of_disk(machine, free_bytes):
    """A machine with so much room on its disk."""
    return replace(machine, now=replace(machine.now, disk_free_bytes=free_bytes))


@settings(max_examples=10, deadline=None)
@given(
    machine=st.one_of(some_cards, some_processors),
    kind=st.sampled_from(["device", "host", "pinnable", "disk"]),
    more=st.floats(min_value=1.01, max_value=3),
    asked=shots,
    rung=rungs,
)
def test_more_memory_of_any_kind_is_never_slower_and_never_gives_up_more(machine, kind, more, asked, rung):
    greater = of_more(machine, kind, more)
    found, better = plan_render(machine, asked, concession=rung), plan_render(greater, asked, concession=rung)
    if isinstance(found, MemoryPlan):
        assert isinstance(better, MemoryPlan)
        assert better.seconds <= found.seconds * (1 + 1e-9)
        first, second = best_plan(machine, asked), best_plan(greater, asked)
        assert LADDER.index(second.concession) <= LADDER.index(first.concession)


@settings(max_examples=40, deadline=None)
@given(blocks=st.integers(1, 60), share=st.floats(0, 1))
def test_resident_blocks_lie_evenly(blocks, share):
    count = round(blocks * share)
    numbers = spread(count, blocks)
    assert len(set(numbers)) == count
    gaps = [right - left for left, right in pairwise(numbers)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_more_residents_fit_into_more_memory():
    counts = [
        len(plan_render(card(size * GB), workload()).resident_blocks) for size in (14, 18, 22, 26, 30, 36, 40)
    ]
    assert counts == sorted(counts)
    assert counts[-1] == 40


def test_a_large_card_streams_nothing_and_a_small_one_hides_its_copies():
    whole = best_plan(card(80 * GB), workload())
    assert not whole.streams
    assert (whole.bank_place, whole.tile_latents) == (BankPlace.DEVICE, None)
    assert whole.text_encoder is EncoderPlace.DEVICE
    for size, most in ((12, 1.10), (8, 1.20)):
        plan = best_plan(card(size * GB), workload())
        assert plan.streams
        assert plan.concession is Concession.NONE
        assert plan.host_place is HostPlace.PINNED
        assert plan.bottleneck is Bottleneck.ARITHMETIC
        assert plan.seconds_per_step <= most * whole.seconds_per_step


def test_each_rung_takes_what_it_says():
    machine, asked = card(16 * GB), workload(pieces=2)
    plans = {rung: plan_render(machine, asked, concession=rung) for rung in LADDER}
    none = plans[Concession.NONE]
    assert plans[Concession.SMALLER_PIECES].piece_tokens <= 2048
    half = len(plans[Concession.FEWER_RESIDENT_BLOCKS].resident_blocks)
    assert 0 < half <= len(plans[Concession.SMALLER_PIECES].resident_blocks)
    assert plans[Concession.NO_RESIDENT_BLOCKS].resident_blocks == ()
    assert plans[Concession.BANK_ON_HOST].bank_place is BankPlace.HOST
    smaller = plans[Concession.SMALLER_TILES]
    assert none.tile_latents is None
    assert smaller.tile_latents <= 48
    assert plans[Concession.NARROW_TOKENS].token_precision is Precision.BFLOAT16
    assert plans[Concession.EIGHT_BIT_WEIGHTS].storage is WeightStorage.EIGHT_BIT
    assert plans[Concession.SHORTER_SEGMENTS].segment_frames == 41
    assert plans[Concession.SHORTEST_SEGMENTS].segment_frames == 17
    peaks = [plan.need(PlanPhase.DENOISING).device_bytes for plan in plans.values()]
    assert peaks[-1] == min(peaks)


def test_a_machine_without_eight_bit_numbers_keeps_the_weights_as_they_are():
    plan = plan_render(
        card(16 * GB, has_eight_bit=False), workload(), concession=Concession.EIGHT_BIT_WEIGHTS
    )
    assert plan.storage is WeightStorage.FULL


def test_where_nothing_can_be_pinned_blocks_wait_in_ordinary_memory():
    plan = best_plan(card(12 * GB, pinned_bytes_per_s=0.0, pinnable_bytes=0), workload())
    assert plan.host_place is HostPlace.PAGEABLE


def test_where_host_memory_is_short_blocks_are_read_from_the_disk():
    plan = best_plan(card(12 * GB, host_bytes=20 * GB), workload())
    assert plan.host_place is HostPlace.DISK
    assert plan.host_bytes <= 20 * GB


def test_an_unmeasured_machine_has_a_plan_that_tells_no_seconds():
    unknown = MachineRates(
        pinned_bytes_per_s=0.0,
        pageable_bytes_per_s=0.0,
        disk_bytes_per_s=0.0,
        product_flop_per_s={},
        attention_flop_per_s={},
        pinnable_bytes=0,
        has_eight_bit=True,
    )
    plan = best_plan(replace(card(24 * GB), rates=unknown), workload())
    assert (plan.seconds_per_step, plan.seconds) == (None, None)
    assert all(need.seconds == 0.0 for need in plan.phases)


def test_the_processor_streams_from_the_disk_alone():
    asked = workload(256, 256, 17)
    whole = best_plan(processor(96 * GB), asked)
    assert (whole.streams, whole.bank_place, whole.host_place) == (
        False,
        BankPlace.DEVICE,
        HostPlace.PAGEABLE,
    )
    assert whole.precision is Precision.FLOAT32
    short = best_plan(processor(40 * GB), asked)
    assert (short.streams, short.host_place) == (True, HostPlace.DISK)
    assert is_sound(short, processor(40 * GB), asked)


def test_a_plan_travels_as_text():
    plan = best_plan(card(8 * GB), workload())
    assert msgspec.json.decode(msgspec.json.encode(plan), type=MemoryPlan) == plan


@pytest.mark.parametrize(
    ("machine", "asked", "words"),
    [
        (card(1 * GB), workload(), "of the card's memory at least"),
        (card(12 * GB, host_bytes=8 * GB), workload(), "of the computer's memory at least"),
        (processor(6 * GB), workload(), "of the computer's memory at least"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(machine, asked, words):
    refused = best_plan(machine, asked)
    assert isinstance(refused, NoPlan)
    assert words in refused.reason
    assert refused.reason.endswith(".")


def test_a_refusal_names_what_would_fit():
    machine = card(GB // 2, others=9 * GB)
    refused = best_plan(machine, workload(1280, 720))
    assert isinstance(refused, NoPlan)
    assert refused.changes[0] == "Close other programs that use the graphics card: they take 9.0 GB."
    limited = best_plan(card(24 * GB, limit=GB), workload(1280, 720))
    assert "Allow Masque more of the memory: set MASQUE_DEVICE_MEMORY higher." in limited.changes


def test_a_smaller_size_that_is_advised_does_fit():
    machine, asked = card(int(2.2 * GB)), workload(1920, 1088)
    refused = best_plan(machine, asked)
    (advice,) = (change for change in refused.settable if change.size)
    width, height = advice.size
    assert advice.sentence == f"Choose a smaller size, for example {width}x{height}."
    assert advice.sentence in refused.changes
    assert isinstance(best_plan(machine, asked.at_size(width, height)), MemoryPlan)


def test_of_a_shot_that_is_too_long_fewer_frames_are_advised_first_and_do_fit():
    machine, asked = card(24 * GB, host_bytes=18 * GB), workload(1280, 720, pieces=400)
    refused = best_plan(machine, asked)
    assert refused.changes[0] == "Render fewer frames, for example 16200."
    assert isinstance(best_plan(machine, asked.at_frames(16200)), MemoryPlan)
    too_large = best_plan(card(GB // 2), workload(1280, 720))
    assert not [change for change in too_large.changes if "frames" in change]


@settings(max_examples=8, deadline=None)
@given(machine=st.one_of(some_cards, some_processors), limit=st.floats(1, 20), asked=shots)
def test_a_refusal_never_says_that_less_is_needed_than_there_is(machine, limit, asked):
    limited = replace(machine, now=replace(machine.now, limit_bytes=int(limit * GB)))
    refused = best_plan(limited, asked)
    if isinstance(refused, MemoryPlan):
        return
    assert "No way was found" not in refused.reason
    first, second = re.findall(r"([0-9.]+) (GB|MB)", refused.reason)
    needed, free = (float(size) * {"GB": 1e9, "MB": 1e6}[unit] for size, unit in (first, second))
    assert needed > free


def test_the_wide_format_on_a_processor_is_refused_for_what_its_text_encoder_takes():
    refused = best_plan(processor(24 * GB), workload(precision=Precision.FLOAT32))
    assert refused.least_bytes > 4 * PUBLISHED.text_encoder.parameters
    assert refused.reason.endswith("of the computer's memory at least, and 22.8 GB can be used.")
    assert refused.changes == ("Choose the precision bfloat16.",)
    assert [change.precision for change in refused.settable] == [Precision.BFLOAT16]


def test_blocks_wait_on_a_disk_only_where_there_is_room_for_all_of_them():
    machine, asked = card(12 * GB, host_bytes=20 * GB), workload()
    plan = best_plan(of_disk(machine, 40 * GB), asked)
    assert plan.host_place is HostPlace.DISK
    assert plan == best_plan(machine, asked)
    refused = best_plan(of_disk(machine, 3 * GB), asked)
    assert refused.reason.startswith(
        "The computer's memory cannot hold its weights, and on the disk they take"
    )
    assert refused.reason.endswith("where 3.0 GB are free.")
    assert refused.changes[0].startswith("Free ")


def test_whole_pictures_are_decoded_on_a_card_with_room_to_spare():
    asked = workload(pieces=2)
    plans = [best_plan(card(size * GB), asked) for size in range(6, 20)]
    whole = [plan for plan in plans if plan.tile_latents is None]
    assert 0 < len(whole) < len(plans)
    vae = asked.sizes.vae
    chunk = decoding_bytes(vae, asked.latents, asked.latents, on_processor=False)
    assert all(plan.device_budget_bytes >= 1.15 * chunk + 4 * vae.parameters for plan in whole)
