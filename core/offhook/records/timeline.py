"""The timeline of a call: written to the store first, then to the record, to observers and to listeners."""

from __future__ import annotations

import logging
import weakref
from typing import TYPE_CHECKING, Final, Protocol

from offhook.interfaces.stream import BoundedStream
from offhook.secret import redact
from offhook.session.record import TimelineEntry, brief_document, entry_document, timeline_document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from offhook.errors import OffhookError
    from offhook.plugin.hooks import Hooks
    from offhook.records.stores import CallStores
    from offhook.session.machine import Step
    from offhook.session.record import CallRecord
    from offhook.session.states import CallState, LegState


_log: Final = logging.getLogger("offhook")
#: Problems of calls have a logger of their own, since the command line shows them itself.
CALLS_LOGGER: Final = "offhook.calls"
_problems: Final = logging.getLogger(CALLS_LOGGER)

#: How many sentences of one call are remembered, so that each is logged once.
_MOST_LOGGED: Final = 100

#: How many entries a listener may leave waiting, and how many a record keeps.
EVENTS_WAITING = 256
ENTRIES_KEPT = 10_000


class States(Protocol):
    """The states of a call, as its session has them."""

    @property
    def call_state(self) -> CallState: ...

    @property
    def leg_state(self) -> LegState: ...


class Timeline:
    """Everything that happened to one call.

    Args:
        record: the record that keeps entries and problems.
        stores: written to before anything is done about an entry.
        hooks: the hooks of the plugins that observe the call.
        states: holds the present states of the call and of the leg.
        now_s: seconds since dialling.
        clean: removes from a text what must not be written down.
    """

    def __init__(
        self,
        record: CallRecord,
        stores: CallStores,
        hooks: Hooks,
        states: States,
        now_s: Callable[[], float],
        clean: Callable[[str], str] = redact,
    ) -> None:
        self.record = record
        self._stores = stores
        self._hooks = hooks
        self._states = states
        self._now_s = now_s
        self._clean = clean
        self._streams: weakref.WeakSet[BoundedStream[TimelineEntry]] = weakref.WeakSet()
        self._closed = False
        self._streams_ended = False
        self._logged: set[str] = set()

    def event(self, name: str, detail: str, step: Step, at_s: float, facts: Mapping[str, object]) -> None:
        """Add what the session made of an event."""
        self.add(self._entry(name, detail, step, at_s, facts))

    def amend(self, name: str, detail: str, step: Step, at_s: float, facts: Mapping[str, object]) -> None:
        """Add an event that changed the record and no state, and save the record, even if it was final."""
        self._write(self._entry(name, detail, step, at_s, facts))
        self.save()

    def note(self, name: str, detail: str, facts: Mapping[str, object] | None = None) -> None:
        """Add an entry that changes no state."""
        call, leg = self._states.call_state, self._states.leg_state
        self.add(TimelineEntry(self._now_s(), name, call, leg, detail=self._clean(detail), facts=dict(facts or {})))

    def add(self, entry: TimelineEntry) -> None:
        """Add an entry. No mistake of a store or an observer reaches the call.

        A journal that cannot be written is given up; the record is still saved.
        """
        if self._closed:
            return
        self._write(entry)
        if entry.changed:
            self.save()
            self._hooks.call_transition(self.record.call_id, entry, self.observer_failed)

    def _entry(self, name: str, detail: str, step: Step, at_s: float, facts: Mapping[str, object]) -> TimelineEntry:
        return TimelineEntry(
            at_s, name, step.call, step.leg, step.changed, step.evidence, step.grade, self._clean(detail), facts
        )

    def _write(self, entry: TimelineEntry) -> None:
        problems = self._stores.append(entry_document(self.record.call_id, entry))
        if len(self.record.timeline) < ENTRIES_KEPT:
            self.record.timeline.append(entry)
        else:
            self.count("timeline_entries_dropped")
        for stream in tuple(self._streams):
            stream.put(entry)
        level = logging.INFO if entry.evidence else logging.DEBUG
        evidence = entry.evidence.text if entry.evidence else "nothing changed"
        _log.log(level, "%s %s: %s (%s) %s", self.record.call_id, entry.event, entry.call.name, evidence, entry.detail)
        for problem in problems:  # after the entry itself, so that the timeline stays in order
            self.problem(problem)

    def observer_failed(self, error: OffhookError) -> None:
        """A plugin's observer hook raised; the call goes on."""
        self.count("observer_errors")
        self.problem(error.message)

    def problem(self, sentence: str, kind: str = "PluginError") -> None:
        """Note and log something that went wrong and that the call survives. The record keeps the first such problem.

        When the timeline is closed, it is only logged.
        """
        self.warn(sentence)
        if not self._closed:
            self.record.problem = self.record.problem or self._clean(sentence)
            self.note(kind, sentence)

    def warn(self, sentence: str) -> None:
        """Log a warning about the call; a sentence that was logged before is not logged again."""
        clean = self._clean(sentence)
        if clean not in self._logged and len(self._logged) < _MOST_LOGGED:
            self._logged.add(clean)
            _problems.warning("%s: %s", self.record.call_id, clean)

    def remark(self, sentence: str) -> None:
        """Note a harmless mistake of a plugin; when the timeline is closed, log it instead."""
        if self._closed:
            _log.warning("%s: %s", self.record.call_id, self._clean(sentence))
        else:
            self.note("PluginError", sentence)

    def failure(self, sentence: str) -> None:
        """Set the record's problem to what ended the call; this replaces a problem that the call survived."""
        self.record.problem = self._clean(sentence)

    def count(self, name: str, more: int = 1) -> None:
        """Add to one of the record's counters; when the record is final, do nothing."""
        if self._closed:
            return
        self.record.counters[name] = self.record.counters.get(name, 0) + more

    def stream(self) -> BoundedStream[TimelineEntry]:
        """A stream of the entries from now on."""
        stream = BoundedStream[TimelineEntry](EVENTS_WAITING)
        if self._streams_ended:
            stream.close()
        self._streams.add(stream)
        return stream

    @property
    def unwritten(self) -> str:
        """Why every store lacks something; empty if one store is complete or the phone has no store."""
        return self._clean(self._stores.unwritten)

    def save(self) -> None:
        """Write the present record. If it cannot be written, the next change tries again."""
        record = self.record
        final = record.ended_at_s is not None  # for each save after the end: the process may die before the last
        failures, problems = self._stores.save(brief_document(record), lambda: timeline_document(record), final=final)
        if failures:
            self.count("records_unsaved", failures)
        for problem in problems:
            self.problem(problem)

    def close(self) -> None:
        """The record is final: save it and end the streams."""
        self.save()
        self._closed = True
        self.end_streams()

    def end_streams(self) -> None:
        """Nothing more will happen to the call: end its streams, and those that are made later."""
        self._streams_ended = True
        for stream in self._streams:
            stream.close()
