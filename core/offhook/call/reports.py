"""Finds the call that a carrier's report is about, while the call lasts and for an hour after its end.

A report names its call by our id or by its channel; or it names the numbers, and then it is about the only call between
them that fits in time. That is assumed, so it never ends a call: it waits until the call has an outcome. Other reports
that belong to no call wait as well, since a webhook may be faster than the carrier's answer.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from offhook.session.grade import Grade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from offhook.interfaces import CarrierReport
    from offhook.interfaces.clock import Clock
    from offhook.interfaces.dialing import DialRequest
    from offhook.session.record import CallRecord


#: How many calls that have ended can still be reported on, and for how long, in seconds.
MOST_ENDED: Final = 1000
REMEMBERED_S: Final = 3600.0
#: How many reports that belong to no call wait for one; they wait for `REMEMBERED_S`.
MOST_WAITING: Final = 1000
#: How far the carrier's clock and ours may differ when a report is matched by its numbers, in seconds.
_SKEW_S: Final = 15.0


@dataclass(slots=True)
class ReportedCall:
    """A call, as reports see it.

    Attributes:
        request: the call, as it was admitted.
        record: its record.
        take: takes a report that is about this call; returns whether it changed the record.
        ended_s: when nothing was left of it, on the clock that never steps back; None as long as it lasts.
    """

    request: DialRequest
    record: CallRecord
    take: Callable[[CarrierReport], bool]
    ended_s: float | None = None


class Reports:
    """The calls of one phone, and the reports that wait for theirs.

    Args:
        clock: the phone's clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: By call id; those that have ended are in the order of their ends.
        self._live: dict[str, ReportedCall] = {}
        self._ended: dict[str, ReportedCall] = {}
        self._waiting: deque[tuple[float, CarrierReport]] = deque(maxlen=MOST_WAITING)

    @property
    def waiting(self) -> tuple[CarrierReport, ...]:
        """The reports that belong to no call so far, the oldest first."""
        self._forget()
        return tuple(report for _, report in self._waiting)

    def begin(self, call: ReportedCall) -> None:
        """The call is dialled now."""
        self._live[call.request.call_id] = call

    def end(self, call_id: str, take: Callable[[CarrierReport], bool]) -> None:
        """Nothing is left of the call but its record.

        Args:
            call_id: the call.
            take: takes reports from now on; it must not hold what the call was made of.
        """
        call = self._live.pop(call_id)
        call.take, call.ended_s = take, self._clock.monotonic_s()
        self._ended[call_id] = call
        self._forget()
        self.look_again(call)

    def look_again(self, call: ReportedCall) -> None:
        """Take the waiting reports that may be about this call: its channel is known now, or it has ended."""
        channel, number = call.record.channel, call.request.number
        for item in tuple(self._waiting):
            _, report = item
            may_be = report.number == number or (report.channel and report.channel == channel)
            if may_be and self._deliver(report) is not None:
                self._waiting.remove(item)

    def take(self, report: CarrierReport) -> bool:
        """Pass a report to its call; if none is found, the report waits. Returns whether it changed a record."""
        self._forget()
        changed = self._deliver(report)
        if changed is None and all(report != known for _, known in self._waiting):
            self._waiting.append((self._clock.monotonic_s(), report))
        return bool(changed)

    def _deliver(self, report: CarrierReport) -> bool | None:
        """Pass a report to its call; returns whether it changed the record, or None if no such call is known (yet)."""
        call = self._named(report)
        if call is None:
            fitting = list(self._between(report))
            if len(fitting) != 1 or fitting[0].record.outcome is None:
                return None
            (call,) = fitting
            text = f"{report.text}; " if report.text else ""
            report = replace(report, grade=Grade.ASSUMED, text=f"{text}matched by its numbers")
        return call.record.rang != "no" and call.take(report)

    def _named(self, report: CarrierReport) -> ReportedCall | None:
        """The call that the report names by our id or by its channel."""
        if report.call_id:
            return self._live.get(report.call_id) or self._ended.get(report.call_id)
        return next((call for call in self._calls() if report.channel and report.channel == call.record.channel), None)

    def _between(self, report: CarrierReport) -> Iterator[ReportedCall]:
        """The calls between the numbers of a report that fit in time."""
        if report.call_id or not report.number:
            return
        for call in self._calls():
            numbers = call.request.from_number, call.request.number
            ours = numbers == (report.from_number, report.number) and call.record.rang != "no"
            if ours and _may_be_channel_of(report.channel, call.record) and _fits(report.at_s, call):
                yield call

    def _calls(self) -> Iterator[ReportedCall]:
        yield from self._live.values()
        yield from self._ended.values()

    def _forget(self) -> None:
        """Forget what is too old or too much."""
        oldest_s = self._clock.monotonic_s() - REMEMBERED_S
        while self._ended:
            call_id, call = next(iter(self._ended.items()))
            if len(self._ended) <= MOST_ENDED and (call.ended_s or 0.0) >= oldest_s:
                break
            del self._ended[call_id]
        while self._waiting and self._waiting[0][0] < oldest_s:
            self._waiting.popleft()


def _may_be_channel_of(name: str, record: CallRecord) -> bool:
    """Whether a name that equals no channel of ours may still be the carrier's name for this call.

    It is not if it looks like a channel and the call has another one: then it is a call of another process.
    """
    return not (name and record.channel) or _form(name) != _form(record.channel)


def _form(name: str) -> str:
    """A name with all that differs between two names of one kind left out."""
    return re.sub("[0-9A-Fa-f]", "0", name)


def _fits(at_s: float | None, call: ReportedCall) -> bool:
    """Whether the call was up at a wall time, as far as clocks agree; None fits every call."""
    if at_s is None:
        return True
    begun_s = call.request.wall_s
    lasted_s = call.record.ended_at_s
    return begun_s - _SKEW_S <= at_s and (lasted_s is None or at_s <= begun_s + lasted_s + _SKEW_S)
