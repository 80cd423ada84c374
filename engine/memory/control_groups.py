"""What Linux allows this process and those it is grouped with: the memory limits of control groups.

Versions 1 and 2, alone or side by side, and seen from inside a container or from outside ("Control Group v2",
section "Memory Interface Files", and "Memory Resource Controller" in the kernel's documentation).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMemory:
    """A group's limit and how much it uses, in bytes, without the content of files, which is given back."""

    limit_bytes: int
    used_bytes: int

    @property
    def free_bytes(self) -> int:
        """What the group may still take."""
        return max(self.limit_bytes - self.used_bytes, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """What a version of control groups calls its files and the lines of its statistics."""

    file_system: str
    controller: str
    limits: tuple[str, ...]
    used: str
    given_back: tuple[str, ...]


_VERSIONS = (
    _Names(
        file_system="cgroup2",
        controller="",
        limits=("memory.max", "memory.high"),
        used="memory.current",
        given_back=("inactive_file", "active_file"),
    ),
    _Names(
        file_system="cgroup",
        controller="memory",
        limits=("memory.limit_in_bytes",),
        used="memory.usage_in_bytes",
        given_back=("total_inactive_file", "total_active_file"),
    ),
)


def group_memory(process: Path = Path("/proc/self")) -> tuple[GroupMemory, ...]:
    """Return the limits on a process, from its own group to the outermost that can be seen.

    `process`: where the kernel describes it. Groups without a limit are left out; what cannot be read limits
    nothing here.
    """
    return tuple(
        GroupMemory(limit_bytes=limit, used_bytes=_used(folder, names))
        for names in _VERSIONS
        for folder in _folders(process, names)
        if (limit := _limit(folder, names)) is not None
    )


def _folders(process: Path, names: _Names) -> Iterator[Path]:
    """Yield the folders of a process's groups, from the innermost to where the groups are mounted."""
    path = _path_of_group(process, names)
    mounted = _mount(process, names)
    if path is None or mounted is None:
        return
    root, top = mounted
    inner = path.removeprefix(root.rstrip("/")).lstrip("/")
    folder = top / inner
    if not folder.is_dir():  # a container sees its own group as the root, and its path as outside does
        folder = top
    yield folder
    while folder != top:
        folder = folder.parent
        yield folder


def _path_of_group(process: Path, names: _Names) -> str | None:
    """Return a process's group as a path, from lines such as `4:memory:/user.slice` and `0::/user.slice`."""
    for line in _text(process / "cgroup").splitlines():
        rest = line.partition(":")[2]
        controllers, colon, path = rest.partition(":")
        if colon and names.controller in controllers.split(",") and ".." not in Path(path).parts:
            return path
    return None


def _mount(process: Path, names: _Names) -> tuple[str, Path] | None:
    """Return which group is mounted, and where (proc(5), mountinfo)."""
    for line in _text(process / "mountinfo").splitlines():
        mount, _, system = line.partition(" - ")
        kind, _, options = (*system.split(" ", 2), "", "", "")[:3]
        fields = mount.split(" ")
        if kind != names.file_system or len(fields) < 5:
            continue
        if not names.controller or names.controller in options.split(","):
            return _unescaped(fields[3]), Path(_unescaped(fields[4]))
    return None


def _unescaped(field: str) -> str:
    return field.replace("\\040", " ").replace("\\134", "\\")


def _limit(folder: Path, names: _Names) -> int | None:
    limits = [text for name in names.limits if (text := _text(folder / name).strip()).isdecimal()]
    return min(map(int, limits), default=None)


def _used(folder: Path, names: _Names) -> int:
    used = _text(folder / names.used).strip()
    lines = (line.split() for line in _text(folder / "memory.stat").splitlines())
    files = sum(int(line[1]) for line in lines if len(line) == 2 and line[0] in names.given_back)
    return max(int(used) - files, 0) if used.isdecimal() else 0


def _text(path: Path) -> str:
    """Return a file of the kernel's; empty where there is none or it may not be read."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
