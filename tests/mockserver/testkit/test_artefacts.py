"""The folder of a test, and the text of its report."""

from __future__ import annotations

import json
import re
import stat
import wave
from array import array
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offhook.secret import MASK, Secret
from offhook.session import Grade
from offhook_mockserver.callees.builder import CalleeScript
from offhook_mockserver.callees.kept_audio import CallAudio
from offhook_mockserver.callees.summaries import CLIPS
from offhook_mockserver.callees.toml import load_scripts
from offhook_mockserver.tenants.entry import Entry, EntryKind
from offhook_mockserver.testkit.allowances import ALLOWANCES, Leftover
from offhook_mockserver.testkit.artefact_sessions import ARTIFACTS, session_folder
from offhook_mockserver.testkit.artefacts import folder_name, remove_artefacts, write_artefacts
from offhook_mockserver.testkit.callers import caller_calls
from offhook_mockserver.testkit.evidence import CallEvidence, Evidence
from offhook_mockserver.testkit.failure import failure_report
from offhook_mockserver.testkit.lag import Stall
from offhook_mockserver.testkit.story import timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.interfaces import Document
    from offhook_mockserver.tenants.entry import Json

CHANNEL = "ft_call_1"


def entry(index: int, at_s: float, kind: EntryKind, text: str, channel: str = CHANNEL, **fields: Json) -> Entry:
    return Entry(index, 1_795_000_000 + at_s, at_s, kind, channel, "+1415•••0123", text, fields, Grade.ASSUMED)


#: The wall clock alone was set back.
BACK = {"ahead_s": 1000.0, "wall_offset_s": 5_000.0 - 1_795_001_002.0}
ENTRIES = [
    entry(0, 0.0, EntryKind.CALL, "a call starts", event="started"),
    entry(1, 0.0, EntryKind.REQUEST, "POST /facetime/start-call: 200 Call started", channel=""),
    entry(2, 0.0, EntryKind.CALLEE, "ringing", code="ringing"),
    entry(3, 2.0, EntryKind.CALLEE, "answered", code="answered"),
    entry(4, 2.5, EntryKind.CALLEE, "on hold", code="on_hold"),
    entry(5, 3.0, EntryKind.CALL, "a second call starts", channel="ft_call_2", event="started"),
    entry(6, 3.5, EntryKind.CALLEE, "back", code="resumed"),
    entry(7, 4.0, EntryKind.CALL, "the call has ended", event="ended"),
]


def samples(*values: int) -> bytes:
    return array("h", values).tobytes()


def evidence(
    *,
    audio: CallAudio | None = None,
    entries: list[Entry] = ENTRIES,
    calls: int = 1,
    stall: Stall | None = None,
    records: Sequence[Document] = (),
    callers_problem: str = "",
) -> Evidence:
    callers = caller_calls(records, entries)
    call = CallEvidence(CHANNEL, "+1415•••0123", "caller hung up", ("says hello.wav",), {"frames": 3}, {}, audio)
    return Evidence(
        test="tests/test_bot.py::test_talks[1]",
        seed=17,
        virtual=stall is None,
        calls=[call] * calls,
        timeline=timeline(entries, callers),
        callers=callers,
        callers_problem=callers_problem,
        entries=entries,
        dropped=2,
        verdicts=[],
        leftovers=[Leftover("calls_up", "the call is still up")],
        faults=["lost_answer: the answer is lost: applied 0 times"],
        applications=[ValueError("of the application")],
        scripts={"+14155550123": CalleeScript().answers().waits(1).hangs_up().script()},
        stall=stall,
    )


def test_the_timeline_numbers_calls_and_counts_from_the_answer() -> None:
    lines = timeline(ENTRIES)
    assert [(line.at_s, line.call, line.answered_s, line.code) for line in lines] == [
        (0.0, 1, None, "started"),
        (0.0, 1, None, "ringing"),
        (2.0, 1, 0.0, "answered"),
        (2.5, 1, 0.5, "on_hold"),
        (3.0, 2, None, "started"),
        (3.5, 1, 1.5, "resumed"),
        (4.0, 1, 2.0, "ended"),
    ]
    assert lines[3].line == "    2.500    [0.500] call 1  on hold"


def test_a_report_says_what_happened_and_where_the_rest_is() -> None:
    report = failure_report(evidence(stall=Stall(0.0, 0.034, 0.0)), Path("art"))
    assert report.splitlines() == [
        "Timeline, in seconds; in brackets, seconds since the callee answered:",
        "    0.000            call 1  a call starts",
        "    0.000            call 1  ringing",
        "    2.000    [0.000] call 1  answered",
        "    2.500    [0.500] call 1  on hold",
        "    3.000            call 2  a second call starts",
        "    3.500    [1.500] call 1  back",
        "    4.000    [2.000] call 1  the call has ended",
        "",
        "When the test failed:",
        "  the call is still up",
        "  the application had raised ValueError: of the application",
        "",
        "Faults that the test made:",
        "  lost_answer: the answer is lost: applied 0 times",
        "",
        "Journal, the last 8 of 10 entries:",
        *(f"  {entry}" for entry in ENTRIES),
        "",
        "Beware: the mock's loop stood still for 34 ms (the machine was busy: this process got no CPU time).",
        "Real time, seed 17.",
        "Timeline, journal, statistics and script: art",
    ]


def said(at_s: float, event: str, call: str, detail: str = "", **facts: object) -> dict[str, object]:
    return {"at_s": at_s, "event": event, "call": call, "detail": detail, "facts": facts}


#: What a phone wrote down of the first call, which it dialled 20 ms before the mock noted it.
RECORD = {
    "call_id": "call_1",
    "channel": CHANNEL,
    "dialed_at": "2026-11-18T11:06:39.980Z",
    "disposition": "completed",
    "ended_by": "caller",
    "problem": "the store failed",
    "timeline": [
        said(0.0, "Dialed", "dialing", policy={}),
        said(0.03, "CallAccepted", "dialing", "channel=ft_call_1 token_sha256=0", expires_at_s=3600.0),
        said(0.04, "LegJoined", "ringing"),
        said(2.02, "MemberPublished", "active", "uid=7", uid=7),
        said(2.52, "LegDisconnected", "active", "reason=no network", reason="no network"),
        said(3.02, "PlayoutCleared", "active", "120 ms had been sent", sent_ms=120.0, times=1),
        said(4.02, "HangUpRequested", "ending"),
        said(4.03, "LegClosed", "ended", "reason=left", reason="left"),
    ],
}


def test_what_the_phones_knew_stands_between_what_the_mock_saw() -> None:
    lines = timeline(ENTRIES, caller_calls([RECORD], ENTRIES))
    assert [line.line for line in lines] == [
        "   -0.020            call 1  caller's phone: Dialed; the call is dialing",
        "    0.000            call 1  a call starts",
        "    0.000            call 1  ringing",
        "    0.010            call 1  caller's phone: CallAccepted",
        "    0.020            call 1  caller's phone: LegJoined; the call is ringing",
        "    2.000    [0.000] call 1  answered",
        "    2.000    [0.000] call 1  caller's phone: MemberPublished; the call is active",
        "    2.500    [0.500] call 1  on hold",
        "    2.500    [0.500] call 1  caller's phone: LegDisconnected, no network",
        "    3.000            call 2  a second call starts",
        "    3.000    [1.000] call 1  caller's phone: PlayoutCleared, 120 ms had been sent",
        "    3.500    [1.500] call 1  back",
        "    4.000    [2.000] call 1  the call has ended",
        "    4.000    [2.000] call 1  caller's phone: HangUpRequested; the call is ending",
        "    4.010    [2.010] call 1  caller's phone: LegClosed, left; the call is ended: completed, ended by the "
        "caller; the store failed",
    ]
    assert {line.kind for line in lines if "phone" in line.text} == {"caller"}


def test_a_phone_whose_call_never_rang_belongs_to_no_call() -> None:
    record = {**RECORD, "channel": "", "timeline": [said(0.0, "Dialed", "dialing")]}
    for entries in ([], ENTRIES):
        (line,) = [line for line in timeline(entries, caller_calls([record], entries)) if line.kind == "caller"]
        assert (line.call, line.answered_s, round(line.at_s, 3)) == (0, None, -0.02 if entries else 0.0)


def test_lines_of_phones_follow_a_clock_that_the_test_moved() -> None:
    moved = [
        entry(0, 0.0, EntryKind.CALL, "a call starts", event="started"),
        Entry(1, 1_795_001_001.0, 1001.0, EntryKind.CLOCK, "", "", "on", {"ahead_s": 1000.0}, Grade.OBSERVED),
        Entry(2, 5_000.0, 1002.0, EntryKind.CLOCK, "", "", "back", BACK, Grade.OBSERVED),
    ]
    record = {**RECORD, "timeline": [said(at_s, "Muted", "active") for at_s in (0.52, 1.02, 1.52, 2.52)]}
    for entries in (moved, moved[1:]):
        (call,) = caller_calls([record], entries)
        assert [round(line.at_s, 3) for line in call.lines] == [0.5, 1001.0, 1001.5, 1002.5]


def test_records_of_another_shape_are_left_out() -> None:
    others: list[Document] = [
        {},
        {**RECORD, "dialed_at": "soon"},
        {**RECORD, "timeline": "x"},
        {**RECORD, "timeline": [5, {}]},
    ]
    assert [call.lines for call in caller_calls(others, ENTRIES)] == [[], []]


def test_the_folder_has_what_the_phones_wrote_down_without_secrets(tmp_path: Path) -> None:
    secret = Secret("another-secret-token")
    entries = [said(0.0, "Dialed", "dialing", f"with {secret.reveal()}")]
    audio = CallAudio(16_000, samples(1), (), samples(1))
    record = {**RECORD, "timeline": [*entries, *RECORD["timeline"]], "problem": secret.reveal()}
    assert write_artefacts(tmp_path, evidence(records=[record], audio=audio)) == ""
    lines = (tmp_path / "caller-journal.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["timeline_s"] for line in lines][:4] == [-0.02, -0.02, 0.01, 0.02]
    (kept,) = json.loads((tmp_path / "caller-records.json").read_text("utf-8"))
    assert (kept["call_id"], kept["problem"]) == ("call_1", MASK)
    assert "timeline" not in kept
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert secret.reveal().encode() not in written
    picture = (tmp_path / "waveforms.svg").read_text("utf-8")
    assert all(f">{word}<" in picture for word in ("active", "PlayoutCleared, 120 ms had been sent"))
    assert ">ended<" not in picture
    remove_artefacts(tmp_path)
    assert not tmp_path.exists()


def test_a_report_says_why_it_lacks_what_the_phones_wrote_down() -> None:
    says = "What the application's phones wrote down could not be read: no such disk."
    assert says in failure_report(evidence(callers_problem="no such disk."), None).splitlines()


def test_a_long_timeline_and_a_long_line_are_shortened_in_the_middle() -> None:
    entries = [entry(index, index, EntryKind.CALLEE, f"moment {index} {'x' * 300} end") for index in range(100)]
    lines = failure_report(evidence(entries=entries), None).splitlines()
    assert any(line.strip() == "… 52 more, in timeline.txt" for line in lines)
    assert max(map(len, lines)) < 420  # entries of the journal
    of_calls = [line for line in lines if "call 1 " in line]
    assert len(of_calls) == 48
    assert max(map(len, of_calls)) < 200
    assert all(" moment " in line and "x…x" in line and line.endswith("x end") for line in of_calls)


def test_the_folder_holds_each_file_for_its_owner_alone(tmp_path: Path) -> None:
    audio = CallAudio(16_000, samples(1, 2, 3), ((0.0, 0.01),), samples(4, 5))
    folder = tmp_path / "new" / "folder"
    assert write_artefacts(folder, evidence(audio=audio, calls=2)) == ""
    files = {path.name: path for path in folder.iterdir()}
    assert {"timeline.txt", "timeline.json", "journal.jsonl", "statistics.json", "seed.txt", "caller.wav"} < set(files)
    assert {"mixed-2.wav", "waveforms-2.svg"} < set(files)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with wave.open(str(files["mixed.wav"])) as mixed:
        assert (mixed.getnchannels(), mixed.getframerate()) == (2, 16_000)
        assert mixed.readframes(9) == samples(1, 4, 2, 5, 3, 0)
    assert [json.loads(line)["index"] for line in files["journal.jsonl"].read_text("utf-8").splitlines()] == [*range(8)]
    (first, _) = json.loads(files["statistics.json"].read_text("utf-8"))["calls"]
    assert first["gaps_s"] == [[0.0, 0.01]]
    assert first["unfinished"] == ["says hello.wav"]
    assert 'number = "+14155550123"' in files["script.toml"].read_text("utf-8")
    picture = files["waveforms.svg"].read_text("utf-8")
    assert all(word in picture for word in ("ringing", "on hold", "answered", "caller", "callee"))


def test_the_script_is_read_again_from_its_folder_alone(tmp_path: Path) -> None:
    mine = tmp_path / "tests" / "my clip.wav"
    mine.parent.mkdir()
    mine.write_bytes((CLIPS / "hello.wav").read_bytes())
    callee = CalleeScript(mine.parent).answers().says("my clip.wav").if_heard("my clip.wav", lambda it: it.hangs_up())
    made = replace(evidence(), scripts={"+14155550123": callee.says("wav:my clip.wav").script()})
    folder = tmp_path / "art"
    assert write_artefacts(folder, made) == ""
    mine.unlink()
    assert "tests" not in (folder / "script.toml").read_text("utf-8")
    (script,) = load_scripts(folder / "script.toml").values()
    assert [speech.path for speech in script.speeches] == [folder / "clip-1-my-clip.wav"]
    remove_artefacts(folder)
    assert not folder.exists()


def test_the_folders_of_the_last_three_sessions_are_kept(tmp_path: Path) -> None:
    sessions = [f"2026113{day}-120000-17" for day in range(5)]
    for session in sessions:
        write_artefacts(session_folder(tmp_path, session) / "test_it", evidence())
    (tmp_path / ARTIFACTS / sessions[2] / "notes.txt").write_text("mine")
    assert session_folder(tmp_path, sessions[4]).is_dir()
    base = tmp_path / ARTIFACTS
    assert sorted(path.name for path in base.iterdir()) == [".gitignore", *sessions[2:]]
    assert (base / ".gitignore").read_text() == "*\n"
    session_folder(tmp_path, "20261201-120000-17")
    assert [path.name for path in (base / sessions[2]).iterdir()] == ["notes.txt"]


def test_a_second_run_replaces_our_files_and_leaves_those_of_others(tmp_path: Path) -> None:
    audio = CallAudio(16_000, samples(1), (), samples(1))
    write_artefacts(tmp_path, evidence(audio=audio))
    (tmp_path / "notes.txt").write_text("mine")
    assert write_artefacts(tmp_path, evidence()) == ""
    assert not (tmp_path / "caller.wav").exists()
    remove_artefacts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    (tmp_path / "notes.txt").unlink()
    remove_artefacts(tmp_path)
    assert not tmp_path.exists()
    remove_artefacts(tmp_path)


def test_a_folder_that_cannot_be_written_is_a_sentence_of_the_report(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    problem = write_artefacts(tmp_path / "file" / "folder", evidence())
    assert problem.startswith("The artefacts could not be written to ")
    assert failure_report(evidence(), None, problem).endswith(problem)


def test_no_secret_gets_out(tmp_path: Path) -> None:
    secret = Secret("a-very-secret-token")
    entries = [entry(0, 0.0, EntryKind.NOTE, f"token {secret.reveal()}", text2=secret.reveal())]
    audio = CallAudio(16_000, samples(1), (), samples(1))
    write_artefacts(tmp_path, evidence(entries=entries, audio=audio))
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert secret.reveal().encode() not in written
    assert MASK.encode() in written
    assert secret.reveal() not in failure_report(evidence(entries=entries), None)


@pytest.mark.parametrize(
    ("test", "begins"),
    [
        ("tests/test_bot.py::TestBot::test_talks[../../etc]", "test_bot-TestBot-test_talks-etc-"),
        ("test_bot.py::test_talks[busy-1.5]", "test_bot-test_talks-busy-1-5-"),
        ("test_bot.py::test_talks[" + "y" * 200 + "]", "test_bot-test_talks-" + "y" * 30 + "-"),
        ("a/b.py::test_" + "x" * 200 + "[1]", "b-test_xxx"),
    ],
)
def test_a_folder_has_the_name_of_the_function_and_what_is_plain_of_its_parameters(test: str, begins: str) -> None:
    name = folder_name(test)
    assert name.startswith(begins)
    assert name.replace("-", "").replace("_", "").isalnum()
    assert len(name) < 110
    assert name.count("-yyy") <= 1


def test_tests_that_differ_in_their_parameters_have_folders_of_their_own() -> None:
    assert folder_name("test_bot.py::test_talks[1]") != folder_name("test_bot.py::test_talks[2]")


def test_the_page_lists_every_allowance_and_every_file() -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/failed-tests.md").read_text(encoding="utf-8")
    assert [line for line in page.splitlines() if line.strip("|` ").startswith(tuple(ALLOWANCES))] == [
        f"| `{name}` | {what} |" for name, what in ALLOWANCES.items()
    ]
    files = {name for name in re.findall(r"`([a-z-]+\.[a-z]+)`", page) if "-2" not in name}
    assert files == {
        *("timeline.txt", "timeline.json", "journal.jsonl", "caller.wav", "callee.wav", "mixed.wav", "waveforms.svg"),
        *("statistics.json", "script.toml", "seed.txt"),
        *("caller-journal.jsonl", "caller-records.json"),
    }
