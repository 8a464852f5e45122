"""The store ``sqlite``: every call's journal and record in one database that several processes share.

Each entry is committed before `append` returns: it survives the death of this process, but not always a power failure.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from offhook.arguments import check_path
from offhook.errors import StorageError
from offhook.interfaces import Archive, DialGuard, Store
from offhook.paths import expanded, make_folder
from offhook.records import is_brief, load_json, mark_interrupted, to_json
from offhook.wording import quoted_path, system_reason
from offhook_sqlite.archive import Reading
from offhook_sqlite.claims import Claims
from offhook_sqlite.database import explained, open_for_writing, transaction
from offhook_sqlite.owner import Owner, bury, is_alive

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from offhook.interfaces import Document

#: Connections inherited from a parent process. SQLite forbids a child to use or close them, so they are kept open.
_inherited: list[sqlite3.Connection] = []


class SqliteStore(Store, Archive, DialGuard):
    """Writes calls into a database, and remembers who is being called.

    Beside the database is a folder ``live`` with a file for each store that has the database open. These files show
    which calls go on, and which were cut off because their process died.

    Args:
        path: the database; it is made if it does not exist, and so is its folder.

    Raises:
        ConfigError: it is neither text nor a path.
        StorageError: it cannot be used, see `open_for_writing`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # Absolute, so that it stays right when the process changes its folder later.
        self._path = expanded(check_path(path, "path", "calls.db")).absolute()
        self._live = live_folder(self._path)
        self._process = os.getpid()
        #: How many entries the journal of each call has.
        self._lengths: dict[str, int] = {}
        make_folder(self._path.parent)
        self._connection: sqlite3.Connection | None = open_for_writing(self._path)
        self._file = self._path.stat().st_ino
        self._owner: Owner | None = None
        try:
            self._owner = self._become_owner()
            self._reading = Reading(self._connection, self._live)
            self._claims = Claims(self._connection, self._live, self._owner.name)
            with explained(self._path, "written"):
                self._interrupted = self._find_interrupted()
            bury(self._live)
        except BaseException:
            self.close()
            raise

    def append(self, call_id: str, entry: Document) -> None:
        """See `Store.append`.

        Raises:
            StorageError: it cannot be written; what was written before stays readable.
        """
        with self._using("written") as connection:
            seq = self._lengths.get(call_id)
            if seq is None:
                (seq,) = connection.execute("SELECT COUNT(*) FROM journal WHERE call_id = ?", (call_id,)).fetchone()
            text = to_json({**entry, "call_id": call_id}).decode()
            connection.execute("INSERT INTO journal VALUES (?, ?, ?)", (call_id, seq, text))
            self._lengths[call_id] = seq + 1

    def save(self, call_id: str, record: Document) -> None:
        """See `Store.save`.

        Raises:
            StorageError: it cannot be written; the record that was there stays.
        """
        with self._using("written") as connection:
            assert self._owner is not None  # as long as the store is open
            unfinished = record.get("ended_at_s") is None
            text = to_json({**record, "call_id": call_id}).decode()
            connection.execute(
                "INSERT INTO calls (call_id, owner, unfinished, record) VALUES (?, ?, ?, ?) ON CONFLICT (call_id) "
                "DO UPDATE SET owner = excluded.owner, unfinished = excluded.unfinished, record = excluded.record",
                (call_id, self._owner.name, unfinished, text),
            )
            if not unfinished:
                self._lengths.pop(call_id, None)

    def interrupted(self) -> Sequence[Document]:
        """See `Store.interrupted`."""
        return self._interrupted

    def records(self, limit: int | None = None) -> Sequence[Document]:
        """See `Archive.records`."""
        with self._using("read"):
            return self._reading.records(limit)

    def record(self, call_id: str) -> Document | None:
        """See `Archive.record`."""
        with self._using("read"):
            return self._reading.record(call_id)

    def journal(self, call_id: str) -> Sequence[Document]:
        """See `Archive.journal`."""
        with self._using("read"):
            return self._reading.journal(call_id)

    async def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
        """See `DialGuard.claim`.

        Raises:
            StorageError: the claim cannot be written down.
        """
        with self._using("written"):
            return self._claims.claim(key, call_id, now_s, if_killed_s)

    async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        """See `DialGuard.release`.

        Raises:
            StorageError: the release cannot be written down.
        """
        with self._using("written"):
            self._claims.release(key, call_id, now_s, hold_s)

    def close(self) -> None:
        """See `Store.close`. Calls of this store that have not ended count as interrupted from here on."""
        connection, self._connection = self._connection, None
        owner, self._owner = self._owner, None
        if connection is None:
            return
        if self._process != os.getpid():
            _inherited.append(connection)
            return
        with contextlib.suppress(sqlite3.Error):  # what was committed is safe, even if the final checkpoint fails
            connection.close()
        if owner is not None:
            owner.close()

    @contextlib.contextmanager
    def _using(self, doing: str) -> Generator[sqlite3.Connection]:
        if self._connection is None:
            raise StorageError(f"the store at {quoted_path(self._path)} is closed: open a new store.")
        if self._process != os.getpid():
            raise StorageError(
                f"the calls in {quoted_path(self._path)} were opened before this process was forked: make a phone "
                "in each process."
            )
        if doing == "written" and self._is_gone():
            raise StorageError(f"the calls in {quoted_path(self._path)} were deleted: nothing is stored from here on.")
        with explained(self._path, doing):
            yield self._connection

    def _is_gone(self) -> bool:
        """Whether the file was deleted or replaced: SQLite would go on writing to a file without a name."""
        try:
            return self._path.stat().st_ino != self._file
        except OSError:
            return True

    def _become_owner(self) -> Owner:
        make_folder(self._live)
        try:
            return Owner(self._live)
        except OSError as error:
            raise StorageError(f"cannot lock a file in {quoted_path(self._live)}: {system_reason(error)}.") from None

    def _find_interrupted(self) -> list[Document]:
        """Mark the calls of dead processes, in one transaction, so that only one store finds each of them."""
        assert self._connection is not None
        with transaction(self._connection) as _:
            rows = self._connection.execute("SELECT call_id, owner, record FROM calls WHERE unfinished ORDER BY number")
            alive: dict[str, bool] = {}
            found: list[Document] = []
            for call_id, owner, text in rows.fetchall():
                if owner not in alive:
                    alive[owner] = is_alive(self._live, owner)
                if alive[owner]:
                    continue
                record = {**(load_json(text) or {}), "call_id": call_id}
                if is_brief(record):
                    record["timeline"] = self._reading.journal(call_id)
                record = mark_interrupted(record)
                self._connection.execute(
                    "UPDATE calls SET unfinished = 0, record = ? WHERE call_id = ?", (to_json(record).decode(), call_id)
                )
                found.append(record)
        return found


def live_folder(path: Path) -> Path:
    """The folder of the files of a database's owners."""
    return path.parent / "live"
