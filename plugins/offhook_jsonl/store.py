"""The store ``jsonl``: a folder with a journal of JSON lines and the calls' records.

Each entry is passed to the system at once, in one write: it survives the death of the process, but not always a power
failure. A record is written to a temporary file and renamed, so that a reader sees all or nothing. One folder belongs
to one process at a time. While it is open, its journal is locked, so that a reader can distinguish a call that goes on
from one that was interrupted. Paths of recordings in the folder are relative to it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_path
from offhook.errors import SpecError, StorageError
from offhook.interfaces import Store
from offhook.paths import make_folder, path_argument
from offhook.records import load_json, open_private, to_json, with_relative_paths, write_private
from offhook.wording import quoted_path, system_reason

if TYPE_CHECKING:
    from pathlib import Path

    from offhook.interfaces import Document

JOURNAL: Final = "journal.jsonl"
RECORD: Final = "record.json"

#: Call ids that can be part of a file name, as offhook's own ids can.
_SAFE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class JsonLinesStore(Store):
    """Writes ``journal.jsonl`` (one line per entry, each with its ``call_id``) and the records of the calls.

    The first call's record is ``record.json``; that of every other call is ``record-CALL_ID.json``. A folder that was
    used before is continued: only the record of the same call is overwritten.

    Args:
        folder: the folder; it is made if it does not exist.

    Raises:
        SpecError: no folder is given.
        ConfigError: it is neither text nor a path.
        StorageError: it cannot be made or written to.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        if folder == "":
            raise SpecError("jsonl: needs a folder, for example jsonl:calls")
        folder = check_path(folder, "folder", "calls")
        self._folder = path_argument("jsonl", folder)
        #: The record file of each call that this store has written.
        self._records: dict[str, Path] = {}
        self._journal = -1
        make_folder(self._folder)
        try:
            self._journal = open_private(self._folder / JOURNAL, os.O_RDWR | os.O_APPEND)
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(self._journal, fcntl.LOCK_SH | fcntl.LOCK_NB)
            # A process that died in the middle of a line left half a line, which must not spoil our first line.
            size = os.fstat(self._journal).st_size
            self._torn = bool(size) and os.pread(self._journal, 1, size - 1) != b"\n"
            self._probe()
        except (OSError, ValueError) as error:
            self.close()
            raise StorageError(
                f"calls cannot be written to the folder {quoted_path(folder)}: {system_reason(error)}."
            ) from None

    def append(self, call_id: str, entry: Document) -> None:
        """See `Store.append`.

        Raises:
            StorageError: it cannot be written; what was written before stays readable.
        """
        self._record_path(call_id)
        self._require_open()
        line = to_json({"call_id": call_id, **entry}) + b"\n"
        if self._torn:
            line = b"\n" + line
        try:
            taken = os.write(self._journal, line)
        except OSError as error:
            raise self._failed(JOURNAL, error) from None
        if taken < len(line):
            self._torn = True
            raise StorageError(
                f"the journal in {quoted_path(self._folder)} is incomplete, because the disk is full. Make room."
            )
        self._torn = False

    def save(self, call_id: str, record: Document) -> None:
        """See `Store.save`.

        Raises:
            StorageError: it cannot be written; the record that was there stays.
        """
        path = self._record_path(call_id)
        self._require_open()
        new = path.with_name(f".{path.name}.new")
        try:
            new.unlink(missing_ok=True)  # left by a process that died
            write_private(
                new, to_json({"call_id": call_id, **with_relative_paths(record, self._folder)}, indent=2) + b"\n"
            )
            new.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink()
            raise self._failed(path.name, error) from None

    def close(self) -> None:
        """See `Store.close`."""
        if self._journal >= 0:
            fd, self._journal = self._journal, -1
            os.close(fd)

    def _require_open(self) -> None:
        if self._journal < 0:
            raise StorageError(f"the journal in {quoted_path(self._folder)} is closed: open another store.")

    def _probe(self) -> None:
        """Make and remove a file: a journal may be writable in a folder that does not allow new files."""
        probe = self._folder / f".{RECORD}.new"
        probe.unlink(missing_ok=True)
        write_private(probe, b"")
        probe.unlink()

    def _record_path(self, call_id: str) -> Path:
        path = self._records.get(call_id)
        if path is None:
            if not _SAFE.fullmatch(call_id):
                raise StorageError(
                    f"{call_id!r} cannot be part of a file name: a call id is 1 to 64 letters, digits, _ and -."
                )
            first = self._folder / RECORD
            free = first not in self._records.values() and (not first.exists() or _owner(first) == call_id)
            path = first if free else self._folder / f"record-{call_id}.json"
            self._records[call_id] = path
        return path

    def _failed(self, name: str, error: OSError) -> StorageError:
        return StorageError(f"cannot write {name} in {quoted_path(self._folder)}: {system_reason(error)}.")


def _owner(record: Path) -> object:
    """The call id in a record; None when it cannot be read."""
    try:
        return (load_json(record.read_bytes()) or {}).get("call_id")
    except OSError:
        return None
