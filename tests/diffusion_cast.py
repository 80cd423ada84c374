"""Who is in the renders by the transformer that tests make: the samples' faces and voice."""

from fractions import Fraction

from engine.media.content_hash import hash_file
from engine.media.probe import probe_media
from engine.protocol.clips import DrivingInput, VoiceInput
from engine.protocol.regions import FaceRegion, RegionBox, RegionKey, RegionShape
from engine.protocol.render_request import CharacterInput, PlateInput


def plate_of(path):
    """A still as a plate."""
    probe = probe_media(path)
    return PlateInput(path=path, content_hash=hash_file(path), width=probe.width, height=probe.height)


def region(x, y=0.2, width=0.3, height=0.5):
    """A region with hard edges."""
    box = RegionBox(x=x, y=y, width=width, height=height)
    return FaceRegion(shape=RegionShape.BOX, feather=0.0, keys=(RegionKey(frame=0, box=box),))


def driven(samples, x=0.1, clip="driver_smile.mp4", **changes):
    """A character that a clip drives."""
    path = samples / clip
    values = {
        "path": path,
        "content_hash": hash_file(path),
        "source_in_s": Fraction(0),
        "source_out_s": Fraction(1, 8),
        "start_frame": 0,
        "length_frames": 3,
    }
    drive = DrivingInput(**{**values, **changes})
    return CharacterInput(character_id="ada", name="Ada", region=region(x), driving=(drive,))


def speaking(samples, x=0.6):
    """A character that speaks."""
    path = samples / "voice.wav"
    voice = VoiceInput(
        path=path,
        content_hash=hash_file(path),
        source_in_s=Fraction(0),
        source_out_s=Fraction(1),
        start_frame=0,
    )
    return CharacterInput(character_id="ben", name="Ben", region=region(x), voices=(voice,))
