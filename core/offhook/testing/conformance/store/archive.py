"""The part of the kit for stores about reading back, also after the process died."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from offhook.interfaces import Store
from offhook.testing.conformance.clause import NotClaimed, clause
from offhook.testing.conformance.store.making import StoreMaking

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from offhook.interfaces.store import Document


#: Every kind of JSON value, and strings that are easily damaged.
_ANYTHING: Final = MappingProxyType[str, object](
    {
        "event": "Dialed",
        "text": 'naïve ✆ 😀 "quoted" \\ \n \t',
        "deep": {"list": [1, -2.5, True, False, None, {"x": list[object]()}], "empty": dict[str, object]()},
        "large": 2**53 - 1,
        "": "no name",
    }
)


class StoreArchive(StoreMaking):
    """See `StoreConformance`."""

    @clause("store-6", "the journal of a call is read back as it was written, oldest entry first", capability="archive")
    async def test_the_journal_is_read_again(self) -> None:
        call_id = self.call_id()
        with self.opened() as store:
            for index in range(12):
                store.append(call_id, {"event": "Dialed", "index": index})
        with self.archive() as archive:
            indices = [entry.get("index") for entry in archive.journal(call_id)]
        assert indices == [*range(12)], f"appended 0 to 11, but read back {indices}"

    @clause("store-7", "plain values are read back unchanged: strings, numbers, lists, None", capability="archive")
    async def test_plain_values_come_back(self) -> None:
        call_id = self.call_id()
        with self.opened() as store:
            store.append(call_id, _ANYTHING)
            store.save(call_id, self.record_of(0, **_ANYTHING))
        with self.archive() as archive:
            for read in (*archive.journal(call_id), archive.record(call_id) or {}):
                _check_same(read)

    @clause("store-8", "save() replaces the record of a call", capability="archive")
    async def test_save_replaces(self) -> None:
        call_id = self.call_id()
        with self.opened() as store:
            for state in ("ringing", "talking", "over"):
                store.save(call_id, self.record_of(0, state=state))
        with self.archive() as archive:
            records = [record for record in archive.records() if record.get("call_id") == call_id]
            assert len(records) == 1, f"a record that was saved three times is read back {len(records)} times"
            last = archive.record(call_id)
            assert last is not None, "record() does not find the record"
            assert last.get("state") == "over", f"saved 'over' last, but read back {last.get('state')!r}"

    @clause("store-9", "calls do not mix: each has its own journal and record", capability="archive")
    async def test_calls_do_not_mix(self) -> None:
        calls = [self.call_id() for _ in range(3)]
        with self.opened() as store:
            for call_id in (*calls, *calls):
                store.append(call_id, {"event": "Dialed", "whose": call_id})
                store.save(call_id, self.record_of(0, whose=call_id))
        with self.archive() as archive:
            for call_id in calls:
                read = [*archive.journal(call_id), archive.record(call_id) or {}]
                assert [entry.get("whose") for entry in read] == [call_id] * 3, "the entries of calls are mixed up"

    @clause("store-10", "for an unknown call, record() returns None and journal() is empty", capability="archive")
    async def test_a_call_that_is_not_there(self) -> None:
        with self.opened() as store:
            store.append(self.call_id(), {"event": "Dialed"})
        with self.archive() as archive:
            record: object = archive.record(self.call_id())
            assert record is None, f"record() of an unknown call returned {record!r}"
            journal = archive.journal(self.call_id())
            assert len(journal) == 0, f"the journal of an unknown call has {len(journal)} entries"

    @clause("store-11", "records() returns the newest first, and at most the requested number", capability="archive")
    async def test_records_come_newest_first(self) -> None:
        calls = [self.call_id() for _ in range(4)]
        with self.opened() as store:
            for number, call_id in enumerate(calls):
                store.save(call_id, self.record_of(number))
        with self.archive() as archive:
            read = [str(record["call_id"]) for record in archive.records()]
            assert [call_id for call_id in read if call_id in calls] == calls[::-1], (
                "records() did not return the newest first"
            )
            assert len(archive.records(2)) == 2, f"records(2) returned {len(archive.records(2))} records"

    @clause("store-12", "an archive neither creates nor changes files", capability="archive")
    async def test_reading_makes_nothing(self) -> None:
        self.need_folder()
        place = self.folder
        with self.archive() as archive:
            assert len(archive.records()) == 0, "an empty place has records"
        assert _files(place) == {}, f"reading created {', '.join(_files(place))}"
        with self.opened() as store:
            store.save(self.call_id(), self.record_of(0))
        before = _files(place)
        with self.archive() as archive:
            archive.records()
        assert _files(place) == before, "reading changed the files of the store"

    @clause("store-13", "an appended entry survives the death of the process", capability="survives")
    async def test_entries_survive(self) -> None:
        call_id = self.call_id()
        self.used_by_one_that_dies(lambda store: store.append(call_id, {"event": "Dialed"}))
        with self.archive() as archive:
            assert len(archive.journal(call_id)) == 1, "the process died, and its entry is lost"

    @clause("store-14", "the record of a call whose process died is read back as interrupted", capability="survives")
    async def test_a_dead_call_is_shown(self) -> None:
        call_id = self._dead_call()
        with self.archive() as archive:
            record = archive.record(call_id)
        assert record is not None, "the process died, and its record is lost"
        assert record.get("interrupted") is True, "the process died, but interrupted is not true in the record"

    @clause(
        "store-15", "interrupted() of the next store returns a call whose process died, once", capability="interrupted"
    )
    async def test_a_dead_call_is_told_once(self) -> None:
        self._need_interrupted()
        call_id = self._dead_call()
        found: list[Document] = []
        for _ in range(2):
            with self.opened() as store:
                found += [record for record in store.interrupted() if record.get("call_id") == call_id]
        assert len(found) == 1, f"interrupted() returned it {len(found)} times"
        assert found[0].get("interrupted") is True, "interrupted() returned it without interrupted being true"

    @clause("store-16", "interrupted() does not return a call that is still going on", capability="interrupted")
    async def test_a_call_that_goes_on_is_not_told(self) -> None:
        self._need_interrupted()
        call_id = self.call_id()
        with self.opened() as store:
            store.save(call_id, self.record_of(0, ended_at_s=None))
            with self.opened() as other:
                found = [record for record in other.interrupted() if record.get("call_id") == call_id]
        assert not found, "interrupted() returned a call that is still going on"

    def _need_interrupted(self) -> None:
        with self.opened() as store:
            if type(store).interrupted is Store.interrupted:
                raise NotClaimed(f"{type(store).__name__} does not implement interrupted()")

    def _dead_call(self) -> str:
        call_id = self.call_id()
        record = self.record_of(0, ended_at_s=None)
        self.used_by_one_that_dies(lambda store: store.save(call_id, record))
        return call_id


def _check_same(read: Mapping[str, object]) -> None:
    for name, value in _ANYTHING.items():
        assert read.get(name) == value, f"{name!r} was {value!r}, but was read back as {read.get(name)!r}"


def _files(folder: Path) -> dict[str, bytes]:
    """Return everything below a folder: files with their content, and folders."""
    found = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in found}
