"""Five broken applications: what pytest prints must say what happened, to a reader who knows nothing else."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CLIPS = Path(__file__).parents[3] / "mockserver/offhook_mockserver/callees/clips"

#: What the folder of a test holds after one call.
FILES = {
    *(
        "timeline.txt",
        "timeline.json",
        "journal.jsonl",
        "statistics.json",
        "script.toml",
        "seed.txt",
        "clip-1-hello.wav",
    ),
    *("caller.wav", "callee.wav", "mixed.wav", "waveforms.svg"),
    *("caller-journal.jsonl", "caller-records.json"),
}
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
            call.play("wav:reply.wav")
            await call.hang_up(after="playout")
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
    callee = offhook_mock.callee().answers().listens(until="quiet")
    offhook_mock.start(talk(callee.number, watches_token=watches_token))
    callee.ended(timeout_s=120)
    assert callee.heard.contains("reply.wav")


def test_dials_twice(offhook_mock, callee):
    offhook_mock.start(talk(callee.number))
    offhook_mock.sleep(0.1)
    offhook_mock.start(talk(callee.number))
    callee.ended(timeout_s=60)
"""


#: For each broken application, what a reader must find in what pytest prints of its test, in this order.
SAYS = {
    "test_hangs_up_early": [
        "E * finished(): the caller hung up 3.00 s after the answer, before +14155550123 had done its script",
        "E * it waited in: step 6: listens until the caller has spoken and paused*",
        "*offhook: what happened*",
        "*[[]0.0?0] call 1  caller speaks, 0.0? to 2.9? s; the callee notices it at 0.10 s",
        "*[[]0.600] call 1  callee says hello.wav, 0.66 to 1.24 s",
        "*[[]3.000] call 1  caller's phone: HangUpRequested; the call is ending",
        "*[[]3.000] call 1  a caller (uid *) left the channel",
        "*[[]3.000] call 1  caller hung up",
        "*[[]3.000] call 1  caller's phone: LegClosed, left; the call is ended: completed, ended by the caller",
        "*the script of the callee +14155550123 did not end: *listens until the caller has spoken and paused*",
    ],
    "test_talks_over_the_callee": [
        ">* assert callee.heard.silence_after(callee.spoke_at_s, within_ms=400)",
        "E * assert <no: silence begins at *, 5.81 s too late*>",
        "E * where <no> = silence_after(0.6, within_ms=400)",
        "*offhook: what happened*",
        "silence_after(0.60, within_ms=400, for_ms=500) is false",
        "  expected: silence begins at most 400 ms after 0.60 s*",
        "  look at:  whether the application stops playing (Call.clear) when the callee speaks*",
        "*[[]0.600] call 1  callee says hello.wav, 0.66 to 1.24 s",
        "*[[]7.480] call 1  caller has paused for 0.7 s",
        # No line says PlayoutCleared: see NOT_SAID.
    ],
    "test_never_answers_back": [
        "E * finished(): +1415* did not finish its script within 30 s",
        "E * the callee stopped speaking at 4.28 s; the application said nothing after that for 25.72 s",
        "E * it waits in: step 4: listens until the caller speaks*",
        "E * it heard speech at 0.05-2.92 s",
        "E * look at: what the application does when the callee stops speaking*",
        "*offhook: what happened*",
        "*[[]4.280] call 1  callee has said hello.wav",
        "*[[]4.280] call 1  callee listens for speech",
        "*is still up: the callee has answered, and neither side has hung up.*",
    ],
    "test_expiry[False]": [
        "E * assert <no: *",
        "*offhook: what happened*",
        "the call did not end normally: the caller's token expired and was not renewed 39.00 s after the answer; *",
        "contains('reply.wav'*) is false",
        "*[[]20.000] call 1  the token of a caller (uid *) expires in 20 s",
        "*[[]20.000] call 1  caller's phone: GrantExpiring",
        "*[[]39.000] call 1  a caller (uid *) left the channel; its token was about to expire and had not *",
        "*[[]39.000] call 1  the caller's token expired and was not renewed",
        "*callee caller_left: the caller's token expired and was not renewed",
    ],
    "test_dials_twice": [
        "*+14155550123 was called 2 times, and its script is for one call.*",
        "*offhook: what happened*",
        "+14155550123 was called 2 times, and its script is for one call.*",
        "    0.000            call 1  a call to +1415•••0123 from +1888•••0199 starts*",
        "    0.100            call 2  a call to +1415•••0123 from +1888•••0199 starts*",
        "*[[]7.240] call 2  callee hangs up",
    ],
}


#: What only a working application's timeline has.
NOT_SAID = {"test_talks_over_the_callee": "PlayoutCleared", "test_expiry[False]": "HangUpRequested"}


def test_the_output_alone_says_what_happened(pytester: pytest.Pytester) -> None:
    for clip in ("greeting.wav", "hello.wav", "reply.wav"):
        shutil.copy(CLIPS / clip, pytester.path / clip)
    pytester.makepyfile(app=APP, test_app=TESTS)
    result = pytester.runpytest_inprocess(
        "-p",
        "no:cacheprovider",
        "-p",
        "no:hypothesispytest",
        "--offhook-artifacts-dir=art",
        "--color=no",
        "--offhook-artifacts=on",
    )
    result.assert_outcomes(passed=3, failed=4, errors=1)
    printed = _parts(result.stdout.lines)
    result.stdout.fnmatch_lines(["FAILED test_app.py::test_hangs_up_early - NotFinished: finished(): the call*"])
    assert printed.keys() == SAYS.keys()
    for name, says in SAYS.items():
        pytest.LineMatcher(printed[name]).fnmatch_lines(says)
    for name, not_said in NOT_SAID.items():
        pytest.LineMatcher(printed[name]).no_fnmatch_line(f"*{not_said}*")
    for name in ("works", "talks_over_the_callee"):
        assert {path.name for path in (pytester.path / "art").glob(f"test_app-test_{name}-*/*")} == FILES
    (works,) = (pytester.path / "art").glob("test_app-test_works-*")
    assert "caller's phone: PlayoutCleared, 700 ms had been sent" in (works / "timeline.txt").read_text("utf-8")
    assert 'stroke="#b45f06"' in (works / "waveforms.svg").read_text("utf-8"), "the clear is marked"


def _parts(lines: list[str]) -> dict[str, list[str]]:
    """What pytest printed of each test that failed, by the name of the test."""
    parts: dict[str, list[str]] = {}
    part: list[str] = []
    for line in lines:
        if match := re.fullmatch(r"_+ (?:ERROR at teardown of )?(test_\S+) _+", line):
            part = parts.setdefault(match[1], [])
        elif line.startswith("==="):
            part = []
        part.append(line)
    return parts
