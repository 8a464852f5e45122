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
from offhook_mockserver.callees.speech import CLIPS
from offhook_mockserver.callees.toml import load_scripts
from offhook_mockserver.tenants.entry import Entry, EntryKind
from offhook_mockserver.testkit.allowances import ALLOWANCES, Leftover
from offhook_mockserver.testkit.artefact_sessions import ARTIFACTS, session_folder
from offhook_mockserver.testkit.artefacts import folder_name, remove_artefacts, write_artefacts
from offhook_mockserver.testkit.evidence import CallEvidence, Evidence
from offhook_mockserver.testkit.failure import failure_report
from offhook_mockserver.testkit.lag import Stall
from offhook_mockserver.testkit.story import timeline

if TYPE_CHECKING:
    from offhook_mockserver.tenants.entry import Json

CHANNEL = "ft_call_1"


def entry(index: int, at_s: float, kind: EntryKind, text: str, channel: str = CHANNEL, **fields: Json) -> Entry:
    return Entry(index, 1_795_000_000 + at_s, at_s, kind, channel, "+1415•••0123", text, fields, Grade.ASSUMED)


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
    *, audio: CallAudio | None = None, entries: list[Entry] = ENTRIES, calls: int = 1, stall: Stall | None = None
) -> Evidence:
    call = CallEvidence(CHANNEL, "+1415•••0123", "caller hung up", ("says hello.wav",), {"frames": 3}, {}, audio)
    return Evidence(
        test="tests/test_bot.py::test_talks[1]",
        seed=17,
        virtual=stall is None,
        calls=[call] * calls,
        timeline=timeline(entries),
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


@pytest.mark.parametrize(("renewed", "says"), [(False, True), (True, False)])
def test_a_member_that_leaves_says_whether_its_token_was_about_to_expire(renewed: bool, says: bool) -> None:
    entries = [
        entry(0, 1.0, EntryKind.MEMBER, "it expires", event="token_expiring", uid=7),
        entry(1, 2.0, EntryKind.MEMBER, "it was renewed", event="token_renewed", uid=7 if renewed else 8),
        entry(2, 3.0, EntryKind.MEMBER, "a caller left", event="left", uid=7),
        entry(3, 4.0, EntryKind.MEMBER, "another left", event="left", uid=8),
    ]
    *_, left, other = timeline(entries)
    assert left.text.endswith("its token was about to expire and had not been renewed") is says
    assert other.text == "another left"


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
        "Timeline, journal, audio, picture, statistics and script: art",
    ]


def test_a_long_timeline_is_shortened_in_the_middle_and_a_long_line_at_its_end() -> None:
    entries = [entry(index, index, EntryKind.CALLEE, f"moment {index} {'x' * 300}") for index in range(100)]
    lines = failure_report(evidence(entries=entries), None).splitlines()
    assert any(line.strip() == "… 52 more, in timeline.txt" for line in lines)
    assert max(map(len, lines)) < 200
    assert sum("call 1 " in line for line in lines) == 48


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
    files = {name for name in re.findall(r"`([a-z]+\.[a-z]+)`", page) if "-2" not in name}
    assert files == {
        *("timeline.txt", "timeline.json", "journal.jsonl", "caller.wav", "callee.wav", "mixed.wav", "waveforms.svg"),
        *("statistics.json", "script.toml", "seed.txt"),
    }
