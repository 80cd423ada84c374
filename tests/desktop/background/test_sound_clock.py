"""Playback has a clock on every machine."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from desktop.background.sound_clock import SilentClock, start_clock

ROOT = Path(__file__).resolve().parents[3]


def test_without_qtmultimedia_the_window_loads_and_a_timer_is_the_clock():
    program = (
        "import sys; sys.modules['PySide6.QtMultimedia'] = None\n"
        "import numpy as np, desktop.app\n"
        "from desktop.background.sound_clock import HAS_SOUND_OUTPUT, start_clock\n"
        "clock = start_clock(np.zeros((480, 2), dtype=np.float32), 0, 48000)\n"
        "print(HAS_SOUND_OUTPUT, type(clock).__name__)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert run.stdout.split() == ["False", "SilentClock"]


def test_a_scene_without_sound_plays_by_the_timer(qt_application):
    for samples in (None, np.zeros((10, 2), dtype=np.float32)):
        clock = start_clock(samples, 10, 48000)
        assert isinstance(clock, SilentClock)
        first = clock.elapsed_s()
        assert 0 <= first <= clock.elapsed_s()
        clock.stop()
