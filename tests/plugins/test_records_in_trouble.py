"""What goes wrong with the files of a call in mid-call costs the record or the recording, never the call."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import wave
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import NUMBER, PLAIN, later, rig, run

from offhook import CallPolicy, CallRecord, Disposition, Phone
from offhook.interfaces.ids import Ids
from offhook.testing import LoopClock, MemoryStore
from offhook_jsonl.store import JsonLinesStore
from offhook_sqlite.archive import SqliteArchive
from offhook_sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from offhook.interfaces import Store

pytestmark = pytest.mark.fault("F42")
STORES = ("sqlite", "jsonl")


def store_of(kind: str, folder: Path) -> Store:
    return SqliteStore(folder / "calls.db") if kind == "sqlite" else JsonLinesStore(str(folder))


def call_through(folder: Path, stores: list[Store], trouble: Callable[[], object]) -> CallRecord:
    """A call of ten seconds that is recorded in a folder to which something happens after three."""

    async def main() -> CallRecord:
        r = rig()
        phone = Phone(
            carrier=r.carrier,
            transport=r.transport,
            store=stores,
            policy=CallPolicy(max_duration_s=10),
            plugins=PLAIN,
            clock=LoopClock(),
            ids=Ids(1),
        )
        r.answer(0.5)
        r.talk(0.5, 10)
        later(3, trouble)
        async with phone, phone.dial(NUMBER, record=folder / "mix.wav") as call:
            await call.ended()
        return call.record

    record = run(main())
    assert record.disposition is Disposition.COMPLETED
    assert record.ended_at_s == pytest.approx(10.5, abs=0.1)
    assert record.problem
    return record


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be made here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(folder: Path) -> None:
    with contextlib.suppress(OSError), (folder / "rubbish").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1000))


@pytest.mark.parametrize("kind", STORES)
def test_a_full_disk(kind: str, disk: Path) -> None:
    record = call_through(disk, [store_of(kind, disk)], lambda: fill(disk))
    assert "disk is full" in record.problem or "is full" in record.problem
    with wave.open(str(disk / "mix.wav")) as file:
        assert 2 < file.getnframes() / 16_000 < 5
        assert len(file.readframes(file.getnframes())) == file.getnframes() * 4
    if kind == "sqlite":
        archive = SqliteArchive(disk / "calls.db")
        (kept,) = archive.records()
        assert kept["answered_at_s"] == pytest.approx(0.5, abs=0.01)
        archive.close()
    else:
        kept = json.loads((disk / "record.json").read_text())
        assert kept["answered_at_s"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("kind", STORES)
def test_a_folder_that_is_taken_away_and_another_store_that_is_not(kind: str, tmp_path: Path) -> None:
    folder, other = tmp_path / "kept", MemoryStore()
    folder.mkdir()
    record = call_through(folder, [store_of(kind, folder), other], lambda: shutil.rmtree(folder))
    assert not folder.exists()
    kept = other.records[record.call_id]
    assert kept["disposition"] == "completed"
    problems = [entry["detail"] for entry in other.journal if "Error" in str(entry["event"])]
    assert any("mix.wav" in str(problem) and "deleted" in str(problem) for problem in problems)
    assert len(problems) == len(set(map(str, problems))), "each is reported once"
    assert len(problems) <= 4


@pytest.mark.parametrize("kind", STORES)
def test_files_that_are_deleted(kind: str, tmp_path: Path) -> None:
    def delete() -> None:
        for path in tmp_path.iterdir():
            if path.is_file():
                path.unlink()

    record = call_through(tmp_path, [store_of(kind, tmp_path)], delete)
    assert any("mix.wav" in entry.detail and "deleted" in entry.detail for entry in record.timeline)
    if kind == "sqlite":
        assert any("calls.db" in entry.detail and "deleted" in entry.detail for entry in record.timeline)


@pytest.mark.fault("F43")
def test_names_of_files_come_from_our_own_ids(tmp_path: Path) -> None:
    stores: list[Store] = [store_of(kind, tmp_path) for kind in STORES]

    async def main() -> str:
        r = rig()
        phone = Phone(carrier=r.carrier, transport=r.transport, store=stores, plugins=PLAIN, clock=LoopClock())
        async with phone:
            for _ in range(2):
                async with phone.dial(NUMBER) as call:
                    pass
        return call.record.call_id

    second = run(main())
    names = {path.name for path in tmp_path.rglob("*")}
    assert names == {"calls.db", "live", "journal.jsonl", "record.json", f"record-{second}.json"}
