"""One step with its weights on the host: the same result by every way, and a row for each that fails."""

import gc
import json
import subprocess
import sys
import threading
from dataclasses import asdict, replace

import pytest
import torch

from engine.benchmark.stream import run_stream_benchmark
from engine.benchmark.stream_comparing import References
from engine.benchmark.stream_host import HostWatch
from engine.benchmark.stream_measuring import Found, Way, measure_way
from engine.benchmark.stream_model import RandomBlocks, stream_shot, stream_sizes, whole_transformer
from engine.benchmark.stream_options import AskedStream, StreamPart, stream_options
from engine.benchmark.stream_plans import BudgetPlan
from engine.benchmark.stream_ways import planned_way
from engine.memory.device import render_device
from engine.planning.machine import Machine, MachineIdentity, MachineRates, MemoryNow
from engine.protocol.diffusion_settings import Precision
from engine.protocol.errors import UserError
from engine.protocol.memory_plan import BankPlace, HostPlace, WeightStorage
from engine.sampling.planned_transformer import token_handling
from tests.patience import PATIENCE_S

PROCESSOR = torch.device("cpu")
GIGABYTE = 10**9

pytestmark = pytest.mark.skipif(
    render_device() != PROCESSOR, reason="what is planned here is the processor's"
)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tiny tensors are slower on several threads, most of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def machine():
    rates = {precision: 1e11 for precision in Precision if precision is not Precision.AUTO}
    return Machine(
        identity=MachineIdentity(
            device="processor",
            is_processor=True,
            device_bytes=16 * GIGABYTE,
            host_bytes=16 * GIGABYTE,
            cores=2,
            software="none",
        ),
        rates=MachineRates(
            pinned_bytes_per_s=0.0,
            pageable_bytes_per_s=1e10,
            disk_bytes_per_s=1e9,
            product_flop_per_s=rates,
            attention_flop_per_s=rates,
            pinnable_bytes=0,
            has_eight_bit=True,
        ),
        now=MemoryNow(
            device_total_bytes=16 * GIGABYTE,
            device_free_bytes=8 * GIGABYTE,
            others_bytes=0,
            host_total_bytes=16 * GIGABYTE,
            host_free_bytes=8 * GIGABYTE,
        ),
    )


def tiny(**asked):
    options = stream_options(AskedStream(**({"width": 256, "blocks": 4, "repeats": 2} | asked)))
    return replace(options, step=replace(options.step, latent_frames=3, rows=4, columns=6))


@pytest.fixture(scope="module")
def measured():
    """Return the whole table of a tiny model."""
    return run_stream_benchmark(tiny(), machine())


def test_every_way_is_a_row_and_none_fails(measured):
    names = [row.name for row in measured.rows]
    ours = [name for name in names if name.startswith("Masque")]
    assert names == [
        "resident",
        *ours,
        "groups of layers",
        "groups of blocks",
        "diffusers, resident",
        "diffusers, blocks",
        "diffusers, layers",
        "accelerate",
    ]
    assert len(ours) == 4
    assert [row.failure for row in measured.rows] == [None] * len(names)
    assert {row.part for row in measured.rows} == set(StreamPart)


def test_results_are_those_of_the_resident_model_but_for_eight_bits(measured):
    compared = {row.name: row.comparison for row in measured.rows if row.comparison}
    assert {name for name, found in compared.items() if found.reference == "diffusers, resident"} == {
        "diffusers, blocks",
        "diffusers, layers",
    }
    narrow = [name for name in compared if name.endswith("8-bit")]
    assert len(narrow) == 1
    assert 0.001 < compared.pop(narrow[0]).relative_error < 0.2
    assert {found.largest_difference for found in compared.values()} == {0.0}
    assert {found.relative_error for found in compared.values()} == {0.0}


def test_plans_stream_and_expect_no_less_than_tensors_take(measured):
    planned = [row for row in measured.rows if row.part is StreamPart.STREAM]
    assert all(row.plan.streams for row in planned)
    assert {row.plan.host_place for row in planned} == {HostPlace.DISK, HostPlace.PAGEABLE}
    assert [row.plan.storage for row in planned][-1] is WeightStorage.EIGHT_BIT
    resident = measured.rows[0].measures.peak_bytes
    for row in planned:
        assert row.measures.peak_bytes < min(resident, row.budget_bytes)
        assert row.prediction_ratio == row.predicted_bytes / row.measures.peak_bytes >= 1


def test_rows_say_all_about_a_way_and_become_json(measured):
    answer = json.loads(json.dumps(asdict(measured)))
    assert set(answer) == {
        "device", "precision", "threads", "parameters", "adapter_parameters", "weights_bytes", "bank_bytes",
        "tokens", "options", "rows",
    }  # fmt: skip
    for row in answer["rows"]:
        found = row["measures"]
        assert len(found["runs_s"]) == 2
        assert 0 < found["best_s"] <= found["median_s"]
        assert found["first_s"] > 0
        assert found["loading_s"] > 0
        assert found["processor_s"] > 0
        assert found["loading_host_bytes"] >= 0
        if row["part"] in ("resident", "stream"):
            assert found["peak_bytes"] > 0
    ratio = answer["rows"][1]["comparison"]["ratio"]
    times = [row["measures"]["best_s"] for row in answer["rows"][:2]]
    assert ratio == times[1] / times[0]


def test_a_way_that_fails_is_a_row_with_the_reason_and_the_others_are_measured(monkeypatch):
    def no_groups(*_blocks, **_options):
        raise RuntimeError("no stream on this device\nand a long story")

    monkeypatch.setattr("engine.benchmark.stream_libraries.group_offloaded", no_groups)
    found = run_stream_benchmark(tiny(budgets=("1MB",), blocks=2, repeats=1), machine())
    rows = {row.name: row for row in found.rows}
    for name in ("Masque 1 MB", "Masque 1 MB, 8-bit"):
        assert rows[name].failure.startswith("It needs ")
        assert rows[name].plan is rows[name].measures is rows[name].comparison is None
    assert rows["groups of layers"].failure == "RuntimeError: no stream on this device"
    assert rows["accelerate"].comparison.largest_difference == 0.0
    assert rows["diffusers, resident"].failure is None


def test_a_part_alone_has_nothing_to_be_compared_with_and_what_was_frozen_stays_so():
    gc.freeze()
    left_out = gc.get_freeze_count()
    found = run_stream_benchmark(tiny(only="accelerate", repeats=1))
    assert [(row.name, row.comparison, row.failure) for row in found.rows] == [("accelerate", None, None)]
    assert gc.get_freeze_count() > left_out // 2


def test_the_same_is_true_in_bfloat16():
    found = run_stream_benchmark(tiny(only="resident,stream", precision="bfloat16", repeats=1), machine())
    assert found.precision is Precision.BFLOAT16
    differences = [row.comparison.largest_difference for row in found.rows[1:-1]]
    assert differences == [0.0] * len(differences)
    assert any(row.plan and row.plan.streams for row in found.rows[:-1])


@pytest.mark.parametrize("host_place", [HostPlace.PINNED, HostPlace.DISK])
def test_keys_and_values_on_the_host_give_the_same_and_take_less(measured, host_place):
    shot = stream_shot(tiny().step, PROCESSOR, torch.float32)
    sizes = stream_sizes(shot)

    def found(bank_place):
        plan = replace(measured.rows[1].plan, bank_place=bank_place, host_place=host_place)
        budget = BudgetPlan(budget_bytes=GIGABYTE, plan=plan)
        return measure_way(planned_way(shot, sizes, budget, "resident"), PROCESSOR, repeats=1)

    on_device, on_host = found(BankPlace.DEVICE), found(BankPlace.HOST)
    assert torch.equal(on_host.last, on_device.first)
    saved = on_device.measures.peak_bytes - on_host.measures.peak_bytes
    assert saved == pytest.approx(sizes.bank_bytes / 2, rel=0.1)  # two of four blocks' are on the device


def test_a_plan_with_smaller_pieces_is_compared_with_a_resident_step_in_such_pieces(measured):
    row = measured.rows[1]
    plan = replace(row.plan, piece_tokens=512)
    usual, pieces = torch.ones(3), torch.full((3,), 2.0)

    def found(result, handled=()):
        return Found(measures=row.measures, first=result, last=result, handled=dict(handled))

    resident = Way(name="resident", part=StreamPart.RESIDENT, open=None, reference=None)
    way = Way(name="ours", part=StreamPart.STREAM, open=None, reference="resident", plan=plan)
    references = References()
    references.keep(resident, found(usual, [(token_handling(plan), pieces)]))
    compared = references.compared(way, found(pieces))
    assert (compared.largest_difference, compared.is_of_usual_step) == (0.0, False)
    narrow = replace(way, plan=replace(plan, storage=WeightStorage.EIGHT_BIT))
    compared = references.compared(narrow, found(pieces))
    assert (compared.largest_difference, compared.is_of_usual_step) == (1.0, True)


def test_a_block_is_the_same_whenever_it_is_made_and_like_no_other():
    step = tiny().step
    first, second = (RandomBlocks(step, PROCESSOR, torch.float32) for _ in range(2))
    expected = first.block(2).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in second.block(2).state_dict().items())
    others = second.block(1).state_dict()
    assert not any(torch.equal(tensor, others[name]) for name, tensor in expected.items())
    assert all(parameter.is_meta for parameter in first.frame().blocks.parameters())


def test_one_character_is_driven_by_a_clip_and_the_other_by_a_voice():
    shot = stream_shot(tiny().step, PROCESSOR, torch.float32)
    assert {name.value: list(people) for name, people in shot.conditions.adapters.items()} == {
        "expression": [1],
        "voice": [2],
    }


def test_what_every_way_keeps_is_counted_without_what_is_used_once():
    shot = stream_shot(tiny().step, PROCESSOR, torch.float32)
    sizes, whole = stream_sizes(shot), whole_transformer(shot, PROCESSOR)
    kept = sum(tensor.nbytes for block in whole.blocks for tensor in block.parameters())
    assert sizes.blocks_bytes == kept
    width = tiny().step.width
    once = 4 * 4 * (width**2 + width) * 4
    whole_frame = sum(parameter.nbytes for parameter in whole.frame.parameters())
    assert sizes.parameters * 4 == whole_frame
    assert whole_frame > kept + once


def test_the_full_size_is_refused_without_a_graphics_card():
    with pytest.raises(UserError, match="graphics card"):
        run_stream_benchmark(stream_options(AskedStream(full_size=True)))


def test_the_watch_sees_what_was_taken_between_two_answers_and_leaves_no_thread():
    counted = threading.Event()
    seen: list[int] = []
    taken = 100

    def look() -> int:
        seen.append(taken)
        if seen.count(700) > 1:  # so the first of them has been counted
            counted.set()
        return seen[-1]

    with HostWatch(look) as watch:
        taken = 700
        assert counted.wait(PATIENCE_S)
        taken = 130
        assert watch.most_since() == 600
        assert watch.most_since() == 30
        taken = 40
        watch.most_since()
        assert watch.most_since() == 0
    assert "host-watch" not in [thread.name for thread in threading.enumerate()]


def test_a_look_that_began_before_an_answer_is_not_counted_after_it():
    looking, let_go = threading.Event(), threading.Event()
    taken = 0

    def look() -> int:
        now = taken
        if threading.current_thread().name == "host-watch" and now:
            looking.set()
            assert let_go.wait(PATIENCE_S)
        return now

    with HostWatch(look) as watch:
        taken = 900
        assert looking.wait(PATIENCE_S)
        taken = 0
        later = threading.Timer(0.1, let_go.set)
        later.start()
        assert watch.most_since() == 900
        assert watch.most_since() == 0
        later.join()


def test_memory_of_this_process_is_counted_and_no_longer_once_it_is_given_back():
    shown = subprocess.run(
        [sys.executable, "-c", _TAKE_AND_GIVE_BACK], check=True, capture_output=True, text=True
    )
    taken, given_back = (int(number) for number in shown.stdout.split())
    assert 128 * 2**20 <= taken < 136 * 2**20
    assert given_back < 8 * 2**20


_TAKE_AND_GIVE_BACK = """
import mmap
from engine.benchmark.stream_host import own_bytes
before = own_bytes()
block = mmap.mmap(-1, 128 * 2**20)
block.write(bytes([1]) * len(block))
taken = own_bytes() - before
block.close()
print(taken, own_bytes() - before)
"""
