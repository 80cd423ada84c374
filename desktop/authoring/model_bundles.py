"""Model bundles: adding, checking, listing and forgetting them, and making one for trying things out.

Weights are read by a child process (`python -m engine.weights`): this one never loads torch. A bundle is
registered only when the child has checked all of it.
"""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from engine.bundles.availability import Unavailable, catalogue_of, is_installed, size_bytes, unavailable
from engine.bundles.bundle_mark import read_mark
from engine.bundles.catalogue import CatalogueBundle, known_bundles
from engine.bundles.installed_bundle import InstalledBundle
from engine.bundles.record_text import bundle_from_json
from engine.bundles.registry import (
    changed_files,
    installed_bundle,
    installed_bundles,
    register,
    require_bundle_name,
)
from engine.bundles.required_parts import required_parts
from engine.protocol.errors import BugError, ErrorCode, UserError

_SECONDS_OF_ITS_OWN = 2.0
_SECONDS_TO_END = 10.0
_INTERRUPTED = 130
_KILLED = -9
_ENDED_BY_ITSELF = {0, 1, 2}
_LOG_TAIL_CHARACTERS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckProgress:
    """How far the check of a bundle's files is; `file` is being read."""

    file: str
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBundle:
    """An installed bundle as it is shown: what it cannot do and why, its size, files that have changed."""

    bundle: InstalledBundle
    unavailable: tuple[Unavailable, ...]
    size_bytes: int
    changed_files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelList:
    """The installed bundles, and the bundles of the catalogue that are not installed."""

    installed: tuple[ListedBundle, ...]
    others: tuple[CatalogueBundle, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedBundle:
    """A bundle that was checked again, and the files whose content is not what it was."""

    bundle: InstalledBundle
    new_content: tuple[str, ...]


def list_models(data: Path) -> ModelList:
    """Return what is installed and what else there is. `data`: the engine's data directory.

    Raises UserError where the registry cannot be read.
    """
    bundles = installed_bundles(data)
    return ModelList(
        installed=tuple(_listed(bundle) for bundle in bundles),
        others=tuple(known for known in known_bundles() if not is_installed(known, bundles)),
    )


def add_model(
    data: Path, folder: Path, *, name: str | None, on_progress: Callable[[CheckProgress], None]
) -> InstalledBundle:
    """Check a folder's files and register it under `name`, else the name in its mark or in the catalogue.

    Raises UserError for what is wrong with the folder, the name or a file; nothing is registered then.
    """
    place = folder.expanduser().absolute()
    required_parts(place, known_bundles()[0])
    chosen = name if name is not None else read_mark(place).name or known_bundles()[0].name
    require_bundle_name(chosen)
    _refuse_taken(data, chosen, place)
    bundle = _inspect(place, chosen, on_progress)
    register(data, bundle)
    return bundle


def verify_model(data: Path, name: str, *, on_progress: Callable[[CheckProgress], None]) -> VerifiedBundle:
    """Check all files of an installed bundle again and record them as they are now.

    Raises UserError for what is wrong; the record then stays as it was.
    """
    before = installed_bundle(data, name)
    after = _inspect(before.folder, name, on_progress)
    register(data, after)
    old, new = _hashes(before), _hashes(after)
    return VerifiedBundle(bundle=after, new_content=tuple(path for path in new if old.get(path) != new[path]))


def make_test_model(folder: Path, *, layout: str, seed: int) -> Path:
    """Write a tiny bundle of random weights into a new folder and return it. Raises UserError."""
    place = folder.expanduser().absolute()
    _refuse_full(place)
    _answer(["make-test-bundle", str(place), "--layout", layout, "--seed", str(seed)], lambda progress: None)
    return place


def _listed(bundle: InstalledBundle) -> ListedBundle:
    return ListedBundle(
        bundle=bundle,
        unavailable=unavailable(catalogue_of(bundle), bundle.parts),
        size_bytes=size_bytes(bundle),
        changed_files=changed_files(bundle),
    )


def _refuse_taken(data: Path, name: str, folder: Path) -> None:
    for bundle in installed_bundles(data):
        if bundle.name == name and bundle.folder != folder:
            raise UserError(
                f"A bundle {name} is already installed, in {bundle.folder}.",
                next_step=f"Choose a name with --name, or forget that one: masque models remove {name}.",
                code=ErrorCode.WRONG_STATE,
            )


def _refuse_full(folder: Path) -> None:
    """Refuse a folder with files in it before a process is started that would."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(
            f"{folder} holds files already." if folder.is_dir() else f"{folder} is a file.",
            next_step="Choose a new folder, or an empty one.",
            code=ErrorCode.FILE_EXISTS,
        )


def _hashes(bundle: InstalledBundle) -> dict[str, str]:
    return {file.path: file.sha256 for part in bundle.parts.values() for file in part.files}


def _inspect(folder: Path, name: str, on_progress: Callable[[CheckProgress], None]) -> InstalledBundle:
    answer = _answer(["inspect", str(folder), "--name", name], on_progress)
    return bundle_from_json(answer["bundle"])


def _answer(arguments: list[str], on_progress: Callable[[CheckProgress], None]) -> dict[str, Any]:
    """Run the child to its end and return its answer; an interruption here ends the child first."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "engine.weights", *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
        )
        try:
            assert child.stdout is not None
            answer: dict[str, Any] = {}
            for answer in _lines(child.stdout):
                if "progress" in answer:
                    on_progress(CheckProgress(**answer["progress"]))
            status = child.wait()
        finally:
            _end(child)
        if status not in _ENDED_BY_ITSELF:
            raise _crashed(answer, status)
        return _checked(answer, status, log)


def _lines(stream: IO[str]) -> Iterator[dict[str, Any]]:
    for line in stream:
        if line.startswith("{"):
            yield json.loads(line)


def _checked(answer: dict[str, Any], status: int, log: IO[str]) -> dict[str, Any]:
    if status == 0:
        return answer
    if "message" in answer:
        raise UserError(
            answer["message"],
            next_step=answer["next_step"],
            code=ErrorCode(answer["code"]),
            details=answer["details"],
        )
    log.seek(0)
    raise BugError(f"engine.weights ended with {status}:\n{log.read()[-_LOG_TAIL_CHARACTERS:]}")


def _crashed(last: dict[str, Any], status: int) -> BaseException:
    """Return what to raise for a child that did not end by itself; `last` is the last it said."""
    if status in {_INTERRUPTED, -signal.SIGINT}:
        return KeyboardInterrupt()
    if status == _KILLED:
        return UserError(
            "The check was stopped by the system, most likely for want of memory.",
            next_step="Close other programs and try again.",
            code=ErrorCode.OUT_OF_MEMORY,
        )
    if "progress" not in last:
        return BugError(f"engine.weights ended with {status} before it read a file")
    file = last["progress"]["file"]
    return UserError(
        f"{file} could not be read to its end: the check broke off. It is most likely damaged.",
        next_step="Get the file again from where it is published.",
        code=ErrorCode.FILE_UNREADABLE,
    )


def _end(child: subprocess.Popen[str]) -> None:
    """Let a child that still runs clean up after itself, then end it.

    Ctrl-C in a terminal reaches the child as well; a second one would interrupt its cleaning up.
    """
    if child.stdout is not None:
        child.stdout.close()
    if _has_ended(child, _SECONDS_OF_ITS_OWN):
        return
    child.send_signal(signal.SIGINT if sys.platform != "win32" else signal.SIGTERM)
    if not _has_ended(child, _SECONDS_TO_END):
        child.kill()
        child.wait()


def _has_ended(child: subprocess.Popen[str], within_s: float) -> bool:
    try:
        child.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True
