"""Where the phones of a test write down their calls: read again when it fails, and gone after it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offhook import Phone
from offhook.errors import StorageError
from offhook.plugin import Plugins
from offhook.testing import MemoryStore
from offhook_mockserver.testkit import MockOptions, mock
from offhook_mockserver.testkit.caller_journals import FileJournals, MemoryJournals
from offhook_mockserver.testkit.evidence import gather

if TYPE_CHECKING:
    from offhook.interfaces import Store
    from offhook_mockserver.testkit import MockHandle

ANOTHER_PROCESS = """
import asyncio
from offhook import Phone

async def main():
    async with Phone.from_env() as phone, phone.dial("+14155550123") as call:
        await call.answered()
        call.clear()

asyncio.run(main())
"""


def folder_of(handle: MockHandle) -> Path:
    return Path(handle.environment["OFFHOOK_STORE"].removeprefix("jsonl:"))


async def dial(number: str, store: Store | str = "auto") -> None:
    async with Phone.from_env(store=store) as phone, phone.dial(number) as call:
        await call.answered()
        call.clear()


def events(handle: MockHandle) -> list[str]:
    """What the phones wrote down of calls that the mock knows."""
    return [line.code for line in gather(handle, "a test").timeline if line.kind == "caller" and line.call == 1]


def test_an_application_in_another_process_writes_to_a_folder_of_the_test() -> None:
    with mock() as handle:
        handle.callee().answers()
        folder = folder_of(handle)
        assert not folder.exists(), "the first phone makes it"
        settings = {**os.environ, **handle.environment, "OFFHOOK_TRANSPORT": "aiortc"}
        subprocess.run([sys.executable, "-c", ANOTHER_PROCESS], env=settings, check=True, timeout=60)
        said = events(handle)
        assert {"Dialed", "LegJoined", "PlayoutCleared", "HangUpRequested", "LegClosed"} <= set(said)
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


def test_in_virtual_time_nothing_is_written_to_a_disk() -> None:
    with mock(virtual=True) as handle:
        assert handle.environment["OFFHOOK_STORE"] == "none"
        callee = handle.callee().answers(after_s=1)
        handle.run(dial(callee.number))
        said = events(handle)
    assert said[:2] == ["Dialed", "CallAccepted"]
    assert said[-4:] == ["PlayoutCleared", "HangUpRequested", "AudioHeard", "LegClosed"]


def test_a_phone_that_names_its_own_store_keeps_it(tmp_path: Path) -> None:
    store = MemoryStore()
    options = MockOptions(environment={"OFFHOOK_STORE": f"jsonl:{tmp_path}"})
    with mock(virtual=True, options=options) as handle:
        callee = handle.callee().answers(after_s=1)
        handle.run(dial(callee.number, store))
        handle.run(dial(callee.number))
        assert events(handle) == []
        assert handle.caller_records() == []
    assert {entry["event"] for entry in store.journal} >= {"Dialed", "PlayoutCleared"}
    assert (tmp_path / "record.json").exists()


def test_journals_that_cannot_be_read_do_not_hide_the_rest() -> None:
    with mock() as handle, contextlib.ExitStack() as after:
        folder = folder_of(handle)
        folder.write_text("not a folder")
        after.callback(folder.unlink)
        evidence = gather(handle, "a test")
        with pytest.raises(StorageError):
            handle.caller_records()
    assert "cannot be read" in evidence.callers_problem
    assert evidence.callers == []


def test_the_records_of_a_call_that_goes_on_have_its_journal() -> None:
    journals = FileJournals(Plugins.load())
    assert journals.read() == []
    store = Plugins.load().store(journals.setting, {})
    store.append("call_1", {"at_s": 0.0, "event": "Dialed"})
    store.save("call_1", {"call_id": "call_1", "dialed_at": "2026-11-18T11:06:40.000Z"})
    (record,) = journals.read()
    assert [entry["event"] for entry in record["timeline"]] == ["Dialed"]  # type: ignore[attr-defined]
    assert "interrupted" not in record
    store.close()
    journals.close()
    journals.close()
    assert journals.read() == []


def test_the_memory_keeps_the_latest_calls_and_the_first_entries_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook_mockserver.testkit.caller_journals._MOST_CALLS", 2)
    monkeypatch.setattr("offhook_mockserver.testkit.caller_journals._MOST_ENTRIES", 3)
    journals = MemoryJournals()
    for call in range(4):
        for at_s in range(5):
            journals.store.append(f"call_{call}", {"at_s": at_s})
        journals.store.save(f"call_{call}", {"call_id": f"call_{call}"})
    journals.store.append("call_4", {"at_s": 0})
    journals.store.save("call_0", {"call_id": "call_0"})
    assert journals.read() == [{"call_id": "call_3", "timeline": [{"at_s": 0}, {"at_s": 1}, {"at_s": 2}]}]
    journals.close()
    assert journals.read() == []


def test_phones_on_their_way_are_shown_as_well() -> None:
    with mock(virtual=True) as handle:
        callee = handle.callee().answers(after_s=5)
        handle.start(dial(callee.number))
        handle.sleep(1)
        assert events(handle) == ["Dialed", "CallAccepted", "LegJoined"]


def test_the_setting_of_a_test_is_undone() -> None:
    before = os.environ.get("OFFHOOK_STORE")
    with mock() as handle:
        assert os.environ["OFFHOOK_STORE"] == handle.environment["OFFHOOK_STORE"]
    assert os.environ.get("OFFHOOK_STORE") == before
