"""Host memory of exactly the size asked for, that a card can read by itself where the system allows it.

torch's own pinned memory comes in powers of two: of blocks of 0.6 GB four tenths would be lost. Here whole
pages are taken from the system and registered with the card ("pinned"). Without a card, or where the system
locks no more memory, they stay ordinary (pageable) pages; `pinned` says which.

Shapes: B bytes.
"""

import mmap
import sys
import weakref
from contextlib import suppress

import torch


class HostBuffer:
    """Some bytes of host memory as a tensor of uint8 [B], which starts at a page.

    `pin_for`: the card that should read it by itself, None for ordinary memory. The system lends the pages
    when they are first written to. Raises OSError or MemoryError where there are no more of them.
    """

    def __init__(self, size_bytes: int, *, pin_for: torch.device | None = None) -> None:
        with torch.inference_mode(mode=False):
            # The tensor keeps the pages; they go back to the system with the last view of it.
            self.bytes_B = torch.frombuffer(_pages(max(1, size_bytes)), dtype=torch.uint8)[:size_bytes]
        self._unpin: weakref.finalize[[int], HostBuffer] | None = None
        if pin_for is not None and size_bytes and _registered(self.bytes_B, pin_for):
            self._unpin = weakref.finalize(self, _unregister, self.bytes_B.data_ptr())
            self._unpin.atexit = False  # the system does that by itself

    @property
    def pinned(self) -> bool:
        """Whether a card copies from it without the processor."""
        return self._unpin is not None and self._unpin.alive

    def unpin(self) -> None:
        """Make it ordinary memory again. No copy from it may be under way."""
        if self._unpin is not None:
            self._unpin()


def _pages(size_bytes: int) -> mmap.mmap:
    """Return new pages of this process alone."""
    if sys.platform == "win32":
        return mmap.mmap(-1, size_bytes)
    pages = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_DONTFORK"):
        # A page that a child process shares is copied when it is written to: the card would read the old one.
        pages.madvise(mmap.MADV_DONTFORK)
    return pages


def _registered(bytes_B: torch.Tensor, device: torch.device) -> bool:
    """Return whether the card took the memory as its own to read."""
    if device.type != "cuda" or not torch.cuda.is_available():
        return False
    with torch.cuda.device(device):
        refused = int(torch.cuda.cudart().cudaHostRegister(bytes_B.data_ptr(), bytes_B.numel(), 0))
        if refused:
            # A refusal is kept by the card's library until somebody asks: the next kernel would raise it.
            with suppress(RuntimeError):
                torch.ones(1, device=device)
    return not refused


def _unregister(address: int) -> None:
    torch.cuda.cudart().cudaHostUnregister(address)
