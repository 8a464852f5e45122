"""A folder of JSON lines, read again: what goes on, what was interrupted, and files that are not records of ours."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

import offhook_jsonl
from offhook.errors import SpecError, StorageError
from offhook.plugin.manager import DISABLE_VARIABLE, Plugins
from offhook_jsonl.archive import JsonLinesArchive
from offhook_jsonl.store import JsonLinesStore

if TYPE_CHECKING:
    from pathlib import Path


def test_calls_come_back_newest_first_with_whole_paths(tmp_path: Path) -> None:
    store = JsonLinesStore(str(tmp_path))
    for index, call_id in enumerate(("call_a", "call_b", "call_c")):
        store.append(call_id, {"event": "Dialed", "n": index})
        files = {"mix": f"{tmp_path}/{call_id}.wav", "far": "/elsewhere/far.wav"}
        store.save(call_id, {"dialed_at": f"2026-11-2{index}", "ended_at_s": 1, "files": files})
    assert json.loads((tmp_path / "record.json").read_text())["files"]["mix"] == "call_a.wav", "the folder can be moved"
    archive = JsonLinesArchive(str(tmp_path))
    assert [record["call_id"] for record in archive.records()] == ["call_c", "call_b", "call_a"]
    assert [record["call_id"] for record in archive.records(2)] == ["call_c", "call_b"]
    record = archive.record("call_b")
    assert record is not None
    assert record["files"] == {"mix": f"{tmp_path}/call_b.wav", "far": "/elsewhere/far.wav"}
    assert archive.record("call_x") is None
    assert archive.journal("call_b") == [{"call_id": "call_b", "event": "Dialed", "n": 1}]
    archive.close()
    store.close()


@pytest.mark.fault("F32")
def test_a_call_goes_on_as_long_as_the_folder_is_open(tmp_path: Path) -> None:
    store = JsonLinesStore(str(tmp_path))
    store.append("call_a", {"event": "Dialed"})
    store.save("call_a", {"ended_at_s": None})
    archive = JsonLinesArchive(str(tmp_path))
    assert "interrupted" not in archive.records()[0]
    store.close()
    (record,) = archive.records()
    assert record["interrupted"] is True
    assert record["timeline"] == [{"call_id": "call_a", "event": "Dialed"}], "its journal has it"
    assert "interrupted" not in json.loads((tmp_path / "record.json").read_text()), "reading changes nothing"


def test_foreign_files_and_incomplete_lines_are_skipped(tmp_path: Path) -> None:
    for name, content in (
        ("record.json", "no json"),
        ("record-x.json", "[]"),
        ("record-y.json", "{}"),
        ("journal.jsonl", '{"call_id": "call_a", "n": 1}\n{"call_id": "ca\n{"call_id": "call_b"}\n'),
    ):
        (tmp_path / name).write_text(content)
    archive = JsonLinesArchive(str(tmp_path))
    assert archive.records() == []
    assert archive.journal("call_a") == [{"call_id": "call_a", "n": 1}]


def test_where_nothing_is_there_is_nothing(tmp_path: Path) -> None:
    archive = JsonLinesArchive(f"{tmp_path}/no")
    assert (archive.records(), archive.record("x"), archive.journal("x")) == ([], None, ())
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpecError, match="for example"):
        JsonLinesArchive("")
    for folder, says in ((f"{tmp_path}/file", "not a folder"), ("a\0b", "NUL")):
        with pytest.raises(StorageError, match=says):
            JsonLinesArchive(folder)
    (tmp_path / "record.json").mkdir()
    (tmp_path / "journal.jsonl").mkdir()
    archive = JsonLinesArchive(str(tmp_path))
    with pytest.raises(StorageError, match=r"record\.json' cannot be read"):
        archive.records()
    with pytest.raises(StorageError, match=r"journal\.jsonl in .* cannot be read"):
        archive.journal("call_a")


def test_the_core_gets_it_by_its_spec(tmp_path: Path) -> None:
    archive = Plugins.load([offhook_jsonl], {DISABLE_VARIABLE: "jsonl"}).archive(f"jsonl:{os.fspath(tmp_path)}")
    assert isinstance(archive, JsonLinesArchive)
