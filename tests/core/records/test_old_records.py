"""Journals and records that version 0.1.0 wrote, whose evidence is prose: read, shown and replayed as any.

`data` holds what eight whole calls left in a folder of JSON lines, what one left that was interrupted, and an SQLite
database, as SQL, with one of each.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offhook import Evidence
from offhook.cli.exit_codes import ExitCode
from offhook.cli.root import run as offhook
from offhook.plugin.manager import Plugins
from offhook.records.replayed import replay
from offhook.session.facts import _OLD_EVIDENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook.interfaces import Archive
    from offhook.interfaces.store import Document

DATA = Path(__file__).parent / "data"
CODES = {evidence.value for evidence in Evidence}


def spec_of(kind: str, folder: Path) -> str:
    """A copy of the old records of a kind, as a spec."""
    if kind == "sqlite":
        connection = sqlite3.connect(folder / "calls.db")
        connection.executescript((DATA / "sqlite.sql").read_text())
        connection.close()
        return f"sqlite:{folder}/calls.db"
    shutil.copytree(DATA / kind, folder / kind)
    return f"jsonl:{folder}/{kind}"


@pytest.fixture(params=["jsonl", "jsonl-interrupted", "sqlite"])
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return spec_of(request.param, tmp_path)


@pytest.fixture
def archive(spec: str) -> Iterator[Archive]:
    archive = Plugins.load().archive(spec)
    yield archive
    archive.close()


def written(archive: Archive) -> Iterator[Document]:
    for record in archive.records():
        yield from archive.journal(str(record["call_id"]))
        timeline = record["timeline"]
        assert isinstance(timeline, list)
        yield from timeline


def test_the_data_hold_each_sentence_of_the_old_version_and_no_code() -> None:
    texts = "".join(path.read_text() for path in DATA.rglob("*") if path.is_file()).replace("''", "'")
    found = set(re.findall(r'"evidence": "([^"]*)"', texts))
    assert found == set(_OLD_EVIDENCE) - {"a webhook said so"}, "nothing could report a webhook then"
    assert set(_OLD_EVIDENCE.values()) == set(Evidence)


def test_an_archive_reads_them_with_today_s_codes(archive: Archive) -> None:
    entries = list(written(archive))
    assert len(entries) > 10
    assert {entry["evidence"] for entry in entries if entry["changed"]} <= CODES
    assert {entry["evidence"] for entry in entries if not entry["changed"]} == {None}


def test_they_replay_without_differences(archive: Archive) -> None:
    for record in archive.records():
        result = replay(archive.journal(str(record["call_id"])))
        assert [entry.differences for entry in result.entries if entry.differences] == []
        assert result.ended == (not record.get("interrupted"))


def test_an_archive_that_translates_nothing_replays_as_well() -> None:
    lines = (DATA / "jsonl-interrupted/journal.jsonl").read_text().splitlines()
    assert replay([json.loads(line) for line in lines]).differences == 0


def test_the_commands_show_replay_and_export_them(
    spec: str, archive: Archive, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def command(*arguments: str) -> str:
        assert offhook(["records", "--store", spec, *arguments]) == ExitCode.COMPLETED
        return capsys.readouterr().out

    for record in archive.records():
        call_id = str(record["call_id"])
        assert "DIALING   the caller asked for it (observed)" in command("show", call_id)
        assert "the session says the same as the journal" in command("replay", call_id)
        document = json.loads(command("show", call_id, "--json"))
        assert document["journal"][0]["evidence"] == document["record"]["timeline"][0]["evidence"] == "request"
    command("export", "--out", str(tmp_path / "out"))
    exported = "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    assert '"evidence": "request"' in exported
    assert "the caller asked for it" not in exported


def test_a_store_that_goes_on_in_an_old_database_marks_its_interrupted_call(tmp_path: Path) -> None:
    store = Plugins.load().store(spec_of("sqlite", tmp_path))
    (record,) = store.interrupted()
    store.close()
    assert record["interrupted"] is True
    timeline = record["timeline"]
    assert isinstance(timeline, list)
    assert timeline[0]["evidence"] == "request"
