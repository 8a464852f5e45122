"""What happened in a test, in lines for people: the calls' timeline, made of the mock's journal and the phones'."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook_mockserver.callees.moments import MomentCode
from offhook_mockserver.tenants.entry import EntryKind, shortened
from offhook_mockserver.testkit.causes import places

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from offhook_mockserver.tenants.entry import Entry
    from offhook_mockserver.testkit.callers import CallerCall

#: Kinds that make no line of a timeline: a call's beginning has an entry of its own.
_NOT_SHOWN: Final = frozenset({EntryKind.REQUEST})
#: The code of the moment from which questions about audio count.
_ANSWERED: Final = MomentCode.ANSWERED.value
#: The kind of a line that a phone of the application wrote down.
CALLER: Final = "caller"
#: How much of a line is shown.
_CHARACTERS: Final = 160


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """One line of a timeline.

    Attributes:
        at_s: seconds since the first entry of the journal.
        call: the number of its call, counted from 1 in the order in which they began; 0 if it belongs to none.
        answered_s: seconds since the callee of its call answered, the time of questions about audio; None before that.
        kind: what it is about, by the stable value of `EntryKind`; ``caller`` for what a phone of the application
            wrote down.
        code: what happened, by the stable code of the moment or the event; empty if the entry has none.
        text: a sentence.
        state: the new state of the call for that phone; empty for other lines.
        lasts_s: how long it lasts from then on, such as a blackout; None if it is a moment, or that is not known.
        told: whether an earlier line says it already, so that texts leave it out.
    """

    at_s: float
    call: int
    answered_s: float | None
    kind: str
    code: str
    text: str
    state: str = ""
    lasts_s: float | None = None
    told: bool = False

    @property
    def line(self) -> str:
        """The line for people."""
        answered = "" if self.answered_s is None else f"[{self.answered_s:.3f}]"
        call = f"call {self.call}" if self.call else ""
        return f"{self.at_s:9.3f} {answered:>10} {call:<7} {shortened(self.text, _CHARACTERS)}"


def timeline(entries: Sequence[Entry], callers: Iterable[CallerCall] = ()) -> list[TimelineLine]:
    """Return what happened in the calls of a journal, in order: by time, and at equal times a cause before its effect.

    Args:
        entries: the journal.
        callers: the calls, as the application's phones wrote them down.
    """
    numbers: dict[str, int] = {}
    answers: dict[str, float] = {}
    lines: list[TimelineLine] = []
    shown = [entry for entry in entries if entry.kind not in _NOT_SHOWN]
    answered: dict[str, int] = {}
    for index, entry in enumerate(shown):
        code = str(entry.fields.get("code") or entry.fields.get("event") or "")
        if entry.channel:
            numbers.setdefault(entry.channel, len(numbers) + 1)
            if code == _ANSWERED:
                answers.setdefault(entry.channel, entry.at_s)
                answered.setdefault(entry.channel, index)
        answered_at_s = answers.get(entry.channel)
        lines.append(
            TimelineLine(
                at_s=entry.at_s,
                call=numbers.get(entry.channel, 0),
                answered_s=None if answered_at_s is None else entry.at_s - answered_at_s,
                kind=entry.kind.value,
                code=code,
                text=entry.text,
                lasts_s=lasts_s if isinstance(lasts_s := entry.fields.get("for_s"), int | float) else None,
            )
        )
    of_phones: list[list[TimelineLine]] = [[] for _ in range(len(lines) + 1)]
    callers = list(callers)
    for caller, places_of in zip(callers, places(shown, callers), strict=True):
        for line, place in zip(caller.lines, places_of, strict=True):
            since_s = line.at_s - answers.get(caller.channel, math.inf)
            is_after = place > answered.get(caller.channel, len(lines))
            of_phones[place].append(
                TimelineLine(
                    at_s=line.at_s,
                    call=numbers.get(caller.channel, 0),
                    answered_s=max(0.0, since_s) if is_after else None,
                    kind=CALLER,
                    code=line.event,
                    text=line.text,
                    state=line.state,
                )
            )
    merged: list[TimelineLine] = []
    for place, of_phone in enumerate(of_phones):
        merged += sorted(of_phone, key=lambda line: line.at_s)
        merged += lines[place : place + 1]
    return merged
