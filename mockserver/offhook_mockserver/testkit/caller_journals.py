"""Where the phones of an application write down their calls during a test, and how that is read when the test fails.

In virtual time they write to memory, since files would take a quarter of a short test's CPU time. An application in
real time may be another process, so it writes to a folder of the test, which the first phone makes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from offhook.interfaces import Ids, Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.interfaces import Document
    from offhook.plugin import Plugins


#: How many calls are kept in memory or read from a folder, the latest ones, and how many entries of each.
_MOST_CALLS: Final = 100
_MOST_ENTRIES: Final = 10_000


class CallerJournals(ABC):
    """What the phones of one test write down.

    Attributes:
        setting: the value of ``OFFHOOK_STORE`` for the application.
    """

    setting: str

    @abstractmethod
    def read(self) -> Sequence[Document]:
        """Return the records of the calls, the latest 100, each with its timeline.

        Raises:
            OffhookError: they cannot be read.
        """

    @abstractmethod
    def close(self) -> None:
        """Remove everything. Idempotent."""


class FileJournals(CallerJournals):
    """Journals in a folder, for applications in any process of this machine.

    Nothing is made until a phone is. The name cannot be guessed, and the store makes the folder for its owner alone.

    Args:
        plugins: open the archive.
    """

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._folder = os.path.join(tempfile.gettempdir(), f"offhook-test-{Ids().hex(16)}")  # noqa: PTH118 - for each test
        self.setting: str = f"jsonl:{self._folder}"

    def read(self) -> Sequence[Document]:
        """See `CallerJournals.read`."""
        archive = self._plugins.archive(self.setting, {})
        try:
            return archive.records(_MOST_CALLS)
        finally:
            archive.close()

    def close(self) -> None:
        """See `CallerJournals.close`."""
        if os.path.lexists(self._folder):  # often no phone made it, and rmtree is slow to see that
            shutil.rmtree(self._folder, ignore_errors=True)


class MemoryJournals(CallerJournals):
    """Journals in memory, for the phones of this process that have the mock as their service.

    Attributes:
        store: what these phones write to.
    """

    def __init__(self) -> None:
        self.setting: str = "none"  # which `InProcessService.store` replaces
        self.store: _MemoryStore = _MemoryStore()

    def read(self) -> Sequence[Document]:
        """See `CallerJournals.read`."""
        return self.store.records()

    def close(self) -> None:
        """See `CallerJournals.close`."""
        self.store.clear()


class _MemoryStore(Store):
    """Keeps the journals and records of the latest calls."""

    def __init__(self) -> None:
        self._journals: dict[str, list[Document]] = {}
        self._records: dict[str, Document] = {}

    def append(self, call_id: str, entry: Document) -> None:
        """See `Store.append`."""
        journal = self._journals.get(call_id)
        if journal is None:
            journal = self._journals[call_id] = []
            if len(self._journals) > _MOST_CALLS:
                oldest = next(iter(self._journals))
                del self._journals[oldest]
                self._records.pop(oldest, None)
        if len(journal) < _MOST_ENTRIES:
            journal.append(entry)

    def save(self, call_id: str, record: Document) -> None:
        """See `Store.save`."""
        if call_id in self._journals:
            self._records[call_id] = record

    def close(self) -> None:
        """A phone is closed: what it wrote stays."""

    def records(self) -> list[Document]:
        """The records, each with its journal as its timeline."""
        return [{**record, "timeline": self._journals[call_id]} for call_id, record in self._records.items()]

    def clear(self) -> None:
        """Forget everything."""
        self._journals.clear()
        self._records.clear()
