"""Reads the folder of a ``jsonl`` store. Nothing in it is made or changed, or locked for long."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from offhook.arguments import check_path, check_text, check_whole
from offhook.errors import SpecError, StorageError
from offhook.interfaces import Archive
from offhook.paths import path_argument
from offhook.records import is_brief, is_unfinished, load_json, mark_interrupted, recordings
from offhook.wording import quoted_path, system_reason
from offhook_jsonl.store import JOURNAL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from offhook.interfaces import Document


class JsonLinesArchive(Archive):
    """Records and journals of a folder. A call without an end was interrupted, unless a store has the folder open.

    Args:
        folder: the folder; a missing folder is treated as a folder without calls.

    Raises:
        SpecError: no folder is given.
        ConfigError: it is neither text nor a path.
        StorageError: it cannot be read.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        if folder == "":
            raise SpecError("jsonl: needs a folder, for example jsonl:calls")
        folder = check_path(folder, "folder", "calls")
        self._folder = path_argument("jsonl", folder)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.listdir(self._folder)  # noqa: PTH208 - only to see whether the folder may be read
        except (OSError, ValueError) as error:
            raise StorageError(f"the calls in {quoted_path(folder)} cannot be read: {system_reason(error)}.") from None

    def records(self, limit: int | None = None) -> Sequence[Document]:
        """See `Archive.records`. Files that are not records of ours are skipped."""
        if limit is not None:
            check_whole(limit, "limit", least=0, unit="records")
        in_use = self._in_use()
        found: list[dict[str, object]] = []
        for path in self._folder.glob("record*.json"):
            record = self._read(path)
            if record is None or "call_id" not in record:
                continue
            files = {name: os.fspath(self._folder / file) for name, file in recordings(record).items()}
            record = {**record, "files": files}
            if is_brief(record):
                record["timeline"] = self.journal(str(record["call_id"]))
            found.append(record if in_use or not is_unfinished(record) else mark_interrupted(record))
        found.sort(key=lambda record: str(record.get("dialed_at")), reverse=True)
        return found[:limit]

    def record(self, call_id: str) -> Document | None:
        """See `Archive.record`."""
        check_text(call_id, "call_id")
        return next((record for record in self.records() if record["call_id"] == call_id), None)

    def journal(self, call_id: str) -> Sequence[Document]:
        """See `Archive.journal`. Incomplete lines are skipped."""
        check_text(call_id, "call_id")
        try:
            lines = (self._folder / JOURNAL).read_bytes().splitlines()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StorageError(
                f"{JOURNAL} in {quoted_path(self._folder)} cannot be read: {system_reason(error)}."
            ) from None
        entries = (load_json(line, entry=True) for line in lines)
        return [entry for entry in entries if entry is not None and entry.get("call_id") == call_id]

    def close(self) -> None:
        """See `Archive.close`."""

    def _read(self, path: Path) -> dict[str, object] | None:
        try:
            return load_json(path.read_bytes())
        except OSError as error:
            raise StorageError(f"{quoted_path(path)} cannot be read: {system_reason(error)}.") from None

    def _in_use(self) -> bool:
        """Whether a store has the folder open."""
        try:
            fd = os.open(self._folder / JOURNAL, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(fd)
        return False
