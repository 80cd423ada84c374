"""Fixtures for every test: no screen, no user directories, no leftovers."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
