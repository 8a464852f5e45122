"""Where the lines of a phone belong between the entries of the mock's journal: by time, and at equal times by cause.

Times of phones are rounded to milliseconds, and in virtual time a whole exchange happens at one moment. So an order by
time alone would have a phone answer before it was asked. Each side's own order is always kept.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from offhook_mockserver.tenants.entry import EntryKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from offhook_mockserver.tenants.entry import Entry
    from offhook_mockserver.testkit.callers import CallerCall, CallerLine

#: Times that differ by at most this may be the same moment: two of them, each rounded to a millisecond.
_SAME_S: Final = 0.002
#: How a member's departure is called, by whatever happened to it.
_LEFT: Final = frozenset({"left", "dropped", "removed"})
_STARTED: Final = "call started"
_FAULT: Final = "fault"
_REFUSED: Final = "refusal"
#: What the mock notes before a phone can note this; `{uid}` is the member that the phone's entry is about.
_FOLLOWS: Final[Mapping[str, tuple[str, ...]]] = {
    "CallAccepted": (_STARTED,),
    "StartLost": (_STARTED, _FAULT),
    "CallRefused": (_REFUSED, _FAULT),
    "LegJoined": ("caller joined",),
    "MemberJoined": ("{uid} joined",),
    "MemberPublished": ("{uid} published",),
    "MemberUnpublished": ("{uid} unpublished",),
    "MemberLeft": ("{uid} left",),
    "AudioHeard": ("{uid} published",),
    "GrantExpiring": ("caller token_expiring",),
    "LegClosed": ("caller left",),
}
#: What the mock can note only after a phone has noted this, by the event or by the new state of its call.
_PRECEDES: Final[Mapping[str, tuple[str, ...]]] = {
    "Dialed": (_STARTED, _FAULT, _REFUSED),
    "CallAccepted": ("caller joined",),
    "active": ("caller published",),
    "ending": ("caller left",),
}


def places(entries: Sequence[Entry], callers: Sequence[CallerCall]) -> list[list[int]]:
    """Return for each line of each phone before which entry it belongs, as an index; the last one is ``len(entries)``.

    Args:
        entries: the entries of the journal that the timeline shows.
        callers: what the phones wrote down, in the order in which they dialled.
    """
    # A clock that a test moves never goes back, but a journal may say so when it was restored.
    times = list(accumulate((round(entry.at_s, 3) for entry in entries), max))
    signs = [_signs(entry) for entry in entries]
    found: list[list[int]] = []
    limit, limit_s = len(entries), float("inf")
    for caller in reversed(callers):
        # A phone that was done when the next one dialled was done before that.
        done = bool(caller.lines) and caller.lines[-1].state == "ended" and caller.lines[-1].at_s <= limit_s
        found.append(_places(entries, times, signs, caller, limit if done else len(entries)))
        if caller.lines:
            limit, limit_s = found[-1][0], caller.lines[0].at_s
    return found[::-1]


def _places(
    entries: Sequence[Entry], times: Sequence[float], signs: Sequence[frozenset[str]], caller: CallerCall, limit: int
) -> list[int]:
    def matches(line: CallerLine, wanted: tuple[str, ...]) -> list[int]:
        """The entries of the same moment that match one of these; the earlier in `wanted`, the better."""
        uid = "" if line.uid is None else str(line.uid)
        start, end = bisect_left(times, line.at_s - _SAME_S), bisect_right(times, line.at_s + _SAME_S)
        for sign in (sign.replace("{uid}", uid) for sign in wanted):
            is_ours = _is_ours(entries, caller, sign)
            if there := [index for index in range(start, end) if sign in signs[index] and is_ours(index)]:
                return there
        return []

    latest: list[int] = []
    for line in reversed(caller.lines):
        before = matches(line, (*_PRECEDES.get(line.event, ()), *_PRECEDES.get(line.state, ())))
        if before and line.event == "Dialed":
            before = [_with_faults(before[0], entries, signs)]
        limit = min(limit, *before[:1]) if before else limit
        latest.append(limit)
    least = 0
    indices: list[int] = []
    for line, most in zip(caller.lines, reversed(latest), strict=True):
        after = matches(line, _FOLLOWS.get(line.event, ()))
        least = max(least, after[0] + 1 if after else 0)
        by_time = bisect_right(times, round(line.at_s, 3))
        if line.event == "Dialed" and not caller.channel and most > by_time:  # no entry says which of them follow it
            by_time = bisect_left(times, round(line.at_s, 3))
        least = max(least, min(by_time, most))
        indices.append(least)
    return indices


def _is_ours(entries: Sequence[Entry], caller: CallerCall, sign: str) -> Callable[[int], bool]:
    """Whether an entry may be about a phone's call; a fault or a refusal of its request names no channel."""
    if sign in {_FAULT, _REFUSED}:
        return lambda index: entries[index].channel in {"", caller.channel}
    return lambda index: bool(caller.channel) and entries[index].channel == caller.channel


def _with_faults(started: int, entries: Sequence[Entry], signs: Sequence[frozenset[str]]) -> int:
    """The first of the entries about faults that a request met just before this one."""
    while started and _FAULT in signs[started - 1] and entries[started - 1].number == entries[started].number:
        started -= 1
    return started


def _signs(entry: Entry) -> frozenset[str]:
    """What an entry says, in the words of the tables above."""
    event = str(entry.fields.get("event") or "")
    match entry.kind:
        case EntryKind.MEMBER:
            event = "left" if event in _LEFT else event
            return frozenset({f"{entry.fields.get('who')} {event}", f"{entry.fields.get('uid')} {event}"})
        case EntryKind.CALL:
            return frozenset({f"call {event}"})
        case EntryKind.FAULT | EntryKind.REFUSAL:
            return frozenset({entry.kind.value})
        case _:
            return frozenset()
