"""The one place that imports OpenCV.

The opencv-python wheel points Qt's plug-in and font folders at its own Qt 5 and puts an entry that ends in
the current folder into LD_LIBRARY_PATH. All three would leak into PySide6 and into child processes, so the
values from before the import are put back. OpenCV's own log is silent: what it cannot read or write it also
says by its results. Its number of threads is left as it is.
"""

import os

_CHANGED_BY_OPENCV = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR", "LD_LIBRARY_PATH")
_values_before = {name: os.environ.get(name) for name in _CHANGED_BY_OPENCV}

import cv2  # noqa: E402 - the environment has to be looked at before OpenCV changes it

for _name, _value in _values_before.items():
    if _value is None:
        os.environ.pop(_name, None)
    else:
        os.environ[_name] = _value

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

__all__ = ["cv2"]
