"""A power cut at any moment leaves a render's work as it was before what it was doing, or as it is after."""

import random
import sys
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import torch

from engine.media.video_reader import VideoReader
from engine.planning.shot_pieces import Piece, continuation_pieces, pieces_going_on
from engine.protocol.diffusion_settings import Solver
from engine.renderers.finished_frames import FinishedFrames
from engine.renderers.latent_checkpoints import LatentCheckpoints, PassIdentity
from engine.renderers.motion_frames import MotionFrames
from engine.renderers.render_notes import RenderNotes
from engine.renderers.settled_pieces import PIECES_NAME, settle_pieces, settled_pieces
from engine.renderers.work_directory import note_outputs, noted_outputs
from engine.sampling.denoising import DenoisingState
from tests.engine.renderers.power_cut import RecordedFolder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders are not synced there")

PIECE = Piece(start=0, end=3, known=0)
PASSES = PassIdentity(seed=1, solver=Solver.EULER, steps=9, flow_shift=5.0, rows=4, columns=5)
PIECES = continuation_pieces(40, most=21, overlap=4)
SHORTER = pieces_going_on(PIECES[:1], 40, most=9, overlap=4)
UNSETTLED = (Piece(start=0, end=40, known=0),)
MOTION = np.arange(2 * 8 * 8 * 3, dtype=np.uint8).reshape(2, 8, 8, 3)


def finished(work, owner="me"):
    return FinishedFrames(work, owner=owner, frame_rate=Fraction(24))


def checkpoints(work):
    return LatentCheckpoints(work, "me", PASSES)


def pictures(first, count):
    return [np.full((16, 16, 3), 9 * number, np.uint8) for number in range(first, first + count)]


def keep_step(work, step):
    kept = checkpoints(work)
    kept.latest(PIECE)
    latents = torch.full((16, 3, 4, 5), float(step))
    kept.keep(PIECE, DenoisingState(step=step, steps=9, latents_16FHW=latents, solver_state={}))


def warn(work, *warnings):
    RenderNotes(work).keep_warnings(warnings)


STEPS = (
    finished,
    partial(note_outputs, outputs=["/takes/shot.mkv"]),
    warn,
    partial(settle_pieces, pieces=PIECES),
    partial(keep_step, step=1),
    partial(keep_step, step=2),
    partial(keep_step, step=3),
    lambda work: finished(work).add(pictures(0, 3)),
    lambda work: finished(work).add(pictures(3, 1)),
    lambda work: MotionFrames(work).keep(1, MOTION),
    partial(settle_pieces, pieces=SHORTER),
    lambda work: warn(work, "The pieces became shorter."),
    lambda work: finished(work).drop_after(3),
    lambda work: finished(work).add(pictures(3, 2)),
)


def seen(work):
    """Return all that an attempt finds of the attempts before. Nothing of it may raise."""
    pieces = settled_pieces(work, UNSETTLED) if (work / PIECES_NAME).exists() else UNSETTLED
    state = checkpoints(work).latest(PIECE)
    motion = MotionFrames(work).of(1)
    frames = finished(work)
    values = []
    for path in frames.paths:
        with VideoReader(path) as reader:
            values += [int(reader.frame_number(number)[0, 0, 0]) for number in range(reader.frame_count)]
    return {
        "frames": values,
        "outputs": noted_outputs(work),
        "pieces": pieces,
        "warnings": RenderNotes(work).warnings,
        "step": None if state is None else (state.step, float(state.latents_16FHW.mean())),
        "motion": None if motion is None else motion.tobytes(),
    }


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A render's work, recorded step by step, and what is seen of it after each step."""
    work, after = tmp_path_factory.mktemp("work"), []
    folder, nothing = RecordedFolder(work), tmp_path_factory.mktemp("nothing")
    after.append(seen(nothing))
    with folder.recording():
        for take_step in STEPS:
            take_step(work)
            folder.step_done()
    chance = random.Random(0)
    done = [rebuild for _, done, rebuild in folder.moments if done]
    for number, rebuild in enumerate(done):
        rebuild(nothing / str(number), chance)
        after.append(seen(nothing / str(number)))
    return folder, after


def test_the_work_does_what_the_steps_say(recorded):
    """What is seen after each step, from a disk without power, is what that step made."""
    _, after = recorded
    assert [len(state["frames"]) for state in after] == [0] * 8 + [3, 4, 4, 4, 4, 3, 5]
    assert after[-1]["frames"] == [0, 9, 18, 27, 36]
    assert [state["step"] for state in after[4:8]] == [None, (1, 1.0), (2, 2.0), (3, 3.0)]
    assert (after[3]["pieces"], after[4]["pieces"], after[-1]["pieces"]) == (UNSETTLED, PIECES, SHORTER)
    assert (after[9]["motion"], after[10]["motion"]) == (None, MOTION.tobytes())
    assert (after[1]["outputs"], len(after[2]["outputs"])) == ((), 1)
    assert after[-1]["warnings"] == ("The pieces became shorter.",)


def test_every_rename_is_of_a_synced_file_and_the_folder_is_synced_after_it(recorded):
    folder, _ = recorded
    names = {name for name, _, _ in folder.renames}
    assert {"fingerprint", "outputs.json", "notes.json", "pieces.json", "checkpoint-a.safetensors"} <= names
    assert "frames-0000000-0000003.mkv" in names
    assert [rename for rename in folder.renames if not all(rename[1:])] == []


@pytest.mark.parametrize("seed", range(3))
def test_a_power_cut_at_any_moment_leaves_the_state_before_or_after(recorded, tmp_path, seed):
    folder, after = recorded
    chance = random.Random(seed)
    assert len(folder.moments) > 60
    for number, (step, done, rebuild) in enumerate(folder.moments):
        rebuild(tmp_path / str(number), chance)
        found = seen(tmp_path / str(number))
        allowed = (after[step],) if done else (after[step], after[step + 1])
        for part, value in found.items():
            assert value in [state[part] for state in allowed], (number, step, part)


@pytest.mark.parametrize("seed", range(3))
def test_a_power_cut_while_another_request_takes_the_folder_never_mixes_frames(tmp_path, seed):
    work, chance = tmp_path / "work", random.Random(seed)
    work.mkdir()
    finished(work).add(pictures(0, 2))
    finished(work).add(pictures(2, 2))
    folder = RecordedFolder(work)
    with folder.recording():
        finished(work, owner="another")
        folder.step_done()
    assert len(folder.moments) > 6
    for number, (_, _, rebuild) in enumerate(folder.moments):
        rebuild(tmp_path / str(number), chance)
        assert finished(tmp_path / str(number), owner="another").count == 0


@pytest.mark.parametrize("content", [b"", b"m", b"\xff\xfe\x00", b"me\x00"])
def test_a_mark_that_is_no_mark_is_nobody_s(tmp_path, content):
    finished(tmp_path).add(pictures(0, 2))
    (tmp_path / "fingerprint").write_bytes(content)
    assert finished(tmp_path).count == 0


@pytest.mark.parametrize("seed", range(4))
def test_files_cut_short_at_any_place_are_never_an_error(tmp_path, seed):
    """Even where a disk has lost what it said it had: what is left counts, as far as it is whole."""
    chance = random.Random(seed)
    for take_step in STEPS:
        take_step(tmp_path)
    whole = {path: path.read_bytes() for path in tmp_path.iterdir()}
    expected = [0, 9, 18, 27, 36]
    for _ in range(25):
        for path, content in whole.items():
            keep = chance.random() < 0.5 or path.name == "fingerprint"
            path.write_bytes(content if keep else content[: chance.randrange(len(content) + 1)])
        found = seen(tmp_path)
        assert found["frames"] == expected[: len(found["frames"])]
        assert found["motion"] in (None, MOTION.tobytes())
        assert found["step"] in (None, (2, 2.0), (3, 3.0))
        assert found["pieces"] in (UNSETTLED, SHORTER)
