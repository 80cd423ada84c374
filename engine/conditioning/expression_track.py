"""A driver's expression in every source frame: found, aligned, encoded; gaps are interpolated and reported.

Source: FantasyPortrait (arXiv 2507.12956) and its published code, which drops frames without a face and so
shifts every later frame. Shapes: T source frames, E the 554 numbers of an expression.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.conditioning.face_alignment import align_face, encoder_input
from engine.conditioning.face_finder import DriverFrames, FaceFinder
from engine.conditioning.face_gap_report import gap_report
from engine.conditioning.face_track import FaceTrack, face_track, filled
from engine.conditioning.finite_values import require_numbers
from engine.draft.driving_analysis import frame_times
from engine.media.video_reader import VideoReader
from engine.networks.expression_encoder import ExpressionEncoder

TRACK_SHARE = 0.7
BATCH = 16


class ExpressionStoppedError(Exception):
    """The analysis of a driver stopped because it was told to."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExpressionTrack:
    """`times_s`: seconds in the file [T]; `features_TE`: float32; `found_T`: whether the face was found;
    `boxes_T4`: left, top, right, bottom in shares of the frame; `report`: sentences about what was bridged.
    """

    times_s: NDArray[np.float64]
    features_TE: torch.Tensor
    found_T: NDArray[np.bool_]
    boxes_T4: NDArray[np.float64]
    report: tuple[str, ...]

    def to_tensors(self) -> dict[str, torch.Tensor]:
        """Return everything as tensors, for a cache."""
        text = json.dumps(self.report).encode()
        return {
            "times_s": torch.from_numpy(self.times_s.copy()),
            "features_TE": self.features_TE,
            "found_T": torch.from_numpy(self.found_T.copy()),
            "boxes_T4": torch.from_numpy(self.boxes_T4.copy()),
            "report": torch.frombuffer(bytearray(text), dtype=torch.uint8),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> "ExpressionTrack":
        """Return the track that `to_tensors` gave. Raises KeyError for a missing one."""
        return cls(
            times_s=tensors["times_s"].numpy(),
            features_TE=tensors["features_TE"],
            found_T=tensors["found_T"].numpy(),
            boxes_T4=tensors["boxes_T4"].numpy(),
            report=tuple(json.loads(tensors["report"].numpy().tobytes())),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExpressionTools:
    """What an analysis works with: `finder` finds faces, `encoder` loads the network that turns aligned faces
    [B, 3, 224, 224] into features [B, E], computed on `device`.
    """

    finder: FaceFinder
    encoder: Callable[[], ExpressionEncoder]
    device: torch.device


def expression_track(
    path: Path,
    *,
    span_s: tuple[Fraction, Fraction],
    face_index: int,
    tools: ExpressionTools,
    on_progress: Callable[[float], None],
    should_stop: Callable[[], bool],
) -> ExpressionTrack:
    """Return the expression of face number `face_index` from the left in all frames shown within `span_s`
    (seconds in the file, the end exclusive). `on_progress` takes a share from 0 to 1. The encoder is not
    loaded before a face is found.

    Raises UserError: NO_FACE, BAD_INPUT (an encoder that gives no numbers), and what reading the file
    raises; ExpressionStoppedError once `should_stop` says so.
    """

    def check() -> None:
        if should_stop():
            raise ExpressionStoppedError

    with VideoReader(path) as reader:
        times = frame_times(reader.times_s, *span_s)
        frames = DriverFrames(path=path, reader=reader, times=times, check=check)
        track = face_track(frames, face_index, tools.finder, lambda share: on_progress(TRACK_SHARE * share))
        rest = 1.0 - TRACK_SHARE
        features = _encoded(frames, track, tools, lambda share: on_progress(TRACK_SHARE + rest * share))
    return ExpressionTrack(
        times_s=np.array([float(time) for time in times]),
        features_TE=torch.from_numpy(filled(features, track.found_T).astype(np.float32)),
        found_T=track.found_T,
        boxes_T4=track.boxes_T4,
        report=gap_report(path, times, track.gaps),
    )


def _encoded(
    frames: DriverFrames, track: FaceTrack, tools: ExpressionTools, on_progress: Callable[[float], None]
) -> NDArray[np.float64]:
    """Return the features [n, E] of the frames in which the face was found."""
    encoder = tools.encoder().to(tools.device).eval()
    known = np.flatnonzero(track.found_T).tolist()
    features, crops = [], []
    for number, picture in zip(known, frames.pictures(known), strict=True):
        crops.append(align_face(picture, track.points_T52[number]))
        if len(crops) == BATCH or number == known[-1]:
            features.append(_features(encoder, [crop for crop in crops if crop is not None], tools.device))
            crops = []
            on_progress(sum(map(len, features)) / len(known))
    return np.concatenate(features)


def _features(
    encoder: ExpressionEncoder, crops_bgr: list[NDArray[np.uint8]], device: torch.device
) -> NDArray[np.float64]:
    with torch.inference_mode():
        features = encoder(encoder_input(crops_bgr).to(device)).to("cpu", torch.float64)
    return np.asarray(require_numbers(features, "The expression encoder").numpy(), np.float64)
