"""The timeline: bounded, redacted, and proof against stores, observers and readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.core.rig import PLAIN, load, run

from offhook import CallPolicy, CallRecord, CallState, LegState, TimelineEntry, hookimpl
from offhook.records.stores import Stores
from offhook.records.timeline import ENTRIES_KEPT, EVENTS_WAITING, Timeline
from offhook.secret import Secret
from offhook.session.machine import CallSession
from offhook.session.record import entry_document
from offhook.testing import MemoryStore

if TYPE_CHECKING:
    from offhook.interfaces import Store
    from offhook.interfaces.store import Document
    from offhook.plugin.manager import Plugins


def made(record: CallRecord, store: Store | None = None, plugins: Plugins = PLAIN) -> Timeline:
    """A timeline of a call that has not been dialled."""
    stores = Stores([store] if store else []).of_call(record.call_id)
    return Timeline(record, stores, plugins.hooks, CallSession(CallPolicy()), lambda: 0.0)


def entry(index: int, *, changed: bool = False) -> TimelineEntry:
    return TimelineEntry(float(index), f"Event{index}", CallState.ACTIVE, LegState.CONNECTED, changed)


def test_a_record_is_bounded_and_counts_what_it_leaves_out_while_the_journal_has_all() -> None:
    store, record = MemoryStore(), CallRecord("call_1", "+1•••23", "")
    timeline = made(record, store)
    for index in range(ENTRIES_KEPT + 5):
        timeline.add(entry(index))
    assert len(record.timeline) == ENTRIES_KEPT
    assert record.timeline[0].event == "Event0"
    assert record.counters == {"timeline_entries_dropped": 5}
    assert len(store.journal) == ENTRIES_KEPT + 5
    assert store.journal[-1] == entry_document("call_1", entry(ENTRIES_KEPT + 4))


def test_a_reader_who_falls_behind_loses_the_oldest() -> None:
    async def main() -> None:
        timeline = made(CallRecord("call_1", "", ""))
        timeline.add(entry(0))
        stream = timeline.stream()
        for index in range(1, EVENTS_WAITING + 11):
            timeline.add(entry(index))
        timeline.close()
        kept = [item.event async for item in stream]
        assert kept == [f"Event{index}" for index in range(11, EVENTS_WAITING + 11)]
        assert stream.dropped == 10
        assert [item async for item in timeline.stream()] == []

    run(main())


def test_the_first_problem_is_kept_and_holds_no_secret() -> None:
    secret, record = Secret("sesame-open"), CallRecord("call_1", "", "")
    timeline = made(record)
    timeline.problem(f"it said {secret.reveal()}")
    timeline.problem("and then that")
    assert record.problem == "it said [secret]"
    assert [item.event for item in record.timeline] == ["PluginError", "PluginError"], "the timeline has each"
    timeline.failure("the carrier refused")
    assert record.problem == "the carrier refused", "what ended the call comes before what it survived"
    timeline.close()
    timeline.problem("too late")
    timeline.add(entry(9))
    assert (len(record.timeline), record.problem) == (2, "the carrier refused")


def test_a_journal_that_cannot_be_written_does_not_cost_the_record() -> None:
    class FullOnce(MemoryStore):
        tries = 0

        def append(self, call_id: str, entry: Document) -> None:
            self.tries += 1
            raise OSError(28, "No space left on device")

    store, record = FullOnce(), CallRecord("call_1", "", "")
    timeline = made(record, store)
    timeline.add(entry(0))
    timeline.add(entry(1))
    timeline.close()
    assert store.tries == 1
    assert "No space left" in record.problem
    assert list(store.records) == ["call_1"]


def test_a_record_of_a_call_that_has_ended_always_has_its_timeline() -> None:
    store, record = MemoryStore(), CallRecord("call_1", "", "")
    timeline = made(record, store)
    timeline.add(entry(0, changed=True))
    assert "timeline" not in store.records["call_1"], "the journal has it while the call lasts"
    record.ended_at_s = 1.0
    timeline.add(entry(1, changed=True))
    assert store.records["call_1"]["timeline"] == store.journal, "also if the process dies before the record is final"


def test_observers_hear_of_changes_only() -> None:
    seen: list[object] = []

    class Observer:
        @hookimpl
        def offhook_call_transition(self, call_id: str, entry: TimelineEntry) -> None:
            seen.append((call_id, entry))

    timeline = made(CallRecord("call_1", "", ""), None, load(Observer()))
    timeline.add(entry(0))
    timeline.add(entry(1, changed=True))
    assert seen == [("call_1", entry(1, changed=True))]
