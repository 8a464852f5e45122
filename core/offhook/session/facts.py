"""Events as plain values and back, so that a journal can be fed through the session again.

Also the codes for evidence that older versions wrote as sentences, so that their journals can still be read.
"""

from __future__ import annotations

import types
from dataclasses import fields
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, get_args, get_type_hints

from offhook.arguments import shown
from offhook.errors import JournalError
from offhook.session import events, outcome
from offhook.session.states import Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.session.events import Event


_CLASSES: Final[Mapping[str, type]] = {kind.__name__: kind for kind in get_args(events.Event)}
#: The evidence that journals and records of version 0.1.0 and before hold as a sentence.
_OLD_EVIDENCE: Final[Mapping[str, Evidence]] = {
    "the caller asked for it": Evidence.REQUEST,
    "accepted by the carrier": Evidence.ACCEPTED,
    "refused by the carrier": Evidence.REFUSED,
    "the carrier's answer was lost": Evidence.ANSWER_LOST,
    "our leg joined the channel": Evidence.LEG_JOINED,
    "the callee joined the channel": Evidence.CALLEE_JOINED,
    "the callee published audio": Evidence.CALLEE_PUBLISHED,
    "the callee's first audio was heard": Evidence.AUDIO_HEARD,
    "the callee left the channel": Evidence.CALLEE_QUIT,
    "the callee vanished from the channel": Evidence.CALLEE_DROPPED,
    "our leg was lost": Evidence.LEG_LOST,
    "our leg's connection changed": Evidence.LEG_CHANGED,
    "our leg left the channel": Evidence.LEG_CLOSED,
    "a webhook said so": Evidence.WEBHOOK,
    "the token had its time and no fresh one could be had": Evidence.TOKEN_EXPIRED,
    "audio stopped in one direction": Evidence.AUDIO_LOST,
    "a timer ran out": Evidence.TIMER,
}
_NAMES: Final[Mapping[str, Any]] = {**vars(events), **vars(outcome)}


def to_facts(event: Event) -> dict[str, object]:
    """The fields of an event as plain values."""
    values = ((item.name, getattr(event, item.name)) for item in fields(event))
    return {name: value.value if isinstance(value, Enum) else value for name, value in values}


def is_event(name: str) -> bool:
    """Whether a journal entry of that name is an event of the session; any other is a note."""
    return name in _CLASSES


def to_event(name: str, facts: Mapping[str, object]) -> Event:
    """The event whose facts `to_facts` returned.

    Raises:
        JournalError: no event has that name, or `facts` does not match the fields of that event.
    """
    kind = _CLASSES.get(name)
    if kind is None:
        raise JournalError(f"the journal has an event {name!r} that this version of offhook does not know")
    hints = get_type_hints(kind, dict(_NAMES))
    try:
        event: Event = kind(**{key: _typed(hints[key], value) for key, value in facts.items()})
    except (KeyError, TypeError, ValueError) as error:
        raise JournalError(f"the journal entry {name} lacks the facts of that event or holds others: {error}") from None
    return event


def evidence_code(written: object) -> object:
    """The code for the evidence that an entry holds, whichever version wrote it; anything else as it is."""
    evidence = _OLD_EVIDENCE.get(written) if isinstance(written, str) else None
    return written if evidence is None else evidence.value


def evidence_text(written: object) -> str:
    """The evidence that an entry holds, for people; the code itself where this version does not know it."""
    code = evidence_code(written)
    try:
        return Evidence(code).text
    except ValueError:
        return str(code)


def _typed(hint: Any, value: object) -> object:
    """`value` in the type of its field: enumerations are stored by their values, and whole seconds may be an int.

    Raises:
        TypeError, ValueError: it is not of that type.
    """
    kinds: tuple[type, ...] = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for kind in kinds:
        if issubclass(kind, Enum) and value is not None:
            return kind(value)
    if type(value) not in kinds and not (float in kinds and type(value) is int):
        names = ("None" if kind is types.NoneType else kind.__name__ for kind in kinds)
        raise TypeError(f"{shown(value)} is not {' or '.join(names)}")
    return value
