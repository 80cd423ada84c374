"""A plan never takes more than there is, is never slower with more, and is the same every time."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.planning.adapter_names import AdapterName
from engine.planning.machine import MachineRates
from engine.planning.network_sizes import BundleSizes, EncoderSize, SpeechSize, TransformerSize, VaeSize
from engine.planning.plan_limits import LADDER, device_budget
from engine.planning.plan_search import spread
from engine.planning.planner import best_plan, next_step, plan_render
from engine.planning.shot_cutting import AdapterLoad, BranchCount, SegmentLoad
from engine.planning.workload import Workload
from engine.protocol.diffusion_settings import Precision, Solver
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

SPEAKING = frozenset({AdapterName.EXPRESSION, AdapterName.VOICE})


def encoder(parameters, width, layers, heads, feed_forward, embedding):
    return EncoderSize(
        parameters=parameters,
        width=width,
        layers=layers,
        heads=heads,
        feed_forward=feed_forward,
        embedding=embedding,
    )


PUBLISHED = BundleSizes(
    transformer=TransformerSize(
        width=5120,
        heads=40,
        blocks=40,
        feed_forward=13824,
        frequency_width=256,
        text_width=4096,
        image_width=1280,
        image_tokens=257,
        channels_in=36,
        channels_out=16,
    ),
    text_encoder=encoder(5_680_910_336, 4096, 24, 64, 10240, 256384 * 4096),
    image_encoder=encoder(630_766_080, 1280, 32, 16, 5120, 1280 * 5120),
    speech_encoder=SpeechSize(encoder=encoder(94_371_712, 768, 12, 12, 3072, 768 * 3072), channels=512),
    vae=VaeSize(parameters=126_892_531, channels=96, residual_blocks=2, latent_channels=16),
    adapter_widths={AdapterName.EXPRESSION: 2048, AdapterName.VOICE: 2048},
)


def segment(frames, *, pieces=1, characters=1, branches=2, steps=30, timeline=None):
    latents = (frames - 1) // 4 + 1
    loads = tuple(
        AdapterLoad(
            name=name,
            width=2048,
            characters=characters,
            tokens=timeline or tokens,
            window=window,
            is_whole=characters == 1,
            shared_of_frame=0.8,
            own_of_frame=0.2 if characters > 1 else 0.0,
        )
        for name, tokens, window in (
            (AdapterName.EXPRESSION, 24 * frames, 97),
            (AdapterName.VOICE, 50 * frames // 23, 17),
        )
    )
    speaking = (SPEAKING, *(frozenset(),) * (branches - 1))
    return SegmentLoad(
        segment_frames=frames,
        latent_frames=latents,
        piece_latents=latents,
        pieces=pieces,
        windows=1,
        known_latents=0 if pieces == 1 else 4,
        steps=(BranchCount(speaking=speaking, times=steps * pieces),),
        adapters=loads,
    )


def workload(width=832, height=480, frames=81, *, pieces=1, precision=Precision.AUTO, **changes):
    segments = [segment(frames, pieces=pieces, **changes)]
    for shorter in (frames // 8 * 4 + 1, 17):
        if shorter < segments[-1].segment_frames:
            more = -(-frames * pieces // shorter)
            segments.append(segment(shorter, pieces=more, **changes))
    return Workload(
        sizes=PUBLISHED,
        precision=precision,
        model_width=width,
        model_height=height,
        model_frames=frames * pieces,
        steps=30,
        solver=Solver.EULER,
        texts=2,
        voices=1,
        voice_s=Fraction(frames * pieces, 23),
        segments=tuple(segments),
    )


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


memory = st.floats(min_value=3, max_value=90).map(lambda size: int(size * GB))
host_memory = st.sampled_from([40 * GB, 64 * GB, 128 * GB])
sizes = st.sampled_from([(832, 480), (512, 512), (1280, 720), (256, 256)])
shots = st.builds(
    lambda size, frames, pieces, characters, branches: workload(
        *size, frames, pieces=pieces, characters=characters, branches=branches
    ),
    size=sizes,
    frames=st.sampled_from([17, 49, 81]),
    pieces=st.sampled_from([1, 3]),
    characters=st.integers(1, 3),
    branches=st.integers(1, 4),
)
rungs = st.sampled_from(LADDER)


@settings(max_examples=25, deadline=None)
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


@settings(max_examples=25, deadline=None)
@given(size=memory, more=st.floats(min_value=0.01, max_value=2), asked=shots, rung=rungs)
def test_more_memory_is_never_slower_and_never_gives_up_more(size, more, asked, rung):
    less, greater = card(size), card(int(size * (1 + more)))
    found, better = plan_render(less, asked, concession=rung), plan_render(greater, asked, concession=rung)
    if isinstance(found, MemoryPlan):
        assert isinstance(better, MemoryPlan)
        assert better.seconds <= found.seconds * (1 + 1e-9)
    first, second = best_plan(less, asked), best_plan(greater, asked)
    if isinstance(first, MemoryPlan):
        assert isinstance(second, MemoryPlan)
        assert LADDER.index(second.concession) <= LADDER.index(first.concession)


PLACES = list(EncoderPlace)
WHOLE = 10**6
"""Wider than any picture."""


def depth(plan):
    """How far a plan has stepped down, in each of the three ways."""
    tile = WHOLE if plan.tile_at_most is None else plan.tile_at_most
    return LADDER.index(plan.concession), PLACES.index(plan.encoders), -tile


def stepped(machine, asked, plan, phase):
    """The plan of the next step, None at the ladder's end."""
    step = next_step(machine, asked, plan, phase)
    if step is None:
        return None
    found = best_plan(
        machine,
        asked,
        at_least=step.concession,
        encoders=step.encoders,
        tile_at_most=step.tile_at_most,
    )
    assert (found.concession, found.encoders, found.tile_at_most) == (
        step.concession,
        step.encoders,
        step.tile_at_most,
    )
    return found


def down_the_ladder(machine, asked, phase):
    """The plans of a render that runs out of memory in the same phase again and again."""
    plans = [best_plan(machine, asked)]
    while isinstance(plans[-1], MemoryPlan) and (plan := stepped(machine, asked, plans[-1], phase)):
        plans.append(plan)
    return plans if isinstance(plans[0], MemoryPlan) else []


machines = st.one_of(
    memory.map(card),
    st.floats(min_value=20, max_value=90).map(lambda size: processor(int(size * GB))),
)


@settings(max_examples=20, deadline=None)
@given(machine=machines, asked=shots, phase=st.sampled_from(list(PlanPhase)))
def test_the_ladder_ends_and_each_step_takes_notably_less(machine, asked, phase):
    plans = down_the_ladder(machine, asked, phase)
    for before, after in pairwise(plans):
        assert all(low <= high for low, high in zip(depth(before), depth(after), strict=True))
        assert depth(before) != depth(after)
        needed, needs = before.need(phase).device_bytes, after.need(phase).device_bytes
        assert needs <= 0.95 * needed
        if not machine.identity.is_processor:
            assert needed - needs >= 256_000_000 or needed < GB
    if plans and phase not in (PlanPhase.DENOISING, PlanPhase.KEYS_AND_VALUES):
        assert {plan.segment_frames for plan in plans} == {plans[0].segment_frames}


@settings(max_examples=15, deadline=None)
@given(size=memory, asked=shots, failing=st.lists(st.sampled_from(list(PlanPhase)), max_size=40))
def test_the_ladder_ends_whatever_fails_in_turn(size, asked, failing):
    machine = card(size)
    plan = best_plan(machine, asked)
    for phase in failing if isinstance(plan, MemoryPlan) else ():
        after = stepped(machine, asked, plan, phase)
        if after is not None:
            assert depth(after) != depth(plan)
            assert all(low <= high for low, high in zip(depth(plan), depth(after), strict=True))
            plan = after


def test_pictures_that_do_not_fit_are_decoded_in_smaller_and_smaller_tiles():
    plans = down_the_ladder(card(16 * GB), workload(1280, 720, pieces=2), PlanPhase.DECODING)
    tiles = [plan.tile_latents for plan in plans if plan.tile_latents is not None]
    assert tiles == sorted(tiles, reverse=True)
    assert tiles[-1] in (16, 24)
    assert all(plan.concession in LADDER[: LADDER.index(Concession.SMALLER_TILES) + 1] for plan in plans)


@pytest.mark.parametrize(
    ("phase", "name"),
    [
        (PlanPhase.PROMPT, "text_encoder"),
        (PlanPhase.PLATE_PICTURE, "image_encoder"),
        (PlanPhase.SPEECH, "speech_encoder"),
    ],
)
def test_an_encoder_that_does_not_fit_goes_further_from_the_device(phase, name):
    plans = down_the_ladder(card(24 * GB), workload(), phase)
    places = [getattr(plan, name) for plan in plans]
    assert places[0] is EncoderPlace.DEVICE
    assert places[-1] is EncoderPlace.PROCESSOR
    assert all(plan.concession is Concession.NONE for plan in plans)


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
    assert "Allow Masque more of the device's memory." in limited.changes


def test_a_smaller_size_that_is_advised_does_fit():
    machine, asked = card(int(2.2 * GB)), workload(1920, 1088)
    refused = best_plan(machine, asked)
    advice = next(change for change in refused.changes if change.startswith("Choose a smaller size"))
    width, height = map(int, advice.rsplit(" ", 1)[1].rstrip(".").split("x"))
    assert isinstance(best_plan(machine, asked.at_size(width, height)), MemoryPlan)
