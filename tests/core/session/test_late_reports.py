"""What a carrier's report does to a call whose outcome is known."""

from __future__ import annotations

import pytest

from offhook.session.events import (
    CallAccepted,
    CallRefused,
    DeadlinePassed,
    Dialed,
    Event,
    HangUpRequested,
    LegClosed,
    LegFailed,
    LegJoined,
    MemberPublished,
    StartLost,
    WebhookReported,
)
from offhook.session.grade import Grade
from offhook.session.late_reports import LATE_REPORTS, LATE_REPORTS_IF_UNKNOWN, LateEffect
from offhook.session.machine import CallSession, Step
from offhook.session.outcome import Cause, Disposition, EndedBy, Outcome
from offhook.session.policy import CallPolicy
from offhook.session.states import CallState, Evidence

D = Disposition
REPORTED = (D.COMPLETED, D.NO_ANSWER, D.DECLINED, D.BUSY)
UP: tuple[Event, ...] = (Dialed(), CallAccepted(), LegJoined())
ACTIVE: tuple[Event, ...] = (*UP, MemberPublished(2))
#: A way to each disposition, and the reports that change it there; the others change nothing.
ENDS: dict[str, tuple[tuple[Event, ...], Disposition, dict[Disposition, str]]] = {
    "not answered": ((*UP, DeadlinePassed()), D.NO_ANSWER, {D.NO_ANSWER: "kept", D.DECLINED: "new", D.BUSY: "new"}),
    "answered": ((*ACTIVE, HangUpRequested(), LegClosed()), D.COMPLETED, {D.COMPLETED: "kept"}),
    "canceled": (
        (*UP, HangUpRequested(), LegClosed()),
        D.CANCELED,
        {D.NO_ANSWER: "kept", D.DECLINED: "kept", D.BUSY: "kept"},
    ),
    "never joined": ((*UP[:2], LegFailed("token")), D.FAILED, dict.fromkeys(REPORTED, "kept")),
    "lost in a conversation": ((*ACTIVE, LegClosed("gone")), D.FAILED, {D.COMPLETED: "kept"}),
    "answer lost": ((Dialed(), StartLost()), D.FAILED, dict.fromkeys(REPORTED, "new")),
    "refused": ((Dialed(), CallRefused(Cause.TEMPORARY_FAILURE)), D.FAILED, dict.fromkeys(REPORTED, "new")),
    "canceled and lost": ((Dialed(), HangUpRequested(), StartLost()), D.CANCELED, dict.fromkeys(REPORTED, "kept")),
    "declined": ((*UP, WebhookReported(D.DECLINED), LegClosed()), D.DECLINED, {}),
    "busy": ((*UP, WebhookReported(D.BUSY), LegClosed()), D.BUSY, {}),
    "reported as not answered": (
        (*UP, WebhookReported(D.NO_ANSWER), LegClosed()),
        D.NO_ANSWER,
        {D.DECLINED: "new", D.BUSY: "new"},
    ),
}


def ended(*events: Event) -> CallSession:
    session = CallSession(CallPolicy(), strict=True)
    for event in events:
        now = session.next_deadline() if isinstance(event, DeadlinePassed) else None
        session.handle(event, 0.0 if now is None else now)
    while session.call_state is not CallState.ENDED:
        session.handle(DeadlinePassed(), session.next_deadline() or 0.0)
    return session


def report(session: CallSession, disposition: Disposition, grade: Grade = Grade.ASSUMED) -> Step:
    return session.handle(WebhookReported(disposition, grade), 1000.0)


@pytest.mark.parametrize("reported", REPORTED)
@pytest.mark.parametrize("name", ENDS)
def test_a_report_after_the_end_adds_what_we_cannot_see_and_takes_back_nothing(
    name: str, reported: Disposition
) -> None:
    events, disposition, changes = ENDS[name]
    session = ended(*events)
    before = session.outcome
    assert before is not None
    assert before.disposition is disposition
    step = report(session, reported)
    assert (step.call, step.changed) == (CallState.ENDED, False)
    effect = changes.get(reported)
    assert (step.evidence, step.grade) == ((Evidence.WEBHOOK, Grade.ASSUMED) if effect else (None, None))
    if effect != "new":
        assert session.outcome == before
    else:
        causes = {D.DECLINED: Cause.CALL_REJECTED, D.BUSY: Cause.USER_BUSY, D.COMPLETED: Cause.NORMAL_CLEARING}
        assert session.outcome == Outcome(reported, EndedBy.CALLEE, causes.get(reported, Cause.NO_ANSWER))


@pytest.mark.parametrize("second", REPORTED)
@pytest.mark.parametrize("first", REPORTED)
@pytest.mark.parametrize("name", ENDS)
def test_a_second_report_changes_nothing_unless_it_knows_more(
    name: str, first: Disposition, second: Disposition
) -> None:
    events, _, changes = ENDS[name]
    session = ended(*events)
    report(session, first)
    before = session.outcome
    assert before is not None
    report(session, second)
    if session.outcome != before:
        knows_more = before.disposition is D.NO_ANSWER and second in (D.DECLINED, D.BUSY)
        assert knows_more or first not in changes
    assert report(session, second).evidence is None, "it is repeated"


def test_a_report_is_taken_while_the_leg_still_leaves() -> None:
    session = CallSession(CallPolicy())
    for event in (*UP, WebhookReported(D.NO_ANSWER)):
        session.handle(event, 0.0)
    step = report(session, D.DECLINED)
    assert (step.call, step.changed, step.evidence) == (CallState.ENDING, False, Evidence.WEBHOOK)
    session.handle(LegClosed(), 0.0)
    assert session.outcome == Outcome(D.DECLINED, EndedBy.CALLEE, Cause.CALL_REJECTED)


def test_a_report_that_ends_a_call_has_the_grade_of_the_report() -> None:
    for grade in (Grade.DOCUMENTED, Grade.ASSUMED):
        session = CallSession(CallPolicy())
        for event in UP:
            session.handle(event, 0.0)
        assert report(session, D.BUSY, grade).grade is grade


def test_every_disposition_has_a_row_and_the_exceptions_are_of_those() -> None:
    assert set(LATE_REPORTS) == set(Disposition)
    assert set(LATE_REPORTS_IF_UNKNOWN) < set(LATE_REPORTS)
    rows = [*LATE_REPORTS.values(), *LATE_REPORTS_IF_UNKNOWN.values()]
    assert all(set(row) <= set(REPORTED) for row in rows)
    amended = {known for known, row in LATE_REPORTS.items() if LateEffect.AMENDS in row.values()}
    assert amended == {D.NO_ANSWER}
