"""A device that has only so much memory: what is asked for beyond it fails as torch's allocators do."""

import torch

from tests.held_memory import HeldMemory


class LimitedMemory(HeldMemory):
    """Lets the tensors made inside the `with` take at most `limit_bytes` together; `refusals` counts."""

    def __init__(self, limit_bytes):
        super().__init__()
        self._limit_bytes = limit_bytes
        self.refusals = 0

    def _count(self, storage):
        if self.held + storage.nbytes() > self._limit_bytes:
            self.refusals += 1
            raise torch.OutOfMemoryError("out of memory: the limit of the test")
        super()._count(storage)
