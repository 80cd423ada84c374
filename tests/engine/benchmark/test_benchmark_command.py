"""`python -m engine.benchmark`."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

from engine.benchmark.drawn_media import drawn_performance, write_drawn_clip
from engine.media.opencv import cv2
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[3]


def run(*arguments):
    command = [sys.executable, "-m", "engine.benchmark", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def test_it_prints_its_measures_as_json(tmp_path):
    clip = tmp_path / "driver.mkv"
    write_drawn_clip(clip, drawn_performance(6, Fraction(20)), Fraction(20))

    done = run("draft", "--clip", clip)
    answer = json.loads(done.stdout)

    assert done.returncode == 0
    assert set(answer) == {
        "width",
        "height",
        "frames",
        "drawing_frames_per_second",
        "analysis_frames_per_second",
        "analysed_frames",
    }
    assert (answer["width"], answer["height"], answer["analysed_frames"]) == (1280, 720, 6)
    assert answer["drawing_frames_per_second"] > 0.0
    assert answer["analysis_frames_per_second"] > 0.0


def test_it_says_what_to_do_when_there_is_no_face(tmp_path):
    clip, wall = tmp_path / "driver.mkv", tmp_path / "wall.png"
    write_drawn_clip(clip, drawn_performance(2, Fraction(20)), Fraction(20))
    wall.write_bytes(cv2.imencode(".png", np.full((90, 160, 3), 99, np.uint8))[1].tobytes())

    done = run("draft", "--clip", clip, "--still", wall)
    answer = json.loads(done.stdout)

    assert done.returncode == 1
    assert set(answer) == {"message", "next_step", "code"}
    assert "wall.png" in answer["message"]


def test_a_missing_file_is_told_as_well(tmp_path):
    clip = tmp_path / "driver.mkv"
    write_drawn_clip(clip, drawn_performance(2, Fraction(20)), Fraction(20))

    done = run("draft", "--clip", clip, "--still", tmp_path / "nowhere.png")

    assert done.returncode == 1
    assert "nowhere.png" in json.loads(done.stdout)["message"]
    assert "Traceback" not in done.stderr
