"""Checkpoints of a piece: the newest whole one counts, and none ever costs a render its life."""

import json
import logging
import random
import sys
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from engine.planning.shot_pieces import Piece
from engine.protocol.diffusion_settings import Solver
from engine.renderers.latent_checkpoints import (
    CHECKPOINT_NAMES,
    CheckpointPace,
    LatentCheckpoints,
    PassIdentity,
    _digest,
)
from engine.sampling.denoising import denoise, shot_noise
from engine.sampling.flow_solver import flow_solver
from tests.engine.renderers.full_disk import files_no_larger_than

PASSES = PassIdentity(seed=7, solver=Solver.UNIPC, steps=6, flow_shift=5.0, rows=4, columns=5)
PIECE = Piece(start=3, end=7, known=1)
NOISE = shot_noise(7, latent_frames=4, rows=4, columns=5)


def flow(latents, timestep, _step):
    return torch.tanh(latents) * float(timestep) / 1000


def fresh_solver():
    return flow_solver(PASSES.solver, steps=PASSES.steps, shift=PASSES.flow_shift)


@pytest.fixture(scope="module")
def states():
    """The states of a pass after each of its steps."""
    found = []
    denoise(NOISE, flow, fresh_solver(), on_step=lambda done: found.append(done.state))
    return found


def checkpoints(work, owner="me", **changes):
    return LatentCheckpoints(work, owner, replace(PASSES, **changes))


def step_of(kept, piece=PIECE):
    """Return the step of the newest checkpoint; None without one."""
    state = kept.latest(piece)
    return None if state is None else state.step


def write_all(work, states):
    kept = checkpoints(work)
    for state in states:
        kept.keep(PIECE, state)
    return kept


def newest_file(work):
    return max((work / name for name in CHECKPOINT_NAMES if (work / name).exists()), key=_step)


def _step(path):
    data = path.read_bytes()
    return int(json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]["step"])


def rewrite(path, *, metadata=None, tensors=None, forged=False):
    """Write a checkpoint anew with other facts or tensors; `forged` makes the digest fit."""
    data = path.read_bytes()
    facts = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    facts.update(metadata or {})
    changed = {
        name: tensor for name, tensor in {**load(data), **(tensors or {})}.items() if tensor is not None
    }
    if forged:
        del facts["digest"]
        facts["digest"] = _digest(changed, facts)
    path.write_bytes(save(changed, metadata=facts))


def test_a_pass_goes_on_from_the_file_to_the_same_bits(tmp_path, states):
    clean = denoise(NOISE, flow, fresh_solver())
    for state in states:
        checkpoints(tmp_path).keep(PIECE, state)
        found = checkpoints(tmp_path).latest(PIECE)
        assert torch.equal(denoise(NOISE, flow, fresh_solver(), resume=found), clean)
        checkpoints(tmp_path).clear()


def test_the_last_two_are_kept_and_nothing_else(tmp_path, states):
    kept = write_all(tmp_path, states)
    assert step_of(kept) == step_of(checkpoints(tmp_path)) == 6
    assert {path.name for path in tmp_path.iterdir()} == set(CHECKPOINT_NAMES)
    newest_file(tmp_path).unlink()
    assert step_of(checkpoints(tmp_path)) == 5


def test_a_second_attempt_never_writes_over_the_newest(tmp_path, states):
    write_all(tmp_path, states[:3])
    for state in states[3:]:
        again = checkpoints(tmp_path)
        before = step_of(again)
        again.keep(PIECE, state)
        newest_file(tmp_path).unlink()
        assert step_of(checkpoints(tmp_path)) == before
        again.keep(PIECE, state)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 300, 1000, -1])
def test_a_file_cut_short_is_passed_over_for_the_one_before(tmp_path, states, length, caplog):
    write_all(tmp_path, states[:4])
    path = newest_file(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    with caplog.at_level(logging.INFO):
        assert step_of(checkpoints(tmp_path)) == 3
    assert [(record.levelno, path.name in record.message) for record in caplog.records] == [
        (logging.INFO, True)
    ]


@given(place=st.integers(0, 10**9), value=st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_any_byte_that_changes_is_noticed(tmp_path_factory, states, place, value):
    work = tmp_path_factory.mktemp("work")
    write_all(work, states[:4])
    path = newest_file(work)
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= value
    path.write_bytes(data)
    found = checkpoints(work).latest(PIECE)
    assert found is not None
    if found.step == 4:  # a byte of padding, or another spelling of the same
        assert torch.equal(found.latents_16FHW, states[3].latents_16FHW)


def test_both_damaged_is_none(tmp_path, states):
    write_all(tmp_path, states)
    for name in CHECKPOINT_NAMES:
        (tmp_path / name).write_bytes(random.Random(1).randbytes(5000))
    assert checkpoints(tmp_path).latest(PIECE) is None
    assert checkpoints(tmp_path / "nowhere").latest(PIECE) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"\xff" * 100,
        b"\x02\x00\x00\x00\x00\x00\x00\x00{}",
        b"\x02\x00\x00\x00\x00\x00\x00\x00[]",
        b"\x04\x00\x00\x00\x00\x00\x00\x00null",
        (19).to_bytes(8, "little") + b'{"__metadata__":{}}',
        (19).to_bytes(8, "little") + b'{"__metadata__":12}',
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
        b"\x80\x04cposix\nsystem\n(S'touch owned'\ntR.",
    ],
)
def test_rubbish_is_passed_over_and_written_over(tmp_path, states, content):
    for name in CHECKPOINT_NAMES:
        (tmp_path / name).write_bytes(content)
    kept = checkpoints(tmp_path)
    assert kept.latest(PIECE) is None
    kept.clear(PIECE)
    kept.keep(PIECE, states[0])
    assert step_of(checkpoints(tmp_path)) == 1


def test_a_folder_under_that_name_is_passed_over(tmp_path, states):
    for name in CHECKPOINT_NAMES:
        (tmp_path / name).mkdir()
    kept = checkpoints(tmp_path)
    assert kept.latest(PIECE) is None
    kept.keep(PIECE, states[0])
    kept.clear()
    assert len(kept.warnings) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"owner": "somebody else"},
        {"seed": 8},
        {"solver": Solver.EULER},
        {"steps": 7},
        {"flow_shift": 5.000001},
        {"rows": 5, "columns": 4},
    ],
)
def test_a_checkpoint_of_another_request_is_not_used(tmp_path, states, other):
    write_all(tmp_path, states)
    assert checkpoints(tmp_path, **other).latest(PIECE) is None


@pytest.mark.parametrize(
    "piece",
    [
        Piece(start=3, end=8, known=1),
        Piece(start=4, end=8, known=1),
        Piece(start=3, end=7, known=0),
        Piece(start=0, end=4, known=0),
    ],
)
def test_a_checkpoint_of_another_piece_is_not_used(tmp_path, states, piece):
    write_all(tmp_path, states)
    assert checkpoints(tmp_path).latest(piece) is None


@pytest.mark.parametrize(
    ("changes", "forged"),
    [
        ({"metadata": {"format": "2"}}, True),
        ({"metadata": {"libraries": "torch 1.0 diffusers 0.1"}}, True),
        ({"metadata": {"step": "0"}}, True),
        ({"metadata": {"step": "7"}}, True),
        ({"metadata": {"step": "four"}}, True),
        ({"metadata": {"step": "5"}}, False),
        ({"tensors": {"latents": None}}, True),
        ({"tensors": {"latents": torch.full_like(NOISE, float("nan"))}}, True),
        ({"tensors": {"latents": torch.full_like(NOISE, float("inf"))}}, True),
        ({"tensors": {"latents": NOISE[:, :2].clone()}}, True),
        ({"tensors": {"latents": NOISE.bfloat16()}}, True),
        ({"tensors": {"latents": NOISE + 1}}, False),
        ({"tensors": {"solver.last_sample": torch.full_like(NOISE, float("nan"))}}, True),
        ({"tensors": {"solver.last_sample": torch.zeros(0)}}, True),
        ({"tensors": {"solver.last_sample": NOISE.to(torch.float8_e4m3fn)}}, True),
    ],
)
def test_what_does_not_fit_is_passed_over_for_the_one_before(tmp_path, states, changes, forged):
    write_all(tmp_path, states[:4])
    rewrite(newest_file(tmp_path), forged=True)
    assert step_of(checkpoints(tmp_path)) == 4
    rewrite(newest_file(tmp_path), **changes, forged=forged)
    assert step_of(checkpoints(tmp_path)) == 3


def test_what_is_kept_of_a_finished_piece_is_deleted_and_of_another_left(tmp_path, states):
    kept, other = write_all(tmp_path, states), Piece(start=6, end=10, known=1)
    kept.clear(other)
    assert step_of(kept) == 6
    kept.keep(other, states[0])
    kept.clear(PIECE)
    assert (step_of(kept), step_of(kept, other)) == (None, 1)
    kept.clear()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are POSIX")
def test_a_full_disk_costs_one_warning_and_leaves_what_was_kept(tmp_path, states):
    kept = write_all(tmp_path, states[:2])
    with files_no_larger_than(500):
        for state in states[2:5]:
            kept.keep(PIECE, state)
    assert len(kept.warnings) == 1
    assert "The disk is full" in kept.warnings[0]
    assert {path.name for path in tmp_path.iterdir()} == set(CHECKPOINT_NAMES)
    assert step_of(checkpoints(tmp_path)) == 2
    newest_file(tmp_path).unlink()
    assert step_of(checkpoints(tmp_path)) == 1
    kept.keep(PIECE, states[5])
    assert step_of(checkpoints(tmp_path)) == 6


def test_a_work_directory_that_is_gone_costs_one_warning(tmp_path, states):
    kept = write_all(tmp_path / "gone", states)
    assert len(kept.warnings) == 1
    assert kept.latest(PIECE) is None


class Clock:
    """A clock that stands still until somebody works."""

    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


def paced(*, step_s, write_s, steps):
    """Take steps on a disk; return after which ones was written, and the share of time it took."""
    clock, written, spent_s = Clock(), [], 0.0
    pace = CheckpointPace(clock)
    for step in range(1, steps + 1):
        clock.now_s += step_s
        if pace.is_due():
            with pace.writing():
                clock.now_s += write_s(step)
            spent_s += write_s(step)
            written.append(step)
    return written, spent_s / (clock.now_s - 1000.0)


def test_on_a_fast_disk_every_step_is_kept():
    written, share = paced(step_s=42.0, write_s=lambda _: 0.4, steps=30)
    assert written == list(range(1, 31))
    assert share <= 0.01


@pytest.mark.parametrize("write_s", [0.02, 0.5, 2.0, 30.0])
def test_writing_takes_a_hundredth_of_the_time_however_slow_the_disk_is(write_s):
    written, share = paced(step_s=3.0, write_s=lambda _: write_s, steps=5000)
    assert written[0] == 1
    assert 0.009 < share <= 0.01 or written == list(range(1, 5001))


def test_a_disk_that_becomes_slow_is_written_to_less_often():
    written, share = paced(step_s=3.0, write_s=lambda step: 0.01 if step <= 100 else 6.0, steps=3000)
    assert written[:100] == list(range(1, 101))
    assert written[-1] - written[-2] > 150
    assert share <= 0.011


def test_after_one_slow_write_all_steps_are_kept_again_once_it_is_paid_for():
    written, share = paced(step_s=10.0, write_s=lambda step: 5.0 if step == 1 else 0.05, steps=400)
    assert written[1] > 90
    assert written[2:] == list(range(written[2], 401))
    assert share <= 0.01


def test_a_write_that_fails_is_measured_as_well():
    clock = Clock()
    pace = CheckpointPace(clock)
    with pytest.raises(OSError, match="gone"), pace.writing():
        clock.now_s += 5.0
        raise OSError("gone")
    clock.now_s += 100.0
    assert not pace.is_due()


def test_a_clock_that_stands_still_keeps_every_step():
    written, _ = paced(step_s=1.0, write_s=lambda _: 0.0, steps=5)
    assert written == [1, 2, 3, 4, 5]
