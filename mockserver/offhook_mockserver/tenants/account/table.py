"""What an account has of one kind, by id: limited in number and in size."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from offhook.errors import ConfigError
from offhook_mockserver.tenants.account.documents import to_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import DataclassInstance

    from offhook_mockserver.tenants.settings import TenantBounds


#: What an item takes in memory beside its texts, roughly.
_ITEM_BYTES: Final = 500


class AccountFull(ConfigError):
    """An account holds as much of one kind as `TenantBounds` allows."""


_T = TypeVar("_T", bound="DataclassInstance")


class Table(Generic[_T]):
    """Items by their ids, oldest first.

    Args:
        what: what they are called, in the plural.
        bounds: `account_items` and `account_bytes` of them are the limits.

    Attributes:
        dropped: how many were dropped for newer ones.
    """

    def __init__(self, what: str, bounds: TenantBounds) -> None:
        self._what = what
        self._bounds = bounds
        self._items: dict[str, _T] = {}
        self._sizes: dict[str, int] = {}
        self._size = 0
        self.dropped: int = 0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[_T]:
        return iter(self._items.values())

    def __contains__(self, id: str) -> bool:
        return id in self._items

    def get(self, id: str) -> _T | None:
        """The item with this id, or None."""
        return self._items.get(id)

    def put(self, id: str, item: _T) -> None:
        """Add an item, or replace the one with this id.

        Raises:
            AccountFull: it is too much; nothing has changed.
        """
        size = _size_of(item)
        old = self._sizes.get(id)
        count, total = len(self._items) + (old is None), self._size + size - (old or 0)
        if count > self._bounds.account_items or total > self._bounds.account_bytes:
            raise AccountFull(
                f"the account has {len(self._items)} {self._what}, and this one would be too much: delete some, or "
                "raise account_items or account_bytes of the tenant's bounds"
            )
        self._keep(id, item, size)

    def push(self, id: str, item: _T) -> tuple[_T, ...]:
        """Add a new item, and drop the oldest ones to make room for it; returns these."""
        self._keep(id, item, _size_of(item))
        dropped: list[_T] = []
        while len(self._items) > 1 and (
            len(self._items) > self._bounds.account_items or self._size > self._bounds.account_bytes
        ):
            oldest = next(iter(self._items))
            dropped.append(self._items[oldest])
            self.pop(oldest)
        self.dropped += len(dropped)
        return tuple(dropped)

    def pop(self, id: str) -> _T | None:
        """Remove an item; returns it, or None if the table does not have it."""
        self._size -= self._sizes.pop(id, 0)
        return self._items.pop(id, None)

    def _keep(self, id: str, item: _T, size: int) -> None:
        self._size += size - self._sizes.get(id, 0)
        self._items[id] = item
        self._sizes[id] = size


def _size_of(item: DataclassInstance) -> int:
    return _ITEM_BYTES + len(json.dumps(to_document(item)))
