"""Drawn stills and drivers, and requests for them."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from engine.benchmark.drawn_face import DrawnExpression, draw_face
from engine.benchmark.drawn_media import drawn_performance, write_drawn_clip, write_drawn_still
from engine.draft.draft_shot import DraftShot
from engine.media.content_hash import hash_file
from engine.media.opencv import cv2
from engine.media.wav import write_wav
from engine.protocol.clips import DrivingInput, VoiceInput
from engine.protocol.curves import Channel, Curve, CurveKey
from engine.protocol.regions import FaceRegion, RegionBox, RegionKey, RegionShape
from engine.protocol.render_request import CharacterInput, PlateInput, RendererName, RenderRequest

RATE = Fraction(20)
STILL_SIZE = (640, 360)
FACE = RegionBox(x=0.342, y=0.20, width=0.32, height=0.56)


@pytest.fixture(scope="session")
def media(tmp_path_factory):
    """A folder with still.png, driver.mkv (36 frames, 20 a second), calm.mkv, empty.mkv and voice.wav."""
    folder = tmp_path_factory.mktemp("drawn")
    write_drawn_still(folder / "still.png", *STILL_SIZE)
    write_drawn_clip(folder / "driver.mkv", drawn_performance(36, RATE), RATE)
    write_drawn_clip(folder / "calm.mkv", [draw_face(DrawnExpression())] * 12, RATE)
    write_drawn_clip(folder / "empty.mkv", [np.full((240, 320, 3), 128, np.uint8)] * 8, RATE)
    seconds = np.arange(48_000) / 48_000
    burst = (seconds > 0.4) & (seconds < 0.7)
    sound = 0.4 * burst * sum(np.sin(2 * np.pi * hertz * seconds) for hertz in (200, 400, 600, 800)) / 2
    write_wav(folder / "voice.wav", np.repeat(sound[:, None], 2, axis=1).astype(np.float32), 48_000)
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """One cache for the whole run, so that each driver is analysed once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def drive(media):
    """Return a function that places a drawn clip on the timeline."""

    def place(name="driver.mkv", **changes):
        path = media / name
        length_s = Fraction(36 if name == "driver.mkv" else 12) / RATE
        values = {
            "path": path,
            "content_hash": hash_file(path),
            "source_in_s": Fraction(0),
            "source_out_s": length_s,
            "start_frame": 0,
            "length_frames": 36,
        }
        return DrivingInput(**(values | changes))

    return place


@pytest.fixture
def speak(media):
    """Return a function that places the drawn voice on the timeline."""

    def place(**changes):
        path = media / "voice.wav"
        values = {
            "path": path,
            "content_hash": hash_file(path),
            "source_in_s": Fraction(0),
            "source_out_s": Fraction(1),
            "start_frame": 0,
        }
        return VoiceInput(**(values | changes))

    return place


@pytest.fixture
def character():
    """Return a function that makes a character on the drawn still; keyword arguments are constant curves."""

    def make(name="Ada", box=FACE, driving=(), voices=(), shape=RegionShape.ELLIPSE, **curves):
        return CharacterInput(
            character_id=f"id-{name}",
            name=name,
            region=FaceRegion(shape=shape, feather=0.15, keys=(RegionKey(frame=0, box=box),)),
            driving=tuple(driving),
            voices=tuple(voices),
            curves=tuple(
                Curve(channel=Channel(channel), keys=(CurveKey(frame=0, value=value),))
                for channel, value in curves.items()
            ),
        )

    return make


@pytest.fixture
def request_for(media, tmp_path):
    """Return a function that makes a request for characters on the drawn still."""

    def make(*characters, still=None, **changes):
        path = still or media / "still.png"
        values = RenderRequest(
            request_id="request",
            project_id="project",
            project_path=tmp_path / "film.masque",
            scene_id="scene",
            scene_name="Scene",
            take_id="take",
            take_number=1,
            renderer=RendererName.DRAFT,
            plate=PlateInput(path=path, content_hash=hash_file(path), width=640, height=360),
            characters=characters,
            frame_rate=RATE,
            frame_count=36,
            width=640,
            height=360,
            seed=1,
            output_directory=tmp_path,
            file_stem="shot",
        )
        return replace(values, **changes)

    return make


@pytest.fixture
def shoot(request_for, cache):
    """Return a function that prepares a shot of characters on the drawn still."""

    def prepare(*characters, **changes):
        return DraftShot.prepare(request_for(*characters, **changes), cache_directory=cache)

    return prepare


@pytest.fixture
def plate(media):
    """The drawn still's pixels."""
    return cv2.imdecode(np.frombuffer((media / "still.png").read_bytes(), np.uint8), cv2.IMREAD_COLOR)
