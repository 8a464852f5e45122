"""K7: two hundred story tests of an application that speaks, in virtual time. The benchmark runs them with pytest.

The application is `examples/reminder.py`; the stories are those of its own tests that last about as long as a call.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from reminder import remind

from offhook.errors import StartAmbiguous
from offhook_mockserver.server import CLIPS

if TYPE_CHECKING:
    from offhook_mockserver.testkit import MockHandle

_REMINDER: Final = Path(__file__).parents[2] / "examples" / "greeting.wav"
#: How often each of the four stories is told.
_TIMES: Final = int(os.environ.get("OFFHOOK_BENCH_STORIES", "50"))

pytestmark = [pytest.mark.offhook_virtual, pytest.mark.parametrize("index", range(_TIMES))]


def test_it_stops_when_it_is_spoken_over(offhook_mock: MockHandle, index: int) -> None:
    callee = offhook_mock.callee().answers(after_s=1.0).listens(until="speech").waits(0.5).says(CLIPS / "hello.wav")
    offhook_mock.start(remind(callee.number))
    callee.ended(timeout_s=30)
    assert callee.heard.starts_with(_REMINDER, within_ms=300)
    assert callee.heard.silence_after(callee.spoke_at_s, within_ms=200)
    assert callee.heard.sound_after(callee.stopped_speaking_at_s, within_ms=1500)


def test_it_leaves_a_message_on_a_voicemail_after_the_beep(offhook_mock: MockHandle, index: int) -> None:
    callee = offhook_mock.callee().goes_to_voicemail(after_s=20.0)
    offhook_mock.start(remind(callee.number))
    callee.ended(timeout_s=60)
    assert callee.heard.sound_after(callee.at_s("beeped"), within_ms=1000)
    assert callee.heard.contains(_REMINDER, at_least=0.95)


def test_it_never_dials_twice(offhook_mock: MockHandle, index: int) -> None:
    callee = offhook_mock.callee().never_answers()
    with offhook_mock.faults.lost_answer(times=1), pytest.raises(StartAmbiguous):
        offhook_mock.run(remind(callee.number))
    offhook_mock.sleep(120)  # time for a retry
    assert len(callee.calls) == 1


def test_it_takes_a_busy_line_for_an_answer(offhook_mock: MockHandle, index: int) -> None:
    callee = offhook_mock.callee().is_busy()
    offhook_mock.start(remind(callee.number))
    callee.ended(timeout_s=60)
    assert len(callee.calls) == 1
