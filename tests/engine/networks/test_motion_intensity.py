import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from engine.networks.motion_intensity import (
    JOINT_DEVIATION,
    LANDMARK_DEVIATION,
    MotionIntensity,
    body_motion,
    landmark_motion,
)
from engine.protocol.errors import BugError


@pytest.fixture
def module():
    torch.manual_seed(3)
    return MotionIntensity(model_width=20, width=16)


@pytest.fixture
def trained(module):
    """A network with a last layer that is not zero."""
    torch.nn.init.normal_(module.proj_out.weight, std=0.25)
    return module


INTENSITIES = torch.tensor([[0.1, 0.9], [0.5, 0.5], [1.0, 0.0]])


def test_an_untrained_network_changes_nothing(module):
    assert module(INTENSITIES).shape == (3, 20)
    assert not module(INTENSITIES).any()


def test_the_shift_of_a_shot_is_a_row_of_a_batch(trained):
    torch.testing.assert_close(trained.shift(face=0.1, body=0.9), trained(INTENSITIES)[0], atol=1e-6, rtol=0)


def test_a_shot_is_neutral_unless_told(trained):
    torch.testing.assert_close(trained.shift(), trained(INTENSITIES)[1], atol=1e-6, rtol=0)


def test_face_and_body_each_have_their_own_effect(trained):
    assert (trained.shift(face=0.9) - trained.shift()).abs().max() > 0.01
    assert (trained.shift(body=0.9) - trained.shift()).abs().max() > 0.01
    assert (trained.shift(face=0.9) - trained.shift(body=0.9)).abs().max() > 0.01


@pytest.mark.parametrize("intensity", [-0.01, 1.01, math.nan, math.inf])
def test_an_intensity_outside_its_range_is_refused(module, intensity):
    with pytest.raises(BugError):
        module.shift(face=intensity)
    with pytest.raises(BugError):
        module.shift(body=intensity)


def test_a_different_split_of_a_batch_gives_the_same(trained):
    parts = torch.cat([trained(part) for part in INTENSITIES.split([1, 2])])
    torch.testing.assert_close(parts, trained(INTENSITIES), atol=1e-6, rtol=0)


def test_a_few_steps_reduce_the_loss_and_reach_every_parameter(module):
    wanted = torch.randn(3, 20, generator=torch.Generator().manual_seed(4))
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = functional.mse_loss(module(INTENSITIES), wanted)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert [name for name, p in module.named_parameters() if not p.grad.abs().max() > 0] == []


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.05), (torch.float16, 0.006)])
def test_half_precision_stays_near(trained, dtype, tolerance):
    with torch.inference_mode():
        got = copy.deepcopy(trained).to(dtype)(INTENSITIES.to(dtype))
        assert got.dtype is dtype
        torch.testing.assert_close(got.float(), trained(INTENSITIES), atol=tolerance, rtol=0)


def _moving(deviation, frames=40, points=30):
    """A still figure with points that waver by the deviation, in units of the figure's size."""
    generator = torch.Generator().manual_seed(5)
    figure = torch.randn(points, 2, generator=generator, dtype=torch.float64)
    figure = figure - figure.mean(dim=0)
    figure = figure / figure.square().sum(dim=-1).mean().sqrt()
    wave = torch.randn(frames, points, 2, generator=generator, dtype=torch.float64)
    return figure + deviation / 2**0.5 * wave


@pytest.mark.parametrize("motion", [landmark_motion, body_motion])
def test_a_figure_that_keeps_still_has_no_motion(motion):
    assert motion(_moving(0)) == pytest.approx(0, abs=1e-12)
    assert motion(_moving(0.2)[:1]) == 0


@pytest.mark.parametrize(
    ("motion", "deviation"), [(landmark_motion, LANDMARK_DEVIATION), (body_motion, JOINT_DEVIATION)]
)
def test_the_neutral_deviation_has_the_neutral_intensity(motion, deviation):
    assert motion(_moving(deviation)) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("motion", [landmark_motion, body_motion])
@given(deviations=st.lists(st.floats(0.001, 0.5), min_size=2, max_size=2).map(sorted))
@settings(max_examples=20, deadline=None)
def test_more_motion_has_a_higher_intensity_and_stays_below_one(motion, deviations):
    less, more = (motion(_moving(deviation)) for deviation in deviations)
    assert 0 <= less <= more + 1e-9
    assert more < 1


@pytest.mark.parametrize("motion", [landmark_motion, body_motion])
@given(scale=st.floats(0.01, 4000), shift=st.floats(-5000, 5000))
@settings(max_examples=20, deadline=None)
def test_the_size_of_the_picture_and_the_place_in_it_do_not_matter(motion, scale, shift):
    assert motion(_moving(0.1) * scale + shift) == pytest.approx(motion(_moving(0.1)), abs=1e-4)


def test_travel_through_the_picture_is_the_bodys_motion_and_not_the_faces():
    travel = torch.linspace(0, 3, 40, dtype=torch.float64)[:, None, None]
    assert landmark_motion(_moving(0.02) + travel) == pytest.approx(landmark_motion(_moving(0.02)), abs=1e-9)
    assert body_motion(_moving(0.02) + travel) > 0.9


def test_nearing_the_camera_is_not_the_faces_motion():
    nearing = torch.linspace(1, 2, 40, dtype=torch.float64)[:, None, None]
    assert landmark_motion(_moving(0.02) * nearing) == pytest.approx(landmark_motion(_moving(0.02)), abs=1e-9)


def test_frames_without_a_face_are_left_out():
    landmarks = _moving(0.1)
    lost = landmarks.clone()
    lost[10:20] = torch.nan
    kept = torch.cat((landmarks[:10], landmarks[20:]))
    assert landmark_motion(lost) == landmark_motion(kept)


def test_a_joint_out_of_the_picture_does_not_count_as_motion():
    still = _moving(0).clone()
    still[5:15, 3] = torch.nan
    still[20, 4] = torch.inf
    assert body_motion(still) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("motion", [landmark_motion, body_motion])
@pytest.mark.parametrize(
    "points",
    [torch.full((4, 5, 2), torch.nan), torch.zeros(0, 5, 2), torch.zeros(4, 0, 2), torch.ones(4, 5, 2)],
    ids=["nothing found", "no frames", "no points", "all in one place"],
)
def test_points_that_tell_nothing_are_refused(motion, points):
    with pytest.raises(BugError):
        motion(points)
