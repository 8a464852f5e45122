"""A journal that is replayed leads to the states that it holds, wherever it was cut."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.rig import NUMBER, Rig, frame, later, rig, run

from offhook import AnswerPolicy, CallPolicy, CallState, OffhookError
from offhook.errors import ConfigError, RequestRejected, StartAmbiguous
from offhook.records.replayed import replay
from offhook.session.events import (
    AudioLost,
    AudioReturned,
    CallAccepted,
    DeadlinePassed,
    Dialed,
    Direction,
    Event,
    GrantExpiring,
    GrantRenewed,
    HangUpRequested,
    LeaveReason,
    LegClosed,
    LegDisconnected,
    LegFailed,
    LegJoined,
    LegReconnected,
    MemberJoined,
    MemberPublished,
    MemberUnpublished,
    RenewalFailed,
    WebhookReported,
)
from offhook.session.facts import to_facts
from offhook.session.machine import CallSession
from offhook.session.outcome import Disposition
from offhook.session.policy import policy_document
from offhook.session.record import TimelineEntry, entry_document
from offhook.session.states import Timer
from offhook.testing import LinkedTransport, ScriptedCarrier

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.call.driver import Driver
    from offhook.interfaces.store import Document

POLICIES = st.builds(
    CallPolicy,
    answer=st.sampled_from(AnswerPolicy),
    setup_timeout_s=st.sampled_from([0.5, 3]),
    ring_timeout_s=st.sampled_from([1, 4]),
    grace_s=st.sampled_from([0.3, 1]),
    max_duration_s=st.sampled_from([0.7, 3]),
    release_timeout_s=st.just(0.2),
    renew_before_s=st.sampled_from([0.5, 2]),
    end_on_audio_loss=st.booleans(),
)

_drivers: dict[int, Driver] = {}


def driver_of(r: Rig) -> Driver:
    return _drivers[id(r)]


def abandon(driver: Driver) -> None:
    """As who hangs up and does not wait for it: the last timer is taken to have run out before its time."""
    if driver.runner is not None:
        driver.runner.cancel()


#: What can happen to a call, by name.
DEEDS: dict[str, Callable[[Rig], object]] = {
    "join": lambda r: r.callee.join(),
    "publish": lambda r: r.callee.publish(),
    "mute": lambda r: r.callee.unpublish(),
    "say": lambda r: r.callee.say(frame()),
    "quit": lambda r: r.callee.leave(),
    "drop": lambda r: r.callee.leave(LeaveReason.DROPPED),
    "somebody": lambda r: r.transport.member(9).join(),
    "disconnect": lambda r: r.transport.tell(LegDisconnected()),
    "reconnect": lambda r: r.transport.tell(LegReconnected()),
    "fail": lambda r: r.transport.tell(LegFailed("gone")),
    "kick": lambda r: r.transport.kick("banned"),
    "lost": lambda r: r.transport.tell(AudioLost(Direction.HEARD)),
    "back": lambda r: r.transport.tell(AudioReturned(Direction.HEARD)),
    "hang up": lambda r: driver_of(r).hang_up() if driver_of(r).runner else None,
    "abandon": lambda r: abandon(driver_of(r)),
    "problem": lambda r: driver_of(r).note(OffhookError("a sink is full")),
}
SCRIPTS = st.lists(
    st.tuples(st.integers(0, 250).map(lambda hundredths: hundredths / 100), st.sampled_from(sorted(DEEDS))), max_size=12
)
CARRIERS = st.sampled_from(["grants", "grants", "grants", "refuses", "loses", "hangs"])
TRANSPORTS = st.sampled_from(["joins", "joins", "joins", "refuses", "hangs", "stays"])


def journal_of(policy: CallPolicy, script: list[tuple[float, str]], carrier: str, transport: str) -> list[Document]:
    """What a call leaves in its journal, as it is read again."""

    async def main() -> list[Document]:
        answers = {"refuses": RequestRejected("no"), "loses": StartAmbiguous("lost")}
        r = rig(
            policy=policy,
            carrier=ScriptedCarrier(answers.get(carrier)),
            transport=LinkedTransport(refuse_join=OSError("no way") if transport == "refuses" else None),
        )
        if carrier == "hangs":
            r.carrier.gate.clear()
        if transport == "hangs":
            r.transport.join_gate.clear()
        if transport == "stays":
            r.transport.leave_gate.clear()
        call = r.phone.dial(NUMBER)
        _drivers[id(r)] = call._driver
        for at_s, deed in script:
            later(at_s, DEEDS[deed], r)
        with contextlib.suppress(OffhookError):
            async with call:
                await call.ended()
        await r.phone.aclose()
        await asyncio.sleep(3)  # what the script does to a call that is over
        del _drivers[id(r)]
        return r.store.journal

    journal: list[Document] = json.loads(json.dumps(run(main())))
    return journal


@settings(max_examples=150, print_blob=True)
@given(POLICIES, SCRIPTS, CARRIERS, TRANSPORTS, st.data())
def test_every_journal_of_the_driver_replays_to_the_same_states(
    policy: CallPolicy, script: list[tuple[float, str]], carrier: str, transport: str, data: st.DataObject
) -> None:
    journal = journal_of(policy, script, carrier, transport)
    whole = replay(journal)
    assert [entry.differences for entry in whole.entries] == [()] * len(journal)
    assert whole.ended
    assert whole.policy == policy
    cut = data.draw(st.integers(0, len(journal)))
    part = replay(journal[:cut])
    assert part.entries == whole.entries[:cut]
    assert part.ended == bool(cut and journal[cut - 1]["call"] == "ended")


EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.sampled_from(
        [
            CallAccepted(),
            CallAccepted(4.0),
            LegJoined(),
            MemberJoined(2),
            MemberPublished(2),
            MemberUnpublished(2),
            GrantExpiring(),
            RenewalFailed("no", final=True),
            RenewalFailed("not now"),
            WebhookReported(Disposition.BUSY),
            HangUpRequested(),
            LegClosed(),
        ]
    ),
    st.integers(1, 40).map(lambda at_s: GrantRenewed(float(at_s))),
)


@settings(max_examples=300, print_blob=True)
@given(POLICIES, st.lists(st.tuples(st.integers(0, 20), EVENTS), max_size=15))
def test_timers_that_run_out_in_silence_are_made_up_for(policy: CallPolicy, script: list[tuple[int, Event]]) -> None:
    """As the shell does it, with the events that come from webhooks and from the renewal of grants."""
    session, now_s = CallSession(policy), 0.0
    journal: list[Document] = []

    def feed(event: Event, at_s: float) -> None:
        step = session.handle(event, at_s)
        while session.next_action() is not None:
            pass
        if step.changed or not isinstance(event, DeadlinePassed):
            facts = to_facts(event) | ({"policy": policy_document(policy)} if isinstance(event, Dialed) else {})
            entry = TimelineEntry(
                at_s, type(event).__name__, step.call, step.leg, step.changed, step.evidence, step.grade, "", facts
            )
            journal.append(json.loads(json.dumps(entry_document("call_a", entry))))

    def pass_time(until_s: float) -> None:
        while (deadline := session.next_deadline()) is not None and deadline <= until_s:
            feed(DeadlinePassed(), deadline)

    feed(Dialed(), 0.0)
    beginning: list[tuple[int, Event]] = [(0, CallAccepted(5.0)), (0, LegJoined())]
    for tenths, event in beginning + script:
        now_s = round(now_s + tenths / 10, 6)
        pass_time(now_s)
        feed(event, now_s)
    pass_time(1e6)
    result = replay(journal)
    assert result.differences == 0, [entry for entry in result.entries if entry.differences]
    assert result.ended
    assert session.call_state is CallState.ENDED


@pytest.mark.parametrize("at_s", [0.2, 1.2])
def test_a_call_that_was_abandoned_replays_as_well(at_s: float) -> None:
    script = [(0.5, "join"), (0.5, "publish"), (at_s, "abandon")]
    journal = journal_of(CallPolicy(), script, "grants", "stays")
    assert journal[-1]["event"] == "DeadlinePassed"
    result = replay(journal)
    assert (result.differences, result.ended) == (0, True)


def simple() -> list[dict[str, object]]:
    script = [(0.5, "join"), (0.5, "publish"), (0.6, "problem")]
    journal = journal_of(CallPolicy(max_duration_s=2), script, "grants", "joins")
    return [dict(entry) for entry in journal]


def test_it_shows_what_runs_after_each_event() -> None:
    journal = simple()
    entries = {entry.name: entry for entry in replay(journal).entries}
    assert entries["Dialed"].deadlines == ((Timer.SETUP, 20.0),)
    assert entries["LegJoined"].deadlines == ((Timer.RING, 45.0),)
    assert entries["MemberPublished"].call is CallState.ACTIVE
    assert entries["MemberPublished"].deadlines == ((Timer.DURATION, 2.5),)
    note = entries["OffhookError"]
    assert (note.is_event, note.step, note.detail) == (False, None, "a sink is full")


def test_what_the_journal_says_otherwise_is_shown() -> None:
    journal = simple()
    published = next(entry for entry in journal if entry["event"] == "MemberPublished")
    published["evidence"], published["call"] = "callee_joined", "ringing"
    journal[1]["facts"] = {"nonsense": 1}
    result = replay(journal)
    assert result.differences >= 2
    assert "lacks the facts" in result.entries[1].differences[0]
    assert result.entries[1].step is None


def test_a_second_dialing_is_a_difference_and_no_traceback() -> None:
    journal = simple()
    result = replay([journal[0], journal[0]])
    assert "dialled already" in result.entries[1].differences[0]


def test_a_call_that_was_hung_up_before_it_was_dialled_has_no_policy() -> None:
    entry = {"at_s": 0, "event": "HangUpRequested", "facts": {}, "call": "ended", "leg": "new", "changed": True}
    result = replay([{**entry, "evidence": "request", "grade": "observed"}])
    assert (result.differences, result.ended, result.policy) == (0, True, CallPolicy())


def test_a_timer_that_had_not_run_out_is_a_difference() -> None:
    entry = {"at_s": 0, "event": "DeadlinePassed", "facts": {}, "call": "ended", "leg": "new", "changed": True}
    result = replay([entry])
    assert any("'idle'" in difference for difference in result.entries[0].differences)


@pytest.mark.parametrize("entry", [{}, {"at_s": "soon", "event": "Dialed"}, {"at_s": 1.0, "event": 7}])
def test_an_invalid_journal_is_rejected(entry: dict[str, object]) -> None:
    with pytest.raises(OffhookError, match="entry 2 of the journal lacks a time or a name"):
        replay([*simple()[:1], entry])
    with pytest.raises(OffhookError, match="does not hold a valid call policy"):
        replay([{"at_s": 0.0, "event": "Dialed", "facts": None}])


@pytest.mark.parametrize("journal", [5, None, "journal.jsonl", {}, [5], [[]]])
def test_a_journal_is_a_list_of_entries(journal: object) -> None:
    with pytest.raises(ConfigError, match="journal must be a "):
        replay(journal)  # type: ignore[arg-type]
