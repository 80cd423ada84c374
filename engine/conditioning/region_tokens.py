"""Whose each token of the picture is: the characters' regions as tokens, without ever drawing a mask.

Shapes: F latent frames, S tokens of one latent frame (H down x W across, row by row), T video frames of one
latent frame, N characters. Positions are pixels of the padded picture; a token covers 16 x 16 of them.
Source: the published multi-face script of FantasyPortrait labels pixels and takes the greatest label of each
token's pixels, over one frame for latent frame 0 and over four for the others. The rectangles below say the
same of boxes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engine.conditioning.picture_fit import PictureFit
from engine.conditioning.region_growth import RegionGrowth, grown_box
from engine.draft.face_features import PixelBox
from engine.networks.shot_tokens import NOBODY, TokenRegions
from engine.planning.latent_grid import TOKEN_PIXELS
from engine.planning.model_time import ModelTime
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.regions import FaceRegion, RegionShape, box_at

Plane = NDArray[np.float64]

TIE_PX = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShotRegions:
    """The tokens' owners over the shot, and sentences for the take."""

    tokens: TokenRegions
    report: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Claims:
    """What each character has of each token: the share [N, F, S], and the distance from the token's middle
    to that of the region in pixels [N, F, S].
    """

    share_NFS: NDArray[np.float32]
    distance_NFS: NDArray[np.float32]


def whole_picture_regions(latent_frames: int, tokens: int) -> TokenRegions:
    """Return regions in which every token is nobody's, and so attends to whatever characters there are.

    With one character this is the published single-face result, which knows no mask.
    """
    return TokenRegions(
        owner_FS=torch.full((latent_frames, tokens), NOBODY, dtype=torch.int64),
        share_FS=torch.zeros((latent_frames, tokens)),
    )


def token_regions(
    regions: Sequence[FaceRegion], growths: Sequence[RegionGrowth], time: ModelTime, fit: PictureFit, *,
    names: Sequence[str], whole_picture_if_alone: bool = True,
) -> ShotRegions:  # fmt: skip
    """Return whose each token is, for characters in their order (1, 2, ...) with their `names`.

    A token belongs to a region that holds any of its pixels in any of its video frames; outside, over
    `feather` times the shorter side of the region's box, the share falls in a straight line from 1 to 0.
    Where regions meet, the greater share wins, then the nearer middle, then the earlier character. With
    `whole_picture_if_alone` one character has the whole picture.

    Raises UserError for a region that never holds a token, or none that another region leaves it.
    """
    claims = _claims(regions, growths, time, fit)
    _require_tokens(claims, names)
    if len(regions) == 1 and whole_picture_if_alone:
        tokens = fit.tokens_across * fit.tokens_down
        return ShotRegions(tokens=whole_picture_regions(time.latent_frames, tokens), report=())
    owner_FS, share_FS = _owners(claims)
    report = _taken_over(claims, owner_FS, names, time)
    return ShotRegions(
        tokens=TokenRegions(owner_FS=torch.from_numpy(owner_FS), share_FS=torch.from_numpy(share_FS)),
        report=report,
    )


def _claims(
    regions: Sequence[FaceRegion], growths: Sequence[RegionGrowth], time: ModelTime, fit: PictureFit
) -> _Claims:
    size = (len(regions), time.latent_frames, fit.tokens_down, fit.tokens_across)
    share, distance = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for number, (region, growth) in enumerate(zip(regions, growths, strict=True)):
        for latent in range(time.latent_frames):
            boxes = [
                fit.model_box(box.x, box.y, box.width, box.height)
                for box in (
                    box_at(region, time.project_position(frame)) for frame in time.latent_span(latent)
                )
            ]
            planes = [_share(box, region, growth, fit) for box in dict.fromkeys(boxes)]
            share[number, latent] = np.max(planes, axis=0)
            distance[number, latent] = np.min([_distance(box, fit) for box in dict.fromkeys(boxes)], axis=0)
    flat = (len(regions), time.latent_frames, -1)
    return _Claims(share_NFS=share.reshape(flat), distance_NFS=distance.reshape(flat))


def _share(box: PixelBox, region: FaceRegion, growth: RegionGrowth, fit: PictureFit) -> Plane:
    """Return how much of each token [H, W] is the region's in one video frame."""
    if region.shape is RegionShape.ELLIPSE:
        beyond = _beyond_ellipse(box, growth, fit)
    else:
        beyond = _beyond_box(box, growth, fit)
    feather_px = region.feather * min(box.width, box.height)
    return np.where(beyond <= 0.0, 1.0, np.clip(1.0 - beyond / max(feather_px, 1e-9), 0.0, 1.0))


def _beyond_box(box: PixelBox, growth: RegionGrowth, fit: PictureFit) -> Plane:
    """Return how many pixels lie between the nearest pixel of each token and the nearest of the grown box.

    The box is cut to whole pixels as published; one without pixels in the picture is infinitely far.
    """
    left, top = round(box.x, 6), round(box.y, 6)  # 8/96 of 96 pixels are 8 of them
    right, bottom = round(box.x + box.width, 6), round(box.y + box.height, 6)
    x1, y1, x2, y2 = grown_box((left, top, right, bottom), growth, fit.model_width, fit.model_height)
    if x1 >= x2 or y1 >= y2:
        return np.full((fit.tokens_down, fit.tokens_across), np.inf)
    return np.hypot(_gap(fit.tokens_across, x1, x2)[None, :], _gap(fit.tokens_down, y1, y2)[:, None])


def _gap(tokens: int, start: int, end: int) -> Plane:
    """Return the distance in pixels of each token in a row to the pixels from `start` to before `end`."""
    first = np.arange(tokens) * TOKEN_PIXELS
    return np.maximum(0.0, np.maximum(start - (first + TOKEN_PIXELS - 1), first - (end - 1)))


def _beyond_ellipse(box: PixelBox, growth: RegionGrowth, fit: PictureFit) -> Plane:
    """Return how far each token's square lies outside the ellipse in the grown box, in pixels.

    The distance is measured on the line to the middle from that point of the square which lies deepest.
    """
    half_width = box.width * (1.0 + growth.left + growth.right) / 2
    half_height = box.height * (1.0 + growth.up + growth.down) / 2
    if half_width <= 0.0 or half_height <= 0.0:
        return np.full((fit.tokens_down, fit.tokens_across), np.inf)
    middle_x = box.x - box.width * growth.left + half_width
    middle_y = box.y - box.height * growth.up + half_height
    across, along = _nearest_to(fit.tokens_across, middle_x), _nearest_to(fit.tokens_down, middle_y)
    depth = np.hypot((across / half_width)[None, :], (along / half_height)[:, None])
    length = np.hypot(across[None, :], along[:, None])
    return np.where(depth < 1.0, 0.0, length * (1.0 - 1.0 / np.maximum(depth, 1.0)) + 1e-6)


def _nearest_to(tokens: int, middle: float) -> Plane:
    """Return how far the nearest point of each token in a row is from `middle`."""
    first = np.arange(tokens) * TOKEN_PIXELS
    return np.maximum(0.0, np.maximum(first - middle, middle - (first + TOKEN_PIXELS)))


def _distance(box: PixelBox, fit: PictureFit) -> Plane:
    """Return the distance of each token's middle to the middle of the region's box [H, W], in pixels."""
    across = (np.arange(fit.tokens_across) + 0.5) * TOKEN_PIXELS - (box.x + box.width / 2)
    along = (np.arange(fit.tokens_down) + 0.5) * TOKEN_PIXELS - (box.y + box.height / 2)
    return np.hypot(across[None, :], along[:, None])


def _owners(claims: _Claims) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the owner and the share of each token [F, S]."""
    best_FS = claims.share_NFS.max(axis=0)
    distance = np.where(claims.share_NFS == best_FS, claims.distance_NFS, np.inf)
    nearest = distance <= distance.min(axis=0) + TIE_PX
    owner_FS = np.where(best_FS > 0.0, nearest.argmax(axis=0) + 1, NOBODY)
    return owner_FS.astype(np.int64), best_FS


def _require_tokens(claims: _Claims, names: Sequence[str]) -> None:
    for share_FS, name in zip(claims.share_NFS, names, strict=True):
        if not bool((share_FS >= 1.0).any()):
            raise UserError(
                f"The region of “{name}” covers nothing of the picture.",
                next_step="Draw the region again, over the character's face.",
                code=ErrorCode.BAD_INPUT,
                details={"character": name},
            )


def _taken_over(
    claims: _Claims, owner_FS: NDArray[np.int64], names: Sequence[str], time: ModelTime
) -> tuple[str, ...]:
    """Return a sentence for each character without a token for a while.

    Raises UserError where another region covers a character's own for the whole shot.
    """
    report = []
    for number, name in enumerate(names, start=1):
        owns_F = (owner_FS == number).any(axis=1)
        if owns_F.all():
            continue
        inside_FS = claims.share_NFS[number - 1] >= 1.0
        covered_F = inside_FS.any(axis=1) & ~owns_F
        counts = np.bincount(owner_FS[inside_FS & ~owns_F[:, None]], minlength=len(names) + 1)
        other = names[int(counts.argmax()) - 1] if counts.any() else name
        if not owns_F.any():
            raise UserError(
                f"The region of “{other}” covers that of “{name}” entirely.",
                next_step="Move or shrink one of the two regions so that each holds its own face; "
                "where they only lie close together, choose a larger size.",
                code=ErrorCode.BAD_INPUT,
                details={"character": name, "other": other},
            )
        if covered_F.any():
            report.append(f"The region of “{other}” covers that of “{name}” {_while(covered_F, time)}.")
        outside_F = ~inside_FS.any(axis=1) & ~owns_F
        if outside_F.any():
            report.append(f"The region of “{name}” is outside the picture {_while(outside_F, time)}.")
    return tuple(report)


def _while(latent_F: NDArray[np.bool_], time: ModelTime) -> str:
    """Return for how long something holds in some latent frames."""
    frames = sum(len(time.latent_span(int(latent))) for latent in np.flatnonzero(latent_F))
    return f"for {float(frames / time.model_rate):.2f} s"
