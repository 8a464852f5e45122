"""Every state with every event: what is impossible is counted or raises, and what is late or repeated is neither."""

from __future__ import annotations

import dataclasses
from enum import EnumMeta
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import pytest
from tests.core.rig import NUMBER, rig, run

from offhook import CallPolicy, CallState, Disposition, LegState
from offhook.errors import CallStateError, ImpossibleEvent
from offhook.records.replayed import replay
from offhook.session import events, outcome
from offhook.session.events import (
    AudioHeard,
    CallAccepted,
    CallRefused,
    DeadlinePassed,
    Dialed,
    Event,
    HangUpRequested,
    LegClosed,
    LegDisconnected,
    LegFailed,
    LegJoined,
    LegReconnected,
    MemberPublished,
    StartLost,
)
from offhook.session.impossible import IMPOSSIBLE_IN_CALL, IMPOSSIBLE_IN_LEG, is_impossible
from offhook.session.machine import CallSession
from offhook.session.outcome import Cause
from offhook.testing import LinkedTransport

if TYPE_CHECKING:
    from offhook.interfaces import Grant, Leg, LegHandler

KINDS: tuple[type, ...] = get_args(events.Event)
UP: tuple[Event, ...] = (Dialed(), CallAccepted(), LegJoined())

#: A way to each joint state that there is.
WAYS: dict[tuple[CallState, LegState], tuple[Event, ...]] = {
    (CallState.IDLE, LegState.NEW): (),
    (CallState.DIALING, LegState.NEW): UP[:1],
    (CallState.DIALING, LegState.CONNECTING): UP[:2],
    (CallState.RINGING, LegState.CONNECTED): UP,
    (CallState.RINGING, LegState.DISCONNECTED): (*UP, LegDisconnected()),
    (CallState.ACTIVE, LegState.CONNECTED): (*UP, MemberPublished(2)),
    (CallState.ACTIVE, LegState.DISCONNECTED): (*UP, MemberPublished(2), LegDisconnected()),
    (CallState.ENDING, LegState.NEW): (*UP[:1], HangUpRequested()),
    (CallState.ENDING, LegState.CONNECTING): (*UP[:2], HangUpRequested()),
    (CallState.ENDING, LegState.CONNECTED): (*UP, HangUpRequested()),
    (CallState.ENDING, LegState.DISCONNECTED): (*UP, LegDisconnected(), HangUpRequested()),
    (CallState.ENDED, LegState.NEW): (*UP[:1], StartLost()),
    (CallState.ENDED, LegState.CONNECTING): (*UP[:2], HangUpRequested(), DeadlinePassed()),
    (CallState.ENDED, LegState.CONNECTED): (*UP, HangUpRequested(), DeadlinePassed()),
    (CallState.ENDED, LegState.DISCONNECTED): (*UP, LegDisconnected(), HangUpRequested(), DeadlinePassed()),
    (CallState.ENDED, LegState.FAILED): (*UP, LegFailed("gone")),
    (CallState.ENDED, LegState.CLOSED): (*UP, LegClosed()),
}


def example(kind: type) -> Event:
    hints = get_type_hints(kind, {**vars(events), **vars(outcome)})
    values: dict[str, Any] = {"uid": 2, "reason": "x", "text": "x", "final": True, "expires_at_s": 5000.0}
    values |= {name: next(iter(hint)) for name, hint in hints.items() if isinstance(hint, EnumMeta)}
    made: Event = kind(**{item.name: values[item.name] for item in dataclasses.fields(kind)})
    return made


def session_in(state: tuple[CallState, LegState], *, strict: bool) -> CallSession:
    session = CallSession(CallPolicy(), strict=strict)
    for event in WAYS[state]:
        session.handle(event, 1000.0 if isinstance(event, DeadlinePassed) else 0.0)
    assert (session.call_state, session.leg_state) == state
    assert session.impossible_events == 0, "the way itself is possible"
    return session


def everything(session: CallSession) -> dict[str, object]:
    state = vars(session).copy()
    state["_token"] = vars(state["_token"]).copy()
    state["_actions"] = list(session._actions)
    return state


@pytest.mark.parametrize("state", WAYS, ids=lambda state: f"{state[0].value}-{state[1].value}")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_state_with_every_event(state: tuple[CallState, LegState], kind: type) -> None:
    event = example(kind)
    strict, lenient = session_in(state, strict=True), session_in(state, strict=False)
    if kind is Dialed and state[0] is not CallState.IDLE:
        for session in (strict, lenient):
            with pytest.raises(CallStateError, match="dialled already"):
                session.handle(event, 1.0)
        return
    step = lenient.handle(event, 1.0)
    if not is_impossible(event, *state):
        assert strict.handle(event, 1.0) == step
        assert strict.impossible_events == lenient.impossible_events == 0
        return
    assert lenient.impossible_events == 1
    before = everything(strict)
    with pytest.raises(ImpossibleEvent, match=f"{kind.__name__} cannot happen while the call is {state[0].value} and"):
        strict.handle(event, 1.0)
    assert everything(strict) == before, "it changes nothing"


def test_the_ways_lead_to_every_state_and_the_tables_have_a_row_for_each() -> None:
    assert {call for call, _ in WAYS} == set(CallState) == set(IMPOSSIBLE_IN_CALL)
    assert {leg for _, leg in WAYS} == set(LegState) == set(IMPOSSIBLE_IN_LEG)
    named = frozenset[type]().union(*IMPOSSIBLE_IN_CALL.values(), *IMPOSSIBLE_IN_LEG.values())
    assert set(KINDS) - named == {Dialed, HangUpRequested, LegFailed}, "these are possible in each state, or raise"


@pytest.mark.parametrize("state", WAYS, ids=lambda state: f"{state[0].value}-{state[1].value}")
def test_what_has_happened_may_be_reported_again_later(state: tuple[CallState, LegState]) -> None:
    """The events that led to a state, and the end of the call after it, are possible in any order from there on."""
    session = session_in(state, strict=True)
    for event in (*WAYS[state], HangUpRequested(), *WAYS[state]):
        if not isinstance(event, Dialed | StartLost):
            session.handle(event, 2000.0)


def test_an_impossible_event_names_what_a_program_needs() -> None:
    with pytest.raises(ImpossibleEvent) as caught:
        CallSession(CallPolicy(), strict=True).handle(AudioHeard(2), 0.0)
    assert (caught.value.event, caught.value.call, caught.value.leg) == ("AudioHeard", "idle", "new")
    assert caught.value.message == "AudioHeard cannot happen while the call is idle and the leg is new"


def test_strict_is_the_default_in_these_tests_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImpossibleEvent):
        CallSession(CallPolicy()).handle(CallRefused(Cause.CALL_REJECTED), 0.0)
    monkeypatch.undo()
    assert CallSession(CallPolicy(), strict=False).handle(LegReconnected(), 0.0).changed is False


class EarlyTransport(LinkedTransport):
    """Reports a lost connection before it has joined."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        handler.on_event(LegDisconnected())
        return await super().join(grant, handler)


def test_a_record_counts_the_impossible_events_of_its_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CallSession, "strict_by_default", False)

    async def main() -> None:
        r = rig(transport=EarlyTransport())
        r.answer(1)
        async with r.phone.dial(NUMBER) as call:
            assert await call.answered()
        assert call.record.disposition is Disposition.COMPLETED
        assert call.record.counters["impossible_events"] == 1
        assert r.store.records[call.record.call_id]["counters"] == call.record.counters
        assert replay(r.store.journal).differences == 0

    run(main())
