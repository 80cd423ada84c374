"""Renders by the transformer with a tiny random bundle: all of the way is real, the picture is noise."""

from dataclasses import replace
from fractions import Fraction

import pytest

from engine.media.video_reader import VideoReader
from engine.protocol.codec import decode_result
from engine.protocol.diffusion_settings import GuidanceSettings, LongShotMode, Precision, Solver
from engine.protocol.errors import ErrorCode, UserError
from engine.renderers.renderer import RenderStoppedError
from tests.diffusion_cast import driven, speaking
from tests.render_watching import Watching

ENCODING = (
    "Reading the prompt",
    "Looking at the plate",
    "Following the face",
    "Listening to the voice",
    "Encoding the plate",
)


def master(request):
    return (request.output_directory / "shot.mkv").read_bytes()


def test_clip_and_voice_render_together_and_the_take_says_how(shot, render):
    request = shot()
    result, watching = render(request)
    assert result == decode_result((request.output_directory / "take.json").read_bytes())
    with VideoReader(request.output_directory / "shot.mkv") as movie:
        assert (movie.frame_count, movie.width, movie.height) == (8, 64, 48)
    record = result.diffusion
    assert record.random_weights
    assert record.branches == ("+5 (prompt + expression + voice)", "-4 (negative prompt)")
    assert (record.forwards_per_step, record.forwards) == (2, 4)
    assert record.model_frame_rate == 23
    assert (record.model_width, record.model_height, record.model_frame_count % 4) == (64, 48, 1)
    assert len(record.weights) > 8
    assert all(len(sha256) == 64 for sha256 in record.weights.values())
    assert set(record.versions) >= {"torch", "diffusers"}
    assert watching.steps() == ["Step 1 of 2", "Step 2 of 2"]
    assert watching.previews


def test_a_second_take_with_another_seed_encodes_nothing_again(shot, render, tmp_path):
    first, second = shot(seed=1), shot(seed=2)
    _, watched = render(first, cache=tmp_path)
    assert all(any(phase.startswith(start) for phase in watched.phases) for start in ENCODING)
    _, again = render(second, cache=tmp_path)
    assert not [phase for phase in again.phases if phase.startswith(ENCODING)]
    assert master(first) != master(second)
    third = replace(first, output_directory=first.output_directory.with_name("third"))
    render(third, cache=tmp_path)
    assert master(first) == master(third)


def test_a_stop_ends_the_render_within_one_step(shot, render):
    report = Watching(stop_when=lambda phase: phase == "Step 3 of 20")
    with pytest.raises(RenderStoppedError):
        render(shot(settings={"steps": 20}), report)
    assert report.steps() == [f"Step {number} of 20" for number in (1, 2, 3)]


def test_sizes_and_lengths_that_are_no_whole_tokens_are_padded_and_cut_and_said(shot, render):
    request = shot(characters=(), width=90, height=50, frame_count=7)
    result, _ = render(request)
    with VideoReader(request.output_directory / "shot.mkv") as movie:
        assert (movie.frame_count, movie.width, movie.height) == (7, 90, 50)
    assert any("96x64" in line and "90x50" in line for line in result.warnings)
    assert any("cut off again" in line for line in result.warnings)


def test_a_long_shot_goes_on_piece_by_piece(shot, render, samples, tmp_path):
    settings = {"segment_frames": 9, "overlap_frames": 5}
    request = shot(characters=(driven(samples),), settings=settings, frame_count=20)
    result, watching = render(request)
    assert result.diffusion.segments == 4
    assert result.diffusion.forwards == 4 * 2 * 2
    assert watching.steps()[-1] == "Piece 4 of 4, step 2 of 2"
    with VideoReader(request.output_directory / "shot.mkv") as movie:
        assert movie.frame_count == 20

    again = replace(request, output_directory=tmp_path / "again", request_id="again")
    work = tmp_path / "stopped"
    with pytest.raises(RenderStoppedError):
        render(again, Watching(stop_when=lambda phase: phase.startswith("Piece 3")), work)
    _, resumed = render(again, work=work)
    assert resumed.steps()[0] == "Piece 3 of 4, step 2 of 2"
    assert master(again) == master(request)


def test_a_long_shot_in_context_windows_is_one_piece(shot, render, samples):
    settings = {"segment_frames": 9, "overlap_frames": 4, "long_shot": LongShotMode.CONTEXT_WINDOWS}
    request = shot(characters=(driven(samples),), settings=settings, frame_count=20)
    result, watching = render(request)
    assert watching.steps() == ["Step 1 of 2", "Step 2 of 2"]
    assert result.diffusion.forwards > 2 * 2
    with VideoReader(request.output_directory / "shot.mkv") as movie:
        assert movie.frame_count == 20


@pytest.mark.parametrize(
    ("guidance", "forwards"),
    [
        (GuidanceSettings(text_scale=1.0, adapter_scale=1.0), 1),
        (GuidanceSettings(text_scale=5.0, adapter_scale=4.0), 3),
        (GuidanceSettings(text_scale=5.0, adapter_scale=4.0, voice_scale=6.0), 4),
    ],
)
def test_the_take_counts_the_forwards_of_its_guidance(shot, render, guidance, forwards):
    result, _ = render(shot(settings={"guidance": guidance, "solver": Solver.UNIPC, "steps": 1}))
    assert result.diffusion.forwards_per_step == forwards


@pytest.mark.parametrize("precision", [Precision.FLOAT16, Precision.BFLOAT16])
def test_half_precision_is_computed_where_there_is_no_graphics_card(shot, render, precision):
    result, _ = render(shot(settings={"precision": precision, "steps": 1}))
    assert (result.diffusion.precision, result.diffusion.device) == (precision, "processor")


def test_a_shot_nobody_drives_is_plain_image_to_video(shot, render):
    result, _ = render(shot(characters=()))
    assert result.diffusion.branches == ("+1 (prompt)",)


def test_a_project_rate_of_its_own_is_kept_to_the_frame(shot, render, samples):
    request = shot(characters=(speaking(samples),), frame_rate=Fraction(30000, 1001), frame_count=11)
    result, _ = render(request)
    assert result.diffusion.model_frame_rate == 23
    with VideoReader(request.output_directory / "shot.mkv") as movie:
        assert (movie.frame_count, movie.frame_rate) == (11, Fraction(30000, 1001))
    assert any("23 to 29.97 fps" in line for line in result.warnings)


def test_a_bundle_that_is_not_installed_is_named(shot, render):
    with pytest.raises(UserError, match="missing-bundle") as error:
        render(shot(settings={"bundle": "missing-bundle"}))
    assert error.value.report.code is ErrorCode.RENDERER_UNAVAILABLE


def test_regions_that_cover_nothing_or_each_other_are_refused(shot, render, samples):
    ada, ben = driven(samples), speaking(samples, x=0.1)
    with pytest.raises(UserError, match="covers that of"):
        render(shot(characters=(ada, ben)))


def test_a_driver_without_a_face_is_named(shot, render, samples):
    faceless = driven(samples, face_index=5)
    with pytest.raises(UserError, match=r"driver_smile\.mp4") as error:
        render(shot(characters=(faceless,)))
    assert error.value.report.code is ErrorCode.NO_FACE
