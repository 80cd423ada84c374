"""The shot list: one line for each delivered shot, for a spreadsheet or a script."""

import csv
import io
from collections.abc import Mapping, Sequence

from desktop.interchange.deliverable_shot import DeliveredShot
from desktop.interchange.otio_timeline import rational_text

COLUMNS = (
    "shot", "scene", "take", "picture", "first_frame", "frames", "frame_rate", "duration_s", "width",
    "height", "alpha", "sound", "renderer", "seed", "rating", "notes", "take_id", "request_id", "sha256",
)  # fmt: skip


def shot_list_text(shots: Sequence[DeliveredShot], hashes: Mapping[str, str]) -> str:
    """Return the list as CSV text (RFC 4180).

    `first_frame` counts frames from the start of the edit. `hashes` holds the SHA-256 of movies by file
    name; image sequences have none.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    first_frame = 0
    for number, delivered in enumerate(shots, start=1):
        place = {"shot": number, "first_frame": first_frame}
        writer.writerow({**_line(delivered), **place, "sha256": hashes.get(delivered.picture_name, "")})
        first_frame += delivered.shot.frame_count
    return text.getvalue()


def _line(delivered: DeliveredShot) -> dict[str, object]:
    shot = delivered.shot
    return {
        "scene": shot.scene_name,
        "take": shot.take_number,
        "picture": delivered.picture_name,
        "frames": shot.frame_count,
        "frame_rate": rational_text(shot.frame_rate),
        "duration_s": f"{float(shot.duration_s):.6f}",
        "width": shot.width,
        "height": shot.height,
        "alpha": "yes" if shot.has_alpha else "no",
        "sound": " ".join(delivered.names[1:]),
        "renderer": shot.renderer,
        "seed": shot.seed,
        "rating": shot.rating,
        "notes": shot.notes,
        "take_id": shot.take_id,
        "request_id": shot.request_id,
    }
