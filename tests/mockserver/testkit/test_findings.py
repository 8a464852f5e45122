"""What the handle of a test adds to scripts: files of callees, early checks, nearest names, scripts that fail."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.testkit.test_mock import NUMBER, OTHER, bot

from offhook.errors import ConfigError, OffhookError, SourceError
from offhook_mockserver.callees.summaries import CLIPS
from offhook_mockserver.faces.control.faults import shown_fault
from offhook_mockserver.server import Answer, EntryKind, HangUp, Say, Script, ScriptError
from offhook_mockserver.testkit import CalleeEnd, MockHandle, NotVirtual, ScriptFailed, mock
from offhook_mockserver.testkit.leftovers import leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CALLEES = f"""
[[callee]]
number = "{NUMBER}"
steps = ["answer", {{say = "tone:440,0.2"}}, {{listen = "tone:1000"}}]

[[callee]]
number = "{OTHER}"
summary = "says hello, and hangs up"
steps = ["answer", {{say = "hello.wav"}}, "hang_up"]
"""


@pytest.fixture
def offhook(tmp_path: Path) -> Iterator[MockHandle]:
    with mock(virtual=True, folder=tmp_path) as handle:
        yield handle


def left(offhook: MockHandle) -> list[tuple[str, str]]:
    return [(leftover.allowance, leftover.what) for leftover in offhook.on_loop(lambda: leftovers(offhook))]


def test_callees_of_a_file_are_as_strict_as_those_of_verbs(offhook: MockHandle, tmp_path: Path) -> None:
    (tmp_path / "callees.toml").write_text(CALLEES, encoding="utf-8")
    callees = offhook.load("callees.toml")
    assert callees == {NUMBER: offhook.callee(NUMBER), OTHER: offhook.callee(OTHER)}
    assert [name for name, _ in left(offhook)] == ["scripts_unfinished"] * 2, "neither was called"
    for _ in range(2):
        assert offhook.run(bot(OTHER, say="silence:5")) == "completed"
        callees[OTHER].finished()
    assert offhook.run(bot(NUMBER)) == "completed"
    assert [(name, what.partition(",")[0]) for name, what in left(offhook)] == [
        ("scripts_unfinished", f"the script of the callee {NUMBER} did not end in call 3: step 3: listens until the "
         "caller sends a tone of 1000 Hz (began 0.2 s after the answer)"),
        ("called_again", f"{OTHER} was called 2 times"),
    ]  # fmt: skip
    assert offhook.journal.search(text="its callee says hello, and hangs up")


def test_verbs_go_on_where_a_file_ends(offhook: MockHandle, tmp_path: Path) -> None:
    (tmp_path / "callees.toml").write_text(CALLEES, encoding="utf-8")
    callees = offhook.load(tmp_path / "callees.toml")
    callees[NUMBER].hangs_up()
    assert offhook.tenant.scripts[NUMBER].steps[-1] == HangUp()
    with pytest.raises(ScriptError, match=r"waits\(\), is never reached"):
        callees[OTHER].waits(1)
    with pytest.raises(ConfigError, match="script must be a Script"):
        callees[OTHER].follows("hello.wav")  # type: ignore[arg-type]


def test_a_file_of_callees_that_is_missing_or_wrong(offhook: MockHandle, tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"callees\.toml' does not exist"):
        offhook.load("callees.toml")
    text = CALLEES.replace("tone:440,0.2", "tone:abc")
    (tmp_path / "callees.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ScriptError, match=r"tone.*callees\.toml:4\)"):
        offhook.load("callees.toml")


@pytest.mark.parametrize("spec", ["tone:abc", "silence:no", "tonne:440"])
def test_a_wrong_spec_is_found_by_the_verb(offhook: MockHandle, spec: str) -> None:
    with pytest.raises(ScriptError, match=r"test_findings\.py:\d+"):
        offhook.callee().answers().says(spec)
    with pytest.raises(ScriptError, match=r"test_findings\.py:\d+"):
        offhook.callee(OTHER).answers().repeats(2, lambda callee: callee.says(spec))


def test_questions_know_the_clips(offhook: MockHandle) -> None:
    callee = offhook.callee(NUMBER).answers().listens(until="speech")
    offhook.start(bot(say=f"wav:{CLIPS / 'greeting.wav'}"))
    callee.ended()
    assert callee.heard.contains("greeting.wav")
    assert not callee.heard.contains("reply.wav")
    with pytest.raises(SourceError, match=r"'greting.wav' does not exist in .*did you mean greeting.wav\?"):
        callee.heard.contains("greting.wav")


def test_a_script_that_fails_is_an_error_of_its_own(offhook: MockHandle, tmp_path: Path) -> None:
    (tmp_path / "cut.wav").write_bytes((CLIPS / "hello.wav").read_bytes()[:40])
    callee = offhook.callee(NUMBER).answers().says("cut.wav")
    offhook.start(bot())
    with pytest.raises(ScriptFailed, match=r"finished\(\): the script of the callee .* failed: .*cut\.wav") as raised:
        callee.finished()
    assert not raised.value.about_time
    assert callee.end is CalleeEnd.FAILED
    ((name, what),) = [found for found in left(offhook) if found[0] != "calls_up"]
    assert name == "scripts_failed"
    assert "cut.wav" in what


def test_a_wrong_name_is_answered_with_the_nearest(offhook: MockHandle) -> None:
    for thing, name, near in [
        (offhook.callee(), "hang_up", "hangs_up"),
        (offhook.callee(), "say", "says"),
        (offhook.faults, "lostanswer", "lost_answer"),
        (offhook, "calle", "callee"),
        (offhook.journal, "wait_four", "wait_for"),
    ]:
        with pytest.raises(AttributeError, match=rf"did you mean {near}\?"):
            getattr(thing, name)
    with pytest.raises(ConfigError, match=r"Did you mean beeped\?"):
        offhook.callee().at_s("beep")


def test_a_field_is_no_criterion(offhook: MockHandle) -> None:
    for ask in (offhook.wait_for, offhook.journal.wait_for, offhook.journal.search):
        with pytest.raises(ConfigError, match=r'no criterion .code.: write where=\{"code": \'hung_up\'\}'):
            ask(code="hung_up")  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match=r"no criterion 'txt'; did you mean text\?"):
        asyncio.run(offhook.await_for(txt="x"))  # type: ignore[call-arg]


def test_a_callee_that_never_answers_is_done_when_the_caller_gives_up(offhook: MockHandle) -> None:
    callee = offhook.callee(NUMBER).never_answers()
    offhook.start(bot())
    offhook.wait_for(text="ringing")
    offhook.sleep(5)
    assert callee.unfinished
    callee.finished(120)
    assert callee.end is CalleeEnd.GIVEN_UP
    done = offhook.journal.search(where={"code": "script_done"})
    assert [entry.at_s > 5 for entry in done] == [True]


def test_one_hang_up_is_one_entry_with_its_code(offhook: MockHandle) -> None:
    callee = offhook.callee(NUMBER).follows(Script("", [Answer(), Say("tone:440,0.2"), HangUp()]))
    offhook.run(bot())
    callee.ended()
    (entry,) = (e for e in offhook.journal.search(kind=EntryKind.CALLEE) if "end" in e.fields)
    assert entry.fields["end"] == entry.fields["code"] == "hung_up"
    assert "callee hung_up: callee hangs up" in str(entry)
    offhook.callee(OTHER).answers()
    offhook.run(bot(OTHER))
    assert offhook.journal.search(where={"code": "caller_left", "end": "caller_left"})


def test_a_fault_that_is_used_up_is_still_listed_as_such(offhook: MockHandle) -> None:
    limited, other = offhook.faults.status(503, times=1), offhook.faults.delay(0.1)
    with pytest.raises(OffhookError):
        offhook.run(bot())
    assert (offhook.faults.active, offhook.faults.used_up) == ((other,), (limited,))
    assert [shown_fault(fault)["used_up"] for fault in (limited, other)] == [True, False]
    other.undo()
    assert offhook.faults.used_up == (limited,), "a fault that was undone is not used up"
    offhook.faults.clear()
    assert not offhook.faults.used_up


def test_looking_a_name_up_is_refused_in_virtual_time(offhook: MockHandle) -> None:
    async def look(name: str) -> None:
        await asyncio.get_running_loop().getaddrinfo(name, 443)

    with pytest.raises(NotVirtual, match=r"started the look-up of a name \(getaddrinfo\), whose time is the machine's"):
        offhook.run(look("api.example.com"))
    for ask in (lambda: socket.getaddrinfo("api.example.com", 443), lambda: socket.gethostbyname("api.example.com")):
        with pytest.raises(NotVirtual, match="allow=\\['sockets'\\]"):
            ask()
