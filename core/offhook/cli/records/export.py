"""Calls as files: a record and a journal for each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from offhook.errors import ConfigError, StorageError
from offhook.records.documents import recordings, to_json
from offhook.wording import quoted_path, system_reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.interfaces.store import Document


def export(calls: Sequence[tuple[Document, Sequence[Document]]], out: Path | None, *, as_json: bool) -> None:
    """Write each call into the folder `out`, and say what was written and where its recordings are.

    Raises:
        ConfigError: a file is there already; nothing is written over.
        StorageError: it cannot be written.
    """
    if out is not None:
        _write(calls, out)
    if as_json:
        typer.echo(json.dumps([{"record": record, "journal": list(journal)} for record, journal in calls]))
        return
    typer.echo(f"{len(calls)} calls in {out}/")
    for record, _ in calls:
        for name, path in recordings(record).items():
            there = "" if Path(path).exists() else " (not there any more)"
            typer.echo(f"  {record['call_id']} {name}: {path}{there}")


def _write(calls: Sequence[tuple[Document, Sequence[Document]]], out: Path) -> None:
    files: dict[Path, bytes] = {}
    for record, journal in calls:
        name = str(record["call_id"])
        if Path(name).name != name or name.startswith("."):  # a database that somebody else wrote
            raise ConfigError(f"{name!r} is no call id that can be part of a file name")
        files[out / f"record-{name}.json"] = to_json(record, indent=2) + b"\n"
        files[out / f"journal-{name}.jsonl"] = b"".join(to_json(entry) + b"\n" for entry in journal)
    there = [path for path in files if path.exists()]
    if there:
        raise ConfigError(f"{quoted_path(there[0])} is there already, and nothing is written over: name another folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            with path.open("xb") as file:
                file.write(content)
    except OSError as error:
        raise StorageError(f"the calls cannot be written to {quoted_path(out)}: {system_reason(error)}.") from None
