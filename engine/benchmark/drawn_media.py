"""Drawn stills and driving clips as files."""

from collections.abc import Iterable
from fractions import Fraction
from math import pi, sin
from pathlib import Path

import numpy as np

from engine.benchmark.drawn_face import SIDE_PX, DrawnExpression, Picture, draw_face
from engine.media.lossless import write_segment
from engine.media.opencv import cv2
from engine.media.write_errors import writing


def drawn_performance(frame_count: int, frame_rate: Fraction) -> Iterable[Picture]:
    """Yield a drawn face that speaks, smiles, blinks and moves its head; it begins and ends neutral."""
    length_s = float(frame_count / frame_rate)
    for frame in range(frame_count):
        time_s = float(frame / frame_rate)
        calm = sin(pi * time_s / length_s)
        yield draw_face(
            DrawnExpression(
                mouth_open=calm * max(0.0, sin(2 * pi * 1.5 * time_s)),
                smile=0.6 * calm * sin(2 * pi * 0.4 * time_s),
                blink=max(0.0, 1.0 - abs((time_s % 2.0) - 1.0) / 0.1),
                roll=0.10 * calm * sin(2 * pi * 0.5 * time_s),
                travel_x=16.0 * calm * sin(2 * pi * 0.35 * time_s),
            )
        )


def write_drawn_clip(path: Path, pictures: Iterable[Picture], frame_rate: Fraction) -> None:
    """Write pictures as a lossless movie. Raises UserError when the disk is full or not writable."""
    write_segment(path, pictures, frame_rate)


def write_drawn_still(path: Path, width: int, height: int) -> None:
    """Write a drawn portrait of `width` x `height` pixels as PNG. Raises UserError when it cannot be
    written.
    """
    scale = min(width, height) / SIDE_PX
    size = (round(SIDE_PX * scale), round(SIDE_PX * scale))
    face = cv2.resize(draw_face(), size, interpolation=cv2.INTER_CUBIC)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    still = cv2.copyMakeBorder(
        face, top, height - size[1] - top, left, width - size[0] - left, cv2.BORDER_REPLICATE
    )
    encoded = cv2.imencode(".png", still)[1]
    with writing(path):
        path.write_bytes(np.asarray(encoded, np.uint8).tobytes())
