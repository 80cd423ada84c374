"""Choosing files never touches the open project's locks."""

import os
import sys
from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from desktop.widgets.file_dialog import FileDialog

LASTING = {("1073741826", "1073742335"), ("128", "128")}  # SQLite's shared lock; its hold on the log's index


def locks_of_this_process() -> set[tuple[str, str]]:
    """The lasting locks on the project; those that come and go with a reading are left out."""
    fields = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    mine = {(line[-2], line[-1]) for line in fields if "POSIX" in line and str(os.getpid()) in line}
    return mine & LASTING


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc/locks is Linux's")
@pytest.mark.parametrize("pattern", ["", "Projects (*.masque)"])
def test_a_dialog_in_the_projects_folder_leaves_its_locks_alone(opened, project, pattern):
    before = locks_of_this_process()
    if not before:
        pytest.skip("this system shows no locks")
    dialog = FileDialog(opened.window, "Choose", project.parent)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    if pattern:
        dialog.setNameFilters([pattern])
    dialog.open()
    QTest.qWait(600)
    assert dialog.isVisible()
    dialog.reject()
    QTest.qWait(50)
    assert locks_of_this_process() == before
