"""The golden results of the faces: found, followed, aligned, and what the expression encoder sees in them."""

from functools import cache

import numpy as np
import torch
from safetensors.torch import load_file

from engine.conditioning.face_alignment import align_face, alignment_matrix
from engine.conditioning.face_detector import decode, resize_matrix
from engine.conditioning.landmark_smoothing import LandmarkSmoother
from engine.conditioning.region_growth import grown_box, travel
from engine.networks.expression_encoder import FeaturePart
from tests.golden_case import GoldenCase, Kind
from tests.golden_encoder import encoder
from tests.golden_model import GOLDEN, golden

STILL_HEIGHT, STILL_WIDTH = 80, 96


@cache
def _geometry():
    return load_file(GOLDEN / "face_geometry.safetensors")


@cache
def _pictures():
    return load_file(GOLDEN / "expression_encoder.safetensors")


@cache
def _features():
    with torch.inference_mode():
        return encoder()(_pictures()["images"])


def _encoded(name, part):
    return GoldenCase(
        name=f"expression_encoder {name}",
        kind=Kind.NETWORK,
        found=lambda: _features()[:, part.value],
        expected=lambda: _pictures()[name],
    )


def _measured(name, kind, found):
    return GoldenCase(
        name=name,
        kind=kind,
        found=lambda: torch.as_tensor(found(_geometry())),
        expected=lambda: _geometry()[name],
    )


def _smoothed(geometry):
    smoother, diagonal = LandmarkSmoother(), float(geometry["landmark_track_face_diagonal"])
    return np.stack([smoother.smooth(points, diagonal) for points in geometry["landmark_track"].numpy()])


def _resized(geometry):
    height, width = geometry["detector_image_height_width"].tolist()
    return resize_matrix(width, height)


def _detected(geometry):
    scores, distances = (
        [geometry[f"detector_{kind}_{level}"].numpy() for level in range(3)]
        for kind in ("scores", "distances")
    )
    height, width = geometry["detector_image_height_width"].tolist()
    return decode(scores, distances, resize_matrix(width, height), (height, width))


def _extended_boxes():
    inputs = golden().inputs
    boxes = [
        grown_box(tuple(still), travel(driver), width=STILL_WIDTH, height=STILL_HEIGHT)
        for still, driver in zip(inputs["face_boxes"].tolist(), inputs["driving_boxes"].numpy(), strict=True)
    ]
    return torch.tensor(boxes)


FACE_CASES = (
    _measured("detector_resize_matrix", Kind.EXACT, _resized),
    _measured("detector_boxes", Kind.EXACT, lambda geometry: _detected(geometry).boxes_N4),
    _measured("detector_box_scores", Kind.MEASURE, lambda geometry: _detected(geometry).scores_N),
    GoldenCase(
        name="extended_boxes",
        kind=Kind.EXACT,
        found=_extended_boxes,
        expected=lambda: golden().outputs["extended_boxes"],
    ),
    _measured("landmark_track_smoothed", Kind.MEASURE, _smoothed),
    _measured(
        "alignment_matrix", Kind.MEASURE, lambda geometry: alignment_matrix(geometry["landmarks222"].numpy())
    ),
    _measured(
        "aligned_face",
        Kind.EXACT,
        lambda geometry: align_face(geometry["alignment_image"].numpy(), geometry["landmarks222"].numpy()),
    ),
    _encoded("headpose", FeaturePart.HEAD),
    _encoded("eye", FeaturePart.EYES),
    _encoded("emotion", FeaturePart.EMOTION),
    _encoded("mouth", FeaturePart.MOUTH),
)
