"""A transformer is loaded block by block from whatever gives blocks, and whoever waits may end it."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from engine.benchmark.step_options import AskedStep, step_options
from engine.benchmark.stream_model import stream_shot
from engine.protocol.memory_plan import HostPlace
from engine.sampling.planned_transformer import PlannedTransformer, TransformerLoading
from tests.memory_plans import resident_plan

PROCESSOR = torch.device("cpu")
SIZES = replace(step_options(AskedStep(width=128, blocks=3)), latent_frames=3, rows=4, columns=6)


class EndedError(Exception):
    """What somebody who waits ends the loading with."""


@pytest.fixture
def loading(tmp_path):
    """Return a function that says what is loaded, under a plan with changes, into which folder."""
    shot = stream_shot(SIZES, PROCESSOR, torch.float32)

    def of(**changes):
        return TransformerLoading(
            source=shot.blocks,
            weights="random",
            plan=resident_plan(SIZES.blocks, **changes),
            device=PROCESSOR,
            projections=shot.projections,
            conditions=shot.conditions,
            folder=tmp_path,
        )

    return of


def test_whoever_waits_is_asked_before_each_block_and_told_of_what_takes_long(loading):
    asked, told = [], []

    @contextmanager
    def getting_on():
        told.append(len(asked))
        yield

    transformer = PlannedTransformer(loading(), check=lambda: asked.append(1), getting_on=getting_on)
    assert (len(asked), told) == (SIZES.blocks, [SIZES.blocks])
    transformer.close()


def test_a_loading_that_is_ended_leaves_no_half_written_file_of_blocks(loading, tmp_path):
    left = [1, 1]

    def check():
        if not left:
            raise EndedError
        left.pop()

    with pytest.raises(EndedError):
        PlannedTransformer(loading(resident_blocks=(), slots=2, host_place=HostPlace.DISK), check=check)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_blocks_on_the_disk_are_named_by_their_weights_and_what_was_done_to_them(loading, tmp_path):
    places = loading(host_place=HostPlace.DISK).places
    assert (places.folder, places.identity) == (tmp_path, "random float32 full")
