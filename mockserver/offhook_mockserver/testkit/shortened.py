"""A timeline that is short enough for a terminal: what says how calls went stays, and repeated rounds go first."""

from __future__ import annotations

import re
from collections import Counter
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from offhook_mockserver.callees.ends import CalleeEnd
from offhook_mockserver.tenants.entry import EntryKind
from offhook_mockserver.testkit.story import CALLER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook_mockserver.testkit.story import TimelineLine

#: How many lines a terminal shows, if not more of them must stay.
_MOST: Final = 48
#: How many lines stay at most, whatever they say: a test may make hundreds of calls.
_MOST_KEPT: Final = 150
#: Of lines that are equally important, three of the last stay for each of the first.
_LAST_TO_FIRST: Final = 3
#: A line of the same shape, in the same call, is a repeated round from this one on.
_ROUND: Final = 3

#: What phones write down that stays, beside every new state.
_OF_PHONES: Final = frozenset(
    {
        *("GrantExpiring", "GrantRenewed", "RenewalFailed", "HangUpRequested", "DeadlinePassed", "CallRefused"),
        *("StartLost", "LegDisconnected", "LegReconnected", "LegFailed", "LegClosed", "AudioLost", "AudioReturned"),
    }
)
#: What the mock writes down that stays, by the kind of the entry.
_KINDS: Final = frozenset(
    kind.value
    for kind in (
        *(EntryKind.CALL, EntryKind.REFUSAL, EntryKind.UNEXPECTED, EntryKind.FAULT, EntryKind.LOSS),
        *(EntryKind.MISUSE, EntryKind.CLOCK),
    )
)
#: What it writes down of members and callees that stays; and all about tokens.
_CODES: Final = frozenset({"answered", "left", "dropped", "removed", *(end.value for end in CalleeEnd)})
_TOKEN: Final = "token"
#: What every call has, and what says the same as another line.
_BOILERPLATE: Final = frozenset(
    {"joined", "published", "MemberJoined", "MemberPublished", "AudioHeard", "CallAccepted", "ringing"}
)
_FIGURE: Final = re.compile(r"\d+")


class _Weight(IntEnum):
    """What goes first, from the least important on."""

    REPEATED = 0
    BOILERPLATE = 1
    OTHER = 2
    STAYS = 3


def shortened(timeline: Sequence[TimelineLine]) -> list[str]:
    """Return the lines of a timeline for a terminal, with a count of what is left out, where it is left out.

    New states, tokens, hang-ups, faults and errors stay, unless there are hundreds of them.
    """
    timeline = [line for line in timeline if not line.told]
    if len(timeline) <= _MOST + 1:
        return [line.line for line in timeline]
    kept = _kept(_weights(timeline))
    shown: list[str] = []
    left_out: list[str] = []
    for index, line in enumerate(timeline):
        if index in kept:
            shown += [*_gap(left_out), line.line]
            left_out.clear()
        else:
            left_out.append(line.line)
    return [*shown, *_gap(left_out)]


def _gap(left_out: list[str]) -> list[str]:
    """What stands for lines that are left out; for a single one, that line."""
    return left_out if len(left_out) < 2 else [f"{'':9} … {len(left_out)} more, in timeline.txt"]


def _kept(weights: Sequence[_Weight]) -> frozenset[int]:
    """The places of the lines that are shown."""
    kept: set[int] = set()
    for weight in sorted(_Weight, reverse=True):
        space = (_MOST_KEPT if weight is _Weight.STAYS else _MOST) - len(kept)
        places = [index for index, each in enumerate(weights) if each is weight]
        kept.update(_outer(places, max(0, space)))
    return frozenset(kept)


def _outer(places: Sequence[int], most: int) -> Sequence[int]:
    """The first and the last of these."""
    if len(places) <= most:
        return places
    first = most // (1 + _LAST_TO_FIRST)
    return [*places[:first], *places[len(places) - (most - first) :]]


def _weights(timeline: Sequence[TimelineLine]) -> list[_Weight]:
    shapes: Counter[tuple[int, str]] = Counter()
    weights: list[_Weight] = []
    for line in timeline:
        shape = line.call, _FIGURE.sub("#", line.text)
        shapes[shape] += 1
        if _stays(line):
            weights.append(_Weight.STAYS)
        elif shapes[shape] >= _ROUND:
            weights.append(_Weight.REPEATED)
        else:
            weights.append(_Weight.BOILERPLATE if line.code in _BOILERPLATE else _Weight.OTHER)
    return weights


def _stays(line: TimelineLine) -> bool:
    if line.kind == CALLER:
        return bool(line.state) or line.code in _OF_PHONES
    return line.kind in _KINDS or line.code in _CODES or line.code.startswith(_TOKEN)
