"""One step, the published way and Masque's: the same result from fewer operations."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from engine.benchmark.memory_watch import peak_of_trace, watched
from engine.benchmark.published_step import PublishedStep
from engine.benchmark.step import run_step_benchmark
from engine.benchmark.step_flop import attention_pairs, step_flop
from engine.benchmark.step_model import face_regions, parameter_bytes, random_shot
from engine.benchmark.step_options import AskedStep, step_options
from engine.memory.device import render_device
from engine.networks.adapter_attention import group_rows
from engine.planning.guidance import GuidanceScales
from engine.protocol.errors import UserError
from engine.sampling.guided_velocity import GuidedVelocity

PROCESSOR = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny tensors are slower on several threads, most of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny(**asked):
    given = {"width": 128, "blocks": 2, "heads": 2, "repeats": 2} | asked
    return replace(step_options(AskedStep(**given)), latent_frames=3, rows=4, columns=6)


def both_ways(options):
    shot = random_shot(options, PROCESSOR, torch.float32)
    scales = GuidanceScales(text=options.text_guidance, adapters=options.adapter_guidance)
    published = PublishedStep(shot.model, shot.conditions, scales)
    ours = GuidedVelocity(shot.model, shot.conditions, scales, steps=30)
    return (
        published(shot.latents_16FHW, shot.timestep),
        ours(shot.latents_16FHW, shot.timestep, 0),
        (published.forwards, ours.forwards),
    )


@pytest.mark.parametrize(
    ("asked", "forwards"),
    [
        ({}, (3, 2)),
        ({"adapter_guidance": 4.0}, (3, 3)),
        ({"text_guidance": 1.0, "adapter_guidance": 4.0, "voice": False}, (2, 2)),
        ({"characters": 1}, (3, 2)),
        ({"characters": 3}, (3, 2)),
    ],
)
def test_both_ways_give_the_same_velocity(asked, forwards):
    published, ours, counted = both_ways(tiny(**asked))
    assert counted == forwards
    assert float(published.std()) > 0.1
    assert float((published - ours).abs().max()) < 1e-4


def test_adapters_and_the_negative_prompt_are_heard_in_both_ways():
    heard = both_ways(tiny())
    for change in ({"adapter_guidance": 6.0}, {"text_guidance": 4.0}, {"voice": False}):
        other = both_ways(tiny(**change))
        for before, after in zip(heard[:2], other[:2], strict=True):
            assert float((before - after).abs().max()) > 1e-3


def test_the_published_way_leaves_the_transformer_as_it_was():
    shot = random_shot(tiny(), PROCESSOR, torch.float32)
    before = [block.attn2.processor for block in shot.model.transformer.blocks]
    PublishedStep(shot.model, shot.conditions, GuidanceScales(text=1.0, adapters=4.0))(
        shot.latents_16FHW, shot.timestep
    )
    assert [block.attn2.processor for block in shot.model.transformer.blocks] == before


def test_every_character_has_a_region_and_something_is_left_for_nobody():
    labels = set(face_regions(tiny(characters=3)).owner_FS.unique().tolist())
    assert labels == {0, 1, 2, 3}


def test_the_model_keeps_in_float32_what_diffusers_keeps_so():
    shot = random_shot(tiny(), PROCESSOR, torch.bfloat16)
    names = {name for name, p in shot.model.transformer.named_parameters() if p.dtype == torch.float32}
    assert "blocks.0.scale_shift_table" in names
    assert "blocks.1.norm2.weight" in names
    assert all("attn" not in name and "ffn" not in name for name in names)
    published = PublishedStep(shot.model, shot.conditions, GuidanceScales(text=5.0, adapters=5.0))
    ours = GuidedVelocity(shot.model, shot.conditions, GuidanceScales(text=5.0, adapters=5.0), steps=30)
    expected = published(shot.latents_16FHW, shot.timestep)
    found = ours(shot.latents_16FHW, shot.timestep, 0)
    assert float((found - expected).abs().mean() / expected.std()) < 0.15


@pytest.mark.parametrize("asked", [{}, {"adapter_guidance": 4.0}, {"text_guidance": 1.0, "voice": False}])
def test_operations_are_counted_as_torch_counts_them(asked):
    options = tiny(**asked)
    shot = random_shot(options, PROCESSOR, torch.float32)
    scales = GuidanceScales(text=options.text_guidance, adapters=options.adapter_guidance)
    velocity = GuidedVelocity(shot.model, shot.conditions, scales, steps=30)
    pairs = {
        name: attention_pairs(group_rows(shot.conditions.regions, characters))
        for name, characters in shot.conditions.adapters.items()
    }
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        velocity(shot.latents_16FHW, shot.timestep, 0)
    assert step_flop(options, velocity.branches(0), pairs) == pytest.approx(
        counter.get_total_flops(), rel=0.02
    )


def test_the_benchmark_says_all_about_both_ways():
    answer = json.loads(json.dumps(asdict(run_step_benchmark(tiny()))))
    assert set(answer) == {
        "device", "precision", "threads", "parameters", "adapter_parameters", "tokens", "options",
        "published", "masque", "spread_s", "peak_memory_dropped_bytes", "bank_bytes", "flop",
        "teraflop_per_s", "ratio", "median_ratio", "processor_ratio", "spread_ratio",
        "largest_difference", "standard_deviation",
    }  # fmt: skip
    assert (answer["published"]["forwards"], answer["masque"]["forwards"]) == (3, 2)
    assert len(answer["published"]["runs_s"]) == len(answer["masque"]["runs_s"]) == 2
    for way in (answer["published"], answer["masque"]):
        assert 0 < way["best_s"] <= way["median_s"] <= max(way["runs_s"])
        assert way["processor_s"] > 0
    assert answer["spread_s"] > answer["masque"]["best_s"]
    assert answer["ratio"] == answer["masque"]["best_s"] / answer["published"]["best_s"]
    assert answer["largest_difference"] < 1e-4
    assert answer["tokens"] == 72


def test_what_the_bank_replaces_is_gone_from_the_last_figure():
    options = tiny()
    answer = run_step_benchmark(options)
    weights = options.blocks * 4 * (options.width**2 + options.width) * 4
    left = answer.masque.peak_memory_bytes - answer.peak_memory_dropped_bytes
    if render_device() == PROCESSOR:
        assert left == pytest.approx(weights, rel=0.02)
        model = random_shot(options, PROCESSOR, torch.float32).model
        assert answer.published.peak_memory_bytes > parameter_bytes(model)


def test_the_full_size_is_refused_without_a_graphics_card():
    if render_device() != PROCESSOR:
        pytest.skip("this machine has a graphics card")
    with pytest.raises(UserError) as caught:
        run_step_benchmark(step_options(AskedStep(full_size=True)))
    assert "graphics card" in caught.value.report.message


def test_the_watch_sees_what_lives_at_the_same_time_and_what_is_temporary():
    megabyte = torch.ones(2**18)

    def work():
        first = megabyte + 1
        second = first * 2
        del first
        return second.sum(), (megabyte * 3).sum()

    result, peak = watched(PROCESSOR, work, held_bytes=1000)
    assert float(result[0]) == 4 * 2**18
    assert 2 * 2**20 <= peak - 1000 < 2.2 * 2**20


def test_blocks_from_before_the_watch_are_not_taken_off():
    def block(ts, address, size):
        return {"name": "[memory]", "ts": ts, "args": {"Addr": address, "Bytes": size}}

    trace = [block(3, 1, 50), block(1, 9, -500), block(2, 2, 100), block(4, 2, -100), block(5, 3, 60)]
    assert peak_of_trace(trace) == 150
    assert peak_of_trace([]) == 0
