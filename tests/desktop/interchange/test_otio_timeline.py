"""The edit, read as text and read back by OpenTimelineIO."""

import json
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote

import opentimelineio as otio
import pytest

from desktop.interchange.deliverable_shot import (
    DeliverableShot,
    DeliveredShot,
    DeliveredStem,
    ShotMarker,
)
from desktop.interchange.otio_timeline import marker_colour, timeline_text

CINEMA = Fraction(24000, 1001)


def shot(number: int, *, rate: Fraction = CINEMA, frames: int = 48, markers=()) -> DeliverableShot:
    return DeliverableShot(
        name=f"Film_Scene-{number}_take01",
        scene_id=f"scene{number}",
        scene_name=f"Scene {number}",
        take_id=f"take{number}",
        take_number=1,
        request_id=f"request{number}",
        renderer="draft",
        seed=2**40 + number,
        rating=3,
        notes="“fine” – keep",
        frame_rate=rate,
        frame_count=frames,
        width=1280,
        height=720,
        has_alpha=False,
        master=Path("master.mkv"),
        markers=tuple(markers),
        masque_version="0.1.0",
    )


def delivered(number: int, *, stems=("Ada",), mix=True, **changes) -> DeliveredShot:
    made = shot(number, **changes)
    return DeliveredShot(
        shot=made,
        picture_name=f"{made.name}.mov",
        mix_name=f"{made.name}_mix.wav" if mix else None,
        stems=tuple(DeliveredStem(character=name, file_name=f"{made.name}_{name}.wav") for name in stems),
    )


def text_of(*shots: DeliveredShot, rate: Fraction = CINEMA) -> str:
    return timeline_text(project_name="Film", frame_rate=rate, shots=shots)


def read(text: str) -> otio.schema.Timeline:
    return otio.adapters.read_from_string(text, "otio_json")


def test_scenes_follow_each_other_on_one_picture_track():
    timeline = read(text_of(delivered(1, frames=48), delivered(2, frames=30)))
    (pictures,) = timeline.video_tracks()
    assert [clip.name for clip in pictures] == ["Scene 1", "Scene 2"]
    starts = [pictures.range_of_child(clip).start_time for clip in pictures]
    assert [start.value for start in starts] == [0, 48]
    assert timeline.duration().value == 78
    assert timeline.global_start_time.value == 0


def test_every_time_in_the_file_is_a_whole_frame_at_the_exact_rate():
    document = json.loads(text_of(delivered(1), delivered(2)))
    times = list(_schemas(document, "RationalTime.1"))
    assert len(times) > 20
    assert {time["rate"] for time in times} == {24000 / 1001}
    assert all(time["value"] == int(time["value"]) for time in times)
    assert document["metadata"]["masque"]["frame_rate"] == "24000/1001"


def test_available_and_source_ranges_are_the_whole_take():
    timeline = read(text_of(delivered(1, frames=48)))
    for clip in timeline.find_clips():
        for span in (clip.source_range, clip.media_reference.available_range):
            assert (span.start_time.value, span.duration.value) == (0, 48)
            assert span.duration.rate == pytest.approx(24000 / 1001, abs=1e-12)


def test_the_mix_and_each_character_have_a_sound_track_with_gaps_where_they_are_silent():
    timeline = read(text_of(delivered(1, stems=("Ada", "Bruno")), delivered(2, stems=("Bruno",))))
    tracks = {track.name: track for track in timeline.audio_tracks()}
    assert list(tracks) == ["Mix", "Ada", "Bruno"]
    assert [type(item) for item in tracks["Ada"]] == [otio.schema.Clip, otio.schema.Gap]
    assert [type(item) for item in tracks["Bruno"]] == [otio.schema.Clip, otio.schema.Clip]
    assert {track.duration().value for track in tracks.values()} == {96}


def test_a_silent_export_has_no_sound_tracks():
    assert list(read(text_of(delivered(1, stems=(), mix=False))).audio_tracks()) == []


def test_media_are_named_by_relative_percent_encoded_urls():
    named = DeliveredShot(shot=shot(1), picture_name="Käthe_海 100%_take01.mov")
    text = text_of(named)
    assert '"target_url": "K%C3%A4the_%E6%B5%B7%20100%25_take01.mov"' in text
    (clip,) = read(text).find_clips()
    assert unquote(clip.media_reference.target_url) == named.picture_name


def test_an_image_sequence_is_named_frame_by_frame():
    sequence = DeliveredShot(
        shot=shot(1, frames=3),
        picture_name="Film_Käthe_take01",
        sequence_prefix="Film_Käthe_take01.",
        sequence_suffix=".png",
    )
    (clip,) = read(text_of(sequence)).find_clips()
    reference = clip.media_reference
    assert isinstance(reference, otio.schema.ImageSequenceReference)
    urls = [unquote(reference.target_url_for_image_number(number)) for number in range(3)]
    assert urls == [f"Film_Käthe_take01/Film_Käthe_take01.00000{number}.png" for number in range(3)]
    assert reference.number_of_images_in_sequence() == 3
    assert reference.rate == 24000 / 1001


def test_markers_keep_their_frame_name_colour_and_scope():
    note = ShotMarker(frame=12, name="Look here", colour="#f01810", scope="task")
    (clip,) = read(text_of(delivered(1, markers=[note], stems=(), mix=False))).find_clips()
    (marker,) = clip.markers
    assert (marker.name, marker.color) == ("Look here", "RED")
    assert marker.marked_range.start_time.value == 12
    assert marker.metadata["masque"] == {"scope": "task", "colour": "#f01810"}


def test_a_clip_tells_what_made_it():
    (clip, *_) = read(text_of(delivered(1))).find_clips()
    told = clip.metadata["masque"]
    assert (told["seed"], told["renderer"], told["take_id"], told["request_id"]) == (
        2**40 + 1,
        "draft",
        "take1",
        "request1",
    )
    assert told["notes"] == "“fine” – keep"


def test_the_file_says_the_same_after_a_round_trip():
    note = ShotMarker(frame=3, name="x", colour="#00ff00", scope="note")
    text = text_of(delivered(1, markers=[note]), delivered(2))
    assert read(text).to_json_string(indent=2) == text.rstrip("\n")


@pytest.mark.parametrize(
    "rate", [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(15)]
)
def test_durations_are_exact_at_every_rate(rate):
    timeline = read(text_of(*(delivered(n, rate=rate, frames=1001) for n in range(3)), rate=rate))
    assert timeline.duration().value == 3003
    assert timeline.duration().rate == float(rate)


@pytest.mark.parametrize(
    ("colour", "name"), [("#ff0000", "RED"), ("#101010", "BLACK"), ("#3d6fd9", "BLUE"), ("#e8c24a", "YELLOW")]
)
def test_marker_colours_become_the_nearest_named_one(colour, name):
    assert marker_colour(colour) == name


def _schemas(node, name):
    if isinstance(node, dict):
        if node.get("OTIO_SCHEMA") == name:
            yield node
        for value in node.values():
            yield from _schemas(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _schemas(value, name)
