"""Store: keeps the journal and the record of every call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

#: A journal entry or a record: plain values only, so that any store can write it as JSON.
Document = Mapping[str, object]


class Store(ABC):
    """Where calls are written down. `append` is called before the side effect that the entry announces."""

    @abstractmethod
    def append(self, call_id: str, entry: Document) -> None:
        """Add one entry to the journal of a call. On return it survives the death of this process."""
        ...

    @abstractmethod
    def save(self, call_id: str, record: Document) -> None:
        """Write the record of a call, replacing what was there."""
        ...

    @abstractmethod
    def close(self) -> None:
        """Let go of files. Idempotent."""
        ...
