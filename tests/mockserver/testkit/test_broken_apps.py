"""Five broken applications: what pytest prints must say what happened, to a reader who knows nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CLIPS = Path(__file__).parents[3] / "mockserver/offhook_mockserver/callees/clips"

#: A voice application. It greets, stops when it is spoken over, answers, and leaves when its token is about to expire.
APP = """
import asyncio

from offhook import Phone, SpeechDetector, SpeechStarted, SpeechStopped


async def talk(number, *, greets_and_leaves=False, stops=True, answers=True, watches_token=True):
    async with Phone.from_env() as phone, phone.dial(number) as call:
        if not await call.answered():
            return
        watching = asyncio.create_task(leave_in_time(call)) if watches_token else None
        greeting = call.play("wav:greeting.wav")
        if greets_and_leaves:
            await greeting.done()
            await call.hang_up()
            return
        ears = call.audio(rate_hz=16_000)
        detector = SpeechDetector(ears.rate_hz)
        async for frame in ears:
            match detector.feed(frame):
                case SpeechStarted() if stops:
                    call.clear()
                case SpeechStopped() if answers:
                    call.play("wav:reply.wav")
        if watching is not None:
            watching.cancel()


async def leave_in_time(call):
    async for entry in call.events():
        if entry.event == "GrantExpiring":
            await call.hang_up()
            return
"""

TESTS = """
import asyncio

import pytest
from app import talk

pytestmark = pytest.mark.offhook_virtual


@pytest.fixture
def callee(offhook_mock):
    script = offhook_mock.callee("+14155550123").answers(after_s=1.0).listens(until="speech").waits(0.5)
    return script.says("hello.wav").listens(until="quiet").hangs_up(after_s=1.0)


def check(callee):
    callee.finished(timeout_s=30)
    assert callee.heard.starts_with("greeting.wav", within_ms=300)
    assert callee.heard.silence_after(callee.spoke_at_s, within_ms=400)


def test_works(offhook_mock, callee):
    offhook_mock.start(talk(callee.number))
    check(callee)


def test_hangs_up_early(offhook_mock, callee):
    offhook_mock.start(talk(callee.number, greets_and_leaves=True))
    check(callee)


def test_talks_over_the_callee(offhook_mock, callee):
    offhook_mock.start(talk(callee.number, stops=False))
    check(callee)


def test_never_answers_back(offhook_mock):
    callee = offhook_mock.callee().answers().listens(until="quiet").says("hello.wav").listens(until="speech").hangs_up()
    offhook_mock.start(talk(callee.number, answers=False))
    callee.finished(timeout_s=30)


@pytest.mark.parametrize("watches_token", [True, False])
def test_expiry(offhook_mock, watches_token):
    offhook_mock.settings.token_life_s = 40
    callee = offhook_mock.callee().answers().listens(until="quiet").waits(20).says("hello.wav").waits(60)
    offhook_mock.start(talk(callee.number, watches_token=watches_token))
    callee.ended(timeout_s=120)
    assert callee.end.value == "caller_left"


def test_dials_twice(offhook_mock, callee):
    offhook_mock.start(talk(callee.number))
    offhook_mock.sleep(0.1)
    offhook_mock.start(talk(callee.number))
    callee.ended(timeout_s=60)
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {}


def test_the_output_alone_says_what_happened(pytester: pytest.Pytester) -> None:
    for clip in ("greeting.wav", "hello.wav", "reply.wav"):
        shutil.copy(CLIPS / clip, pytester.path / clip)
    pytester.makepyfile(app=APP, test_app=TESTS)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--offhook-artifacts-dir=art", "--tb=short")
    print(result.stdout.str())
    assert 0
