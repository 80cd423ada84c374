"""Where the lips meet, what opens between them, and what is painted there."""

import numpy as np
import pytest

from engine.benchmark.drawn_face import draw_face
from engine.draft.face_features import PixelBox, find_features
from engine.draft.mouth_opening import opening_of
from engine.draft.mouth_paint import MouthColours, between_lips, gap_paint
from engine.draft.mouth_seam import MouthSeam
from engine.draft.mouth_tracing import trace_mouth
from engine.draft.procedural_face import ProceduralPose, lip_gap
from engine.media.opencv import cv2

SEAM = MouthSeam.level(0.5, 0.09)
COLOURS = MouthColours(
    skin=np.array([120, 150, 200], np.float32),
    dark=np.array([14, 16, 34], np.float32),
    teeth=np.array([180, 185, 195], np.float32),
)


def drawn_mouth(tilt=0.0, bend=0.0, half_width=32):
    """A face box of 192 px, skin, with a dark line between lips about (96, 150)."""
    picture = np.full((192, 192, 3), (130, 160, 205), np.uint8)
    across = np.linspace(-1, 1, 41)
    points = np.stack([96 + half_width * across, 150 + tilt * across - bend * across**2], axis=-1)
    cv2.polylines(picture, [np.int32(points * 16)], False, (110, 110, 185), 14, cv2.LINE_AA, 4)
    cv2.polylines(picture, [np.int32(points * 16)], False, (50, 50, 80), 2, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(picture, (0, 0), 0.8)


@pytest.mark.parametrize(("tilt", "bend"), [(0, 0), (6, 0), (-6, 0), (0, 8), (4, 6)])
def test_the_line_between_the_lips_is_followed_when_it_tilts_or_smiles(tilt, bend):
    line, row, shift = trace_mouth(drawn_mouth(tilt, bend), (96.0, 150))
    course = np.array(line.course) * 192

    assert row == pytest.approx(150, abs=1.5)
    assert shift == pytest.approx(0.0, abs=0.015)
    assert course[0] == pytest.approx(-tilt - bend, abs=2.2)
    assert course[-1] == pytest.approx(tilt - bend, abs=2.2)


@pytest.mark.parametrize("half_width", [24, 32, 40])
def test_the_line_ends_at_the_corners_and_not_beyond(half_width):
    line, _, _ = trace_mouth(drawn_mouth(half_width=half_width), (96.0, 150))

    assert half_width - 4 <= 192 * line.half_width <= half_width + 2


def test_a_face_without_a_line_still_gives_a_mouth():
    line, _, _ = trace_mouth(np.full((192, 192, 3), 128, np.uint8), (96.0, 150))

    assert 0.1 < line.half_width < 0.25
    assert np.isfinite(line.course).all()


def teeth(columns=slice(20, 70), rows=slice(20, 34)):
    mask = np.zeros((60, 90), np.float32)
    mask[rows, columns] = 1.0
    return mask


def test_an_opening_tapers_to_nothing_at_both_corners():
    # a tall dark corner at the left end, as under a cheek's shadow
    members = np.maximum(teeth(), teeth(slice(14, 24), slice(10, 44)))
    heights = opening_of(members, members).sum(axis=0)
    inside = np.flatnonzero(heights > 0.5)

    assert heights[inside[0] : inside[0] + 2].max() < 0.6 * heights.max()
    assert heights[inside[-1] - 1 : inside[-1] + 1].max() < 0.6 * heights.max()
    assert heights[40:50].min() > 10.0


def test_an_opening_has_no_holes_and_needs_evidence_of_change():
    members = teeth()
    members[26:28, 40:50] = 0.0

    assert opening_of(teeth(), members)[27, 45] > 0.95
    assert opening_of(np.zeros_like(members), members).max() == 0.0


def test_an_opening_includes_what_is_joined_to_the_evidence_only():
    seeds = teeth(slice(20, 40))
    members = np.maximum(teeth(), teeth(slice(20, 70), slice(52, 56)))
    result = opening_of(seeds, members)

    assert result[27, 60] > 0.9
    assert result[50:].max() == 0.0


def test_nothing_is_painted_beyond_the_lips():
    y, x = np.mgrid[0:200, 0:200].astype(np.float32) / 200
    cover = between_lips(np.stack([x, y], axis=-1), SEAM, 1 / 200)
    height = float(SEAM.height(np.array([0.5], np.float32))[0])

    assert cover[:, 100].max() > 0.95
    assert cover[np.abs(y - height) > 0.02].max() == 0.0
    assert cover[np.abs(x - 0.5) > 0.09].max() == 0.0
    assert cover.max(axis=0)[np.abs(x[0] - 0.5) > 0.08].max() < 0.15


def test_lips_that_part_beside_the_line_are_filled_all_the_same():
    y, x = np.mgrid[0:200, 0:200].astype(np.float32) / 200
    height = float(SEAM.height(np.array([0.5], np.float32))[0])
    beside = np.clip(y - 0.06, height + 0.012, None)
    parted = np.where(y < height + 0.012, y, beside).astype(np.float32)
    middle = between_lips(np.stack([x, parted], axis=-1), SEAM, 1 / 200)[:, 100]
    opening = (y[:, 0] > height + 0.025) & (y[:, 0] < height + 0.06)

    assert middle[opening].min() > 0.9
    assert middle[np.abs(y[:, 0] - height) > 0.1].max() == 0.0


def spoken(opening, x=None):
    x = np.linspace(0.38, 0.62, 241, dtype=np.float32) if x is None else x
    return lip_gap(x, ProceduralPose(opening=opening), None, SEAM, SEAM)


def test_a_spoken_mouth_opens_most_in_the_middle_and_alike_on_both_sides():
    gap = spoken(1.0)
    height = gap.rise + gap.fall

    assert height.argmax() == 120
    assert np.allclose(height, height[::-1], atol=1e-4)
    assert np.all(np.diff(height[:121]) >= -1e-6)
    assert gap.fall.max() > 3 * gap.rise.max()


def test_a_mouth_is_a_little_narrower_the_wider_it_opens():
    small, large = (np.count_nonzero(spoken(opening).fall > 1e-4) for opening in (0.4, 1.2))

    assert 0.8 * small < large < small


def painted(opening):
    y, x = np.mgrid[0:240, 0:240].astype(np.float32) / 240 * 0.24
    x, y = x + 0.38, y + float(SEAM.height(np.array([0.5], np.float32))[0]) - 0.08
    return gap_paint(y, spoken(opening, x), COLOURS, 0.004)


def test_a_wide_spoken_mouth_shows_teeth_over_a_dark_red_inside():
    paint = painted(1.0)
    column = paint.colour[:, 120][paint.cover[:, 120] > 0.9]

    assert column[:12].max() > 100.0
    lower = column[-5:].mean(axis=0)
    assert lower[2] > 1.5 * lower[0]
    assert 20.0 < lower[2] < 140.0


def test_lips_that_hardly_part_show_no_teeth():
    paint = painted(0.2)

    assert paint.cover.max() > 0.3
    assert paint.colour[paint.cover > 0.3].max() < 80.0


def test_the_shadow_under_the_lower_lip_is_not_taken_for_the_mouth():
    face = draw_face()
    box = PixelBox(x=132.0, y=110.0, width=248.0, height=292.0)
    shaded = face.copy()
    cv2.ellipse(shaded, (256, 366), (34, 4), 0, 0, 360, (44, 38, 70), -1, cv2.LINE_AA)

    plain, with_shadow = (find_features(picture, box).mouth[1] for picture in (face, shaded))

    assert with_shadow == pytest.approx(plain, abs=0.03)
