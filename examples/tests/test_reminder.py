"""Stories of `examples/reminder.py`. Run them with ``pytest examples/tests``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from reminder import remind

from offhook.errors import StartAmbiguous
from offhook_mockserver.server import RenewsGrants

if TYPE_CHECKING:
    from offhook_mockserver.testkit import MockHandle

REMINDER = Path(__file__).parents[1] / "greeting.wav"


@pytest.mark.offhook_virtual
def test_it_stops_when_it_is_spoken_over(offhook_mock: MockHandle) -> None:
    callee = offhook_mock.callee().answers(after_s=1.0).listens(until="speech").waits(0.5).says("hello.wav")
    offhook_mock.start(remind(callee.number))
    callee.ended(timeout_s=30)
    assert callee.heard.starts_with(REMINDER, within_ms=300)
    assert callee.heard.silence_after(callee.spoke_at_s, within_ms=200)
    assert callee.heard.sound_after(callee.stopped_speaking_at_s, within_ms=1500)


@pytest.mark.offhook_virtual
def test_it_leaves_a_message_on_a_voicemail_after_the_beep(offhook_mock: MockHandle) -> None:
    callee = offhook_mock.callee().goes_to_voicemail(after_s=20.0)
    offhook_mock.start(remind(callee.number))
    callee.ended(timeout_s=60)
    assert callee.heard.sound_after(callee.at_s("beeped"), within_ms=1000)
    assert callee.heard.contains(REMINDER, at_least=0.95)


@pytest.mark.offhook_virtual
def test_it_never_dials_twice(offhook_mock: MockHandle) -> None:
    callee = offhook_mock.callee().never_answers()
    with offhook_mock.faults.lost_answer(times=1), pytest.raises(StartAmbiguous):
        offhook_mock.run(remind(callee.number))
    offhook_mock.sleep(120)  # time for a retry
    assert len(callee.calls) == 1


@pytest.mark.offhook_virtual
def test_it_outlives_its_token(offhook_mock: MockHandle) -> None:
    offhook_mock.settings.token_life_s = 120
    callee = offhook_mock.callee().answers().waits(150).says("hello.wav")
    offhook_mock.start(remind(callee.number, [RenewsGrants(offhook_mock)]))
    callee.finished(timeout_s=200).ended()
    assert [entry.at_s for entry in offhook_mock.journal.search(where={"event": "token_renewed"})] == [90.0]


@pytest.mark.slow
def test_it_stops_when_it_is_spoken_over_in_real_time(offhook_mock: MockHandle) -> None:
    """The same story, with the agent in another process: real HTTP, ICE, DTLS, SRTP and Opus."""
    callee = offhook_mock.callee().answers(after_s=0.5).listens(until="speech").waits(0.5).says("hello.wav")
    command = [sys.executable, str(Path(__file__).parents[1] / "reminder.py"), callee.number]
    with subprocess.Popen(command, env={**os.environ, **offhook_mock.environment}) as agent:
        callee.ended(timeout_s=30)
        assert agent.wait(10) == 0
    assert callee.heard.starts_with(REMINDER, within_ms=500)
    assert callee.heard.silence_after(callee.spoke_at_s, within_ms=400)
    assert callee.heard.sound_after(callee.stopped_speaking_at_s, within_ms=2000)
