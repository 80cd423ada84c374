"""What a worker finds in its environment."""

import platform
import sys
from collections.abc import Mapping

_ALLOCATOR = "PYTORCH_ALLOC_CONF"
_OLDER_NAMES = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF")


def worker_environment(
    environment: Mapping[str, str], system: str = sys.platform, release: str | None = None
) -> dict[str, str]:
    """Return the environment for a worker: this one, and how torch is to keep a card's memory.

    What the user has set about that stands, under the older names too. `system`, `release`: of the operating
    system, by default this one's.
    """
    is_of_windows = "microsoft" in (platform.release() if release is None else release).lower()
    if (
        system != "linux"
        or is_of_windows
        or any(environment.get(name) for name in (_ALLOCATOR, *_OLDER_NAMES))
    ):
        return dict(environment)
    # A render makes tensors of a different size in each phase. In blocks of fixed size they leave gaps that
    # no later one fits into, and memory runs out while much of it is free; these grow instead. Linux alone
    # has them: elsewhere torch warns, and Windows' subsystem for Linux fails with the first tensor.
    return {**environment, _ALLOCATOR: "expandable_segments:True"}
