"""Reads calls: for the store that writes them, or from a database that is opened for reading and left unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.arguments import check_path, check_text, check_whole
from offhook.interfaces import Archive
from offhook.paths import expanded
from offhook.records import is_brief, is_unfinished, load_json, mark_interrupted
from offhook_sqlite.database import NoDatabaseError, explained, open_for_reading
from offhook_sqlite.owner import is_alive

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from offhook.interfaces import Document

#: SQLite counts rows in 64 bits.
_MOST_ROWS = 2**63 - 1
_RECORDS = "SELECT call_id, owner, record FROM calls"


class Reading:
    """Reads through an open connection. Shows calls of dead processes as interrupted, even if no store marked them."""

    def __init__(self, connection: sqlite3.Connection, live: Path) -> None:
        self._connection = connection
        self._live = live

    def records(self, limit: int | None = None) -> list[Document]:
        """See `Archive.records`."""
        if limit is not None:
            check_whole(limit, "limit", least=0, most=_MOST_ROWS, unit="records")
        rows = self._connection.execute(f"{_RECORDS} ORDER BY number DESC LIMIT ?", (-1 if limit is None else limit,))
        return [self._shown(*row) for row in rows.fetchall()]

    def record(self, call_id: str) -> Document | None:
        """See `Archive.record`."""
        check_text(call_id, "call_id")
        row = self._connection.execute(f"{_RECORDS} WHERE call_id = ?", (call_id,)).fetchone()
        return None if row is None else self._shown(*row)

    def journal(self, call_id: str) -> list[Document]:
        """See `Archive.journal`."""
        check_text(call_id, "call_id")
        rows = self._connection.execute("SELECT entry FROM journal WHERE call_id = ? ORDER BY seq", (call_id,))
        return [entry for (text,) in rows.fetchall() if (entry := load_json(text, entry=True)) is not None]

    def _shown(self, call_id: str, owner: str, text: str) -> Document:
        record = {**(load_json(text) or {}), "call_id": call_id}
        if is_brief(record):
            record["timeline"] = self.journal(call_id)
        cut = is_unfinished(record) and not is_alive(self._live, owner)
        return mark_interrupted(record) if cut else record


class SqliteArchive(Archive):
    """A database that is only read.

    Args:
        path: the database. If it does not exist, the archive has no calls.

    Raises:
        ConfigError: it is neither text nor a path.
        StorageError: it cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = expanded(check_path(path, "path", "calls.db"))
        self._connection: sqlite3.Connection | None = None
        try:
            self._connection = open_for_reading(self._path)
        except NoDatabaseError:
            return
        self._reading = Reading(self._connection, self._path.parent / "live")

    def records(self, limit: int | None = None) -> Sequence[Document]:
        """See `Archive.records`."""
        with explained(self._path, "read"):
            return () if self._connection is None else self._reading.records(limit)

    def record(self, call_id: str) -> Document | None:
        """See `Archive.record`."""
        with explained(self._path, "read"):
            return None if self._connection is None else self._reading.record(call_id)

    def journal(self, call_id: str) -> Sequence[Document]:
        """See `Archive.journal`."""
        with explained(self._path, "read"):
            return () if self._connection is None else self._reading.journal(call_id)

    def close(self) -> None:
        """See `Archive.close`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
