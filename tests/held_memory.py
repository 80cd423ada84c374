"""How many bytes of tensors are held at once while something is computed."""

import weakref

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class HeldMemory(TorchDispatchMode):
    """Counts the storages made inside the `with`, from the first tensor on them to the last."""

    def __init__(self):
        super().__init__()
        self.peak = self.held = 0
        self._known = weakref.WeakSet()

    def __torch_dispatch__(self, function, _types, args=(), kwargs=None):
        given = list(_storages((args, kwargs)))
        result = function(*args, **(kwargs or {}))
        for storage in _storages(result):
            is_new = storage not in self._known and all(storage is not other for other in given)
            if is_new and storage.device.type != "meta":
                self._count(storage)
        return result

    def _count(self, storage):
        self._known.add(storage)
        size = storage.nbytes()
        self.held += size
        self.peak = max(self.peak, self.held)
        weakref.finalize(storage, self._gone, size)

    def _gone(self, size):
        self.held -= size


def _storages(values):
    return (leaf.untyped_storage() for leaf in tree_leaves(values) if hasattr(leaf, "untyped_storage"))
