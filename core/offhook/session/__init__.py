"""The session: what a call is, and what to do next. Pure: events in, actions out; no I/O, no clock.

The names are imported on first use: who only needs grades, or the events of members, needs no machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.session.actions import (
        Action,
        CloseMedia,
        FinishCall,
        JoinChannel,
        LeaveChannel,
        OpenMedia,
        RenewGrant,
        StartCall,
    )
    from offhook.session.endings import ENDINGS
    from offhook.session.events import (
        AudioHeard,
        AudioLost,
        AudioReturned,
        CallAccepted,
        CallRefused,
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
        LegEvent,
        LegFailed,
        LegJoined,
        LegReconnected,
        MemberJoined,
        MemberLeft,
        MemberPublished,
        MemberUnpublished,
        RenewalFailed,
        StartLost,
        WebhookReported,
    )
    from offhook.session.grade import Grade
    from offhook.session.late_reports import LATE_REPORTS, LATE_REPORTS_IF_UNKNOWN, LateEffect
    from offhook.session.machine import CallSession, Step
    from offhook.session.outcome import Cause, Disposition, EndedBy, Outcome
    from offhook.session.policy import AnswerPolicy, CallPolicy
    from offhook.session.record import CallRecord, Gap, TakenReport, TimelineEntry, entry_document, record_document
    from offhook.session.states import (
        CALL_TABLE,
        COUPLING,
        GRADES,
        LEG_TABLE,
        CallState,
        Evidence,
        LegState,
        Signal,
    )

__all__ = [
    "CALL_TABLE",
    "COUPLING",
    "ENDINGS",
    "GRADES",
    "LATE_REPORTS",
    "LATE_REPORTS_IF_UNKNOWN",
    "LEG_TABLE",
    "Action",
    "AnswerPolicy",
    "AudioHeard",
    "AudioLost",
    "AudioReturned",
    "CallAccepted",
    "CallPolicy",
    "CallRecord",
    "CallRefused",
    "CallSession",
    "CallState",
    "Cause",
    "CloseMedia",
    "DeadlinePassed",
    "Dialed",
    "Direction",
    "Disposition",
    "EndedBy",
    "Event",
    "Evidence",
    "FinishCall",
    "Gap",
    "Grade",
    "GrantExpiring",
    "GrantRenewed",
    "HangUpRequested",
    "JoinChannel",
    "LateEffect",
    "LeaveChannel",
    "LeaveReason",
    "LegClosed",
    "LegDisconnected",
    "LegEvent",
    "LegFailed",
    "LegJoined",
    "LegReconnected",
    "LegState",
    "MemberJoined",
    "MemberLeft",
    "MemberPublished",
    "MemberUnpublished",
    "OpenMedia",
    "Outcome",
    "RenewGrant",
    "RenewalFailed",
    "Signal",
    "StartCall",
    "StartLost",
    "Step",
    "TakenReport",
    "TimelineEntry",
    "WebhookReported",
    "entry_document",
    "record_document",
]

#: The names of each module in this room.
_HOMES: Final[Mapping[str, str]] = {
    "actions": "Action CloseMedia FinishCall JoinChannel LeaveChannel OpenMedia RenewGrant StartCall",
    "endings": "ENDINGS",
    "events": (
        "AudioHeard AudioLost AudioReturned CallAccepted CallRefused DeadlinePassed Dialed Direction Event "
        "GrantExpiring GrantRenewed HangUpRequested LeaveReason LegClosed LegDisconnected LegEvent LegFailed "
        "LegJoined LegReconnected MemberJoined MemberLeft MemberPublished MemberUnpublished RenewalFailed "
        "StartLost WebhookReported"
    ),
    "grade": "Grade",
    "late_reports": "LATE_REPORTS LATE_REPORTS_IF_UNKNOWN LateEffect",
    "machine": "CallSession Step",
    "outcome": "Cause Disposition EndedBy Outcome",
    "policy": "AnswerPolicy CallPolicy",
    "record": "CallRecord Gap TakenReport TimelineEntry entry_document record_document",
    "states": "CALL_TABLE COUPLING GRADES LEG_TABLE CallState Evidence LegState Signal",
}

if not TYPE_CHECKING:  # a type checker would take any name for one of this module

    def __getattr__(name: str) -> object:
        from importlib import import_module

        for home, names in _HOMES.items():
            if name in names.split():
                found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
