"""Amends the record of a call whose outcome is known, with what its carrier reports, perhaps long after its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.session.events import WebhookReported
from offhook.session.facts import to_facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import CarrierReport
    from offhook.records.timeline import Timeline
    from offhook.session.machine import CallSession


#: How much of the text of a report is kept, in characters.
_MOST_TEXT: Final = 200


class Amendments:
    """Takes reports of one call.

    A phone keeps this object for some time after the call, so it holds the record and its stores, and nothing else of
    what the call was made of.

    Args:
        session: the session of the call, which decides what a report changes.
        timeline: the timeline of the call, with its record and its stores.
        now_s: seconds since dialling.
        clean: removes from a text what must not be written down.
    """

    def __init__(
        self, session: CallSession, timeline: Timeline, now_s: Callable[[], float], clean: Callable[[str], str]
    ) -> None:
        self._session = session
        self._timeline = timeline
        self._now_s = now_s
        self._clean = clean

    def event(self, report: CarrierReport) -> WebhookReported:
        """The report as an event, with its text cleaned and cut."""
        return WebhookReported(report.disposition, report.grade, self._clean(report.text)[:_MOST_TEXT])

    def take(self, report: CarrierReport) -> bool:
        """Amend the record, the journal and what the stores hold.

        Returns:
            Whether the report was taken. If not, nothing is written: it is repeated, or knows less than the record.
        """
        event, at_s, session = self.event(report), self._now_s(), self._session
        step = session.handle(event, at_s)
        if step.evidence is None:
            return False
        self._timeline.record.apply(event, step, at_s, session.callee_uid, session.outcome)
        self._timeline.amend(type(event).__name__, detail_of(event), step, at_s, to_facts(event))
        return True


def detail_of(event: WebhookReported) -> str:
    """A report for people, without its grade, which the entry has itself."""
    return f"disposition={event.disposition}" + (f" ({event.text})" if event.text else "")
