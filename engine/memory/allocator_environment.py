"""How torch is to keep a card's memory: it reads that from the environment when it is loaded."""

import platform
import sys
from collections.abc import Mapping

_ALLOCATOR = "PYTORCH_ALLOC_CONF"
_OLDER_NAMES = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF")
_SETTINGS = {"linux": "expandable_segments:True", "win32": "max_split_size_mb:128"}
"""A render makes tensors of a different size in each phase. In blocks that are cut up they leave gaps that no
later one fits into, and memory runs out while much of it is free: the VAE would need a quarter more than its
tensors take. On Linux blocks grow instead. Windows and its subsystem for Linux cannot do that (torch warns,
or fails with the first tensor), but can leave large blocks whole: then it is a tenth more.
"""


def allocator_environment(
    environment: Mapping[str, str], system: str = sys.platform, release: str | None = None
) -> dict[str, str]:
    """Return an environment, and in it how torch is to keep a card's memory.

    It is for every process that computes on a card, so that what is measured there is what a render has. What
    the user has set about that stands, under the older names too. `system`, `release`: of the operating
    system, by default this one's.
    """
    if system not in _SETTINGS or any(environment.get(name) for name in (_ALLOCATOR, *_OLDER_NAMES)):
        return dict(environment)
    is_of_windows = "microsoft" in (platform.release() if release is None else release).lower()
    return {**environment, _ALLOCATOR: _SETTINGS["win32" if is_of_windows else system]}
