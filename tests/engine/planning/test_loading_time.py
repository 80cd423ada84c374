"""A render's predicted time holds the reading of its weights: the files' bytes at the disk's rate, once."""

from dataclasses import replace

import msgspec
import pytest

from engine.bundles.installed_bundle import PartName
from engine.planning.network_sizes import bundle_sizes
from engine.planning.planner import best_plan
from engine.planning.shot_cutting import BranchCount
from engine.protocol.memory_plan import MemoryPlan, PlanPhase
from tests.engine.planning.machines import GB, card
from tests.engine.planning.workloads import PUBLISHED, workload

ASKED = workload()


def with_files(**file_bytes):
    sizes = replace(PUBLISHED, file_bytes={PartName(name): size for name, size in file_bytes.items()})
    return replace(ASKED, sizes=sizes)


def test_all_parts_that_a_render_uses_are_read_once():
    plan = best_plan(card(24 * GB, disk_bytes_per_s=2e9), ASKED)
    assert plan.loading_seconds == pytest.approx(sum(PUBLISHED.file_bytes.values()) / 2e9)
    assert plan.seconds == pytest.approx(sum(need.seconds for need in plan.phases))


@pytest.mark.parametrize(
    ("part", "phase"),
    [
        ("transformer", PlanPhase.KEYS_AND_VALUES),
        ("expression_adapter", PlanPhase.KEYS_AND_VALUES),
        ("text_encoder", PlanPhase.PROMPT),
        ("image_encoder", PlanPhase.PLATE_PICTURE),
        ("speech_encoder", PlanPhase.SPEECH),
        ("vae", PlanPhase.PLATE_LATENTS),
    ],
)
def test_a_part_is_read_in_the_phase_that_uses_it_first(part, phase):
    machine = card(24 * GB, disk_bytes_per_s=2e9)
    nothing, one = best_plan(machine, with_files()), best_plan(machine, with_files(**{part: 10 * GB}))
    assert (nothing.loading_seconds, one.loading_seconds) == (0.0, pytest.approx(5.0))
    more = [need.phase for need, other in zip(one.phases, nothing.phases, strict=True) if need != other]
    assert more == [phase]
    assert one.seconds == pytest.approx(nothing.seconds + 5.0)


def test_parts_that_nothing_drives_are_not_read():
    steps = (BranchCount(speaking=(frozenset(), frozenset()), times=30),)
    segments = tuple(replace(one, adapters=(), steps=steps) for one in ASKED.segments)
    silent = replace(ASKED, voices=0, segments=segments)
    plan = best_plan(card(24 * GB, disk_bytes_per_s=1e9), silent)
    used = (PartName.TRANSFORMER, PartName.TEXT_ENCODER, PartName.IMAGE_ENCODER, PartName.VAE)
    assert plan.loading_seconds == pytest.approx(sum(PUBLISHED.file_bytes[part] for part in used) / 1e9)


def test_loading_does_not_change_how_memory_is_used():
    machine = card(12 * GB)
    loaded, free = best_plan(machine, ASKED), best_plan(machine, with_files())
    alike = {"phases": free.phases, "seconds": free.seconds, "loading_seconds": free.loading_seconds}
    assert replace(loaded, **alike) == free


def test_a_bundles_files_are_counted_as_they_lie_on_the_disk(verified_bundle):
    found = bundle_sizes(verified_bundle).file_bytes
    assert found[PartName.VAE] == sum(path.stat().st_size for path in verified_bundle.paths(PartName.VAE))


def test_a_machine_of_unknown_speed_and_a_plan_of_before_tell_no_loading():
    machine = card(24 * GB)
    unknown = replace(machine, rates=replace(machine.rates, product_flop_per_s={}))
    assert best_plan(unknown, ASKED).loading_seconds is None
    old = msgspec.to_builtins(best_plan(machine, ASKED))
    del old["loading_seconds"]
    assert msgspec.convert(old, MemoryPlan, strict=False).loading_seconds is None
