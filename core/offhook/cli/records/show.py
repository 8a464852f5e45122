"""Stored calls for people: the table of calls, and one call with its timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from offhook.cli.output import print_json, print_line
from offhook.errors import ConfigError
from offhook.records.documents import is_unfinished, recordings
from offhook.session.facts import evidence_text
from offhook.wording import printable, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook.interfaces import Archive
    from offhook.interfaces.store import Document


_MOMENTS: Final[Mapping[str, str]] = {
    "accepted_at_s": "accepted by the carrier",
    "joined_at_s": "our leg in the channel",
    "answered_at_s": "answered",
    "first_heard_at_s": "first audio of the callee",
    "ended_at_s": "ended",
}
_ROW: Final = "{:<21} {:<15} {:<12} {:>9}  {}"
#: Every id begins with this; users may leave it out.
_PREFIX: Final = "call_"
#: How many ids an error lists.
_SHOWN: Final = 5


def find(archive: Archive, call_id: str) -> Document:
    """Return the record whose id is `call_id` or begins with it.

    Raises:
        ConfigError: no id, or more than one, begins with it.
    """
    exact = archive.record(call_id)
    if exact is not None:
        return exact
    beginnings = (call_id, _PREFIX + call_id) if call_id else ()
    found = [record for record in archive.records() if str(record["call_id"]).startswith(beginnings)]
    if not found:
        raise ConfigError(f"no call has the id {quoted(call_id)}; see: offhook records list")
    if len(found) > 1:
        ids = ", ".join(str(record["call_id"]) for record in found[:_SHOWN]) + (", ..." if found[_SHOWN:] else "")
        raise ConfigError(f"{len(found)} calls begin with {quoted(call_id)}: {ids}; type more of the id")
    return found[0]


def show_list(records: Sequence[Document], *, as_json: bool) -> None:
    """Print one line for each call, newest first, or all records as one JSON array without their timelines."""
    if as_json:
        print_json([{name: value for name, value in record.items() if name != "timeline"} for record in records])
        return
    if not records:
        print_line("no calls are stored")
        return
    print_line(_ROW.format("when (UTC)", "to", "result", "talked", "id"))
    for record in records:
        when = str(record.get("dialed_at"))[:19].replace("T", " ")
        print_line(_ROW.format(when, str(record.get("number")), _result(record), _talked(record), record["call_id"]))


def show_call(record: Document, journal: Sequence[Document], *, as_json: bool) -> None:
    """Print one call: how it went, what it left, and its timeline.

    The timeline is taken from the journal, since the journal of an interrupted call goes further than its record.
    """
    if as_json:
        print_json({"record": record, "journal": list(journal)})
        return
    print_line(call_line(record))
    ending = f", ended by {record['ended_by']} (Q.850 cause {record.get('cause')})" if record.get("ended_by") else ""
    print_line(f"  {_result(record)}{ending}; talked {_talked(record)}; rang: {record.get('rang')}")
    if line := report_line(record):
        print_line(f"  {line}")
    if record.get("problem"):
        print_line(f"  {record['problem']}")
    moments = [f"{words} {at_s:.3f} s" for name, words in _MOMENTS.items() if _is_time(at_s := record.get(name))]
    if moments:
        print_line(f"  {', '.join(moments)}")
    for line in recording_lines(record):
        print_line(f"  {line}")
    counters = record.get("counters")
    if counters:
        pairs = cast("dict[str, object]", counters).items()
        print_line(f"  {', '.join(f'{name} {value}' for name, value in pairs)}")
    print_line()
    for entry in journal or _timeline(record):
        print_line(entry_line(entry))


def call_line(record: Document) -> str:
    """Return a line that identifies the call of a record: its id, its masked numbers and when it was dialled."""
    line = f" from {record['from_number']}" if record.get("from_number") else ""
    return f"{record['call_id']} to {record.get('number')}{line}, dialled {record.get('dialed_at')}"


def report_line(record: Document) -> str:
    """Return a line about what the carrier reported of a call, with its grade; empty if it reported nothing."""
    report = record.get("report")
    if not isinstance(report, Mapping):
        return ""
    taken = cast("Mapping[str, object]", report)
    at_s, before = taken.get("at_s"), taken.get("before")
    when = f" {at_s:.1f} s after dialling" if _is_time(at_s) else ""
    changed = f", until then {before}" if before else ""
    text = f" ({taken['text']})" if taken.get("text") else ""
    return f"reported by the carrier{when}: {taken.get('disposition')}, {taken.get('grade')}{changed}{text}"


def recording_lines(record: Document) -> Iterator[str]:
    """Yield one line for each recording of a call, with a note if the file does not exist any more."""
    for name, path in recordings(record).items():
        yield f"{name}: {path}{'' if Path(path).exists() else ' (no longer exists)'}"


def entry_line(entry: Document) -> str:
    """Return an entry of a timeline as one line: when, what happened, and the evidence with its grade."""
    at_s, detail = entry.get("at_s"), entry.get("detail") or ""
    when = f"{at_s:8.3f} s" if _is_time(at_s) else f"{'?':>8} s"
    if entry.get("evidence"):
        why = f"{evidence_text(entry['evidence'])} ({entry.get('grade')})"
        if entry.get("changed"):
            why = f"{why}; leg {entry.get('leg')}"
        line = f"{when}  {str(entry.get('call')).upper():<8}  {why}  {detail}"
    else:
        line = f"{when}            {entry.get('event')} {detail}"
    return printable(line.rstrip())


def _result(record: Document) -> str:
    """The result of a call in one or two words."""
    if record.get("interrupted"):
        return "interrupted"
    return "going on" if is_unfinished(record) else str(record.get("disposition"))


def _talked(record: Document) -> str:
    """The time from the answer to the end; a dash when it is not known."""
    answered, ended = record.get("answered_at_s"), record.get("ended_at_s")
    return f"{ended - answered:.1f} s" if isinstance(answered, float | int) and isinstance(ended, float | int) else "-"


def _timeline(record: Document) -> Sequence[Document]:
    entries = record.get("timeline")
    return cast("Sequence[Document]", entries) if isinstance(entries, Sequence) else ()


def _is_time(value: object) -> bool:
    return isinstance(value, int | float)
