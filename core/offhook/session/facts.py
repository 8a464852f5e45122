"""Events as plain values and back, so that a journal can be fed through the session again."""

from __future__ import annotations

import types
from dataclasses import fields
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, get_args, get_type_hints

from offhook.errors import OffhookError
from offhook.session import events, outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.session.events import Event


_CLASSES: Final[Mapping[str, type]] = {kind.__name__: kind for kind in get_args(events.Event)}
_NAMES: Final[Mapping[str, Any]] = {**vars(events), **vars(outcome)}


def to_facts(event: Event) -> dict[str, object]:
    """The fields of an event as plain values."""
    values = ((item.name, getattr(event, item.name)) for item in fields(event))
    return {name: value.value if isinstance(value, Enum) else value for name, value in values}


def is_event(name: str) -> bool:
    """Whether a journal entry of that name is an event of the session; the others are notes."""
    return name in _CLASSES


def to_event(name: str, facts: Mapping[str, object]) -> Event:
    """The event that `to_facts` took apart.

    Raises:
        OffhookError: there is no such event, or its fields are not these.
    """
    kind = _CLASSES.get(name)
    if kind is None:
        raise OffhookError(f"a journal entry of {name!r} is no event of this version of offhook")
    hints = get_type_hints(kind, dict(_NAMES))
    try:
        event: Event = kind(**{key: _typed(hints[key], value) for key, value in facts.items()})
    except (KeyError, TypeError, ValueError) as error:
        raise OffhookError(f"the journal entry {name} does not hold the facts of that event: {error}") from None
    return event


def _typed(hint: Any, value: object) -> object:
    """`value` as what the field is: an enumeration is stored by its value."""
    if isinstance(hint, types.UnionType) or value is None:
        return value
    return hint(value) if isinstance(hint, type) and issubclass(hint, Enum) else value
