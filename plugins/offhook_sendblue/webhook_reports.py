"""What an event says of a call of ours, as a report for its phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook import Disposition, Grade
from offhook.interfaces import CarrierReport
from offhook_sendblue.webhook_events import CallCompleted, CallEvent, CallLog, seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_sendblue.webhook_events import WebhookEvent

#: Sendblue's words for the end of a call. The first two are documented, as is ``voicemail``, but not what became of the
#: FaceTime call then; the others are what further words may mean.
_WORDS: Final[Mapping[str, tuple[Disposition, Grade]]] = {
    "connected": (Disposition.COMPLETED, Grade.DOCUMENTED),
    "not_answered": (Disposition.NO_ANSWER, Grade.DOCUMENTED),
    "voicemail": (Disposition.NO_ANSWER, Grade.ASSUMED),
    "no_answer": (Disposition.NO_ANSWER, Grade.ASSUMED),
    "missed": (Disposition.NO_ANSWER, Grade.ASSUMED),
    "declined": (Disposition.DECLINED, Grade.ASSUMED),
    "rejected": (Disposition.DECLINED, Grade.ASSUMED),
    "busy": (Disposition.BUSY, Grade.ASSUMED),
    "completed": (Disposition.COMPLETED, Grade.ASSUMED),
    "answered": (Disposition.COMPLETED, Grade.ASSUMED),
}


def report_of(event: WebhookEvent) -> CarrierReport | None:
    """Return the report in an event; None if it says nothing of the end of an outbound call, or names no call."""
    if not isinstance(event, CallLog | CallCompleted) or event.direction == "inbound":
        return None
    word = (event.disposition or "").strip().lower().replace("-", "_").replace(" ", "_")
    if word not in _WORDS:
        return None
    numbers = _numbers(event)
    if not (event.call_id or numbers):
        return None
    disposition, grade = _WORDS[word]
    number, from_number = numbers or ("", "")
    return CarrierReport(
        disposition,
        channel=event.call_id or "",
        number=number,
        from_number=from_number,
        at_s=seconds_of(event.date_started) or seconds_of(event.date_ended),
        grade=grade,
        text=f"{event.type}: {word}",
    )


def _numbers(event: CallEvent) -> tuple[str, str] | None:
    """Who was called, and from which line."""
    line = event.from_number or event.sendblue_number
    return (event.to_number, line) if event.to_number and line else None
