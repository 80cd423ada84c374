"""Tensors by name out of one or several files: safetensors shards, memory mapped, or a torch checkpoint.

Nothing is read before it is asked for, and nothing in a file is ever run.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import torch

from engine.weights.file_sources import Pieces, Shape, Source, open_source
from engine.weights.file_state import check_is_a_file
from engine.weights.weight_errors import first_and_how_many, missing_file, unfitting_file

_SHARD_NAME = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<suffix>\..+)$")


class TensorFile:
    """The tensors of one or several files under one set of names. An unknown name is a KeyError."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = {key: source for source in sources for key in source.keys()}  # noqa: SIM118
        self._in_order = tuple(sources)
        self.paths = tuple(source.path for source in sources)

    def keys(self) -> tuple[str, ...]:
        """Return all names, file by file."""
        return tuple(self._sources)

    def __contains__(self, key: object) -> bool:
        return key in self._sources

    def shape(self, key: str) -> Shape:
        """Return a tensor's shape without reading it."""
        return self._sources[key].shape(key)

    def shapes(self) -> dict[str, Shape]:
        """Return the shapes of all tensors by name."""
        return {key: source.shape(key) for key, source in self._sources.items()}

    def dtype(self, key: str) -> torch.dtype:
        """Return a tensor's number format without reading it."""
        return self._sources[key].dtype(key)

    def tensor(self, key: str) -> torch.Tensor:
        """Return a tensor; it shares the file's memory mapping where the file can be mapped."""
        return self._sources[key].tensor(key)

    def read(self, keys: Collection[str]) -> Pieces:
        """Yield tensors file by file, each read forward; nothing stays mapped or in memory for them.

        Only what an old torch checkpoint (a bare pickle) holds is in memory as long as that is open. Raises
        UserError: WRONG_STATE for a file that changed since it was opened, FILE_MISSING, FILE_UNREADABLE.
        """
        for source in self._in_order:
            wanted = [key for key in source.keys() if key in keys]  # noqa: SIM118
            if wanted:
                yield from source.read(wanted)

    def path_of(self, key: str) -> Path:
        """Return the file that holds a tensor."""
        return self._sources[key].path


def open_tensors(paths: Sequence[Path]) -> TensorFile:
    """Open files of weights: safetensors or torch checkpoints, told apart by what is in them.

    Raises UserError for a file that is missing, empty, cut short, no weights at all or holds code, for shards
    that lack one of their number, and for a name that two files have.
    """
    if not paths:
        raise ValueError("there are no files to open")
    for path in paths:
        check_is_a_file(path)
    _check_every_shard_is_there(paths)
    sources = [open_source(path) for path in paths]
    _check_names_are_unique(sources)
    return TensorFile(sources)


def _check_every_shard_is_there(paths: Sequence[Path]) -> None:
    given = set(paths)
    for path in paths:
        if match := _SHARD_NAME.match(path.name):
            for number in range(1, int(match["count"]) + 1):
                name = f"{match['stem']}-{number:05}-of-{match['count']}{match['suffix']}"
                if path.with_name(name) not in given:
                    raise missing_file(path.with_name(name))


def _check_names_are_unique(sources: Sequence[Source]) -> None:
    owners: dict[str, Path] = {}
    for source in sources:
        twice = [key for key in source.keys() if key in owners]  # noqa: SIM118
        if twice:
            other = owners[twice[0]].name
            what = f"hold {first_and_how_many(twice)} a second time, after {other}"
            raise unfitting_file(source.path, what, key=twice[0])
        owners.update(dict.fromkeys(source.keys(), source.path))
