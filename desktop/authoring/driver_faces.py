"""A first look at a driving video, before it is queued for the night: are there faces in it?"""

from fractions import Fraction
from pathlib import Path

from desktop.authoring.clips import DrivingPlacement
from engine.draft.face_detection import find_faces
from engine.media.video_reader import VideoReader

LOOKS = 5


def missing_face(path: Path, placement: DrivingPlacement) -> str | None:
    """Return a sentence when the chosen face is in none of a few frames of the used part; None when it is.

    A few frames prove nothing, so this is a word of warning; the analysis before drawing decides. Raises
    UserError when the video cannot be read.
    """
    most = 0
    with VideoReader(path) as reader:
        first = placement.trim.in_s or Fraction(0)
        last = placement.trim.out_s or reader.duration_s
        for look in range(LOOKS):
            picture = reader.frame_at(first + (last - first) * (2 * look + 1) / (2 * LOOKS))
            most = max(most, len(find_faces(picture)))
            if most >= placement.face_number:
                return None
    seen = "no face" if most == 0 else "only one face" if most == 1 else f"only {most} faces"
    return f"In {LOOKS} frames of “{path.name}” {seen} can be seen; face {placement.face_number} is to drive."
