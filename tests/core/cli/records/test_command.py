"""``offhook records``: real calls, kept by the real stores, read through the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import NUMBER, NUMBERS, rig, run

from offhook import Disposition, Grade, Phone
from offhook.cli.call.display import NoDisplay
from offhook.cli.call.placing import CallOrder, place, report
from offhook.cli.exit_codes import ExitCode
from offhook.cli.records.export import export
from offhook.cli.records.show import report_line
from offhook.cli.root import run as offhook
from offhook.errors import StorageError
from offhook.interfaces import CarrierReport
from offhook.interfaces.ids import Ids
from offhook.plugin.manager import Plugins
from offhook.testing import LinkedTransport, LoopClock, ScriptedCarrier

if TYPE_CHECKING:
    from offhook.interfaces import Store


def call_with(
    spec: str, tmp_path: Path | None = None, seed: int = 1, *, cut: bool = False, answered: bool = True
) -> str:
    """Place a call that is kept by the store of a spec; with `cut`, its process dies in mid-call. Returns its id."""

    async def main() -> str:
        made = rig()
        store = Plugins.load().store(spec)
        phone = Phone(carrier=made.carrier, transport=made.transport, store=store, clock=LoopClock(), ids=Ids(seed))
        if answered:
            made.answer(1)
        async with phone:
            record = None if tmp_path is None else tmp_path / f"mix-{seed}.wav"
            async with phone.dial(NUMBER, record=record) as call:
                await call.answered()
                if cut:
                    store.close()  # as the death of the process does: nothing is written from here on
        return call.record.call_id

    return run(main())


def out_of(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """Run a command and return what it prints; nothing may be on standard error."""
    assert offhook(["records", *arguments]) == code
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, code: ExitCode = ExitCode.BAD_USAGE) -> str:
    """Run a command that fails, and return its one sentence."""
    assert offhook(["records", *arguments]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    (sentence,) = printed.err.splitlines()
    return sentence


@pytest.mark.parametrize("kind", ["sqlite", "jsonl"])
def test_a_report_after_the_end_is_shown_and_replayed(
    kind: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async def main() -> str:
        made = rig()
        store = Plugins.load().store(f"{kind}:{tmp_path / 'calls'}")
        phone = Phone(carrier=made.carrier, transport=made.transport, store=store, clock=LoopClock(), ids=Ids(1))
        async with phone:
            async with phone.dial(NUMBER, from_number=NUMBERS[0]) as call:
                assert not await call.answered()
            await asyncio.sleep(60)
            text = f"call_log: {NUMBER} declined {NUMBERS[0]}"
            assert phone.report(
                CarrierReport(Disposition.DECLINED, call.record.channel, grade=Grade.ASSUMED, text=text)
            )
        return call.record.call_id

    call_id, store = run(main()), ("--store", f"{kind}:{tmp_path / 'calls'}")
    assert "declined" in out_of(capsys, *store, "list")
    lines = out_of(capsys, *store, "show", call_id).splitlines()
    assert " to +1415•••0123 from +1415•••0100, dialled " in lines[0]
    said = "(call_log: +1415•••0123 declined +1415•••0100)"
    assert (
        lines[2] == f"  reported by the carrier 105.0 s after dialling: declined, assumed, until then no_answer {said}"
    )
    assert lines[-1] == f" 105.000 s  ENDED     a webhook reported it (assumed)  disposition=declined {said}"
    replayed = out_of(capsys, *store, "replay", call_id).splitlines()
    assert "            changes neither state, but the record: a webhook reported it (assumed)" in replayed
    document = json.loads(out_of(capsys, *store, "show", call_id, "--json"))
    assert document["record"]["report"]["before"] == "no_answer"
    assert document["record"]["timeline"] == document["journal"]


def test_a_report_without_details_is_one_short_line() -> None:
    report: dict[str, object] = {"disposition": "busy", "grade": "documented"}
    assert report_line({"report": report}) == "reported by the carrier: busy, documented"
    assert report_line({"report": None}) == report_line({}) == ""


def test_the_list_shows_the_result_of_each_call(capsys: pytest.CaptureFixture[str]) -> None:
    call_with("sqlite", seed=1)
    unanswered = call_with("sqlite", seed=2, answered=False)
    cut = call_with("sqlite", seed=3, cut=True)
    lines = out_of(capsys, "list").splitlines()
    assert [line.split()[-1] for line in lines[1:3]] == [cut, unanswered]
    assert lines[0].split() == ["when", "(UTC)", "to", "result", "talked", "id"]
    assert "interrupted" in lines[1]
    assert "no_answer" in lines[2]
    assert "completed" in lines[3]
    assert "0.0 s" in lines[3]
    assert "+1415•••0123" in lines[3]
    assert "2026-11-18 11:06:4" in lines[3]
    assert len(out_of(capsys, "list", "--limit", "1").splitlines()) == 2
    document = json.loads(out_of(capsys, "list", "--json"))
    assert [record["call_id"] for record in document][:2] == [cut, unanswered]
    assert "timeline" not in document[0]


def test_a_call_that_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    store = Plugins.load().store("sqlite")
    store.save("call_live", {"number": "+1415•••0123", "dialed_at": "2026-11-18T13:20:00Z", "ended_at_s": None})
    assert "going on" in out_of(capsys, "list")
    assert "going on" in out_of(capsys, "show", "live")
    store.close()
    assert "interrupted" in out_of(capsys, "list")


def test_without_calls_a_sentence_is_printed_and_nothing_is_created(
    capsys: pytest.CaptureFixture[str], offhook_home: Path, tmp_path: Path
) -> None:
    for store in ("sqlite", f"sqlite:{tmp_path}/no/calls.db", f"jsonl:{tmp_path}/no"):
        assert out_of(capsys, "--store", store, "list") == "no calls are stored\n"
        assert out_of(capsys, "--store", store, "list", "--json") == "[]\n"
        assert "no call has the id 'call_x'; see: offhook records list" in refused(
            capsys, "--store", store, "show", "call_x"
        )
    assert list(offhook_home.iterdir()) == list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_read_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, offhook_home: Path
) -> None:
    assert "no archive is called 'tape'" in refused(capsys, "--store", "tape", "list")
    (offhook_home / "calls.db").write_text("no database " * 100)
    assert "it is not a database" in refused(capsys, "list")
    monkeypatch.setenv("OFFHOOK_STORE", "none")
    assert "OFFHOOK_STORE is none" in refused(capsys, "list")
    monkeypatch.setenv("OFFHOOK_STORE", "jsonl")
    assert "needs a folder" in refused(capsys, "list")


def test_a_call_is_shown_for_a_person(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    call_id = call_with("sqlite", tmp_path)
    call_with("sqlite", seed=2)
    shown = out_of(capsys, "show", call_id)
    assert shown.startswith(f"{call_id} to +1415•••0123, dialled 2026-11-18T11:06:40.000Z\n")
    for words in (
        "completed, ended by caller (Q.850 cause 16); talked 0.0 s; rang: assumed",
        "answered 1.000 s",
        f"mix: {tmp_path}/mix-1.wav\n",
        "frames_sent",
        "   1.000 s  ACTIVE    the callee published audio (documented); leg connected",
        "MemberJoined uid=2",
    ):
        assert words in shown
    assert out_of(capsys, "show", call_id[:9]) == shown
    assert out_of(capsys, "show", call_id.removeprefix("call_")[:6]) == shown
    (tmp_path / "mix-1.wav").unlink()
    assert "(no longer exists)" in out_of(capsys, "show", call_id)
    document = json.loads(out_of(capsys, "show", call_id, "--json"))
    assert document["record"]["call_id"] == call_id
    assert document["journal"][0]["event"] == "Dialed"
    assert "2 calls begin with 'call_': " in refused(capsys, "show", "call_")
    assert "no call has the id ''" in refused(capsys, "show", "")


def test_an_ambiguous_id_lists_at_most_five_calls(capsys: pytest.CaptureFixture[str]) -> None:
    store = Plugins.load().store("sqlite")
    for index in range(7):
        store.save(f"call_{index}", {"ended_at_s": 1, "disposition": "failed"})
    store.close()
    assert "call_2, ...; type" in refused(capsys, "show", "call_")


def test_an_interrupted_call_is_shown_as_far_as_its_journal_goes(capsys: pytest.CaptureFixture[str]) -> None:
    store = Plugins.load().store("sqlite")
    store.save("call_cut", {"ended_at_s": None, "timeline": []})
    store.append("call_cut", {"event": "AudioHeard", "at_s": "?", "changed": False, "detail": ""})
    store.save("call_old", {"ended_at_s": 1, "timeline": [{"event": "Dialed", "at_s": 0.0, "detail": ""}]})
    store.save("call_odd", {"ended_at_s": 1})
    store.close()
    shown = out_of(capsys, "show", "call_cut")
    assert "died in mid-call" in shown
    assert "?" in shown
    assert "AudioHeard" in shown
    assert "Dialed" in out_of(capsys, "show", "call_old"), "without a journal, the record's own timeline"
    assert out_of(capsys, "show", "call_odd").endswith("\n\n")


@pytest.mark.fault("F43")
def test_documents_from_a_store_are_escaped(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    evil = "\x1b[2J\nforged"
    store = Plugins.load().store("sqlite")
    entry = {"event": evil, "at_s": 1.0, "detail": evil}
    change = {**entry, "changed": True, "evidence": evil, "grade": evil, "call": evil, "leg": evil}
    for entries in (entry, change):
        store.append("call_evil", {**entries, "call_id": "call_evil"})
    document = {"number": evil, "dialed_at": evil, "disposition": evil, "ended_by": evil, "problem": evil, "rang": evil}
    store.save("call_evil", {**document, "ended_at_s": 1, "counters": {evil: evil}, "files": {evil: evil}})
    store.close()
    for arguments in (["list"], ["show", "evil"], ["export", "evil", "--out", str(tmp_path / "out")]):
        printed = out_of(capsys, *arguments)
        assert "forged" in printed
        assert all(line.isprintable() and not line.startswith("forged") for line in printed.splitlines())


def test_export_writes_files_and_names_the_recordings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    first, second = call_with("sqlite", tmp_path, 1), call_with("sqlite", seed=2)
    out = tmp_path / "out"
    said = out_of(capsys, "export", "--out", str(out))
    assert said.splitlines() == [f"2 calls in {out}/", f"  {first} mix: {tmp_path}/mix-1.wav"]
    assert sorted(path.name for path in out.iterdir()) == sorted(
        f"{kind}-{call_id}.{ending}"
        for call_id in (first, second)
        for kind, ending in (("record", "json"), ("journal", "jsonl"))
    )
    assert json.loads((out / f"record-{first}.json").read_text())["call_id"] == first
    journal = [json.loads(line) for line in (out / f"journal-{first}.jsonl").read_text().splitlines()]
    assert journal[0]["event"] == "Dialed"
    assert "already exists" in refused(capsys, "export", first, "--out", str(out))
    (tmp_path / "mix-1.wav").unlink()
    assert "(no longer exists)" in out_of(capsys, "export", first, "--out", str(tmp_path / "two"))
    (document,) = json.loads(out_of(capsys, "export", second, "--json"))
    assert (document["record"]["call_id"], document["journal"][0]["event"]) == (second, "Dialed")
    assert "needs --out DIR" in refused(capsys, "export")
    (tmp_path / "file").touch()
    assert "is a file and not a folder" in refused(capsys, "export", first, "--out", str(tmp_path / "file"))


@pytest.mark.fault("F43")
@pytest.mark.parametrize("call_id", ["../../evil", "/etc/evil", ".hidden", ".."])
def test_an_id_from_a_store_does_not_choose_the_file(
    call_id: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    store = Plugins.load().store("sqlite")
    store.save(call_id, {"ended_at_s": 1})
    store.close()
    assert "cannot be part of a file name" in refused(capsys, "export", "--out", str(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [False, True])
def test_replay_shows_the_reason_for_each_state(capsys: pytest.CaptureFixture[str], cut: bool) -> None:
    call_id = call_with("sqlite", cut=cut)
    shown = out_of(capsys, "replay", call_id)
    for words in (
        "answer policy callee_published; ring 45 s, grace 5 s",
        "   0.000 s  Dialed\n            call DIALING, leg new: the caller asked for it (observed)\n"
        "            timers: setup at 20.000 s\n",
        "            call ACTIVE, leg connected: the callee published audio (documented)\n"
        "            timers: duration at 3601.000 s\n",
        "  MemberJoined uid=2\n            changes neither state\n            timers: ring at 45.000 s\n",
        "the session says the same as the journal",
    ):
        assert words in shown
    assert ("the journal stops before the end" in shown) == cut


def test_replay_shows_what_differs_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    call_id = call_with("sqlite")
    archive = Plugins.load().archive("sqlite")
    journal, record = archive.journal(call_id), archive.record(call_id)
    archive.close()
    assert record is not None
    store = Plugins.load().store("sqlite")
    for entry in journal:
        said = {**entry, "evidence": "webhook"} if entry["event"] == "MemberPublished" else entry
        store.append("call_other", {**said, "call_id": "call_other"})
    store.append(
        "call_other", {"event": "PluginError", "at_s": 9.0, "call": "ended", "leg": "closed", "changed": False}
    )
    store.save("call_other", record)
    store.save("call_bare", record)
    store.close()
    shown = out_of(capsys, "replay", "call_other", code=ExitCode.FAILED)
    assert "DIFFERS: evidence: the journal says 'webhook', the session says 'callee_published'" in shown
    assert f"1 of {len(journal) + 1} entries differ" in shown
    assert "a note: the session does not see it" in shown
    assert "has no journal" in refused(capsys, "replay", "call_bare")


@pytest.mark.fault("F32")
def test_a_folder_of_json_lines_is_read_as_well(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    spec = f"jsonl:{tmp_path}/calls"
    (tmp_path / "calls").mkdir()
    first = call_with(spec, tmp_path / "calls", 1)
    cut = call_with(spec, seed=2, cut=True)
    listed = out_of(capsys, "--store", spec, "list")
    assert {line.split()[-1] for line in listed.splitlines()[1:]} == {first, cut}
    assert "interrupted" in listed
    assert f"mix: {tmp_path}/calls/mix-1.wav\n" in out_of(capsys, "--store", spec, "show", first)
    assert "the session says the same" in out_of(capsys, "--store", spec, "replay", first)


# ---- what a call command says and leaves


def open_phone(store: Store | None) -> Phone:
    stores: list[Store | str] = ["sqlite"] if store is None else ["sqlite", store]
    return Phone(carrier=ScriptedCarrier(), transport=LinkedTransport(), clock=LoopClock(), store=stores, ids=Ids(9))


@pytest.mark.fault("F32")
def test_a_call_first_reports_interrupted_calls(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    cut = call_with("sqlite", tmp_path, cut=True)
    for _ in range(2):
        placed = run(place(CallOrder(NUMBER), open_phone, NoDisplay()))
        assert placed.code is ExitCode.NOT_ANSWERED
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith(f"offhook: the call {cut} to +1415•••0123 of 2026-11-18T11:06:40.000Z was interrupted")
    assert line.endswith(f"recording: {tmp_path}/mix-1.wav; see: offhook records show {cut}")


def test_a_call_with_a_folder_is_kept_in_both(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    placed = run(place(CallOrder(NUMBER, out=Path("out")), open_phone, NoDisplay()))
    assert placed.record is not None
    report(placed, as_json=True, out=Path("out"))
    files = {"mix": "mix.wav", "caller_heard": "caller-heard.wav"}
    assert json.loads(capsys.readouterr().out)["files"] == files
    assert json.loads((tmp_path / "out/record.json").read_text())["files"] == files
    shown = json.loads(out_of(capsys, "show", placed.record.call_id, "--json"))
    assert shown["record"]["files"] == {name: f"{tmp_path}/out/{file}" for name, file in files.items()}


def test_the_command_uses_the_store_that_the_environment_names(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for store, code in (("tape", ExitCode.BAD_USAGE), ("none", ExitCode.FAILED)):
        monkeypatch.setenv("OFFHOOK_STORE", store)
        for name, value in {
            "SENDBLUE_API_API_KEY": "k" * 10,
            "SENDBLUE_API_API_SECRET": "s" * 10,
            "SENDBLUE_API_BASE_URL": "http://127.0.0.1:9",
            "OFFHOOK_FROM_NUMBER": "+14155550100",
        }.items():
            monkeypatch.setenv(name, value)
        assert offhook(["call", "+14155550123", "--out", str(tmp_path / store)]) == code
    assert "no store is called 'tape'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_store_is_reported_with_the_setting_that_names_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFHOOK_STORE", "tape:secret")
    said = refused(capsys, "list")
    assert said.startswith(
        "offhook: OFFHOOK_STORE names 'tape', but no archive is called 'tape' (installed: jsonl, sqlite)"
    )
    assert "secret" not in said


def test_a_call_whose_id_is_too_long_for_a_file_is_not_a_bug(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot be written to .*: the name is too long"):
        export([({"call_id": "x" * 300}, [])], tmp_path / "new", as_json=False)
