"""Plates, drivers, voices, prompts and curves of every kind: rendered, or refused with a sentence."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditioning.picture_fit import fit_picture
from engine.media.audio_reader import read_audio
from engine.media.opencv import cv2
from engine.media.still import StillPicture, read_still
from engine.media.video_reader import VideoReader
from engine.media.video_writer import MovieFormat, open_movie_writer
from engine.protocol.curves import Channel, Curve, CurveKey
from engine.protocol.diffusion_settings import GuidanceSettings
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import WorkerFailed
from engine.protocol.render_request import RendererName
from engine.renderers.draft import DraftRenderer
from tests.diffusion_cast import driven, plate_of, region, speaking
from tests.render_watching import Watching

RATES = [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(12)]


def write_movie(path, pictures):
    height, width = pictures[0].shape[:2]
    options = {"format": MovieFormat.H264, "width": width, "height": height, "frame_rate": Fraction(24)}
    with open_movie_writer(path, **options, sound=None) as writer:
        for picture in pictures:
            writer.write(picture)


def frames_of(path, count):
    with VideoReader(path) as reader:
        return [picture.copy() for picture in reader.frames([Fraction(n, 24) for n in range(count)])]


def refused(outcome, request):
    report = outcome(request)
    assert isinstance(report, WorkerFailed), report
    assert report.error.code is not ErrorCode.INTERNAL
    assert report.error.message.endswith(".")
    assert report.error.next_step
    return report.error


def with_region(character, *box):
    return replace(character, region=region(*box))


def test_regions_that_cannot_be_told_apart_or_lie_outside_are_refused(outcome, shot, samples):
    ada, ben = driven(samples), speaking(samples)
    outside = with_region(ada, 1.5)
    for characters in ((outside, ben), (outside,)):
        error = refused(outcome, shot(characters=characters))
        assert error.message == "The region of “Ada” covers nothing of the picture."
    error = refused(outcome, shot(characters=(ada, with_region(ben, 0.1))))
    assert error.message == "The region of “Ada” covers that of “Ben” entirely."


def test_a_driver_whose_face_goes_for_a_while_is_bridged_and_one_without_a_face_refused(
    outcome, shot, render, samples, tmp_path
):
    shown = frames_of(samples / "driver_smile.mp4", 7)
    grey = [np.full_like(shown[0], 90)] * 7
    write_movie(tmp_path / "lost.mp4", [*shown[:3], *grey[:2], *shown[5:]])
    write_movie(tmp_path / "empty.mp4", grey)
    span = {"source_out_s": Fraction(7, 24), "length_frames": 7}
    result, _ = render(shot(characters=(driven(tmp_path, clip="lost.mp4", **span),)))
    assert any("“lost.mp4” no face was found from 0.12 s to 0.21 s" in line for line in result.warnings)
    error = refused(outcome, shot(characters=(driven(tmp_path, clip="empty.mp4", **span),)))
    assert error.code is ErrorCode.NO_FACE
    assert "empty.mp4" in error.message


def test_a_voice_longer_and_one_shorter_than_the_shot_are_said(shot, render, samples):
    result, _ = render(shot(characters=(speaking(samples),)))
    assert "The voice of “Ben” goes on 0.67 s after the shot; that part is cut off." in result.warnings
    result, _ = render(shot(characters=(speaking(samples),), frame_count=30))
    assert "The voice of “Ben” ends 0.25 s before the shot does; silence follows it." in result.warnings


@pytest.mark.parametrize("rate", RATES)
def test_every_project_rate_has_its_frames_and_the_sound_of_its_draft(shot, render, samples, tmp_path, rate):
    request = shot(characters=(speaking(samples),), frame_rate=rate, frame_count=7)
    result, _ = render(request)
    with VideoReader(request.output_directory / "shot.mkv") as movie:
        assert (movie.frame_count, movie.frame_rate) == (7, rate)
    assert result.diffusion.model_frame_rate == 23
    draft = replace(
        request, renderer=RendererName.DRAFT, diffusion=None, output_directory=tmp_path / "draft take"
    )
    work = tmp_path / "draft work"
    work.mkdir()
    DraftRenderer(tmp_path).render(draft, work, Watching())
    for name in ("shot.wav", "shot_Ben.wav"):
        drafted = (draft.output_directory / name).read_bytes()
        assert (request.output_directory / name).read_bytes() == drafted
    heard = [read_audio(folder / "shot.mkv") for folder in (request.output_directory, draft.output_directory)]
    assert np.array_equal(*heard)
    assert abs(len(heard[0]) / 48_000 - 7 / rate) < 1 / 48_000


def still_with(samples, tmp_path, kind):
    """Write the duet as a picture of some kind; return its path and how its lines lie."""
    picture = cv2.imread(str(samples / "duet.png"))
    path = tmp_path / f"{kind}.png"
    if kind == "alpha":
        picture = np.dstack([picture, np.tile(np.arange(1280) // 6, (720, 1)).astype(np.uint8)])
    elif kind == "16 bit":
        picture = picture.astype(np.uint16) * 257
    elif kind == "grey":
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    elif kind == "turned":
        path = path.with_suffix(".jpg")
    cv2.imwrite(str(path), picture)
    if kind == "turned":
        turn_by_exif(path)
    return path


def turn_by_exif(path):
    """Say in a JPEG that it is to be turned by a quarter."""
    content = path.read_bytes()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    path.write_bytes(content[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + content[2:])


@pytest.mark.parametrize("kind", ["alpha", "16 bit", "grey", "turned"])
def test_plates_of_every_kind_are_animated(shot, render, samples, tmp_path, kind):
    path = still_with(samples, tmp_path, kind)
    size = (48, 64) if kind == "turned" else (64, 48)
    request = shot(characters=(), plate=plate_of(path), width=size[0], height=size[1], settings={"steps": 1})
    result, _ = render(request)
    with VideoReader(request.output_directory / "shot.mkv") as movie:
        assert (movie.width, movie.height) == size
        assert not movie.has_alpha
    assert any("transparency is not kept" in line for line in result.warnings) == (kind == "alpha")


def test_a_plate_that_cannot_be_read_is_named(outcome, shot, samples, tmp_path):
    plate = plate_of(samples / "duet.png")
    cut = tmp_path / "cut.png"
    cut.write_bytes(plate.path.read_bytes()[:5000])
    assert "cut.png" in refused(outcome, shot(plate=replace(plate, path=cut))).message
    cut.unlink()
    assert refused(outcome, shot(plate=replace(plate, path=cut))).code is ErrorCode.FILE_MISSING


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 80), st.integers(1, 80)),
    spot=st.tuples(st.floats(0.0, 0.9), st.floats(0.0, 0.9)),
    plate=st.tuples(st.integers(32, 90), st.integers(32, 90)),
)
def test_what_is_cut_out_of_the_transformer_s_picture_is_where_the_plate_is(size, spot, plate):
    width, height = 2 * size[0], 2 * size[1]
    random = np.random.default_rng(0)
    still = StillPicture(bgr=random.integers(0, 255, (*plate, 3), np.uint8), alpha=None)
    fit = fit_picture(still, width, height)

    shown = fit.model_picture
    assert shown.shape == (fit.model_height, fit.model_width, 3)
    assert fit.model_width % 16 == fit.model_height % 16 == 0
    assert 0 <= fit.model_width - width < 16
    assert 0 <= fit.model_height - height < 16
    assert np.array_equal(fit.cropped(shown), fit.plate.picture)

    box = fit.model_box(*spot, 0.1, 0.1)
    area = fit.plate.area
    assert box.x - fit.left == pytest.approx(area.x + spot[0] * area.width)
    assert box.y - fit.top == pytest.approx(area.y + spot[1] * area.height)


def test_a_region_over_a_spot_of_the_plate_covers_that_spot_in_the_transformer_s_picture(samples):
    still = read_still(samples / "duet.png")
    black = np.zeros_like(still.bgr)
    black[180:216, 640:704] = 255  # a spot at 0.5, 0.25 of 0.05 by 0.05
    fit = fit_picture(replace(still, bgr=black), 90, 90)
    rows, columns = np.nonzero(fit.model_picture[:, :, 0] > 100)
    box = fit.model_box(0.5, 0.25, 0.05, 0.05)
    assert box.x - 1 <= columns.min() <= columns.max() <= box.x + box.width
    assert box.y - 1 <= rows.min() <= rows.max() <= box.y + box.height


@pytest.mark.parametrize(
    ("prompt", "is_long"),
    [("", False), ("a man talks. " * 308, True), ("😀👨‍👩‍👧‍👦" * 30, False), ("</s><pad>\x00\u200b", False)],
)
def test_prompts_of_every_kind_are_read(shot, render, samples, prompt, is_long):
    scales = {"steps": 1, "guidance": GuidanceSettings(text_scale=3.0)}
    result, _ = render(shot(characters=(), prompt=prompt[:4000], negative_prompt="blurred", settings=scales))
    assert result.diffusion.forwards_per_step == 2
    said = "A prompt is longer than 512 tokens; its end was not read."
    assert (said in result.warnings) == is_long


def test_a_name_of_twenty_letters_of_any_kind_names_the_files(shot, render):
    request = shot(characters=(), scene_name="Ünïcode 場面 №4 «x»!!"[:20], file_stem="Ünïcode 場面 №4")
    result, _ = render(request)
    assert {path.name for path in request.output_directory.iterdir()} >= {"Ünïcode 場面 №4.mkv"}
    assert result.frame_count == 8


def test_a_curve_on_every_channel_counts_and_the_one_that_cannot_is_said(shot, render, samples):
    curves = tuple(
        Curve(channel=channel, keys=(CurveKey(frame=0, value=0.2), CurveKey(frame=7, value=1.5)))
        for channel in Channel
    )
    plain = (driven(samples), speaking(samples))
    curved = tuple(replace(character, curves=curves) for character in plain)
    requests = [shot(characters=characters) for characters in (plain, curved)]
    results = [render(request)[0] for request in requests]
    masters = [(request.output_directory / "shot.mkv").read_bytes() for request in requests]
    assert masters[0] != masters[1]
    told = [line for line in results[1].warnings if "body motion" in line]
    assert told == [
        f"“{name}” has a body motion curve, but this bundle has no motion intensity weights; "
        "its curve changes nothing."
        for name in ("Ada", "Ben")
    ]
    assert not [line for line in results[0].warnings if "body motion" in line]
