"""Several stores side by side: each gets everything, and what one of them does wrong is its own affair."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import ALONE, NUMBER, load, rig, run

from offhook import Phone
from offhook.errors import PluginError, SpecError, StorageError
from offhook.interfaces import DialGuard
from offhook.interfaces.ids import Ids
from offhook.plugin.hookspecs import hookimpl
from offhook.records.documents import is_brief
from offhook.records.stores import AUTO, INTERRUPTED_LOGGER, Stores, interrupted, open_stores, usual_store
from offhook.session.record import record_document
from offhook.testing import FixedAuth, LinkedTransport, LoopClock, MemoryStore, ScriptedCarrier

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from offhook.interfaces import Store
    from offhook.interfaces.environment import Environment
    from offhook.interfaces.store import Document
    from offhook.plugin.manager import Plugins
    from offhook.plugin.registry import AuthRegistry, CarrierRegistry, StoreRegistry

CUT: dict[str, object] = {
    "call_id": "call_cut",
    "number": "+1415•••0123",
    "dialed_at": "2026-11-23T12:00:00.000Z",
    "files": {"mix": "/x/mix.wav"},
}


class Guarding(MemoryStore, DialGuard):
    async def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
        return None

    async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        pass


class Failing(MemoryStore):
    """Fails in some ways, and says how often it was asked."""

    def __init__(self, *ways: str) -> None:
        super().__init__()
        self._ways = ways
        self.asked: list[str] = []

    def _fail(self, way: str) -> None:
        self.asked.append(way)
        if way in self._ways:
            raise OSError(28, f"No space left for {way}")

    def append(self, call_id: str, entry: Document) -> None:
        self._fail("append")
        super().append(call_id, entry)

    def save(self, call_id: str, record: Document) -> None:
        self._fail("save")
        super().save(call_id, record)

    def interrupted(self) -> Sequence[Document]:
        self._fail("interrupted")
        return [CUT]

    def close(self) -> None:
        super().close()
        self._fail("close")


class Kit:
    """Registers stores."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []
        self.stores: list[MemoryStore] = []

    @hookimpl
    def offhook_store(self, registry: StoreRegistry) -> None:
        registry.add("sqlite", lambda argument, environment: self._make("sqlite", argument))
        registry.add("memory", lambda argument, environment: self._make("memory", argument))
        registry.add("bad", self._bad)

    def _make(self, name: str, argument: str) -> Store:
        self.made.append((name, argument))
        self.stores.append(MemoryStore())
        return self.stores[-1]

    def _bad(self, argument: str, environment: Environment) -> Store:
        raise StorageError("this store cannot be opened")


def phone(*stores: Store) -> Phone:
    return Phone(
        carrier=ScriptedCarrier(),
        transport=LinkedTransport(),
        store=stores,
        plugins=load(),
        clock=LoopClock(),
        ids=Ids(1),
    )


@pytest.mark.fault("F42")
def test_each_store_gets_everything_and_what_fails_is_noted_once() -> None:
    async def main() -> None:
        bad, good, half = Failing("append", "save"), MemoryStore(), Failing("save")
        async with phone(bad, good, half) as made, made.dial(NUMBER) as call:
            pass
        events = [entry["event"] for entry in good.journal]
        assert "Dialed" in events[:2]
        assert [entry["event"] for entry in half.journal] == events, "a record that fails costs no journal"
        assert bad.asked.count("append") == 1, "a journal with a hole is given up"
        assert bad.asked.count("save") == half.asked.count("save") > 3, "a record is tried again"
        assert good.records[call.record.call_id]["ended_at_s"] is not None
        problems = [entry.detail for entry in call.record.timeline if entry.event == "PluginError"]
        assert [problem.rsplit(" for ")[1].split()[0] for problem in problems] == ["append", "save", "save"]
        assert call.record.counters["records_unsaved"] == bad.asked.count("save") * 2
        assert "for append" in call.record.problem

    run(main())


@pytest.mark.fault("F32")
@pytest.mark.fault("F42")
def test_while_a_call_lasts_its_timeline_is_saved_only_where_the_journal_does_not_hold_it() -> None:
    class Keeping(Failing):
        def __init__(self, *ways: str) -> None:
            super().__init__(*ways)
            self.saved: list[Document] = []

        def save(self, call_id: str, record: Document) -> None:
            super().save(call_id, record)
            self.saved.append(record)

    async def main() -> None:
        whole, broken = Keeping(), Keeping("append")
        async with phone(whole, broken) as made, made.dial(NUMBER) as call:
            assert all(is_brief(record) for record in whole.saved)
            assert not any(is_brief(record) for record in broken.saved)
            assert broken.saved[-1]["timeline"] == whole.journal
        assert whole.saved[-1]["timeline"] == whole.journal
        assert whole.saved[-1] == broken.saved[-1] == record_document(call.record)

    run(main())


def test_a_record_that_fails_again_after_it_could_be_written_is_reported_again() -> None:
    store = Failing("save")
    writing = Stores([store]).of_call("call_1")

    def save() -> tuple[int, list[str]]:
        return writing.save({}, list, final=False)

    assert [len(save()[1]) for _ in range(3)] == [1, 0, 0]
    store._ways = ()
    assert save() == (0, [])
    store._ways = ("save",)
    assert len(save()[1]) == 1


def test_the_guard_is_the_first_store_that_is_one() -> None:
    first, second = Guarding(), Guarding()
    assert Stores([MemoryStore(), first, second]).guard is first
    assert Stores([MemoryStore()]).guard is None
    assert Stores().guard is None
    assert phone(MemoryStore(), first)._parts.stores.guard is first


def test_all_are_closed_even_where_one_fails() -> None:
    first, second, third = Failing("close"), Failing("close"), MemoryStore()
    problems = Stores([first, second, third]).close()
    assert ["Failing' failed in close: OSError" in problem.message for problem in problems] == [True, True]
    assert (first.closed, second.closed, third.closed) == (True, True, True)


@pytest.mark.fault("F32")
def test_a_phone_reports_each_interrupted_call_once(caplog: pytest.LogCaptureFixture) -> None:
    made = phone(Failing(), Failing(), MemoryStore())
    assert made.interrupted == (CUT,)
    (warned,) = caplog.records
    assert (warned.name, warned.levelno) == (INTERRUPTED_LOGGER, logging.WARNING)
    assert warned.getMessage() == (
        "the call call_cut to +1415•••0123 of 2026-11-23T12:00:00.000Z was interrupted: its process died; "
        "recording: /x/mix.wav; see: offhook records show call_cut"
    )


def test_a_store_that_cannot_say_closes_all() -> None:
    bad, good = Failing("interrupted"), MemoryStore()
    with pytest.raises(PluginError, match="failed in interrupted"):
        interrupted(Stores([bad, good]))
    assert (bad.closed, good.closed) == (True, True)


def opened(plugins: Plugins, given: Store | str | Sequence[Store | str] | None, usual: str = "sqlite") -> Stores:
    return open_stores(plugins, given, usual, {})


def test_stores_are_opened_by_spec_in_order() -> None:
    kit = Kit()
    plugins = load(kit)
    mine = MemoryStore()
    assert opened(plugins, None).guard is opened(plugins, "none").guard is opened(plugins, AUTO, "none").guard is None
    assert kit.made == []
    opened(plugins, mine)
    opened(plugins, "memory:one")
    opened(plugins, [AUTO, mine, "memory:two", "none"])
    assert kit.made == [("memory", "one"), ("sqlite", ""), ("memory", "two")]


def test_when_one_cannot_be_opened_none_stays_open() -> None:
    kit, mine = Kit(), MemoryStore()
    with pytest.raises(StorageError, match="cannot be opened"):
        opened(load(kit), ["memory", mine, "bad", "memory"])
    assert [store.closed for store in kit.stores] == [True]
    assert not mine.closed


def test_the_usual_store_is_what_the_environment_names() -> None:
    assert usual_store({}) == usual_store({"OFFHOOK_STORE": ""}) == "sqlite"
    assert usual_store({"OFFHOOK_STORE": "jsonl:calls"}) == "jsonl:calls"


class Named(Kit):
    """A carrier by name as well."""

    @hookimpl
    def offhook_auth(self, registry: AuthRegistry) -> None:
        registry.add("env", lambda environment: FixedAuth())

    @hookimpl
    def offhook_carrier(self, registry: CarrierRegistry) -> None:
        registry.add("sendblue", lambda environment, auth: ScriptedCarrier())


@pytest.mark.parametrize(
    ("environment", "store", "made"),
    [
        ({}, AUTO, [("sqlite", "")]),
        ({"OFFHOOK_STORE": "memory:x"}, AUTO, [("memory", "x")]),
        ({"OFFHOOK_STORE": "none"}, AUTO, []),
        ({"OFFHOOK_STORE": "memory:x"}, None, []),
        ({"OFFHOOK_STORE": "memory:x"}, "sqlite:y", [("sqlite", "y")]),
        ({}, [AUTO, "memory:z"], [("sqlite", ""), ("memory", "z")]),
    ],
)
def test_a_phone_whose_carrier_is_named_keeps_its_calls(
    environment: dict[str, str], store: str | list[Store | str] | None, made: list[tuple[str, str]]
) -> None:
    kit = Named()
    Phone(transport=LinkedTransport(), plugins=[kit], environment={**ALONE, **environment}, store=store)
    assert kit.made == made


def test_a_phone_whose_carrier_is_an_object_keeps_no_calls_unless_a_store_is_named() -> None:
    for environment, made in (
        (dict[str, str](), list[tuple[str, str]]()),
        ({"OFFHOOK_STORE": "memory:x"}, [("memory", "x")]),
    ):
        kit = Kit()
        settings = {**ALONE, **environment}
        Phone(carrier=ScriptedCarrier(), transport=LinkedTransport(), plugins=[kit], environment=settings)
        assert kit.made == made


def test_a_store_that_is_not_installed_is_named_and_nothing_is_dialled_without_a_record() -> None:
    with pytest.raises(SpecError, match="no store is called 'sqlite'"):
        Phone(carrier=ScriptedCarrier(), transport=LinkedTransport(), plugins=load(), store="sqlite")


def test_the_recording_is_in_the_record_from_the_first_save_on(tmp_path: Path) -> None:
    saved: list[Document] = []

    class Watching(MemoryStore):
        def save(self, call_id: str, record: Document) -> None:
            saved.append(record)

    async def main() -> None:
        r = rig(store=Watching())
        async with r.phone.dial(NUMBER, record=f"{tmp_path}/mix-*.wav"):
            assert r.carrier.rung == [NUMBER]
        assert saved[0]["files"] == {"mix": f"{tmp_path}/mix-1.wav"}
        assert saved[0]["rang"] == "unknown", "a process that dies now leaves it so"

    run(main())
