"""The timeline of a call: written to the store first, then to the record, to observers and to whoever listens."""

from __future__ import annotations

import logging
import weakref
from typing import TYPE_CHECKING, Final

from offhook.interfaces.stream import BoundedStream
from offhook.secret import redact
from offhook.session.record import TimelineEntry, entry_document, record_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.errors import OffhookError
    from offhook.plugin.hooks import Hooks
    from offhook.records.stores import CallStores
    from offhook.session.record import CallRecord


_log: Final = logging.getLogger("offhook")

#: How many entries a listener may leave waiting, and how many a record keeps.
EVENTS_WAITING = 256
ENTRIES_KEPT = 10_000


class Timeline:
    """Everything that happened to one call.

    Args:
        record: where entries and problems are kept.
        stores: where they are written before anything is done about them.
        hooks: of the plugins that observe the call.
        note: adds an entry of a name and a detail that changes no state.
        clean: takes out of a text what must not be written down.
    """

    def __init__(
        self,
        record: CallRecord,
        stores: CallStores,
        hooks: Hooks,
        note: Callable[[str, str], None],
        clean: Callable[[str], str] = redact,
    ) -> None:
        self.record = record
        self._stores = stores
        self._hooks = hooks
        self._note = note
        self._clean = clean
        self._streams: weakref.WeakSet[BoundedStream[TimelineEntry]] = weakref.WeakSet()
        self._closed = False

    def add(self, entry: TimelineEntry) -> None:
        """Take an entry. Nothing that a store or an observer does wrong reaches the call.

        A journal that cannot be written is given up, and the record is saved all the same.
        """
        if self._closed:
            return
        problems = self._stores.append(entry_document(self.record.call_id, entry))
        if len(self.record.timeline) < ENTRIES_KEPT:
            self.record.timeline.append(entry)
        else:
            self.count("timeline_entries_dropped")
        for stream in tuple(self._streams):
            stream.put(entry)
        level = logging.INFO if entry.changed else logging.DEBUG
        evidence = entry.evidence.value if entry.evidence else "nothing changed"
        _log.log(level, "%s %s: %s (%s) %s", self.record.call_id, entry.event, entry.call.name, evidence, entry.detail)
        for problem in problems:  # after the entry itself, so that the timeline stays in order
            self.problem(problem)
        if entry.changed:
            self.save()
            self._hooks.call_transition(self.record.call_id, entry, self.observer_failed)

    def observer_failed(self, error: OffhookError) -> None:
        """A plugin's observer hook raised; the call goes on."""
        self.count("observer_errors")
        self.problem(error.message)

    def problem(self, sentence: str, kind: str = "PluginError") -> None:
        """Something went wrong that the call survives: the record keeps the first, the timeline each."""
        if not self._closed:
            self.record.problem = self.record.problem or self._clean(sentence)
            self._note(kind, sentence)

    def remark(self, sentence: str) -> None:
        """A plugin did what it should not and it cost nothing: the timeline tells it; when it is closed, the log."""
        if self._closed:
            _log.warning("%s: %s", self.record.call_id, self._clean(sentence))
        else:
            self._note("PluginError", sentence)

    def failure(self, sentence: str) -> None:
        """What ended the call; the record tells this before anything that the call survived."""
        self.record.problem = self._clean(sentence)

    def count(self, name: str, more: int = 1) -> None:
        """Add to one of the record's counters, while it is not final."""
        if self._closed:
            return
        self.record.counters[name] = self.record.counters.get(name, 0) + more

    def stream(self) -> BoundedStream[TimelineEntry]:
        """A new listener; it gets what comes from now on."""
        stream = BoundedStream[TimelineEntry](EVENTS_WAITING)
        if self._closed:
            stream.close()
        self._streams.add(stream)
        return stream

    @property
    def unwritten(self) -> str:
        """Why what happened so far stands in no store, though there is one; else empty."""
        return self._clean(self._stores.unwritten)

    def save(self) -> None:
        """Write the record as it is now. One that cannot be written is tried again with the next change."""
        failures, problems = self._stores.save(record_document(self.record))
        if failures:
            self.count("records_unsaved", failures)
        for problem in problems:
            self.problem(problem)

    def close(self) -> None:
        """The record is final: save it and end the streams."""
        self.save()
        self._closed = True
        for stream in self._streams:
            stream.close()
