"""What is known about a call: its timeline while it lasts, and the record that remains.

Every state carries the evidence for it and how good that evidence is. "Accepted", "joined" and "media flowing" are
three entries, never one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from offhook.session.events import AudioHeard, CallAccepted, Dialed, LegJoined, WebhookReported
from offhook.session.states import CallState, Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.session.events import Event
    from offhook.session.grade import Grade
    from offhook.session.machine import Step
    from offhook.session.outcome import Disposition, Outcome
    from offhook.session.states import LegState


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened.

    Attributes:
        at_s: seconds since dialling.
        event: what happened, by the name of its event class.
        call: state of the call after it.
        leg: state of the leg after it.
        changed: whether either state changed.
        evidence: what the new state rests on, when one changed.
        grade: how good that evidence is.
        detail: for people; holds no secret.
        facts: the event's own fields as plain values, for `offhook records replay`; times are seconds since dialling.
    """

    at_s: float
    event: str
    call: CallState
    leg: LegState
    changed: bool = False
    evidence: Evidence | None = None
    grade: Grade | None = None
    detail: str = ""
    facts: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(slots=True)
class Gap:
    """A time without a connection to the channel, or in which the whole process stood still.

    Nothing was sent or heard, and recordings hold silence. The timeline shows which it was.

    Attributes:
        start_s: its start, in seconds since our leg joined the channel, which is when recordings begin.
        end_s: its end, likewise; None while the gap lasts, and if the call ended during the gap.
    """

    start_s: float
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class TakenReport:
    """What the carrier reported of a call, as far as the record took it over.

    Attributes:
        disposition: how the call ended, as reported.
        grade: how sure it is that the carrier said this, and said it of this call.
        at_s: when the report arrived, in seconds since dialling.
        evidence: what the report rests on.
        text: what the carrier said, for people; holds no secret.
        before: the disposition that the record had before the report changed it; None if the report changed none.
    """

    disposition: Disposition
    grade: Grade
    at_s: float
    evidence: Evidence = Evidence.WEBHOOK
    text: str = ""
    before: Disposition | None = None


@dataclass(slots=True)
class CallRecord:
    """One call, from dialling to its end. Times are seconds since `dialed_at`; None means that it did not happen.

    Attributes:
        call_id: our own name for the call.
        number: who was called, masked.
        dialed_at: wall time of dialling, ISO 8601.
        channel: the channel's name, once the carrier has returned a grant.
        rang: ``"no"``, ``"assumed"`` (no ringing signal exists), ``"unknown"`` (the carrier's answer was lost) or
            ``"reported"`` (it was lost, and the carrier reported the call later).
        accepted_at_s: the carrier returned a grant.
        joined_at_s: our leg was in the channel.
        answered_at_s: the answer, by the call's answer policy.
        first_sent_at_s: our first audio left.
        first_heard_at_s: the callee's first audio arrived.
        ended_at_s: the end.
        outcome: how it ended.
        problem: one sentence, when something broke; otherwise empty.
        timeline: everything that happened, oldest first.
        counters: what was sent, received, lost, concealed, dropped.
        files: the paths of the recordings; the key names the content of each.
        gaps: when the connection to the channel was lost, or the process stood still.
        from_number: the line that was called from, masked; empty if neither the program nor the carrier chose one.
        report: what the carrier reported of the end, perhaps long after it; None if it reported nothing.
    """

    call_id: str
    number: str
    dialed_at: str
    channel: str = ""
    rang: str = "no"
    accepted_at_s: float | None = None
    joined_at_s: float | None = None
    answered_at_s: float | None = None
    first_sent_at_s: float | None = None
    first_heard_at_s: float | None = None
    ended_at_s: float | None = None
    outcome: Outcome | None = None
    problem: str = ""
    timeline: list[TimelineEntry] = field(default_factory=list[TimelineEntry])
    counters: dict[str, int] = field(default_factory=dict[str, int])
    files: dict[str, str] = field(default_factory=dict[str, str])
    gaps: list[Gap] = field(default_factory=list[Gap])
    from_number: str = ""
    report: TakenReport | None = None

    @property
    def disposition(self) -> Disposition | None:
        """What became of the call; None while it lasts."""
        return self.outcome.disposition if self.outcome else None

    def apply(self, event: Event, step: Step, at_s: float, callee_uid: int | None, outcome: Outcome | None) -> bool:
        """Take over what an event did to the call; returns whether this event decided the outcome.

        Args:
            event: what the session took.
            step: what the session returned.
            at_s: when, in seconds since dialling.
            callee_uid: the callee, as far as the session knows after the event.
            outcome: the outcome, as far as the session knows after the event.
        """
        match event:
            case Dialed():
                self.rang = "unknown"  # saved before the carrier is asked; holds until its answer arrives
            case CallAccepted():
                self.accepted_at_s = at_s
                self.rang = "reported" if self.rang == "reported" else "assumed"
            case LegJoined():
                self.joined_at_s = at_s
            case AudioHeard(uid) if uid == callee_uid:
                self.first_heard_at_s = at_s
            case WebhookReported(disposition, _, text) if step.grade is not None:
                before = self.disposition if self.outcome != outcome else None
                self.report = TakenReport(disposition, step.grade, at_s, text=text, before=before)
                self.rang = "reported" if self.rang == "unknown" else self.rang
                self.outcome = outcome if before is not None else self.outcome
            case _:
                pass
        if step.call is CallState.ACTIVE and self.answered_at_s is None:
            self.answered_at_s = self.first_sent_at_s = at_s
        if step.call is CallState.ENDED and self.ended_at_s is None:
            self.ended_at_s = at_s
        decided = self.outcome is None and outcome is not None
        if decided:
            self.outcome = outcome
        return decided


_TIMES: Final = (
    "accepted_at_s",
    "joined_at_s",
    "answered_at_s",
    "first_sent_at_s",
    "first_heard_at_s",
    "ended_at_s",
)


def entry_document(call_id: str, entry: TimelineEntry) -> dict[str, object]:
    """An entry as plain values, for a journal."""
    return {
        "call_id": call_id,
        "at_s": entry.at_s,
        "event": entry.event,
        "facts": dict(entry.facts),
        "call": entry.call.value,
        "leg": entry.leg.value,
        "changed": entry.changed,
        "evidence": entry.evidence.value if entry.evidence else None,
        "grade": entry.grade.value if entry.grade else None,
        "detail": entry.detail,
    }


def record_document(record: CallRecord) -> dict[str, object]:
    """A record as plain values, for a store and for ``--json``."""
    return {**brief_document(record), "timeline": timeline_document(record)}


def timeline_document(record: CallRecord) -> list[dict[str, object]]:
    """The timeline of a record as plain values."""
    return [entry_document(record.call_id, entry) for entry in record.timeline]


def brief_document(record: CallRecord) -> dict[str, object]:
    """A record as plain values without its timeline, which grows with the call."""
    times = {name: None if (at := getattr(record, name)) is None else round(at, 6) for name in _TIMES}
    outcome = record.outcome
    return {
        "call_id": record.call_id,
        "number": record.number,
        "from_number": record.from_number,
        "disposition": outcome.disposition.value if outcome else None,
        "ended_by": outcome.ended_by.value if outcome else None,
        "cause": int(outcome.cause) if outcome else None,
        "problem": record.problem,
        "dialed_at": record.dialed_at,
        "channel": record.channel,
        "rang": record.rang,
        "report": None if record.report is None else _report_document(record.report),
        **times,
        "counters": dict(record.counters),
        "files": dict(record.files),
        "gaps": [{"start_s": gap.start_s, "end_s": gap.end_s} for gap in record.gaps],
    }


def _report_document(report: TakenReport) -> dict[str, object]:
    return {
        "disposition": report.disposition.value,
        "grade": report.grade.value,
        "evidence": report.evidence.value,
        "at_s": round(report.at_s, 6),
        "text": report.text,
        "before": report.before.value if report.before else None,
    }
