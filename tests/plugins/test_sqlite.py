"""The store sqlite: durable entries, one database for all, and typed errors for whatever is wrong with it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import offhook_sqlite
from offhook.errors import ConfigError, StorageError
from offhook.plugin.manager import DISABLE_VARIABLE, Plugins
from offhook.secret import MASK, Secret
from offhook_sqlite import database
from offhook_sqlite.archive import SqliteArchive
from offhook_sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "offhook" / "calls.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    store.close()


def record(**more: object) -> dict[str, object]:
    return {"number": "+1415•••0123", "dialed_at": "2026-11-23T12:00:00.000Z", "ended_at_s": None, **more}


def test_a_call_is_written_and_read_again(store: SqliteStore, path: Path) -> None:
    store.append("call_a", {"at_s": 0.1234567, "event": "Dialed", "facts": {"policy": {"answer": "x"}}})
    store.append("call_b", {"event": "Dialed"})
    store.append("call_a", {"event": "CallAccepted", "detail": None})
    store.save("call_a", record())
    store.save("call_b", record())
    store.save("call_a", record(ended_at_s=9.25))
    archive = SqliteArchive(path)
    for reader in (store, archive):
        assert [item["call_id"] for item in reader.records()] == ["call_b", "call_a"]
        assert [item["call_id"] for item in reader.records(1)] == ["call_b"]
        timeline = reader.journal("call_a")  # a record that was saved without one has the journal's
        assert reader.record("call_a") == {"call_id": "call_a", **record(ended_at_s=9.25), "timeline": timeline}
        assert reader.record("call_x") is None
        assert reader.journal("call_a") == [
            {"call_id": "call_a", "at_s": 0.1234567, "event": "Dialed", "facts": {"policy": {"answer": "x"}}},
            {"call_id": "call_a", "event": "CallAccepted", "detail": None},
        ]
        assert reader.journal("call_x") == []
    archive.close()
    archive.close()
    assert archive.records() == ()


def test_a_second_store_goes_on_with_a_journal(store: SqliteStore, path: Path) -> None:
    store.append("call_a", {"n": 1})
    second = SqliteStore(path)
    second.append("call_a", {"n": 2})
    second.close()
    assert [entry["n"] for entry in store.journal("call_a")] == [1, 2]


def test_only_the_owner_of_the_files_can_read_them(store: SqliteStore, path: Path) -> None:
    store.append("call_a", {"n": 1})
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((path.parent / "live").stat().st_mode) == 0o700
    files = [item for item in path.parent.rglob("*") if item.is_file()]
    assert {item.name for item in files} > {"calls.db", "calls.db-wal", "calls.db-shm"}
    assert {stat.S_IMODE(item.stat().st_mode) for item in files} == {0o600}


def test_the_files_hold_no_secret(store: SqliteStore, path: Path) -> None:
    token = Secret('007eJx"quote\\slash\nline\u00e9')
    entry = {"detail": f"joined with {token.reveal()}", "deep": [{token.reveal(): token}]}
    store.append("call_a", entry)
    store.save("call_a", record(**entry))
    assert b"007eJx" not in b"".join(item.read_bytes() for item in path.parent.iterdir() if item.is_file())
    assert store.journal("call_a")[0]["detail"] == f"joined with {MASK}"


KILLED = """
import sys
from offhook_sqlite.store import SqliteStore
store = SqliteStore(sys.argv[1])
count = 0
while True:
    store.append("call_a", {"count": count, "padding": "x" * 500})
    store.save("call_a", {"count": count, "padding": "x" * 5000, "ended_at_s": None})
    print(count, flush=True)
    count += 1
"""


@pytest.mark.fault("F32")
def test_what_was_appended_survives_a_kill(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        appended = [int(process.stdout.readline()) for _ in range(200)][-1]
        process.kill()
    store = SqliteStore(path)
    counts = [entry["count"] for entry in store.journal("call_a")]
    assert counts == list(range(len(counts)))
    assert len(counts) > appended
    (found,) = store.interrupted()
    assert isinstance(found["count"], int)
    assert found["count"] >= appended
    store.close()


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to look at" * 10, b"SQLite format 3\0" * 90]
)
def test_a_file_that_is_not_a_database_is_rejected_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for opened in (SqliteStore, SqliteArchive):
        with pytest.raises(StorageError, match=r"it is not a database|damaged|malformed"):
            opened(path)
    assert path.read_bytes() == content


def test_a_damaged_database_is_named(path: Path) -> None:
    store = SqliteStore(path)
    for index in range(300):
        store.append(f"call_{index}", {"padding": "x" * 500})
        store.save(f"call_{index}", record())
    store.close()
    content = bytearray(path.read_bytes())
    content[4096 * 2 :] = os.urandom(len(content) - 4096 * 2)
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"calls\.db.* damaged. Move it away"):
        SqliteStore(path)
    archive = SqliteArchive(path)
    with pytest.raises(StorageError, match="cannot be read: it is damaged"):
        archive.records()
    archive.close()


def test_a_database_of_a_newer_version_is_left_alone(store: SqliteStore, path: Path) -> None:
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    before = path.read_bytes()
    for opened in (SqliteStore, SqliteArchive):
        with pytest.raises(StorageError, match=r"newer offhook \(its format is 2, this one knows 1\): update offhook"):
            opened(path)
    assert path.read_bytes() == before


def test_a_database_of_something_else_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    with pytest.raises(StorageError, match="a database of another program: choose another file"):
        SqliteStore(path)
    assert SqliteArchive(path).records() == ()


def test_a_path_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "live").touch()
    for place, says in (
        (f"{tmp_path}/file/calls.db", "is a file"),
        (f"{tmp_path}/file/deeper/calls.db", "not a folder"),
        (f"{tmp_path}/folder", "cannot be written: it is a folder"),
        (f"{tmp_path}/pipe", "cannot be written: it is not a file"),
        ("/dev/null", "cannot be written: it is not a file"),
        (f"{tmp_path}/taken/calls.db", "live' is a file and not"),
        (f"{tmp_path}/{'d' * 200}/{'d' * 200}/{'d' * 200}/calls.db", "too long for SQLite"),
        (f"{tmp_path}/{'d' * 300}/calls.db", "the name is too long"),
        ("a\0b/calls.db", "NUL"),
    ):
        with pytest.raises(StorageError, match=says) as caught:
            SqliteStore(place)
        assert "Move it away" not in caught.value.message, "there is nothing wrong with the file"


def test_what_is_not_a_file_holds_no_calls_and_is_not_called_a_broken_disk(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place, says in ((tmp_path, "a folder"), (tmp_path / "pipe", "not a file"), ("/dev/null", "not a file")):
        with pytest.raises(StorageError, match=rf"cannot be read: it is {says}\. Choose another path"):
            SqliteArchive(str(place))


@pytest.mark.parametrize(
    "name",
    ["caf\udce9/calls.db", "a?mode=ro", "a#b", "50%25.db", "'quoted'.db", "a b/ c.db", "{two}/calls.db", "~/calls.db"],
)
def test_every_name_that_a_file_can_have_is_that_of_a_database(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that are not UTF-8, what means something in a URI, two slashes at the beginning, the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    path = name if name.startswith("~") else f"{tmp_path}/{name}".replace("{two}", "two")
    path = f"/{path}" if "{two}" in name else path
    store = SqliteStore(path)
    store.save("call_a", record(ended_at_s=1))
    store.close()
    assert Path(path).expanduser().exists()
    archive = SqliteArchive(path)
    assert [found["call_id"] for found in archive.records()] == ["call_a"]
    archive.close()


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("sqlite::memory:", ":memory: is not one: write sqlite:FILE, or none"),
        ("sqlite:file:calls.db?mode=memory", "needs a path and not a URL"),
        ("sqlite:sqlite:///calls.db", "needs a path and not a URL"),
        ("sqlite://calls.db", "write sqlite:calls.db for one in the current folder"),
        ('sqlite:"calls.db"', "has quotes or a line break in it"),
        ("sqlite:calls.db\r", "has quotes or a line break in it"),
        ("sqlite:~unknown-user-xyz/calls.db", "there is no user"),
    ],
)
def test_a_spec_that_names_no_file_is_refused_in_a_sentence(spec: str, says: str) -> None:
    for opening in (Plugins.load().store, Plugins.load().archive):
        with pytest.raises(ConfigError, match=re.escape(says)):
            opening(spec)


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Without root's rights."""
    user = os.geteuid()
    os.seteuid(65534 if user == 0 else user)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.fault("F42")
def test_a_read_only_folder_is_refused_for_writing_and_can_be_read() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calls.db"
        store = SqliteStore(path)
        store.save("call_a", record(ended_at_s=1))
        store.close()
        path.chmod(0o444)
        (path.parent / "live").chmod(0o555)
        path.parent.chmod(0o555)
        with unprivileged():
            with pytest.raises(StorageError, match="may not be written to"):
                SqliteStore(path)
            with pytest.raises(StorageError, match="may not be written to"):
                SqliteStore(path.with_name("other.db"))
            archive = SqliteArchive(path)
            assert [item["call_id"] for item in archive.records()] == ["call_a"]
            archive.close()
        path.parent.chmod(0o755)


def test_a_database_that_another_process_holds_is_given_up_after_a_second(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.02)
    second = SqliteStore(path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        writes: list[Callable[[], object]] = [
            lambda: second.append("call_a", {}),
            lambda: second.save("call_a", {}),
            lambda: asyncio.run(second.claim("key", "call_a", 0)),
            lambda: asyncio.run(second.release("key", "call_a", 0, 1)),
        ]
        for write in writes:
            with pytest.raises(StorageError, match="another process has been writing to it"):
                write()
        assert second.records() == [], "readers do not wait"
        holder.execute("ROLLBACK")
    second.append("call_a", {"n": 1})
    assert store.journal("call_a") == [{"call_id": "call_a", "n": 1}]
    second.close()


@pytest.mark.fault("F42")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small disk")
def test_a_full_disk_costs_the_entry_and_what_was_there_stays(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no disk can be made here")
    try:
        store = SqliteStore(disk / "calls.db")
        store.save("call_a", record())
        kept = 0

        def fill() -> None:
            nonlocal kept
            while kept < 1000:
                store.append("call_a", {"padding": "x" * 900})
                kept += 1

        with pytest.raises(StorageError, match=r"full. Make room"):
            fill()
        with pytest.raises(StorageError, match=r"full. Make room"):
            store.save("call_a", record(padding="x" * 9000))
        assert len(store.journal("call_a")) == kept > 10
        assert store.record("call_a") == {"call_id": "call_a", **record(), "timeline": store.journal("call_a")}
        store.close()
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.fault("F42")
def test_a_database_that_is_deleted_is_noticed(store: SqliteStore, path: Path) -> None:
    store.append("call_a", {})
    path.unlink()
    for write in (store.append, store.save):
        with pytest.raises(StorageError, match="were deleted"):
            write("call_a", {})
    other = SqliteStore(path)
    with pytest.raises(StorageError, match="were deleted"):
        store.append("call_a", {})
    assert other.journal("call_a") == []
    other.close()


def test_a_closed_store_takes_no_more(store: SqliteStore) -> None:
    store.close()
    store.close()
    with pytest.raises(StorageError, match="is closed"):
        store.append("call_a", {})


def test_reading_makes_nothing(path: Path) -> None:
    for _ in range(2):
        archive = SqliteArchive(path)
        assert (archive.records(), archive.record("x"), archive.journal("x")) == ((), None, ())
        archive.close()
        assert not path.exists()
        path.parent.mkdir(exist_ok=True)
    path.touch()
    assert SqliteArchive(path).records() == ()
    with pytest.raises(StorageError, match="NUL"):
        SqliteArchive("a\0b")
    assert [item.name for item in path.parent.iterdir()] == ["calls.db"]


def test_several_processes_may_make_the_database_at_once(path: Path) -> None:
    for round_ in range(10):
        fresh = path.with_name(f"calls-{round_}.db")
        path.parent.mkdir(exist_ok=True)
        gate, opening = os.pipe()
        pids: list[int] = []
        for index in range(6):
            pid = os.fork()
            if pid == 0:
                try:
                    os.close(opening)
                    os.read(gate, 1)  # until it is closed, for all of them
                    store = SqliteStore(fresh)
                    store.append(f"call_{index}", {"n": 1})
                    store.close()
                    os._exit(0)
                finally:
                    os._exit(1)
            pids.append(pid)
        os.close(gate)
        os.close(opening)
        assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 6
        archive = SqliteArchive(fresh)
        assert all(archive.journal(f"call_{index}") for index in range(6))
        archive.close()


def test_they_take_turns_at_switching_the_log_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite does not wait there, whatever its busy timeout: about one process in thirty was refused."""
    connect, tried = database._connect, list[bool]()

    def watch(statement: str) -> None:
        if statement == "PRAGMA journal_mode = WAL":
            fd = os.open(path.parent, os.O_RDONLY)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                tried.append(True)
            except BlockingIOError:
                tried.append(False)
            finally:
                os.close(fd)

    def watched(path: Path, mode: str) -> sqlite3.Connection:
        connection = connect(path, mode)
        connection.set_trace_callback(watch)
        return connection

    monkeypatch.setattr(database, "_connect", watched)
    for _ in range(2):
        SqliteStore(path).close()
    assert tried == [False], "once, and no other process could have done it meanwhile"


def test_the_core_gets_it_by_its_spec(tmp_path: Path, offhook_home: Path) -> None:
    plugins = Plugins.load([offhook_sqlite], {DISABLE_VARIABLE: "sqlite"})
    for spec, place in (
        ("sqlite", offhook_home / "calls.db"),
        (f"sqlite:{tmp_path}/other.db", tmp_path / "other.db"),
    ):
        archive = plugins.archive(spec)
        assert archive.records() == ()
        assert not place.exists()
        store = plugins.store(spec)
        assert isinstance(store, SqliteStore)
        store.save("call_a", record(ended_at_s=1.0))
        store.close()
        archive = plugins.archive(spec)
        assert json.loads(json.dumps(archive.record("call_a")))["ended_at_s"] == 1.0
        archive.close()
