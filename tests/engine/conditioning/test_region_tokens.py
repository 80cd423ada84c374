"""Characters' regions as tokens, against masks of pixels and the published results."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch.nn import functional

from engine.conditioning.picture_fit import fit_picture
from engine.conditioning.region_growth import NO_GROWTH, RegionGrowth, travel
from engine.conditioning.region_tokens import token_regions, whole_picture_regions
from engine.media.still import StillPicture
from engine.planning.model_time import model_time
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.regions import FaceRegion, RegionBox, RegionKey, RegionShape, box_at

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "golden"
WIDTH, HEIGHT = 96, 80
TIME = model_time(Fraction(24), 17, Fraction(24))
NAMES = ("Anna", "Ben", "Carl")


def fitted(width=WIDTH, height=HEIGHT):
    return fit_picture(StillPicture(bgr=np.zeros((height, width, 3), np.uint8), alpha=None), width, height)


def region(*boxes, shape=RegionShape.BOX, feather=0.0, every=8):
    """A region from boxes in pixels of the plate: left, top, right, bottom; a key every so many frames."""
    keys = tuple(
        RegionKey(
            frame=number * every,
            box=RegionBox(
                x=box[0] / WIDTH,
                y=box[1] / HEIGHT,
                width=(box[2] - box[0]) / WIDTH,
                height=(box[3] - box[1]) / HEIGHT,
            ),
        )
        for number, box in enumerate(boxes)
    )
    return FaceRegion(shape=shape, feather=feather, keys=keys)


def labelled(*regions, growths=None, time=TIME, **options):
    growths = growths or [NO_GROWTH] * len(regions)
    return token_regions(regions, growths, time, fitted(), names=NAMES[: len(regions)], **options)


def pooled(pixels):
    """The published way, from [T, H, W]: the greatest of each token, frame 0 alone, the others by four."""
    pixels = torch.as_tensor(pixels)[None, None]
    first = functional.max_pool3d(pixels[:, :, :1], (1, 16, 16))
    rest = functional.max_pool3d(pixels[:, :, 1:], (4, 16, 16))
    return torch.cat([first, rest], dim=2)[0, 0].flatten(1).numpy()


def dense_box(one, growth, time):
    """A mask of pixels in every video frame, and outside it what the feather leaves."""
    frames = []
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    for frame in range(time.model_frame_count):
        box = box_at(one, time.project_position(frame))
        left, top = round(box.x * WIDTH, 6), round(box.y * HEIGHT, 6)
        right, bottom = (
            round((box.x + box.width) * WIDTH, 6),
            round((box.y + box.height) * HEIGHT, 6),
        )
        across, along = int(right - left), int(bottom - top)
        x1, x2 = max(0, int(left - across * growth.left)), min(WIDTH, int(right + across * growth.right))
        y1, y2 = max(0, int(top - along * growth.up)), min(HEIGHT, int(bottom + along * growth.down))
        if x1 >= x2 or y1 >= y2:
            frames.append(np.zeros((HEIGHT, WIDTH)))
            continue
        gap = np.hypot(
            np.maximum(0, np.maximum(x1 - columns, columns - (x2 - 1))),
            np.maximum(0, np.maximum(y1 - rows, rows - (y2 - 1))),
        )
        feather = one.feather * min(box.width * WIDTH, box.height * HEIGHT)
        frames.append(np.where(gap == 0, 1.0, np.clip(1 - gap / max(feather, 1e-9), 0, 1)))
    return np.stack(frames)


SIDES = st.floats(-20, 110, allow_subnormal=False)
BOXES = st.tuples(SIDES, SIDES, st.floats(1, 70), st.floats(1, 70)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)
GROWTHS = st.builds(RegionGrowth, **dict.fromkeys(("left", "right", "up", "down"), st.floats(0, 0.25)))


@given(
    boxes=st.lists(BOXES, min_size=1, max_size=3), growth=GROWTHS, rate=st.sampled_from([16, 23, 24]),
    feather=st.sampled_from([0.0, 0.2, 1.0]),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_boxes_give_what_pooling_a_mask_of_pixels_gives(boxes, growth, rate, feather):
    time = model_time(Fraction(24), 17, Fraction(rate))
    one = region(*boxes, feather=feather)
    expected = pooled(dense_box(one, growth, time))
    if not (expected >= 1.0).any():
        with pytest.raises(UserError):
            labelled(one, growths=[growth], time=time, whole_picture_if_alone=False)
        return

    tokens = labelled(one, growths=[growth], time=time, whole_picture_if_alone=False).tokens

    np.testing.assert_allclose(tokens.share_FS.numpy(), expected, atol=1e-5)
    assert np.array_equal(tokens.owner_FS.numpy() == 1, tokens.share_FS.numpy() > 0)
    assert tokens.owner_FS.dtype == torch.int64
    assert tokens.share_FS.dtype == torch.float32


def test_two_faces_grown_by_their_drivers_are_those_of_the_published_mask():
    inputs, outputs = load_file(GOLDEN / "inputs.safetensors"), load_file(GOLDEN / "outputs.safetensors")
    regions = [region(box) for box in inputs["face_boxes"].tolist()]
    growths = [travel(boxes) for boxes in inputs["driving_boxes"].numpy()]

    tokens = labelled(*regions, growths=growths).tokens

    hidden = outputs["two_faces_attention_mask"]
    expected = torch.where(~hidden[:, :, 0], 1, torch.where(~hidden[:, :, -1], 2, 0))
    assert torch.equal(tokens.owner_FS, expected)
    assert torch.equal(tokens.share_FS, (expected > 0).float())


@pytest.mark.parametrize(
    ("labels", "boxes"),
    [
        ("two_character_token_labels", [(0, 0, 32, 64), (48, 16, 96, 80)]),
        ("three_face_token_labels", [(0, 0, 32, 48), (32, 16, 64, 64), (64, 32, 96, 80)]),
    ],
)
def test_regions_on_whole_tokens_are_labelled_as_in_the_golden_cases(labels, boxes):
    expected = load_file(GOLDEN / "inputs.safetensors")[labels].flatten()

    tokens = labelled(*map(region, boxes)).tokens

    assert torch.equal(tokens.owner_FS, expected.expand(5, -1))


@given(
    middle=st.tuples(st.floats(0, WIDTH), st.floats(0, HEIGHT)),
    half=st.tuples(st.floats(4, 40), st.floats(4, 40)),
)
@settings(max_examples=40, deadline=None)
def test_an_ellipse_holds_the_tokens_whose_squares_it_touches(middle, half):
    box = (middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1])
    share = labelled(region(box, shape=RegionShape.ELLIPSE), whole_picture_if_alone=False).tokens.share_FS[0]

    y, x = np.mgrid[0 : HEIGHT + 1, 0 : WIDTH + 1].astype(float)
    depth = np.hypot((x - middle[0]) / half[0], (y - middle[1]) / half[1])
    for number, inside in enumerate(share.numpy() == 1.0):
        row, column = divmod(number, WIDTH // 16)
        corner = depth[16 * row : 16 * row + 17, 16 * column : 16 * column + 17].min()
        assert inside or corner >= 1.0 - 1e-9
        assert not inside or corner < 1.0 + 1.0 / min(half)


def test_the_feather_of_an_ellipse_falls_outwards_over_its_share_of_the_shorter_side():
    box = (40, 32, 56, 48)
    hard = labelled(region(box, shape=RegionShape.ELLIPSE), whole_picture_if_alone=False).tokens
    soft = labelled(region(box, shape=RegionShape.ELLIPSE, feather=1.0), whole_picture_if_alone=False).tokens

    share = soft.share_FS[0].reshape(5, 6)
    assert (soft.share_FS[hard.share_FS == 1.0] == 1.0).all()
    row = share[2].tolist()
    assert row[2] == row[3] == 1.0
    assert row[1] == pytest.approx(0.5, abs=1e-3)
    assert row[0] == 0.0


def test_one_character_alone_has_the_whole_picture():
    made = labelled(region((0, 0, 10, 10)))

    expected = whole_picture_regions(5, 30)
    assert torch.equal(made.tokens.owner_FS, expected.owner_FS)
    assert not made.tokens.owner_FS.any()
    assert not made.tokens.share_FS.any()
    assert made.tokens.share_FS.shape == (5, 30)


def test_one_character_alone_still_has_to_be_in_the_picture():
    with pytest.raises(UserError, match="covers nothing of the picture"):
        labelled(region((200, 0, 220, 10)))


def test_where_regions_meet_the_nearer_middle_wins_and_at_a_draw_the_earlier_character():
    left, right = region((0, 0, 64, 80)), region((32, 0, 96, 80))

    owners = labelled(left, right).tokens.owner_FS[0].reshape(5, 6)
    assert owners[0].tolist() == [1, 1, 1, 2, 2, 2]

    same = labelled(region((0, 0, 48, 80)), region((0, 0, 96, 80))).tokens.owner_FS[0].reshape(5, 6)
    assert same[2].tolist() == [1, 1, 2, 2, 2, 2]

    draw = labelled(region((0, 0, 80, 80)), region((16, 0, 96, 80))).tokens.owner_FS[0].reshape(5, 6)
    assert draw[1].tolist() == [1, 1, 1, 2, 2, 2]

    one_column = labelled(region((0, 0, 48, 80)), region((32, 0, 80, 80))).tokens.owner_FS[0].reshape(5, 6)
    assert one_column[1].tolist() == [1, 1, 1, 2, 2, 0]


def test_a_small_face_inside_a_large_region_keeps_its_tokens():
    large, small = region((0, 0, 80, 80)), region((48, 0, 80, 32))

    owners = labelled(large, small).tokens.owner_FS[0].reshape(5, 6)

    assert (owners[:2, 3:5] == 2).all()
    assert int((owners == 2).sum()) == 4


def test_inside_goes_before_a_feather_and_a_feather_shares():
    soft, hard = region((0, 0, 32, 80), feather=2.0), region((64, 0, 96, 80))

    made = labelled(soft, hard).tokens

    assert made.owner_FS[0, :6].tolist() == [1, 1, 1, 1, 2, 2]
    np.testing.assert_allclose(made.share_FS[0, :6].numpy(), [1, 1, 1 - 1 / 64, 1 - 17 / 64, 1, 1], atol=1e-6)


def test_a_region_that_moves_is_where_it_is_in_each_latent_frame():
    moving = region((0, 0, 16, 16), (80, 0, 96, 16), every=16)

    owners = labelled(moving, region((0, 64, 96, 80))).tokens.owner_FS[:, :6]

    assert owners[0].tolist() == [1, 0, 0, 0, 0, 0]
    assert owners[1].tolist() == [1, 1, 1, 0, 0, 0]
    assert owners[4].tolist() == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize("box", [(200, 0, 240, 40), (-50, -50, -1, -1), (10, 10, 10, 10), (5.2, 5, 5.4, 9)])
@pytest.mark.parametrize("feather", [0.0, 1.0])
def test_a_region_of_nothing_is_refused_by_name(box, feather):
    with pytest.raises(UserError, match="“Ben” covers nothing") as refusal:
        labelled(region((0, 0, 40, 40)), region(box, feather=feather))

    assert refusal.value.report.code is ErrorCode.BAD_INPUT
    assert refusal.value.report.next_step


def test_a_region_covered_for_the_whole_shot_is_refused_with_both_names():
    with pytest.raises(UserError, match="“Anna” covers that of “Ben” entirely"):
        labelled(region((0, 0, 96, 80)), region((0, 0, 96, 80)))


def test_a_region_covered_or_outside_for_a_while_is_told():
    passing = region((0, 0, 32, 16), (64, 0, 96, 16), every=16)
    leaving = region((0, 64, 16, 80), (16, 64, 32, 80), (160, 64, 176, 80))

    made = labelled(region((0, 0, 32, 16)), passing, leaving)

    assert made.report == (
        "The region of “Anna” covers that of “Ben” for 0.04 s.",
        "The region of “Carl” is outside the picture for 0.17 s.",
    )


def test_padding_around_the_plate_belongs_to_nobody():
    plate = StillPicture(bgr=np.zeros((40, 40, 3), np.uint8), alpha=None)
    fit = fit_picture(plate, 72, 40)
    whole = FaceRegion(
        shape=RegionShape.BOX,
        feather=0.0,
        keys=(RegionKey(frame=0, box=RegionBox(x=0.0, y=0.0, width=1.0, height=1.0)),),
    )

    tokens = token_regions(
        [whole], [NO_GROWTH], TIME, fit, names=["Anna"], whole_picture_if_alone=False
    ).tokens

    assert tokens.owner_FS[0].reshape(3, 5)[1].tolist() == [0, 1, 1, 1, 0]
