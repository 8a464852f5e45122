"""Store: keeps the journal and the record of every call. Archive: reads them again. DialGuard: no double calls.

Times in documents are seconds since dialling; wall times are given from outside, since nothing here reads a clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

#: A journal entry or a record: plain values only, so that any store can write it as JSON.
Document = Mapping[str, object]


class Store(ABC):
    """Where calls are written down. `append` is called before the side effect that the entry announces.

    Its methods are synchronous and run on the event loop between frames, so a store writes to this machine and does not
    wait for a network. To keep calls on a server, follow a local store: write to it first, and have a background task
    send what it holds (an outbox).
    """

    @abstractmethod
    def append(self, call_id: str, entry: Document) -> None:
        """Add one entry to the journal of a call. On return it survives the death of this process."""
        ...

    @abstractmethod
    def save(self, call_id: str, record: Document) -> None:
        """Write the record of a call, replacing what was there. Comes when it is dialled, at each change of state, and
        at the end; a record without ``ended_at_s`` is of a call that goes on, or that was interrupted."""
        ...

    def interrupted(self) -> Sequence[Document]:
        """Records of calls whose process died in mid-call, as found when this store was opened. Each is marked
        ``"interrupted": true`` from then on, and told by one store only. A store that cannot know tells none."""
        return ()

    @abstractmethod
    def close(self) -> None:
        """Let go of files. Idempotent."""
        ...


class Archive(ABC):
    """What stores have written down, for reading. Opened by itself it makes nothing and changes nothing.

    A call whose record has no ``ended_at_s`` goes on, or was interrupted: then the record holds
    ``"interrupted": true``, whether or not a store has found out and marked it yet.
    """

    @abstractmethod
    def records(self, limit: int | None = None) -> Sequence[Document]:
        """Records, newest first; at most `limit`."""
        ...

    @abstractmethod
    def record(self, call_id: str) -> Document | None:
        """The record of one call, or None."""
        ...

    @abstractmethod
    def journal(self, call_id: str) -> Sequence[Document]:
        """The journal of one call, oldest entry first; empty when there is none."""
        ...

    @abstractmethod
    def close(self) -> None:
        """Let go of files. Idempotent."""
        ...
