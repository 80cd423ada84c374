"""OpenCV's import leaves the environment as it was."""

import json
import os
import subprocess
import sys

NAMES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR", "LD_LIBRARY_PATH")
PROGRAM = f"""
import json, os
from engine.media.opencv import cv2
print(json.dumps([os.environ.get(name) for name in {NAMES}]))
"""


def _values_after_import(environment: dict[str, str]) -> list[str | None]:
    answer = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True)
    values: list[str | None] = json.loads(answer.stdout)
    return values


def test_importing_opencv_adds_nothing_to_the_environment() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    assert _values_after_import(environment) == [None, None, None]


def test_importing_opencv_keeps_values_that_were_there() -> None:
    environment = os.environ | {
        "QT_QPA_PLATFORM_PLUGIN_PATH": "/plugins",
        "QT_QPA_FONTDIR": "/fonts",
        "LD_LIBRARY_PATH": "/libraries",
    }
    assert _values_after_import(environment) == ["/plugins", "/fonts", "/libraries"]
