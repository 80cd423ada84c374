"""The version of the graphics card's driver."""

from pathlib import Path

import torch

_LINUX_MODULES = Path("/sys/module")
_DRIVERS = ("nvidia", "amdgpu")


def driver_version(modules: Path = _LINUX_MODULES) -> str:
    """Return the version of the card's driver as Linux names it, else the one its programming interface has.

    "unknown" where neither is told. `modules`: where Linux keeps what it knows of its drivers.
    """
    for name in _DRIVERS:
        try:
            return f"{name} {(modules / name / 'version').read_text('ascii').strip()}"
        except (OSError, UnicodeDecodeError):
            continue
    asked = getattr(torch._C, "_cuda_getDriverVersion", None)  # torch itself asks it nowhere in the open
    return "unknown" if asked is None else str(asked())
