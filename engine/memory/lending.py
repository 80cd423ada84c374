"""Items that a step goes through one by one, lent where it computes: blocks, their keys and values."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Generic, Protocol, TypeVar

_Item = TypeVar("_Item")
_Lent_co = TypeVar("_Lent_co", covariant=True)


class Lender(Protocol[_Lent_co]):
    """Items numbered from 0. A step uses each once, in order; one is lent at a time."""

    def __len__(self) -> int:
        """Return how many there are."""

    def use(self, number: int) -> AbstractContextManager[_Lent_co]:
        """Lend an item, ready on the device until the context is left."""


class AtHand(Generic[_Item]):
    """Items that are all on the device anyway."""

    def __init__(self, items: Sequence[_Item]) -> None:
        self._items = items

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._items)

    @contextmanager
    def use(self, number: int) -> Iterator[_Item]:
        """Lend an item."""
        yield self._items[number]
