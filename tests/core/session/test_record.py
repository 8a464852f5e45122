"""Records and entries as plain values, for stores."""

from __future__ import annotations

import json
from dataclasses import fields

from offhook import (
    CallRecord,
    CallState,
    Cause,
    Disposition,
    EndedBy,
    Evidence,
    Grade,
    LegState,
    Outcome,
    TimelineEntry,
)
from offhook.session.events import AudioHeard, HangUpRequested, LegClosed
from offhook.session.machine import Step
from offhook.session.record import entry_document, record_document


def test_an_entry_as_a_document() -> None:
    bare = TimelineEntry(1 / 4, "MemberUnpublished", CallState.ACTIVE, LegState.CONNECTED)
    assert entry_document("call_1", bare) == {
        "call_id": "call_1",
        "at_s": 0.25,
        "event": "MemberUnpublished",
        "facts": {},
        "call": "active",
        "leg": "connected",
        "changed": False,
        "evidence": None,
        "grade": None,
        "detail": "",
    }
    full = TimelineEntry(
        2, "LegJoined", CallState.RINGING, LegState.CONNECTED, True, Evidence.LEG_JOINED, Grade.ASSUMED, "x"
    )
    document = entry_document("call_1", full)
    assert (document["evidence"], document["grade"]) == ("leg_joined", "assumed")


def test_only_the_audio_of_the_callee_counts_as_heard() -> None:
    record = CallRecord("call_1", "", "")
    step = Step(CallState.RINGING, LegState.CONNECTED, False, None, None)
    assert not record.apply(AudioHeard(3), step, 1.0, callee_uid=2, outcome=None)
    assert record.first_heard_at_s is None
    record.apply(AudioHeard(2), step, 2.0, callee_uid=2, outcome=None)
    assert record.first_heard_at_s == 2.0


def test_the_outcome_is_decided_once() -> None:
    record, end = CallRecord("call_1", "", ""), Outcome(Disposition.COMPLETED, EndedBy.CALLER, Cause.NORMAL_CLEARING)
    ending = Step(CallState.ENDING, LegState.CONNECTED, True, Evidence.REQUEST, Grade.OBSERVED)
    ended = Step(CallState.ENDED, LegState.CLOSED, True, Evidence.LEG_CLOSED, Grade.OBSERVED)
    assert record.apply(HangUpRequested(), ending, 3.0, None, end)
    assert not record.apply(LegClosed(), ended, 4.0, None, end)
    assert (record.outcome, record.ended_at_s) == (end, 4.0)


def test_a_record_as_a_document_holds_everything_and_is_json() -> None:
    record = CallRecord("call_1", "+1415•••0123", "2026-11-18T11:06:40.000Z")
    empty = record_document(record)
    assert record.disposition is None
    assert (empty["disposition"], empty["ended_by"], empty["cause"], empty["answered_at_s"]) == (None, None, None, None)
    record.answered_at_s = 0.1234567
    record.outcome = Outcome(Disposition.COMPLETED, EndedBy.CALLEE, Cause.NORMAL_CLEARING)
    record.counters["frames_sent"] = 3
    record.timeline.append(TimelineEntry(0, "Dialed", CallState.DIALING, LegState.NEW))
    document = record_document(record)
    assert {field.name for field in fields(record)} - {"outcome"} <= set(document)
    assert (document["disposition"], document["ended_by"], document["cause"]) == ("completed", "callee", 16)
    assert document["answered_at_s"] == 0.123457
    assert json.loads(json.dumps(document)) == document
    record.counters["frames_sent"] = 4
    assert document["counters"] == {"frames_sent": 3}, "a document does not change with its record"
