"""Events as plain values: every kind there is comes back as it was, through JSON."""

from __future__ import annotations

import json
from dataclasses import fields
from enum import Enum
from typing import get_args, get_type_hints

import pytest

from offhook.errors import JournalError, OffhookError
from offhook.session import events, outcome
from offhook.session.events import CallRefused, Event, GrantRenewed, MemberJoined
from offhook.session.facts import is_event, to_event, to_facts
from offhook.session.outcome import Cause

KINDS: list[type] = list(get_args(events.Event))


def example(kind: type) -> Event:
    hints = get_type_hints(kind, {**vars(events), **vars(outcome)})
    values: dict[str, object] = {}
    for item in fields(kind):
        hint = hints[item.name]
        if isinstance(hint, type) and issubclass(hint, Enum):
            values[item.name] = list(hint)[-1]
        else:
            values[item.name] = {int: 7, str: "why", bool: True}.get(hint, 12.345678)
    made: Event = kind(**values)
    return made


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_is_restored_from_its_facts(kind: type) -> None:
    event = example(kind)
    facts = json.loads(json.dumps(to_facts(event)))
    assert to_event(kind.__name__, facts) == event
    assert is_event(kind.__name__)


def test_unknown_facts_stay_unknown() -> None:
    assert to_event("GrantRenewed", to_facts(GrantRenewed())) == GrantRenewed()
    assert to_facts(CallRefused(Cause.CALL_REJECTED)) == {"cause": 21}


@pytest.mark.parametrize(
    ("name", "facts", "problem"),
    [
        ("StorageError", {}, "does not know"),
        ("MemberJoined", {}, "lacks the facts"),
        ("MemberJoined", {"uid": 1, "name": "x"}, "lacks the facts"),
        ("MemberLeft", {"uid": 1, "reason": "bored"}, "lacks the facts"),
    ],
)
def test_an_unknown_event_or_wrong_facts_are_rejected(name: str, facts: dict[str, object], problem: str) -> None:
    with pytest.raises(OffhookError, match=problem):
        to_event(name, facts)
    assert to_event("MemberJoined", {"uid": 1}) == MemberJoined(1)
    assert not is_event("StorageError")


@pytest.mark.parametrize("value", ["NaN", "5", [5.0], {"s": 5.0}, True])
def test_a_fact_of_another_type_is_refused_before_the_session_counts_with_it(value: object) -> None:
    with pytest.raises(JournalError, match="is not float or None"):
        to_event("CallAccepted", {"expires_at_s": value})


def test_whole_seconds_are_a_number_of_seconds() -> None:
    assert to_event("CallAccepted", {"expires_at_s": 5}) == to_event("CallAccepted", {"expires_at_s": 5.0})
