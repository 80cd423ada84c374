"""Whether renders can use this machine's graphics card, told without loading torch.

Where torch finds no card it says nothing and computes on the processor: a build without CUDA (what Windows
gets when nobody asks for another), a driver older than the build, a container without the card.
"""

import ctypes
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_LINUX_DRIVER = (Path("/proc/driver/nvidia/version"), Path("/sys/module/nvidia"), Path("/dev/nvidia0"))
_LIBRARIES = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_NONE_VISIBLE = {"", "-1"}
_VERSION = re.compile(r"^__version__\s*=\s*['\"]([^'\"\n]+)", re.MULTILINE)
_CUDA = re.compile(r"^cuda\b[^=\n]*=\s*['\"](\d+)\.(\d+)", re.MULTILINE)
_ROCM = re.compile(r"^hip\b[^=\n]*=\s*['\"]\d", re.MULTILINE)

CudaVersion = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchBuild:
    """The PyTorch that is installed, and what it is built for beside the processor."""

    version: str
    cuda: CudaVersion | None = None
    is_for_amd: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What can be seen of a graphics card from outside.

    `system`: Python's name of the operating system. `has_driver_files`: Linux shows a driver; `driver_cuda`:
    the newest CUDA that its library knows, None where that library does not load. `is_hidden`: the user's
    environment shows programs no card. `torch`: None where it is not installed.
    """

    system: str
    has_driver_files: bool = False
    driver_cuda: CudaVersion | None = None
    is_hidden: bool = False
    torch: TorchBuild | None = None

    @property
    def has_driver(self) -> bool:
        """Whether there is the driver of a card that Masque could render on."""
        return self.has_driver_files or self.driver_cuda is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOutlook:
    """Whether nothing stands between renders and a card; what was found, and what to do otherwise."""

    is_good: bool
    found: str
    next_step: str = ""


def card_facts() -> CardFacts:
    """Look for the card's driver and for what torch is built for. Takes milliseconds."""
    return CardFacts(
        system=sys.platform,
        has_driver_files=has_driver_files(),
        driver_cuda=driver_cuda(_LIBRARIES.get(sys.platform)),
        is_hidden=os.environ.get(_VISIBLE, "0").split(",")[0].strip() in _NONE_VISIBLE,
        torch=installed_torch(),
    )


def card_outlook(facts: CardFacts) -> CardOutlook:
    """Return what a render will find: in a clause without a full stop, and a sentence of what to do."""
    if facts.system == "darwin":
        return CardOutlook(
            is_good=True, found="none is needed on a Mac: its processor renders, diffusion slowly"
        )
    if facts.torch is not None and facts.torch.is_for_amd:
        return CardOutlook(is_good=True, found=f"PyTorch {facts.torch.version} is built for AMD's cards")
    if not facts.has_driver:
        return _hindrance(
            "there is no NVIDIA driver: drafts work, diffusion is slow on the processor",
            "Where this computer has an NVIDIA card, install its driver.",
        )
    return _with_driver(facts)


def why_unused(facts: CardFacts) -> str | None:
    """Return why the processor renders although a card's driver is there, in two sentences; None without."""
    if facts.system == "darwin" or not facts.has_driver:
        return None
    outlook = card_outlook(facts)
    if outlook.is_good:
        outlook = _hindrance(
            "PyTorch finds no graphics card, though a driver is there",
            "Restart the computer; where that does not help, install the card's driver again.",
        )
    return f"The processor renders: {outlook.found}. {outlook.next_step}"


def _with_driver(facts: CardFacts) -> CardOutlook:
    driver, torch = facts.driver_cuda, facts.torch
    if driver is None:
        return _hindrance(
            "the driver of a graphics card is there, but its library does not load",
            "Install the whole driver; in a container, hand the card to it.",
        )
    if torch is None:
        return _hindrance("a driver is there, but no PyTorch", "Install Masque again.")
    if torch.cuda is None:
        return _hindrance(
            f"a driver for CUDA {_words(driver)} is there, but PyTorch {torch.version} is built without CUDA",
            "Install a PyTorch build with CUDA of the same version in its place; "
            "the selector on pytorch.org tells the command.",
        )
    if driver[0] < torch.cuda[0]:  # within one major version, older drivers do
        return _hindrance(
            f"the driver is too old: it knows CUDA {_words(driver)}, PyTorch needs CUDA {torch.cuda[0]}",
            "Update the graphics card's driver.",
        )
    if facts.is_hidden:
        return _hindrance(f"{_VISIBLE} hides the graphics card", "Unset it to render on the card.")
    found = f"a driver for CUDA {_words(driver)}, PyTorch {torch.version} with CUDA {_words(torch.cuda)}"
    return CardOutlook(is_good=True, found=found)


def _hindrance(found: str, next_step: str) -> CardOutlook:
    return CardOutlook(is_good=False, found=found, next_step=next_step)


def has_driver_files(places: Sequence[Path] = _LINUX_DRIVER) -> bool:
    """Return whether Linux shows a driver's module or a card's node."""
    return any(place.exists() for place in places)


def driver_cuda(library: str | None, load: Callable[[str], ctypes.CDLL] = ctypes.CDLL) -> CudaVersion | None:
    """Return the newest CUDA that the driver's library knows, without starting the card; None without one.

    A driver says 13010 for CUDA 13.1.
    """
    if library is None:
        return None
    version = ctypes.c_int(0)
    try:
        refusal = load(library).cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return None
    return (version.value // 1000, version.value % 1000 // 10) if refusal == 0 and version.value else None


def installed_torch(folder: Path | None = None) -> TorchBuild | None:
    """Return the torch in a folder, by default the installed one, by what its own version file says."""
    if folder is None:
        found = importlib.util.find_spec("torch")
        if found is None or found.origin is None:
            return None
        folder = Path(found.origin).parent
    try:
        text = (folder / "version.py").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    version, cuda = _VERSION.search(text), _CUDA.search(text)
    return TorchBuild(
        version=version[1] if version else "",
        cuda=(int(cuda[1]), int(cuda[2])) if cuda else None,
        is_for_amd=_ROCM.search(text) is not None,
    )


def _words(version: CudaVersion) -> str:
    return f"{version[0]}.{version[1]}"
