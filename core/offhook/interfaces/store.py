"""Store: keeps the journal and the record of every call. Archive: reads them again.

Times in documents are seconds since dialling. Wall times are passed in, since nothing here reads a clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

#: A journal entry or a record. It holds plain values only, so that any store can write it as JSON.
Document = Mapping[str, object]


class Store(ABC):
    """Keeps the journal and the record of every call. Each entry is appended before the action that it announces.

    Its methods are synchronous and run on the event loop between frames, so a store writes to this machine and does not
    wait for a network. To keep calls on a server, use a local store as an outbox: write to it first, and have a
    background task send what it holds.
    """

    @abstractmethod
    def append(self, call_id: str, entry: Document) -> None:
        """Add one entry to the journal of a call.

        On return, the entry must survive if this process dies.

        Raises:
            StorageError: the entry cannot be written.
        """
        ...

    @abstractmethod
    def save(self, call_id: str, record: Document) -> None:
        """Write the record of a call, replacing the one before it.

        Called when the call is dialled, at each change of state, and at the end. A record without ``ended_at_s`` is
        that of a call that goes on, or that was interrupted. It has no ``timeline`` as long as the call's journal is
        complete, since the journal holds the same.

        Raises:
            StorageError: the record cannot be written.
        """
        ...

    def interrupted(self) -> Sequence[Document]:
        """Return the records of calls whose process died during the call, as found when this store was opened.

        The store marks each of them ``"interrupted": true`` from then on; each is returned by one store only. A store
        that cannot find them returns none.
        """
        return ()

    @abstractmethod
    def close(self) -> None:
        """Close the files. Idempotent."""
        ...


class Archive(ABC):
    """Reads what stores have written. Opening it creates nothing and changes nothing.

    A call whose record has no ``ended_at_s`` goes on, or was interrupted. If it was interrupted, the archive adds
    ``"interrupted": true`` to the record, whether or not a store has marked it yet.
    """

    @abstractmethod
    def records(self, limit: int | None = None) -> Sequence[Document]:
        """Return the records, newest first; at most `limit`, or all if it is None."""
        ...

    @abstractmethod
    def record(self, call_id: str) -> Document | None:
        """Return the record of one call, or None if the call is unknown."""
        ...

    @abstractmethod
    def journal(self, call_id: str) -> Sequence[Document]:
        """Return the journal of one call, oldest entry first; empty if the call is unknown."""
        ...

    @abstractmethod
    def close(self) -> None:
        """Close the files. Idempotent."""
        ...
