"""Owners: calls of dead processes are found and reported once, calls of living ones are left alone."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
from typing import TYPE_CHECKING

import pytest

from offhook.errors import StorageError
from offhook.interfaces.ids import Ids
from offhook_sqlite.archive import SqliteArchive
from offhook_sqlite.owner import Owner, is_alive
from offhook_sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RECORD: dict[str, object] = {
    "number": "+1415•••0123",
    "ended_at_s": None,
    "problem": "",
    "files": {"mix": "/x/mix.wav"},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls.db"


@contextlib.contextmanager
def child(work: Callable[[], None]) -> Iterator[int]:
    """A fork that does something, says so, and waits to be killed."""
    here, there = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os.write(there, b"!")
            signal.pause()
        finally:
            os._exit(1)
    os.close(there)
    try:
        said = os.read(here, 1)
        os.close(here)
        assert said == b"!"
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def place(path: Path, call_id: str) -> SqliteStore:
    store = SqliteStore(path)
    store.append(call_id, {"event": "Dialed"})
    store.save(call_id, RECORD)
    return store


@pytest.mark.fault("F32")
def test_a_call_is_left_alone_while_its_process_lives_and_reported_once_when_it_died(path: Path) -> None:
    with child(lambda: (asyncio.run(place(path, "call_a").claim("key", "call_a", 100)), None)[1]):
        store = SqliteStore(path)
        assert store.interrupted() == []
        assert "interrupted" not in (store.record("call_a") or {})
        assert asyncio.run(store.claim("key", "call_b", 101)) == "call_a"
    before = path.read_bytes(), path.with_name("calls.db-wal").read_bytes()
    archive = SqliteArchive(path)
    shown = archive.record("call_a")
    archive.close()
    assert shown is not None
    assert shown["interrupted"] is True, "shown before anybody has marked it"
    assert before == (path.read_bytes(), path.with_name("calls.db-wal").read_bytes())
    assert asyncio.run(store.claim("key", "call_b", 102)) is None, "a claim of the dead counts for nothing"
    asyncio.run(store.release("key", "call_b", 103, 0))

    second = SqliteStore(path)
    (found,) = second.interrupted()
    assert (found["call_id"], found["interrupted"]) == ("call_a", True)
    assert "died in mid-call" in str(found["problem"])
    assert found["files"] == {"mix": "/x/mix.wav"}
    assert found["timeline"] == shown["timeline"] == [{"call_id": "call_a", "event": "Dialed"}], "its journal has it"
    third = SqliteStore(path)
    assert third.interrupted() == []
    assert third.record("call_a") == found
    for opened in (store, second, third):
        opened.close()
    assert list((path.parent / "live").iterdir()) == []


@pytest.mark.fault("F32")
@pytest.mark.fault("F2")
def test_a_claim_of_the_dead_holds_for_as_long_as_it_said_from_when_it_was_made(path: Path) -> None:
    """A program that is killed and started again and again does not ring anybody more often than that."""
    with child(lambda: (asyncio.run(place(path, "call_a").claim("key", "call_a", 100, 60)), None)[1]):
        pass
    with child(lambda: (asyncio.run(place(path, "call_b").claim("other", "call_b", 100)), None)[1]):
        pass
    store = SqliteStore(path)
    assert asyncio.run(store.claim("other", "call_c", 101)) is None
    assert asyncio.run(store.claim("key", "call_c", 159.9)) == "call_a"
    assert asyncio.run(store.claim("key", "call_c", 50)) is None, "a clock that was set back makes no claim hold longer"
    asyncio.run(store.release("key", "call_c", 51, 0))
    assert asyncio.run(store.claim("key", "call_d", 160)) is None
    store.close()


def test_two_stores_of_one_process_are_two_owners(path: Path) -> None:
    first, second = place(path, "call_a"), place(path, "call_b")
    assert second.interrupted() == []
    first.close()
    third = SqliteStore(path)
    assert [found["call_id"] for found in third.interrupted()] == ["call_a"]
    second.save("call_b", {**RECORD, "ended_at_s": 1})
    second.close()
    third.close()
    fourth = SqliteStore(path)
    assert fourth.interrupted() == []
    fourth.close()


def test_a_forked_child_is_not_the_owner_of_its_parents_calls(path: Path) -> None:
    grandchild, reported = os.pipe()

    def fork_and_die() -> None:
        place(path, "call_a")
        if os.fork() == 0:  # it lives on when its parent is killed
            os.close(grandchild)
            os.write(reported, str(os.getpid()).encode())
            signal.pause()

    with child(fork_and_die):
        pid = int(os.read(grandchild, 20))
    try:
        os.kill(pid, 0)
        store = SqliteStore(path)
        assert [found["call_id"] for found in store.interrupted()] == ["call_a"]
        store.close()
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(grandchild)
        os.close(reported)


def test_a_forked_child_cannot_write_through_its_parents_store(path: Path) -> None:
    store = place(path, "call_a")
    here, there = os.pipe()
    if os.fork() == 0:
        try:
            store.append("call_a", {})
        except StorageError as error:
            os.write(there, error.message.encode())
        store.close()
        os._exit(0)
    os.wait()
    said = os.read(here, 1000).decode()
    assert "before this process was forked: make a phone in each process" in said
    assert is_alive(path.parent / "live", store._owner.name if store._owner else "")
    store.append("call_a", {})
    assert len(store.journal("call_a")) == 2
    store.close()
    os.close(here)
    os.close(there)


def test_an_owner_whose_new_file_was_taken_for_a_dead_ones_takes_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter(["looked-at", "buried", "mine"])
    monkeypatch.setattr(Ids, "hex", lambda ids, digits: next(names))
    real = fcntl.flock
    others: list[int] = []

    def flock(fd: int, operation: int) -> None:
        """Somebody looks for the dead between the making of the file and its locking."""
        if (tmp_path / "looked-at").exists() and not others:
            others.append(os.open(tmp_path / "looked-at", os.O_RDONLY))
            real(others[0], fcntl.LOCK_SH)
        if (tmp_path / "buried").exists():
            (tmp_path / "buried").unlink()
        real(fd, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    owner = Owner(tmp_path)
    assert owner.name == "mine"
    assert is_alive(tmp_path, "mine")
    owner.close()
    owner.close()
    assert not is_alive(tmp_path, "mine")
    os.close(others[0])


# ---- the guard


@pytest.mark.fault("F12")
def test_a_key_is_claimed_once_until_it_is_released_and_its_hold_is_over(path: Path) -> None:
    one, two = SqliteStore(path), SqliteStore(path)
    assert asyncio.run(one.claim("key", "call_a", 100)) is None
    assert asyncio.run(one.claim("key", "call_a", 100)) is None
    assert asyncio.run(two.claim("key", "call_b", 100)) == "call_a"
    assert asyncio.run(one.claim("key", "call_c", 100)) == "call_a", "within one store as well"
    assert asyncio.run(two.claim("other", "call_b", 100)) is None
    asyncio.run(two.release("key", "call_b", 101, 0))
    assert asyncio.run(two.claim("key", "call_b", 101)) == "call_a", "only who has it can release it"
    asyncio.run(one.release("key", "call_a", 110, 30))
    assert asyncio.run(two.claim("key", "call_b", 139.9)) == "call_a"
    asyncio.run(one.release("key", "call_a", 135, 300))
    assert asyncio.run(two.claim("key", "call_b", 140)) is None
    asyncio.run(two.release("key", "call_b", 150, 30))
    assert asyncio.run(one.claim("key", "call_c", 149)) is None, "a clock that was set back does not make it longer"
    asyncio.run(one.release("key", "call_c", 150, 0))
    assert asyncio.run(two.claim("key", "call_d", 150)) is None
    one.close()
    two.close()


@pytest.mark.fault("F12")
def test_a_hold_outlives_the_store_that_released_it(path: Path) -> None:
    one = SqliteStore(path)
    asyncio.run(one.claim("key", "call_a", 100))
    asyncio.run(one.release("key", "call_a", 100, 30))
    one.close()
    two = SqliteStore(path)
    assert asyncio.run(two.claim("key", "call_b", 120)) == "call_a"
    two.close()


def test_what_is_held_after_a_call_can_be_given_up_for_a_second_ring_that_is_meant(path: Path) -> None:
    store = SqliteStore(path)
    assert asyncio.run(store.claim("key", "first", 100.0)) is None
    asyncio.run(store.release("key", "first", 101.0, 30.0))
    assert asyncio.run(store.claim("key", "second", 102.0)) == "first"
    asyncio.run(store.release("key", "first", 102.0, 0.0))
    assert asyncio.run(store.claim("key", "second", 102.0)) is None
    store.close()


def test_files_of_others_in_a_folder_named_live_are_left_alone(path: Path) -> None:
    theirs = path.parent / "live" / "concert.wav"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"music")
    SqliteStore(path).close()
    assert theirs.read_bytes() == b"music"


def test_a_relative_path_stays_the_same_file_wherever_the_process_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("calls.db")
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.append("call", {"at_s": 0.0})
    assert len(store.journal("call")) == 1
    store.close()
