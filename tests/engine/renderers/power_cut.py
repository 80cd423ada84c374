"""A folder on a disk that loses its power: what was not made durable is there, or not, or cut short.

What a file held when it was last synced stays. Of what came later any first part may be there. Which file a
name stands for is sure once the folder was synced; each change of a name since then may be lost by itself.
"""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest


class RecordedFolder:
    """A folder whose every sync and rename is recorded, with all that was known to be on disk by then.

    `moments` holds functions that rebuild the folder elsewhere as a power cut just then may leave it, each
    with the number of the step it was taken in; `renames` holds (name, file was synced, folder was synced).
    """

    def __init__(self, folder):
        self._folder = folder
        self._descriptors = {}  # held open, so that no number of a file is given to another
        self._synced = {}  # number -> bytes
        self._synced_names = self._names()
        self.step = 0
        self.moments = []
        self.renames = []

    @contextmanager
    def recording(self):
        """Record until the end of the block."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", self._around(os.fsync, self._after_sync))
            patch.setattr(os, "replace", self._around(os.replace, self._after_rename))
            patch.setattr(os, "unlink", self._around(os.unlink, lambda *_: None))
            yield
        for descriptor in self._descriptors.values():
            os.close(descriptor)

    def step_done(self):
        """Say that a step has returned: from here on all it did must be there."""
        self.step += 1
        self._take_moment(done=True)

    def _around(self, call, after):
        def called(*arguments, **options):
            self._take_moment()
            result = call(*arguments, **options)
            after(*arguments)
            return result

        return called

    def _after_sync(self, descriptor):
        number = os.fstat(descriptor).st_ino
        if number == self._folder.stat().st_ino:
            self._synced_names = self._names()
            self.renames = [(name, file, True) for name, file, _ in self.renames]
        elif number in self._descriptors:
            self._synced[number] = self._content(number)

    def _after_rename(self, _source, target):
        if Path(target).parent == self._folder:
            number = Path(target).stat().st_ino
            self.renames.append((Path(target).name, self._synced.get(number) == self._content(number), False))

    def _names(self):
        """Return which file (by number) each name stands for."""
        names = {}
        for path in self._folder.iterdir():
            names[path.name] = path.stat().st_ino
            if names[path.name] not in self._descriptors:
                self._descriptors[names[path.name]] = os.open(path, os.O_RDONLY)
        return names

    def _content(self, number):
        size = os.fstat(self._descriptors[number]).st_size
        return os.pread(self._descriptors[number], size, 0)

    def _take_moment(self, *, done=False):
        names, synced_names, synced = self._names(), dict(self._synced_names), dict(self._synced)
        held = {number: self._content(number) for number in {*names.values(), *synced_names.values()}}

        def rebuild(folder, chance):
            folder.mkdir()
            for name in sorted({*names, *synced_names}):
                number = chance.choice((names.get(name), synced_names.get(name)))
                if number is not None:
                    (folder / name).write_bytes(_survived(held[number], synced.get(number), chance))

        self.moments.append((self.step, done, rebuild))


def _survived(content, synced, chance):
    if content == synced:
        return content
    return content[: chance.choice((0, chance.randrange(len(content) + 1)))]
