"""Stored calls as files: a record and a journal for each call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from offhook.cli.output import print_json, print_line
from offhook.cli.records.show import recording_lines
from offhook.errors import ConfigError, StorageError
from offhook.paths import make_folder
from offhook.private_files import write_private
from offhook.records.documents import to_json
from offhook.wording import quoted, quoted_path, system_reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.interfaces.store import Document


def export(calls: Sequence[tuple[Document, Sequence[Document]]], out: Path | None, *, as_json: bool) -> None:
    """Write each call into a folder and print where its recordings are, or print all calls as one JSON array.

    Args:
        calls: the record and the journal of each call.
        out: the folder to write to; None writes no files.
        as_json: whether to print the JSON array instead of lines for people.

    Raises:
        ConfigError: a file exists already, or an id cannot be part of a file name; nothing has been written.
        StorageError: a file cannot be written.
    """
    if out is not None:
        _write(calls, out)
    if as_json:
        print_json([{"record": record, "journal": list(journal)} for record, journal in calls])
        return
    print_line(f"{len(calls)} calls in {out}/")
    for record, _ in calls:
        for line in recording_lines(record):
            print_line(f"  {record['call_id']} {line}")


def _write(calls: Sequence[tuple[Document, Sequence[Document]]], out: Path) -> None:
    files: dict[Path, bytes] = {}
    for record, journal in calls:
        name = str(record["call_id"])
        if Path(name).name != name or name.startswith("."):  # another program can write to the database
            raise ConfigError(f"the call id {quoted(name)} cannot be part of a file name: export the other calls by id")
        files[out / f"record-{name}.json"] = to_json(record, indent=2) + b"\n"
        files[out / f"journal-{name}.jsonl"] = b"".join(to_json(entry) + b"\n" for entry in journal)
    make_folder(out)
    try:
        existing = [path for path in files if path.exists()]
        if existing:
            raise ConfigError(
                f"{quoted_path(existing[0])} already exists, and offhook never overwrites files: choose another folder"
            )
        for path, content in files.items():
            write_private(path, content)
    except OSError as error:
        raise StorageError(f"the calls cannot be written to {quoted_path(out)}: {system_reason(error)}.") from None
