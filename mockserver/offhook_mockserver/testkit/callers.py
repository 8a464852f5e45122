"""What an application's phones knew of their calls, on the time of the test's journal.

A phone counts the seconds since it dialled, and its record has the wall time of that. The journal of a test follows the
tenant's clock, which a test may have moved; each move is an entry of the journal.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from offhook_mockserver.tenants.entry import EntryKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from offhook.interfaces import Document
    from offhook_mockserver.tenants.entry import Entry


#: Entries whose details are numbers of members and tokens, which the mock's own lines name.
_WITHOUT_DETAIL: Final = frozenset(
    {"CallAccepted", "GrantRenewed", "MemberJoined", "MemberPublished", "MemberUnpublished", "AudioHeard"}
)
#: With this, each line for people begins.
PHONE: Final = "caller's phone: "
#: Records have their wall times in milliseconds.
_ROUNDED_S: Final = 0.002


@dataclass(frozen=True, slots=True)
class CallerLine:
    """An entry of a phone's journal.

    Attributes:
        at_s: when, on the time of the test's journal.
        event: what happened, by its stable name.
        state: the call's state after it if it changed, and otherwise empty.
        text: a sentence.
        uid: the uid of the member that it is about; None if it is not about one.
    """

    at_s: float
    event: str
    state: str
    text: str
    uid: int | None = None


@dataclass(frozen=True, slots=True)
class CallerCall:
    """A call, as the phone that dialled it wrote it down.

    Attributes:
        channel: its channel. Where the answer of the carrier was lost, the phone does not know it: then it is that of
            the only call that began for this number meanwhile, and of which no other phone knows. Empty if the phone
            was not granted one, or that is not known.
        record: its record, without the timeline.
        journal: its timeline, as the phone wrote it down.
        lines: the same, for people.
    """

    channel: str
    record: Document
    journal: Sequence[Document]
    lines: Sequence[CallerLine]


def caller_calls(records: Iterable[Document], entries: Sequence[Entry]) -> list[CallerCall]:
    """Return what phones wrote down, in the order in which they dialled. Records of other shapes are left out.

    Args:
        records: records with their timelines.
        entries: the journal of the test.
    """
    dialled = [(at_s, record) for record in records if (at_s := _dialled_wall_s(record)) is not None]
    dialled.sort(key=lambda item: item[0])
    time = _JournalTime(entries, dialled[0][0] if dialled else 0.0)
    calls = [_call(record, wall_s, time) for wall_s, record in dialled]
    known = {call.channel for call in calls}
    unknown = [entry for entry in entries if _is_start(entry) and entry.channel not in known]
    return [replace(call, channel=_channel_of_lost(call, unknown)) if _is_lost(call) else call for call in calls]


def _is_start(entry: Entry) -> bool:
    return entry.kind is EntryKind.CALL and entry.fields.get("event") == "started"


def _is_lost(call: CallerCall) -> bool:
    """Whether the carrier may have started a call without the phone's knowing its channel."""
    return not call.channel and any(line.event == "StartLost" for line in call.lines)


def _channel_of_lost(call: CallerCall, started: Iterable[Entry]) -> str:
    """The channel of the only call that began between a phone's request and the loss of its answer; or empty."""
    from_s, to_s = call.lines[0].at_s - _ROUNDED_S, call.lines[-1].at_s + _ROUNDED_S
    number = call.record.get("number")
    channels = [entry.channel for entry in started if entry.number == number and from_s <= entry.at_s <= to_s]
    return channels[0] if len(channels) == 1 else ""


def _call(record: Document, dialled_wall_s: float, time: _JournalTime) -> CallerCall:
    journal = [entry for entry in _list(record.get("timeline")) if isinstance(entry.get("at_s"), int | float)]
    lines: list[CallerLine] = []
    before: object = None
    for entry in journal:
        state = entry.get("call")
        event = str(entry.get("event"))
        new = str(state) if state != before else ""
        at_s = time.at_s(dialled_wall_s + cast("float", entry["at_s"]))
        uid = _mapping(entry.get("facts")).get("uid")
        text = _text(event, new, entry, record)
        lines.append(CallerLine(at_s, event, new, text, uid if isinstance(uid, int) else None))
        before = state
    brief = {name: value for name, value in record.items() if name != "timeline"}
    return CallerCall(str(record.get("channel") or ""), brief, journal, lines)


def _text(event: str, state: str, entry: Document, record: Document) -> str:
    """A sentence: what happened, the new state, and how the call ended."""
    reason = _mapping(entry.get("facts")).get("reason")
    detail = reason if isinstance(reason, str) else "" if event in _WITHOUT_DETAIL else str(entry.get("detail") or "")
    text = f"{PHONE}{event}"
    if detail:
        text += f", {detail}"
    if state:
        text += f"; the call is {state}"
    if state == "ended":
        text += f": {record.get('disposition')}, ended by the {record.get('ended_by')}"
        problem = record.get("problem")
        if problem:
            text += f"; {problem}"
    return text


class _JournalTime:
    """Converts wall times of the machine to seconds of a journal.

    Args:
        entries: the journal.
        start_wall_s: where the time begins if the journal is empty.
    """

    def __init__(self, entries: Sequence[Entry], start_wall_s: float) -> None:
        #: When a test moved the clock, in wall time of the machine, and by how much it was ahead from then on.
        self._moves = [(_machine_s(entry), _number(entry, "ahead_s")) for entry in entries if _is_move(entry)]
        self._wall_s, self._at_s = start_wall_s, 0.0
        if entries:
            first = entries[0]
            ahead_s = _number(first, "ahead_s") if _is_move(first) else 0.0
            self._wall_s, self._at_s = _machine_s(first), first.at_s - ahead_s

    def at_s(self, wall_s: float) -> float:
        """Seconds of the journal at a wall time of the machine."""
        ahead_s = next((ahead_s for moved_s, ahead_s in reversed(self._moves) if moved_s <= wall_s + _ROUNDED_S), 0.0)
        return self._at_s + wall_s - self._wall_s + ahead_s


def _is_move(entry: Entry) -> bool:
    return entry.kind is EntryKind.CLOCK


def _machine_s(entry: Entry) -> float:
    """When an entry was made, on the machine's clock; for entries before the first move and for moves."""
    moved_s = _number(entry, "ahead_s") + _number(entry, "wall_offset_s") if _is_move(entry) else 0.0
    return entry.wall_s - moved_s


def _number(entry: Entry, name: str) -> float:
    value = entry.fields.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _dialled_wall_s(record: Document) -> float | None:
    """When a call was dialled; None if its record does not say that."""
    try:
        return datetime.datetime.fromisoformat(str(record.get("dialed_at"))).timestamp()
    except ValueError:
        return None


def _list(value: object) -> list[Document]:
    items = cast("Sequence[object]", value) if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return [cast("Document", item) for item in items if isinstance(item, Mapping)]


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}
