"""The database: its schema, how it is opened, and what SQLite's errors mean to a person.

Write-ahead log and ``synchronous=NORMAL``: what was committed survives the death of the process, and readers do not
keep writers waiting. A power failure may lose the last calls, and leaves the database intact.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from offhook.errors import StorageError
from offhook.records import open_private
from offhook.wording import quoted_path, system_reason

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

#: Written into the file (``user_version``); a database of a newer version is left alone.
VERSION: Final = 1
#: How long to wait for another process that writes.
BUSY_TIMEOUT_S: Final = 1.0

_SCHEMA: Final = """
CREATE TABLE calls (
    number INTEGER PRIMARY KEY,
    call_id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    unfinished INTEGER NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX calls_unfinished ON calls (owner) WHERE unfinished;
CREATE TABLE journal (
    call_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (call_id, seq)
) WITHOUT ROWID;
CREATE TABLE claims (
    key TEXT PRIMARY KEY,
    call_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    released INTEGER NOT NULL,
    held_from_s REAL NOT NULL,
    hold_s REAL NOT NULL
) WITHOUT ROWID;
"""

_REASONS: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_BUSY: f"another process has been writing to it for {BUSY_TIMEOUT_S:g} s. Try again",
    sqlite3.SQLITE_LOCKED: "another connection of this process is writing to it. Try again",
    sqlite3.SQLITE_FULL: "the disk is full. Make room",
    sqlite3.SQLITE_READONLY: "it may not be written to. Change its permissions and its folder's, or choose another",
    sqlite3.SQLITE_CANTOPEN: (
        "its path is too long for SQLite, or its folder may not be written to. Choose another path"
    ),
    sqlite3.SQLITE_NOTADB: "it is not a database, or it is damaged. Move it away, and a new one will be made",
    sqlite3.SQLITE_CORRUPT: "it is damaged. Move it away, and a new one will be made",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written, or is full. Make room, or check it",
}


class NoDatabaseError(Exception):
    """The file does not exist, so it holds no calls."""


def failed(path: Path, doing: str, error: sqlite3.Error) -> StorageError:
    """The error for a person: what `error` means, and what to do."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    reason = _REASONS.get(code & 0xFF if code is not None else -1, f"SQLite reports: {error}")
    return StorageError(f"the calls in {quoted_path(path)} cannot be {doing}: {reason}.")


@contextlib.contextmanager
def explained(path: Path, doing: str) -> Generator[None]:
    """Turns SQLite's errors into a `StorageError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise failed(path, doing, error) from None


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open the database; a new one is readable by its owner only.

    Raises:
        StorageError: it cannot be used.
    """
    try:
        # SQLite's own files beside it get the same permissions. An existing file is not opened: closing it again would
        # release the locks of other connections in this process.
        with contextlib.suppress(FileExistsError):
            os.close(open_private(path, os.O_RDWR | os.O_EXCL))
    except (OSError, ValueError) as error:
        raise StorageError(f"the calls in {quoted_path(path)} cannot be written: {system_reason(error)}.") from None
    _require_file(path, "written")
    with explained(path, "written"):
        connection = _connect(path, "rw")
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                with _alone(path.parent):  # SQLite does not wait for other processes here
                    connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            if _version(connection, path) == 0:
                _make_tables(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open the database as it is; nothing is made or changed.

    Raises:
        NoDatabaseError: the file does not exist or is empty.
        StorageError: it cannot be read.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise NoDatabaseError from None
    except (OSError, ValueError) as error:
        raise StorageError(f"the calls in {quoted_path(path)} cannot be read: {system_reason(error)}.") from None
    _require_file(path, "read")
    if not size:  # made by a process that died at once
        raise NoDatabaseError
    log = path.with_name(f"{path.name}-wal")
    with explained(path, "read"):
        try:
            # A connection that may only read makes a missing log and cannot remove the log again. A connection that may
            # write removes the log, and `query_only` keeps the connection from writing anything else.
            return _open_known(path, "ro" if log.exists() else "rw")
        except sqlite3.OperationalError:
            if log.exists():
                raise
            # The folder has no log and does not allow one, so the file alone holds everything.
            return _open_known(path, "ro&immutable=1")


def _require_file(path: Path, doing: str) -> None:
    """Reject folders, pipes and devices, which SQLite reports as a disk that cannot be read."""
    if not path.is_file() and path.exists():
        kind = "a folder" if path.is_dir() else "not a file"
        raise StorageError(f"the calls in {quoted_path(path)} cannot be {doing}: it is {kind}. Choose another path.")


def _open_known(path: Path, mode: str) -> sqlite3.Connection:
    connection = _connect(path, mode)
    try:
        connection.execute("PRAGMA query_only = ON")
        if _version(connection, path) == 0:
            raise NoDatabaseError
    except BaseException:
        connection.close()
        raise
    return connection


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    with transaction(connection):
        if _version(connection, path):
            return  # another process was first
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise StorageError(f"{quoted_path(path)} is a database of another program: choose another file.")
        for statement in _SCHEMA.strip().split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")


@contextlib.contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Lock out the other processes that open a database in this folder."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    # The empty authority keeps SQLite from taking the beginning of //x for one; the bytes need not be UTF-8.
    uri = f"file://{quote(os.fsencode(path.absolute()))}?mode={mode}"
    # A phone may be made in one thread and used in another, but never in two at once.
    return sqlite3.connect(uri, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, uri=True)


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise StorageError(
            f"the calls in {quoted_path(path)} were written by a newer offhook (its format is {version}, this one "
            f"knows {VERSION}): update offhook, or choose another file with OFFHOOK_STORE=sqlite:PATH."
        )
    return version


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """Commit all of it or nothing; the write lock is taken at the start."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # when the disk is full, SQLite itself ends the transaction
            connection.execute("ROLLBACK")
        raise
