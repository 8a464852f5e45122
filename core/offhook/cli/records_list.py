"""The table of calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from offhook.interrupted import is_unfinished

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.interfaces.store import Document

_ROW = "{:<21} {:<15} {:<12} {:>9}  {}"


def show_list(records: Sequence[Document], *, as_json: bool) -> None:
    """Print a line for each call, newest first, or all records as one JSON array without their timelines."""
    if as_json:
        brief = ({name: value for name, value in record.items() if name != "timeline"} for record in records)
        typer.echo(json.dumps(list(brief)))
        return
    if not records:
        typer.echo("no calls have been written down")
        return
    typer.echo(_ROW.format("when (UTC)", "to", "what became", "talked", "id"))
    for record in records:
        when = str(record.get("dialed_at"))[:19].replace("T", " ")
        typer.echo(_ROW.format(when, str(record.get("number")), became(record), talked(record), record["call_id"]))


def became(record: Document) -> str:
    """What became of a call, in one word or two."""
    if record.get("interrupted"):
        return "interrupted"
    return "going on" if is_unfinished(record) else str(record.get("disposition"))


def talked(record: Document) -> str:
    """From the answer to the end; a dash where that is not known."""
    answered, ended = record.get("answered_at_s"), record.get("ended_at_s")
    return f"{ended - answered:.1f} s" if isinstance(answered, float | int) and isinstance(ended, float | int) else "-"
