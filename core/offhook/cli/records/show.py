"""Calls that were written down, for people: the table of all, and one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import typer

from offhook.errors import ConfigError
from offhook.records.documents import is_unfinished, recordings
from offhook.session.facts import evidence_text
from offhook.wording import quoted

if TYPE_CHECKING:
    from offhook.interfaces import Archive
    from offhook.interfaces.store import Document


_MOMENTS: Final[Mapping[str, str]] = {
    "accepted_at_s": "accepted by the carrier",
    "joined_at_s": "our leg in the channel",
    "answered_at_s": "answered",
    "first_heard_at_s": "first audio of the callee",
    "ended_at_s": "ended",
}


def show_call(record: Document, journal: Sequence[Document], *, as_json: bool) -> None:
    """Print a call: how it went, what is left of it, and its timeline.

    The journal goes further than the record where the call was interrupted, so the timeline is the journal's.
    """
    if as_json:
        typer.echo(json.dumps({"record": record, "journal": list(journal)}))
        return
    typer.echo(f"{record['call_id']} to {record.get('number')}, dialled {record.get('dialed_at')}")
    typer.echo(f"  {became(record)}{_ending(record)}; talked {talked(record)}; rang: {record.get('rang')}")
    if record.get("problem"):
        typer.echo(f"  {record['problem']}")
    moments = [f"{words} {at_s:.3f} s" for name, words in _MOMENTS.items() if _is_time(at_s := record.get(name))]
    if moments:
        typer.echo(f"  {', '.join(moments)}")
    for name, path in recordings(record).items():
        typer.echo(f"  {name}: {path}{'' if Path(path).exists() else ' (not there any more)'}")
    counters = record.get("counters")
    if counters:
        pairs = cast("dict[str, object]", counters).items()
        typer.echo(f"  {', '.join(f'{name} {value}' for name, value in pairs)}")
    typer.echo()
    for entry in journal or _timeline(record):
        typer.echo(line(entry))


def line(entry: Document) -> str:
    """An entry as a line: when, the state, and what it rests on, with its grade."""
    at_s = entry.get("at_s")
    when = f"{at_s:8.3f} s" if _is_time(at_s) else f"{'?':>8} s"
    if not entry.get("changed"):
        return f"{when}            {entry.get('event')} {entry.get('detail')}".rstrip()
    why = f"{evidence_text(entry.get('evidence'))} ({entry.get('grade')})"
    return f"{when}  {entry.get('call')!s:<8}  {why}; leg {entry.get('leg')}  {entry.get('detail')}".rstrip()


def _ending(record: Document) -> str:
    return f", ended by {record['ended_by']} (Q.850 cause {record.get('cause')})" if record.get("ended_by") else ""


def _timeline(record: Document) -> Sequence[Document]:
    entries = record.get("timeline")
    return cast("Sequence[Document]", entries) if isinstance(entries, Sequence) else ()


def _is_time(value: object) -> bool:
    return isinstance(value, int | float)


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


#: Our ids begin so; it may be left out.
_PREFIX: Final = "call_"
_SHOWN: Final = 5


def find(archive: Archive, call_id: str) -> Document:
    """The record that `call_id` means.

    Raises:
        ConfigError: there is none, or more than one begins so.
    """
    exact = archive.record(call_id)
    if exact is not None:
        return exact
    beginnings = (call_id, _PREFIX + call_id) if call_id else ()
    found = [record for record in archive.records() if str(record["call_id"]).startswith(beginnings)]
    if not found:
        raise ConfigError(f"there is no call {quoted(call_id)}; see: offhook records list")
    if len(found) > 1:
        ids = ", ".join(str(record["call_id"]) for record in found[:_SHOWN]) + (", ..." if found[_SHOWN:] else "")
        raise ConfigError(f"{len(found)} calls begin with {quoted(call_id)}: {ids}; give more of the id")
    return found[0]
