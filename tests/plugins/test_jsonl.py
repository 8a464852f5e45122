"""The store jsonl: durable lines, whole records, no secrets, nothing written over."""

from __future__ import annotations

import enum
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import MappingProxyType

import pytest

import offhook_jsonl
from offhook.errors import SpecError, StorageError
from offhook.plugin.manager import DISABLE_VARIABLE, Plugins
from offhook.secret import MASK, Secret
from offhook_jsonl.store import JsonLinesStore


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text("utf-8").splitlines() if line]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_one_call_leaves_a_journal_and_a_record(tmp_path: Path) -> None:
    store = JsonLinesStore(f"{tmp_path}/calls/today")
    store.append("call_1", {"at_s": 0.5, "event": "Dialed"})
    store.append("call_1", {"event": "CallAccepted", "detail": None, "counters": {"sent": 3}, "evidence": [1, True]})
    store.save("call_1", {"number": "+1415•••0123", "ended_at_s": None})
    store.save("call_1", {"number": "+1415•••0123", "ended_at_s": 9.25})
    folder = tmp_path / "calls" / "today"
    assert names(folder) == ["journal.jsonl", "record.json"]
    assert lines(folder) == [
        {"call_id": "call_1", "at_s": 0.5, "event": "Dialed"},
        {"call_id": "call_1", "event": "CallAccepted", "detail": None, "counters": {"sent": 3}, "evidence": [1, True]},
    ]
    record = (folder / "record.json").read_text("utf-8")
    assert json.loads(record) == {"call_id": "call_1", "number": "+1415•••0123", "ended_at_s": 9.25}
    assert "•••" in record
    store.close()
    store.close()


def test_more_calls_share_the_journal_and_have_their_own_records(tmp_path: Path) -> None:
    store = JsonLinesStore(str(tmp_path))
    for call_id in ("call_a", "call_b", "call_a"):
        store.append(call_id, {"event": "Dialed"})
    for call_id in ("call_b", "call_c", "call_a", "call_b"):
        store.save(call_id, {"mine": call_id})
    assert [line["call_id"] for line in lines(tmp_path)] == ["call_a", "call_b", "call_a"]
    assert names(tmp_path) == ["journal.jsonl", "record-call_b.json", "record-call_c.json", "record.json"]
    for name, call_id in (("record.json", "call_a"), ("record-call_b.json", "call_b")):
        assert json.loads((tmp_path / name).read_text())["mine"] == call_id
    store.close()


def test_a_folder_that_was_used_is_gone_on_with_and_nothing_is_lost(tmp_path: Path) -> None:
    for call_id in ("call_a", "call_b", "call_a"):
        store = JsonLinesStore(str(tmp_path))
        store.append(call_id, {"event": "Dialed"})
        store.save(call_id, {"mine": call_id})
        store.close()
    assert [line["call_id"] for line in lines(tmp_path)] == ["call_a", "call_b", "call_a"]
    assert names(tmp_path) == ["journal.jsonl", "record-call_b.json", "record.json"]
    assert json.loads((tmp_path / "record.json").read_text())["mine"] == "call_a"


@pytest.mark.parametrize("content", ["", "no json", "[]", "null", "{}"])
def test_a_record_that_is_not_ours_is_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "record.json").write_text(content)
    store = JsonLinesStore(str(tmp_path))
    store.save("call_a", {})
    store.close()
    assert (tmp_path / "record.json").read_text() == content
    assert (tmp_path / "record-call_a.json").exists()


def test_secrets_do_not_get_out_however_json_would_spell_them(tmp_path: Path) -> None:
    token = Secret('007eJx"quote\\slash\nline\u00e9')
    store = JsonLinesStore(str(tmp_path))
    text = f"joined with {token.reveal()}"
    entry = {"detail": text, "deep": [{token.reveal(): (text, token)}], "object": ValueError(text)}
    store.append("call_a", entry)
    store.save("call_a", entry)
    store.close()
    for path in tmp_path.iterdir():
        content = path.read_text("utf-8")
        assert "007eJx" not in content
        assert content.count(MASK) == 5


def test_every_value_becomes_json(tmp_path: Path) -> None:
    class Colour(enum.Enum):
        RED = "red"

    store = JsonLinesStore(str(tmp_path))
    odd = {
        "infinite": float("inf"),
        "nan": float("nan"),
        "enum": Colour.RED,
        "path": Path("a/b"),
        "surrogate": os.fsdecode(b"\xff"),
        "line": "one\ntwo\u2028three",
        "view": MappingProxyType({1: b"x"}),
    }
    store.append("call_a", odd)
    store.append("call_a", {})
    store.close()
    raw = (tmp_path / "journal.jsonl").read_bytes().split(b"\n")
    assert len(raw) == 3
    assert json.loads(raw[0]) == {
        "call_id": "call_a",
        "infinite": "inf",
        "nan": "nan",
        "enum": "Colour.RED",
        "path": "a/b",
        "surrogate": "\udcff",
        "line": "one\ntwo\u2028three",
        "view": {"1": "b'x'"},
    }


KILLED = """
import sys
from offhook_jsonl.store import JsonLinesStore
store = JsonLinesStore(sys.argv[1])
count = 0
while True:
    store.append("call_a", {"count": count, "padding": "x" * 500})
    store.save("call_a", {"count": count, "padding": "x" * 5000})
    print(count, flush=True)
    count += 1
"""


@pytest.mark.fault("F32")
def test_what_was_appended_survives_a_kill_and_the_record_is_whole(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        appended = [int(process.stdout.readline()) for _ in range(200)][-1]
        process.kill()
    assert process.returncode == -signal.SIGKILL
    journal = lines(tmp_path)
    assert [line["count"] for line in journal] == list(range(len(journal)))
    assert len(journal) > appended
    record = json.loads((tmp_path / "record.json").read_text())
    assert appended <= record["count"] <= len(journal)
    assert len(record["padding"]) == 5_000


def test_half_a_line_of_the_last_process_does_not_spoil_ours(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text('{"call_id": "call_a"}\n{"call_id": "ca')
    store = JsonLinesStore(str(tmp_path))
    store.append("call_b", {})
    store.append("call_b", {})
    store.close()
    content = (tmp_path / "journal.jsonl").read_text().split("\n")
    assert content == ['{"call_id": "call_a"}', '{"call_id": "ca', '{"call_id": "call_b"}', '{"call_id": "call_b"}', ""]


@pytest.mark.fault("F42")
def test_a_full_disk_is_reported_and_what_was_there_stays(tmp_path: Path) -> None:
    store = JsonLinesStore(str(tmp_path))
    store.append("call_a", {"count": 1})
    store.save("call_a", {"count": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(StorageError, match="is incomplete, because the disk is full"):
            store.append("call_a", {"padding": "x" * 200})
        with pytest.raises(StorageError, match=r"cannot write journal\.jsonl.*may not grow"):
            store.append("call_a", {"count": 2})
        with pytest.raises(StorageError, match=r"cannot write record\.json.*may not grow"):
            store.save("call_a", {"padding": "x" * 200})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == ["journal.jsonl", "record.json"]
    assert json.loads((tmp_path / "record.json").read_text()) == {"call_id": "call_a", "count": 1}
    store.append("call_a", {"count": 3})
    store.close()
    content = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert json.loads(content[0])["count"] == 1
    assert json.loads(content[-1])["count"] == 3
    assert len(content) == 3


def test_a_folder_that_cannot_be_used_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "taken" / "journal.jsonl").mkdir(parents=True)
    with pytest.raises(SpecError, match="for example jsonl:calls"):
        JsonLinesStore("")
    for folder, says in (
        (f"{tmp_path}/file", "is a file and not a folder"),
        (f"{tmp_path}/file/deeper", "not a folder"),
        (f"{tmp_path}/taken", "Is a directory"),
        ("a\0b", "NUL"),
    ):
        with pytest.raises(StorageError, match=says):
            JsonLinesStore(folder)


def test_a_folder_that_may_not_be_written_to_is_refused_at_once() -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "journal.jsonl").touch()
        (Path(folder) / "journal.jsonl").chmod(0o666)
        Path(folder).chmod(0o555)
        user = os.geteuid()
        os.seteuid(65534 if user == 0 else user)
        try:
            with pytest.raises(StorageError, match="may not be written to"):
                JsonLinesStore(folder)
        finally:
            os.seteuid(user)


@pytest.mark.fault("F43")
@pytest.mark.parametrize("call_id", ["", "../x", "a/b", "a\0", "x" * 65, "call_\u00e9", "a\n"])
def test_a_call_id_that_cannot_be_a_file_name_is_rejected(tmp_path: Path, call_id: str) -> None:
    store = JsonLinesStore(str(tmp_path))
    with pytest.raises(StorageError, match="call id"):
        store.append(call_id, {})
    with pytest.raises(StorageError, match="call id"):
        store.save(call_id, {})
    store.close()
    assert names(tmp_path) == ["journal.jsonl"]


def test_a_closed_store_takes_no_more(tmp_path: Path) -> None:
    store = JsonLinesStore(str(tmp_path))
    store.close()
    for write in (store.append, store.save):
        with pytest.raises(StorageError, match="closed"):
            write("call_a", {})
    assert names(tmp_path) == ["journal.jsonl"]


def test_the_core_gets_it_by_its_spec(tmp_path: Path) -> None:
    store = Plugins.load([offhook_jsonl], {DISABLE_VARIABLE: "jsonl"}).store(f"jsonl:{tmp_path}")
    assert isinstance(store, JsonLinesStore)
    store.close()
