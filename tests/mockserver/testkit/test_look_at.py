"""Every failed wait for a callee says what to look at."""

from __future__ import annotations

import asyncio
import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offhook import CallPolicy, Phone
from offhook.errors import OffhookError
from offhook_mockserver.callees.ends import CalleeEnd
from offhook_mockserver.testkit import CalleeHandle, MockHandle, NotFinished, mock
from offhook_mockserver.testkit.look_at import look_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NUMBER, OTHER = "+14155550123", "+14155550177"
CLIPS = Path(__file__).parents[3] / "mockserver/offhook_mockserver/callees/clips"


@pytest.fixture
def offhook() -> Iterator[MockHandle]:
    with mock(virtual=True) as handle:
        yield handle


async def calls(number: str = NUMBER, for_s: float = 60, policy: CallPolicy | None = None) -> None:
    async with Phone.from_env(policy=policy) as phone, phone.dial(number) as up:
        if await up.answered():
            up.play("tone:440,30")
            await asyncio.sleep(for_s)


async def refused() -> None:
    with contextlib.suppress(OffhookError):
        await calls()


def hangs_up_early(offhook: MockHandle) -> CalleeHandle:
    offhook.start(calls(for_s=1))
    return offhook.callee().answers().listens(until="quiet")


def token_expires(offhook: MockHandle) -> CalleeHandle:
    offhook.settings.token_life_s = 20
    offhook.start(calls())
    return offhook.callee().answers().waits(25)


def gives_up(offhook: MockHandle) -> CalleeHandle:
    offhook.start(calls(policy=CallPolicy(ring_timeout_s=2)))
    return offhook.callee().answers(after_s=20)


def takes_too_long(offhook: MockHandle) -> CalleeHandle:
    offhook.start(calls())
    return offhook.callee().answers().waits(50)


def says_nothing(offhook: MockHandle) -> CalleeHandle:
    offhook.start(calls())
    return offhook.callee().answers().listens(until="tone:1000")


def is_not_called(offhook: MockHandle) -> CalleeHandle:
    return offhook.callee().answers()


def is_refused(offhook: MockHandle) -> CalleeHandle:
    offhook.faults.status(402)
    offhook.start(refused())
    return offhook.callee().answers()


def calls_another(offhook: MockHandle) -> CalleeHandle:
    offhook.start(calls(OTHER))
    return offhook.callee().answers()


def reaches_the_limit(offhook: MockHandle) -> CalleeHandle:
    offhook.settings.max_call_s = 10
    offhook.start(calls())
    return offhook.callee().answers().waits(25)


async def talks(number: str = NUMBER, *, greets: bool = True, for_s: float = 6.0) -> None:
    """Greets, hears, and says nothing more."""
    async with Phone.from_env() as phone, phone.dial(number) as up:
        if await up.answered():
            if greets:
                up.play("tone:440,0.5")
            await asyncio.sleep(for_s)


def does_not_reply(offhook: MockHandle) -> CalleeHandle:
    offhook.start(talks())
    return offhook.callee().answers().listens(until="quiet").says("hello.wav").listens(until="speech")


def hangs_up_at_once(offhook: MockHandle) -> CalleeHandle:
    offhook.start(talks(for_s=2.0))
    return offhook.callee().answers().listens(until="quiet").says("hello.wav").listens(until="speech")


def never_speaks(offhook: MockHandle) -> CalleeHandle:
    offhook.start(talks(greets=False))
    return offhook.callee().answers().listens(until="speech")


def waits_for_a_reply(offhook: MockHandle) -> CalleeHandle:
    offhook.start(talks(for_s=50))
    return offhook.callee().answers().listens(until="quiet").says("hello.wav").listens(until="speech")


def is_dialled_twice(offhook: MockHandle) -> CalleeHandle:
    async def twice() -> None:
        await calls(for_s=1)
        async with Phone.from_env() as phone, phone.dial(NUMBER, redial=True) as up:
            await up.answered()

    offhook.start(twice())
    return offhook.callee().answers().listens(until="tone:1000")


@pytest.mark.parametrize(
    ("story", "says"),
    [
        (
            does_not_reply,
            r"the application did not reply to \+14155550123: the callee stopped speaking at 1\.\d+ s; the application "
            r"said nothing after that for 4\.\d+ s, and then the caller hung up 6\.00 s after the answer\n.*"
            r"look at: what the application does when the callee stops speaking",
        ),
        (
            hangs_up_at_once,
            r"the caller hung up 2\.00 s after the answer, 0\.\d+ s after the callee had stopped speaking, before "
            r"\+14155550123 had done its script\n.*look at: what the application waits for before it hangs up",
        ),
        (
            hangs_up_early,
            r"the caller hung up 1\.00 s after the answer, before \+14155550123 had done its script\n.*"
            r"look at: what the application waits for before it hangs up",
        ),
        (
            never_speaks,
            r"the application did not reply to \+14155550123: the application said nothing after the answer, and then "
            r"the caller hung up 6\.00 s after the answer\n.*look at: whether the application plays anything",
        ),
        (
            waits_for_a_reply,
            r"did not finish its script within 30 s\n  the callee stopped speaking at 1\.\d+ s; the application said "
            r"nothing after that for 28\.\d+ s\n.*look at: what the application does when the callee stops",
        ),
        (gives_up, r"the call to \+14155550123 is over: the caller gave up before the answer\n"),
        (token_expires, r"the caller's token expired and was not renewed 19\.00 s after the answer, before"),
        (
            is_dialled_twice,
            r"finished\(\): \+14155550123 was called 2 times, and its script is for one call\. In the last one, the "
            r"caller hung up .*look at: what dials again",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_who_ended_the_call_and_when_is_said(
    offhook: MockHandle, story: Callable[[MockHandle], CalleeHandle], says: str
) -> None:
    callee = story(offhook)
    with pytest.raises(NotFinished) as raised:
        callee.finished(timeout_s=30)
    assert re.search(says, raised.value.message, re.DOTALL), raised.value.message


@pytest.mark.parametrize(
    ("story", "hint"),
    [
        (hangs_up_early, "a hang_up() without after='playout'"),
        (token_expires, "GrantExpiring in call.events(), and a plugin with the hook offhook_renew_grant"),
        (gives_up, "CallPolicy(ring_timeout_s)"),
        (takes_too_long, "how long the steps take that are left, and timeout_s"),
        (says_nothing, "what the application plays at this point"),
        (
            is_not_called,
            "offhook_mock.start(...); another process needs env={**os.environ, **offhook_mock.environment}",
        ),
        (is_refused, "what the requests above were answered with"),
        (calls_another, "which number the application dials"),
        (reaches_the_limit, "offhook_mock.settings.max_call_s"),
    ],
)
def test_a_script_that_is_not_finished(
    offhook: MockHandle, story: Callable[[MockHandle], CalleeHandle], hint: str
) -> None:
    callee = story(offhook)
    with pytest.raises(NotFinished) as raised:
        callee.finished(timeout_s=30)
    last = raised.value.message.splitlines()[-1]
    assert last.startswith("  look at: ")
    assert hint in last


def test_a_script_that_failed(offhook: MockHandle, tmp_path: Path) -> None:
    (tmp_path / "cut.wav").write_bytes((CLIPS / "hello.wav").read_bytes()[:40])
    callee = offhook.callee().answers().says(tmp_path / "cut.wav")
    offhook.start(calls())
    with pytest.raises(NotFinished, match="look at: the step of the script that this names"):
        callee.finished()


def test_the_other_waits(offhook: MockHandle) -> None:
    callee = offhook.callee().answers(after_s=20)
    offhook.start(calls())
    with pytest.raises(NotFinished, match="look at: how long the script rings before answers"):
        callee.answered(timeout_s=5)
    with pytest.raises(NotFinished, match="look at: which side hangs up"):
        callee.ended(timeout_s=5)


def test_an_error_of_the_application_is_what_to_look_at(offhook: MockHandle) -> None:
    async def failing() -> None:
        await calls(for_s=1)
        raise LookupError("no reply")

    callee = offhook.callee().answers().listens(until="quiet")
    offhook.start(failing())
    with pytest.raises(NotFinished) as raised:
        callee.finished()
    assert "look at:" not in raised.value.message


def test_every_end_that_leaves_steps_has_a_hint(offhook: MockHandle) -> None:
    offhook.callee().answers()
    offhook.run(calls(for_s=1))
    (call,) = offhook.calls
    by_script = {CalleeEnd.DECLINED, CalleeEnd.BUSY, CalleeEnd.UNREACHABLE, CalleeEnd.ANSWERED_ELSEWHERE}
    by_script |= {CalleeEnd.HUNG_UP, CalleeEnd.DROPPED, CalleeEnd.FAILED}
    for end in set(CalleeEnd) - by_script:
        call._call.end = end
        assert look_at(call, "finished"), end
