"""The small print of reports: files, calls and applications that are named are those that there are."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from offhook import Phone
from offhook_mockserver.testkit import MockHandle, NotFinished, mock
from offhook_mockserver.testkit.artefacts import write_artefacts
from offhook_mockserver.testkit.evidence import gather
from offhook_mockserver.testkit.failure import failure_report
from offhook_mockserver.testkit.leftovers import leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NUMBER = "+14155550123"
#: What stands for a file in the last line of a report.
FILES = {
    "timeline": "timeline.txt",
    "journal": "journal.jsonl",
    "audio": "mixed.wav",
    "picture": "waveforms.svg",
    "statistics": "statistics.json",
    "script": "script.toml",
}


@pytest.fixture
def offhook() -> Iterator[MockHandle]:
    with mock(virtual=True) as handle:
        yield handle


async def call(*, redial: bool = False) -> None:
    async with Phone.from_env() as phone, phone.dial(NUMBER, redial=redial) as up:
        await up.answered()


async def twice() -> None:
    await call()
    await call(redial=True)


@pytest.mark.parametrize("story", ["nothing", "unanswered", "answered"])
def test_the_last_line_names_the_files_that_there_are(offhook: MockHandle, tmp_path: Path, story: str) -> None:
    if story == "unanswered":
        offhook.callee().declines()
    if story != "nothing":
        offhook.run(call())
    evidence = gather(offhook, "a test")
    assert not write_artefacts(tmp_path / "art", evidence)
    last = failure_report(evidence, tmp_path / "art").splitlines()[-1]
    named = re.split(", | and ", last.rpartition(": ")[0])
    written = {path.name for path in (tmp_path / "art").iterdir()}
    assert {FILES[name.lower()] for name in named} == written & set(FILES.values())


def unfinished(offhook: MockHandle) -> list[str]:
    return [leftover.what for leftover in leftovers(offhook) if leftover.allowance == "scripts_unfinished"]


def test_a_story_of_two_calls_says_which_call_it_is_about(offhook: MockHandle) -> None:
    callee = offhook.callee().answers().listens(until="speech")
    offhook.run(twice())
    with pytest.raises(
        NotFinished,
        match=r"In the last one, the caller hung up 0.00 s after the answer, before \+14155550123 \(call 2\)",
    ):
        callee.finished()
    assert any(f"the callee {NUMBER} did not end in call 2: step 2" in what for what in unfinished(offhook))


def test_a_story_of_one_call_does_not_count(offhook: MockHandle) -> None:
    callee = offhook.callee().answers().listens(until="speech")
    offhook.run(call())
    with pytest.raises(
        NotFinished, match=r"finished\(\): the caller hung up 0.00 s after the answer, before \+14155550123 had"
    ):
        callee.finished()
    assert any(f"the callee {NUMBER} did not end: step 2" in what for what in unfinished(offhook))


def still_running(offhook: MockHandle) -> list[str]:
    return [leftover.what for leftover in leftovers(offhook, settled=False) if leftover.allowance == "applications"]


def test_an_application_whose_call_has_just_ended_is_not_said_to_run_on(offhook: MockHandle) -> None:
    callee = offhook.callee().answers().waits(1).hangs_up()

    async def server() -> None:
        await call()
        await asyncio.sleep(100)

    offhook.start(server())
    callee.ended()
    assert still_running(offhook) == []
    offhook.sleep(1)
    assert len(still_running(offhook)) == 1


def test_an_application_that_dials_nothing_is_named(offhook: MockHandle) -> None:
    offhook.start(asyncio.sleep(10))
    offhook.sleep(0)
    assert len(still_running(offhook)) == 1


def test_a_step_that_waits_for_quiet_says_for_how_long(offhook: MockHandle) -> None:
    callee = offhook.callee().answers().listens(until="quiet")
    assert callee.steps[-1].text == "listens until the caller has spoken and paused for 0.7 s"
