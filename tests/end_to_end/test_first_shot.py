"""The main job, whole: a still, two characters, a clip on one, a voice on the other, and an edit."""

import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio

from engine.media.probe import probe_media
from engine.media.still import read_still
from engine.media.video_reader import VideoReader

SMALL = ("--size", "640x360", "--frames", 30)
BRIEF = ("--size", "320x180", "--frames", 6)


def test_a_shot_is_rendered_and_exported_frame_by_frame(masque, masque_here, shot, samples, tmp_path):
    rendered = masque("render", shot, *SMALL, "--seed", 7)["jobs"][0]
    assert rendered["state"] == "done"
    take = masque_here("takes", shot)["takes"][0]
    assert (take["status"], take["seed"]) == ("done", 7)
    files = {file["role"]: Path(file["path"]) for file in take["files"]}
    viewing = probe_media(files["viewing"])
    assert (viewing.width, viewing.height, viewing.frame_count) == (640, 360, 30)
    assert viewing.frame_rate == 24
    assert viewing.audio_codec is not None
    with VideoReader(files["master"]) as master:
        pictures = [picture.astype(int) for picture in master.frames(n / Fraction(24) for n in range(30))]
    assert faces_move_and_the_rest_stays(
        pictures, masque_here("character", "list", shot, "Duet")["characters"]
    )
    exported = masque("export", shot, tmp_path / "out", "--video", "prores422hq", "--timeline", "otio")
    movie = next(Path(path) for path in exported["files"] if path.endswith(".mov"))
    assert probe_media(movie).frame_count == 30
    timeline = otio.adapters.read_from_file(
        str(next(Path(p) for p in exported["files"] if p.endswith(".otio")))
    )
    assert timeline.duration().to_frames() == 30


def faces_move_and_the_rest_stays(pictures, characters) -> bool:
    moved = np.max([np.abs(picture - pictures[0]).max(axis=2) for picture in pictures[1:]], axis=0)
    for character in characters:
        box = character["region"]["keys"][0]["box"]
        left, top = round(box["x"] * 640), round(box["y"] * 360)
        right, bottom = left + round(box["width"] * 640), top + round(box["height"] * 360)
        if (moved[top:bottom, left:right] > 20).mean() < 0.02:
            return False
    return bool((moved[:, :10] == 0).all() and (moved[:, -10:] == 0).all())


def test_a_detached_render_becomes_a_take_though_nobody_waited_and_the_engine_is_gone(
    masque, masque_here, shot
):
    job = masque("render", shot, *BRIEF, "--detach")["jobs"][0]
    assert job["state"] in {"queued", "running"}
    wait_until_done(masque_here, job["job_id"])
    masque("engine", "stop")
    assert masque_here("takes", shot)["takes"][0]["status"] == "done"
    assert masque("engine", "status") == {"running": False}


def test_one_bad_scene_never_stops_the_next(masque, masque_here, shot, samples, tmp_path):
    masque_here("scene", "add", shot, samples / "duet.png", "--name", "Wall")
    masque_here("character", "add", shot, "Wall", "Nobody", "--region", "0.0,0.0,0.1,0.15")
    faceless = tmp_path / "faceless.mp4"
    write_grey_movie(faceless)
    masque_here("drive", shot, "Wall", "Nobody", faceless)
    jobs = masque("render", shot, "--scene", "Wall", "--scene", "Duet", *BRIEF, code=3)["jobs"]
    assert [job["state"] for job in jobs] == ["failed", "done"]
    assert jobs[0]["error"]["code"] == "no_face"
    statuses = {take["scene"]: take["status"] for take in masque_here("takes", shot)["takes"]}
    assert statuses == {"Wall": "failed", "Duet": "done"}


def test_a_file_that_went_missing_is_named_before_queueing(masque, masque_here, shot):
    (shot.parent / "night media" / "driver_smile.mp4").unlink()
    error = masque("render", shot, *BRIEF, code=1)["error"]
    assert error["code"] == "file_missing"
    assert "driver_smile.mp4" in error["message"]
    assert masque_here("takes", shot)["takes"] == []


def test_the_queue_is_controlled_from_the_command_line(masque, masque_here, shot):
    masque("queue", "clear")  # a process of its own starts the engine: it must not be this one's child
    masque_here("queue", "pause")
    first, second = (
        masque_here("render", shot, *BRIEF, "--seed", n, "--detach")["jobs"][0]["job_id"] for n in (1, 2)
    )
    masque_here("queue", "move", second, 1)
    assert waiting(masque_here) == [second, first]
    masque_here("queue", "pause", first)
    masque_here("queue", "cancel", second)
    states = {job["job_id"]: job["state"] for job in masque_here("queue", "list")["jobs"]}
    assert states == {first: "paused", second: "cancelled"}
    assert "retry" in masque("queue", "resume", second, code=1)["error"]["next_step"]
    masque_here("queue", "retry", second)
    masque_here("queue", "cancel", second)
    assert masque_here("queue", "clear")["removed"] == [second]
    masque_here("queue", "resume", first)
    masque_here("queue", "resume")
    wait_until_done(masque_here, first)
    statuses = [take["status"] for take in masque_here("takes", shot)["takes"]]
    assert sorted(statuses) == ["cancelled", "done"]


def test_the_demo_makes_renders_and_exports(masque, masque_here, engine, tmp_path):
    made = masque("demo", "--output", tmp_path / "demo", "--frames", 24)
    assert Path(made["project"]).is_file()
    assert all(Path(path).exists() for path in made["files"])
    assert made["jobs"][0]["state"] == "done"
    characters = masque_here("character", "list", made["project"], "Duet")["characters"]
    assert [bool(c["driving_clips"]) for c in characters] == [True, False]
    assert [bool(c["voice_clips"]) for c in characters] == [False, True]


def waiting(masque) -> list[str]:
    return [job["job_id"] for job in masque("queue", "list")["jobs"] if job["state"] == "queued"]


def wait_until_done(masque, job_id) -> None:
    """Ask until the job has ended; the test's own time limit ends a render that never does."""
    while True:
        job = next(job for job in masque("queue", "list")["jobs"] if job["job_id"] == job_id)
        if job["state"] not in {"queued", "running"}:
            assert job["state"] == "done", job
            return
        time.sleep(0.05)


def write_grey_movie(path: Path) -> None:
    from engine.media.video_writer import MovieFormat, open_movie_writer

    grey = np.full((240, 320, 3), 90, np.uint8)
    with open_movie_writer(
        path, format=MovieFormat.H264, width=320, height=240, frame_rate=Fraction(24), sound=None
    ) as writer:
        for _ in range(12):
            writer.write(grey)


def test_the_plate_itself_is_what_a_still_character_shows(masque, masque_here, shot, samples):
    """The picture begins as the plate: the first frame of a driven face is near neutral."""
    masque("render", shot, "--size", "1280x720", "--frames", 2)
    files = {f["role"]: f["path"] for f in masque_here("takes", shot)["takes"][0]["files"]}
    with VideoReader(Path(files["master"])) as master:
        first = master.frame_number(0).astype(int)
    plate = read_still(samples / "duet.png").bgr.astype(int)
    assert np.abs(first - plate).mean() < 1.0
