"""Stores and archives with one fault each, and the message with which the kit reports it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from offhook.records.documents import is_unfinished, mark_interrupted
from offhook.testing import VirtualLoop
from offhook.testing.conformance import StoreConformance
from offhook_sqlite.archive import SqliteArchive
from offhook_sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.interfaces import Archive, Store
    from offhook.interfaces.environment import Environment
    from offhook.interfaces.store import Document


class ClosesOnce(SqliteStore):
    closed = False

    def close(self) -> None:
        if self.closed:
            raise ValueError("closed already")
        self.closed = True
        super().close()


class AddsToTheEntry(SqliteStore):
    def append(self, call_id: str, entry: Document) -> None:
        super().append(call_id, entry)
        if isinstance(entry, dict):
            entry["call_id"] = call_id


class TakesTheTimeline(SqliteStore):
    def save(self, call_id: str, record: Document) -> None:
        super().save(call_id, record)
        if isinstance(record, dict):
            record.pop("timeline", None)


class BreaksWhenClosed(SqliteStore):
    closed = False

    def append(self, call_id: str, entry: Document) -> None:
        if self.closed:
            raise AttributeError("'NoneType' object has no attribute 'execute'")
        super().append(call_id, entry)

    def close(self) -> None:
        self.closed = True
        super().close()


class TakesAnyArgument(SqliteStore):
    def __init__(self, path: str) -> None:
        if "\0" not in path:
            super().__init__(path)

    def close(self) -> None:
        with contextlib.suppress(AttributeError):
            super().close()


class GivesUpForAnother(SqliteStore):
    newest: ClassVar[SqliteStore | None] = None

    def __init__(self, path: str) -> None:
        super().__init__(path)
        type(self).newest = self

    def append(self, call_id: str, entry: Document) -> None:
        if self.newest is not self:
            raise LookupError("another store has taken over")
        super().append(call_id, entry)


class LeavesATask(SqliteStore):
    def append(self, call_id: str, entry: Document) -> None:
        with contextlib.suppress(RuntimeError):  # a child process has no loop
            loop = asyncio.get_running_loop()
            self.writer = loop.create_task(asyncio.Event().wait())
        super().append(call_id, entry)


class ReadsBackwards(SqliteArchive):
    def journal(self, call_id: str) -> Sequence[Document]:
        return super().journal(call_id)[::-1]


class SpoilsTexts(SqliteStore):
    def append(self, call_id: str, entry: Document) -> None:
        super().append(call_id, _spoilt(entry))


class SpoilsRecords(SqliteStore):
    def save(self, call_id: str, record: Document) -> None:
        super().save(call_id, _spoilt(record))


def _spoilt(document: Document) -> Document:
    text = document.get("text")
    return {**document, "text": text.encode("ascii", "ignore").decode()} if isinstance(text, str) else document


class SavesOnce(SqliteStore):
    saved: ClassVar[set[str]] = set()

    def save(self, call_id: str, record: Document) -> None:
        if call_id not in self.saved:
            self.saved.add(call_id)
            super().save(call_id, record)


class MixesRecords(SqliteArchive):
    def record(self, call_id: str) -> Document | None:
        return next(iter(self.records()), None) if super().record(call_id) else None


class RaisesForNone(SqliteArchive):
    def record(self, call_id: str) -> Document | None:
        record = super().record(call_id)
        if record is None:
            raise KeyError(call_id)
        return record


class ReadsOldestFirst(SqliteArchive):
    def records(self, limit: int | None = None) -> Sequence[Document]:
        return super().records()[::-1][:limit]


class KnowsNoLimit(SqliteArchive):
    def records(self, limit: int | None = None) -> Sequence[Document]:
        return super().records()


class MakesAFile(SqliteArchive):
    def __init__(self, path: str) -> None:
        super().__init__(path)
        Path(f"{path}.lock").touch()


class WritesInTheEnd(SqliteStore):
    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.kept: list[tuple[str, Document]] = []

    def append(self, call_id: str, entry: Document) -> None:
        self.kept.append((call_id, entry))

    def close(self) -> None:
        kept, self.kept = self.kept, []
        for call_id, entry in kept:
            super().append(call_id, entry)
        super().close()


class ThinksItGoesOn(SqliteArchive):
    def record(self, call_id: str) -> Document | None:
        record = super().record(call_id)
        return record and {name: value for name, value in record.items() if name != "interrupted"}


class TellsNone(SqliteStore):
    def interrupted(self) -> Sequence[Document]:
        return ()


class TellsTheLiving(SqliteStore):
    def interrupted(self) -> Sequence[Document]:
        others = [mark_interrupted(record) for record in self.records() if is_unfinished(record)]
        return [*super().interrupted(), *others]


class HasOneKey(SqliteStore):
    async def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
        return await super().claim("the key", call_id, now_s, if_killed_s)

    async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        await super().release("the key", call_id, now_s, hold_s)


class KnowsItselfAlone(SqliteStore):
    claimed: ClassVar[dict[str, SqliteStore]] = {}

    async def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
        if self.claimed.setdefault(key, self) is not self:
            return None
        return await super().claim(key, call_id, now_s, if_killed_s)


class Remembers(SqliteStore):
    """Remembers the keys that were released with a hold."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.held: set[str] = set()

    async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        if hold_s:
            self.held.add(key)
        await super().release(key, call_id, now_s, hold_s)


class NeverReleases(Remembers):
    async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        if hold_s or key in self.held:
            await super().release(key, call_id, now_s, hold_s)


class HoldsNothing(SqliteStore):
    async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        await super().release(key, call_id, now_s, 0.0)


class TrustsTheClock(SqliteStore):
    latest_s = 0.0

    async def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
        self.latest_s = max(self.latest_s, now_s)
        return await super().claim(key, call_id, self.latest_s, if_killed_s)


class HoldsOn(Remembers):
    async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        if hold_s or key not in self.held:
            await super().release(key, call_id, now_s, hold_s)


class ObeysStrangers(SqliteStore):
    async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        await super().release(key, "call_a", now_s, hold_s)


class ForgetsTheDead(SqliteStore):
    async def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
        return await super().claim(key, call_id, now_s)


class LooksBeforeItClaims(SqliteStore):
    """Takes a key that was free when it looked, although another call has taken it meanwhile."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.seen: set[str] = set()

    async def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
        free = key not in self.seen
        await asyncio.sleep(0.01)
        holder = await super().claim(key, call_id, now_s, if_killed_s)
        again = key in self.seen
        self.seen.add(key)
        return None if free and again else holder


class WritesToAServer(SqliteStore):
    def append(self, call_id: str, entry: Document) -> None:
        with contextlib.suppress(RuntimeError):  # a child process has no loop
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            loop.block(0.3)
        super().append(call_id, entry)


class GoodKit(StoreConformance):
    argument = "{folder}/calls.db"
    plugin: type[SqliteStore | SqliteArchive] = SqliteStore

    def make(self, argument: str, environment: Environment) -> Store:
        return (self.plugin if issubclass(self.plugin, SqliteStore) else SqliteStore)(argument)

    def make_archive(self, argument: str, environment: Environment) -> Archive:
        return (self.plugin if issubclass(self.plugin, SqliteArchive) else SqliteArchive)(argument)


BROKEN: Final[dict[str, dict[type[SqliteStore | SqliteArchive], str]]] = {
    "store-1": {
        ClosesOnce: "ValueError: closed already",
        AddsToTheEntry: "append() changed the document that it was given",
        TakesTheTimeline: "save() changed the document that it was given",
    },
    "store-2": {BreaksWhenClosed: "AttributeError was raised: 'NoneType' object has no attribute 'execute'"},
    "store-3": {TakesAnyArgument: "made with '\\x00': nothing was raised"},
    "store-4": {GivesUpForAnother: "LookupError: another store has taken over"},
    "store-5": {LeavesATask: "the store left behind: 1 tasks"},
    "store-6": {ReadsBackwards: "appended 0 to 11, but read back [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]"},
    "store-7": {SpoilsTexts: "'text' was 'naïve", SpoilsRecords: "'text' was 'naïve"},
    "store-8": {SavesOnce: "saved 'over' last, but read back 'ringing'"},
    "store-9": {MixesRecords: "the entries of calls are mixed up"},
    "store-10": {RaisesForNone: "KeyError: 'call_"},
    "store-11": {
        ReadsOldestFirst: "records() did not return the newest first",
        KnowsNoLimit: "records(2) returned 4 records",
    },
    "store-12": {MakesAFile: "reading created calls.db.lock"},
    "store-13": {WritesInTheEnd: "the process died, and its entry is lost"},
    "store-14": {ThinksItGoesOn: "the process died, but interrupted is not true in the record"},
    "store-15": {TellsNone: "interrupted() returned it 0 times"},
    "store-16": {TellsTheLiving: "interrupted() returned a call that is still going on"},
    "store-17": {HasOneKey: "another key could not be claimed"},
    "store-18": {KnowsItselfAlone: "call_a holds the key in another store, but claim() returned None"},
    "store-19": {NeverReleases: "the key was released, but is not free"},
    "store-20": {HoldsNothing: "the key was free before the end of its hold"},
    "store-21": {TrustsTheClock: "the clock was set back, and the key is still taken"},
    "store-22": {HoldsOn: "the hold was released, but the key is not free"},
    "store-23": {ObeysStrangers: "a call released a key that it did not hold"},
    "store-24": {ForgetsTheDead: "the process died, and its key was free at once"},
    "store-25": {LooksBeforeItClaims: "of 10 calls that claimed a key at once, "},
    "store-26": {WritesToAServer: "append() or save() blocked the event loop for "},
}
