"""A driver's expression in every source frame of a clip."""

import re
from fractions import Fraction

import numpy as np
import pytest
import torch

from engine.benchmark.drawn_face import DrawnExpression, draw_face
from engine.benchmark.drawn_media import write_drawn_clip
from engine.conditioning.expression_track import (
    ExpressionStoppedError,
    ExpressionTools,
    ExpressionTrack,
    expression_track,
)
from engine.conditioning.face_alignment import align_face, encoder_input
from engine.conditioning.face_cascades import CascadeFaceFinder, without_jumps
from engine.conditioning.face_finder import DriverFrames
from engine.conditioning.face_landmark_finder import LandmarkFaceFinder
from engine.conditioning.face_track import face_track
from engine.media.opencv import cv2
from engine.media.video_reader import VideoReader
from engine.protocol.errors import ErrorCode, UserError
from tests.engine.conditioning.onnx_files import bright_spot_detector, brightness_landmarks

RATE = Fraction(25)
WHOLE = (Fraction(0), Fraction(1000))


class TinyEncoder(torch.nn.Module):
    """Features that tell aligned faces apart."""

    def __init__(self):
        super().__init__()
        weight = torch.randn(554, 3 * 49, generator=torch.Generator().manual_seed(4))
        self.linear = torch.nn.Linear(3 * 49, 554)
        self.linear.load_state_dict({"weight": weight, "bias": torch.zeros(554)})

    def forward(self, faces):
        return self.linear(torch.nn.functional.avg_pool2d(faces, 32).flatten(1))


@pytest.fixture(scope="module")
def bright_finder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "face_det.onnx").write_bytes(bright_spot_detector())
    (folder / "face_landmark.onnx").write_bytes(brightness_landmarks())
    return LandmarkFaceFinder(folder / "face_det.onnx", folder / "face_landmark.onnx")


def analysed(
    path, finder, *, face_index=0, span_s=WHOLE, encoder=TinyEncoder, progress=None, stop=lambda: False
):
    shares = [] if progress is None else progress
    tools = ExpressionTools(finder=finder, encoder=encoder, device=torch.device("cpu"))
    return expression_track(
        path, span_s=span_s, face_index=face_index, tools=tools, on_progress=shares.append, should_stop=stop
    )


def spot_frame(*places, turn=0.0):
    """Bright ovals with a dark spot each, at these places (x, y)."""
    picture = np.zeros((240, 420, 3), np.uint8)
    for x, y in places:
        cv2.ellipse(picture, (x, y), (36, 46), 0, 0, 360, (250, 250, 250), -1)
        cv2.circle(
            picture, (x + round(20 * np.cos(turn)), y + round(20 * np.sin(turn))), 7, (40, 90, 160), -1
        )
    return picture


@pytest.fixture(scope="module")
def clip_with_a_gap(tmp_path_factory):
    """24 frames of a bright face that moves to the right; frames 8 to 12 show none."""
    path = tmp_path_factory.mktemp("clips") / "clip.mkv"
    frames = [
        spot_frame() if 8 <= number < 13 else spot_frame((100 + 6 * number, 110), turn=number / 4)
        for number in range(24)
    ]
    write_drawn_clip(path, frames, RATE)
    return path


@pytest.fixture(scope="module")
def gap_track(clip_with_a_gap, bright_finder):
    return analysed(clip_with_a_gap, bright_finder)


def test_no_frame_is_dropped(gap_track):
    assert gap_track.times_s.tolist() == [number / 25 for number in range(24)]
    assert gap_track.features_TE.shape == (24, 554)
    assert gap_track.features_TE.dtype == torch.float32
    assert np.flatnonzero(~gap_track.found_T).tolist() == [8, 9, 10, 11, 12]


def test_features_are_those_of_each_frame_s_own_aligned_face(clip_with_a_gap, bright_finder, gap_track):
    with VideoReader(clip_with_a_gap) as reader:
        frames = DriverFrames(path=clip_with_a_gap, reader=reader, times=reader.times_s, check=lambda: None)
        track = face_track(frames, 0, bright_finder, lambda share: None)
        for number in (0, 7, 13, 23):
            crop = align_face(reader.frame_number(number), track.points_T52[number])
            with torch.inference_mode():
                expected = TinyEncoder()(encoder_input([crop]))[0]
            torch.testing.assert_close(gap_track.features_TE[number], expected, rtol=1e-5, atol=1e-5)
    assert track.gaps == (range(8, 13),)
    assert np.isnan(track.points_T52[8:13]).all()


def test_a_gap_is_bridged_on_a_straight_line(gap_track):
    before, after = gap_track.features_TE[7], gap_track.features_TE[13]
    for step in range(1, 6):
        expected = torch.lerp(before, after, step / 6)
        torch.testing.assert_close(gap_track.features_TE[7 + step], expected, rtol=1e-5, atol=1e-5)
    assert (before - after).abs().max() > 0.1


def test_a_gap_is_reported_in_seconds(gap_track):
    assert gap_track.report == (
        "In “clip.mkv” no face was found from 0.32 s to 0.52 s (5 frames); the expression was interpolated.",
    )


def test_boxes_are_shares_of_the_frame_and_follow_the_face(gap_track):
    middles = gap_track.boxes_T4[:, [0, 2]].mean(axis=1) * 420
    assert middles[[0, 7, 23]] == pytest.approx([100, 142, 238], abs=5)
    assert np.all(np.diff(middles) > 0)


def test_a_part_of_a_clip_gives_that_part_s_frames(clip_with_a_gap, bright_finder):
    track = analysed(clip_with_a_gap, bright_finder, span_s=(Fraction(14, 25), Fraction(18, 25)))
    assert track.times_s.tolist() == [number / 25 for number in range(14, 18)]
    assert track.found_T.all()
    assert track.report == ()


def test_a_face_lost_at_both_ends_is_held_and_said_so(tmp_path, bright_finder):
    frames = [spot_frame((150, 110), turn=n) if 3 <= n < 6 else spot_frame() for n in range(8)]
    write_drawn_clip(tmp_path / "ends.mkv", frames, RATE)
    track = analysed(tmp_path / "ends.mkv", bright_finder)
    assert torch.equal(track.features_TE[0], track.features_TE[3])
    assert torch.equal(track.features_TE[7], track.features_TE[5])
    assert track.report == (
        "In “ends.mkv” no face was found from 0.00 s to 0.12 s (3 frames); "
        "the first expression found was used.",
        "In “ends.mkv” no face was found from 0.24 s on (2 frames); the last expression found was held.",
    )


def test_many_gaps_are_one_sentence(tmp_path, bright_finder):
    frames = [spot_frame() if number % 4 == 2 else spot_frame((150, 110)) for number in range(28)]
    write_drawn_clip(tmp_path / "flicker.mkv", frames, RATE)
    (sentence,) = analysed(tmp_path / "flicker.mkv", bright_finder).report
    assert "no face was found in 7 of 28 frames (7 gaps, the longest from 0.08 s to 0.12 s)" in sentence


@pytest.mark.parametrize(("index", "middle"), [(0, 100), (1, 310)])
def test_two_people_drive_two_tracks(tmp_path, bright_finder, index, middle):
    frames = [spot_frame((310, 120), (100, 110), turn=n / 3) for n in range(6)]
    write_drawn_clip(tmp_path / "two.mkv", frames, RATE)
    track = analysed(tmp_path / "two.mkv", bright_finder, face_index=index)
    assert track.boxes_T4[:, [0, 2]].mean(axis=1) * 420 == pytest.approx(np.full(6, middle), abs=5)


def test_a_person_who_is_not_there_is_an_error_that_counts(clip_with_a_gap, bright_finder):
    with pytest.raises(UserError, match=re.escape("“clip.mkv” shows one face, but face 2")) as refused:
        analysed(clip_with_a_gap, bright_finder, face_index=1)
    assert refused.value.report.code is ErrorCode.NO_FACE
    assert refused.value.report.next_step


@pytest.mark.parametrize("finder_name", ["networks", "cascades"])
def test_a_clip_without_a_face_is_an_error_and_loads_no_encoder(tmp_path, bright_finder, finder_name):
    write_drawn_clip(tmp_path / "wall.mkv", [spot_frame()] * 4, RATE)
    finder = bright_finder if finder_name == "networks" else CascadeFaceFinder()

    def never():
        raise AssertionError("the encoder was loaded")

    with pytest.raises(UserError, match=re.escape("wall.mkv")) as refused:
        analysed(tmp_path / "wall.mkv", finder, encoder=never)
    assert refused.value.report.code is ErrorCode.NO_FACE


def test_it_stops_within_a_frame(clip_with_a_gap, bright_finder):
    shares = []
    with pytest.raises(ExpressionStoppedError):
        analysed(clip_with_a_gap, bright_finder, progress=shares, stop=lambda: len(shares) >= 30)
    assert len(shares) == 30


def test_progress_rises_to_the_end(clip_with_a_gap, bright_finder):
    shares = []
    analysed(clip_with_a_gap, bright_finder, progress=shares)
    assert shares == sorted(shares)
    assert 0.0 < shares[0] < 0.1
    assert shares[-1] == pytest.approx(1.0)


def test_an_encoder_of_damaged_weights_is_refused(clip_with_a_gap, bright_finder):
    def damaged():
        encoder = TinyEncoder()
        encoder.linear.weight.data[3, 5] = torch.nan
        return encoder

    with pytest.raises(
        UserError, match="The expression encoder of the bundle gave values that are not numbers"
    ):
        analysed(clip_with_a_gap, bright_finder, encoder=damaged)


def test_a_track_survives_as_tensors(gap_track):
    again = ExpressionTrack.from_tensors(gap_track.to_tensors())
    assert torch.equal(again.features_TE, gap_track.features_TE)
    for name in ("times_s", "found_T", "boxes_T4"):
        np.testing.assert_array_equal(getattr(again, name), getattr(gap_track, name))
        assert getattr(again, name).dtype == getattr(gap_track, name).dtype
    assert again.report == gap_track.report
    assert all(isinstance(tensor, torch.Tensor) for tensor in gap_track.to_tensors().values())


@pytest.fixture(scope="module")
def drawn_clip(tmp_path_factory):
    """10 frames of a drawn face that moves, tilts and opens its mouth; hidden in frames 4 and 5."""
    path = tmp_path_factory.mktemp("clips") / "drawn.mkv"
    frames = [
        draw_face(DrawnExpression(mouth_open=0.08 * n, roll=0.015 * n, travel_x=4.0 * n)) for n in range(10)
    ]
    for number in (4, 5):
        frames[number] = np.full_like(frames[0], 190)
    write_drawn_clip(path, frames, RATE)
    return path


def drawn_points(roll, travel_x):
    """Where the drawn face has its eyes and its mouth's middle, [3, 2]."""
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    away = np.array([[208, 218], [304, 218], [256, 344]]) - [256, 330]
    return away @ turn.T + [256 + travel_x, 330]


def eyes_and_mouth(points):
    return np.stack([points[0], points[1], points[3:].mean(axis=0)])


def cascade_track(path):
    with VideoReader(path) as reader:
        frames = DriverFrames(path=path, reader=reader, times=reader.times_s, check=lambda: None)
        return face_track(frames, 0, CascadeFaceFinder(), lambda share: None)


def test_without_networks_a_drawn_face_is_found_where_its_eyes_and_mouth_are(drawn_clip):
    track = cascade_track(drawn_clip)
    assert track.gaps == (range(4, 6),)
    for number in (0, 3, 6, 9):
        expected = drawn_points(roll=0.015 * number, travel_x=4.0 * number)
        assert np.abs(eyes_and_mouth(track.points_T52[number]) - expected).max() < 12


def test_without_networks_a_face_that_looks_all_different_after_a_cut_is_measured_anew(tmp_path):
    light = np.linspace(1.5, 0.3, 512)[None, :, None]
    frames = [draw_face(DrawnExpression(travel_x=2.0 * n - 60)) for n in range(5)]
    tilted = [draw_face(DrawnExpression(travel_x=2.0 * n + 60, roll=0.45)) for n in range(5, 10)]
    frames += [np.clip(frame * light, 0, 255).astype(np.uint8) for frame in tilted]
    write_drawn_clip(tmp_path / "light.mkv", frames, RATE)
    track = cascade_track(tmp_path / "light.mkv")
    assert track.found_T.all()
    for number in (6, 9):
        expected = drawn_points(roll=0.45, travel_x=2.0 * number + 60)
        assert np.abs(eyes_and_mouth(track.points_T52[number]) - expected)[:2].max() < 12


def test_without_networks_the_points_hold_still_on_a_face_that_does(tmp_path):
    frames = [draw_face(DrawnExpression(mouth_open=0.1 * (number % 4))) for number in range(8)]
    write_drawn_clip(tmp_path / "still.mkv", frames, RATE)
    track = cascade_track(tmp_path / "still.mkv")
    assert track.found_T.all()
    assert np.ptp(track.points_T52, axis=0).max() < 1.0


def test_without_networks_features_come_for_every_frame(drawn_clip):
    shares = []
    track = analysed(
        drawn_clip, CascadeFaceFinder(), progress=shares, span_s=(Fraction(2, 25), Fraction(6, 25))
    )
    assert track.features_TE.shape == (4, 554)
    assert track.found_T.tolist() == [True, True, False, False]
    assert torch.equal(track.features_TE[1], track.features_TE[3])
    assert not torch.equal(track.features_TE[0], track.features_TE[1])
    assert shares == sorted(shares)


@pytest.mark.parametrize("side", [32, 240])
def test_a_clip_of_one_frame_is_enough(tmp_path, bright_finder, side):
    frame = cv2.resize(spot_frame((150, 110)), (side * 7 // 4, side))
    write_drawn_clip(tmp_path / "one.mkv", [frame], RATE)
    if side == 32:  # nobody drives with a face of ten pixels
        with pytest.raises(UserError, match=re.escape("one.mkv")):
            analysed(tmp_path / "one.mkv", bright_finder)
    else:
        assert analysed(tmp_path / "one.mkv", bright_finder).found_T.tolist() == [True]


def test_a_jump_between_two_measurements_becomes_a_slope():
    moving = np.arange(20.0)[:, None] * [3.0, -1.0]
    measured = moving.copy()
    measured[10:] += [8.0, 0.0]
    joined = without_jumps(measured, [10], reach=5)
    assert np.abs(np.diff(joined, axis=0) - [3.0, -1.0]).max() < 1.0
    np.testing.assert_allclose(joined[[0, 4, 15, 19]], measured[[0, 4, 15, 19]])


def test_motion_without_a_jump_is_left_alone():
    moving = np.linspace(0.0, 7.0, 9)[:, None] * [3.0, -1.0]
    np.testing.assert_allclose(without_jumps(moving, [1, 4, 8], reach=5), moving, atol=1e-12)
