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
