"""What a report says first, and which lines of a long timeline it keeps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from offhook import Phone
from offhook.errors import DoubleDial
from offhook.plugin import Plugins
from offhook_mockserver.testkit import MockHandle, MockOptions, mock
from offhook_mockserver.testkit.evidence import gather
from offhook_mockserver.testkit.failure import failure_report
from offhook_mockserver.testkit.making import virtual_handle
from offhook_mockserver.testkit.shortened import shortened
from offhook_mockserver.testkit.story import CALLER, TimelineLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NUMBER = "+14155550123"
AGAIN = "+14155550123 was called 2 times, and its script is for one call."


@pytest.fixture
def offhook() -> Iterator[MockHandle]:
    with mock(virtual=True) as handle:
        yield handle


async def call(for_s: float = 1.0, *, redial: bool = False) -> None:
    async with Phone.from_env() as phone, phone.dial(NUMBER, redial=redial) as up:
        if await up.answered():
            await asyncio.sleep(for_s)


async def twice() -> None:
    await call()
    await call(redial=True)


def token_expires(offhook: MockHandle) -> str:
    offhook.settings.token_life_s = 60
    offhook.run(call(for_s=90), timeout_s=100)
    return (
        "the call did not end normally: the caller's token expired and was not renewed 59.00 s after the answer; its "
        "phone says: failed, ended by the timer; the token expired and was not renewed: no plugin renews grants "
        "(offhook_renew_grant)"
    )


def kicked(offhook: MockHandle) -> str:
    offhook.faults.kick(after_s=2)
    offhook.run(call(for_s=30))
    return "the call did not end normally: a caller (uid *) was removed from the channel: kicked by the test; *"


def too_long(offhook: MockHandle) -> str:
    offhook.settings.max_call_s = 5
    offhook.run(call(for_s=30))
    return "the call did not end normally: the call reached its time limit 5.00 s after the answer"


def refused(offhook: MockHandle) -> str:
    offhook.faults.status(402)
    with pytest.raises(Exception, match="402"):
        offhook.run(call())
    return "a call to +1415•••0123 did not begin: its phone says: failed, ended by the carrier; *"


def called_again(offhook: MockHandle) -> str:
    offhook.run(twice())
    return f"{AGAIN}*"


def second_call_fails(offhook: MockHandle) -> str:
    offhook.settings.max_call_s = 5

    async def calls() -> None:
        await call()
        await call(for_s=30, redial=True)

    offhook.run(calls())
    return f"{AGAIN}*\ncall 2 did not end normally: the call reached its time limit 5.00 s after the answer"


@pytest.mark.parametrize(
    "story",
    [token_expires, kicked, too_long, refused, called_again, second_call_fails],
    ids=lambda story: story.__name__,
)
def test_what_explains_most_failures_is_said_first(offhook: MockHandle, story: Callable[[MockHandle], str]) -> None:
    offhook.callee(NUMBER).answers()
    says = story(offhook).splitlines()
    for error in (AssertionError("of the test"), None):
        report = failure_report(gather(offhook, "test", error=error), None)
        pytest.LineMatcher(report.splitlines()[: len(says)]).fnmatch_lines(says)
        assert report.count(AGAIN) <= 1


def test_a_normal_call_has_no_headline(offhook: MockHandle) -> None:
    offhook.callee(NUMBER).answers()
    offhook.run(call())
    assert gather(offhook, "test", error=AssertionError()).headlines == []


def test_a_second_call_that_the_test_expects_is_no_headline() -> None:
    with virtual_handle(MockOptions(), plugins=Plugins.load(), seed=1, allow=frozenset({"called_again"})) as offhook:
        offhook.callee(NUMBER).answers()
        offhook.run(twice())
        assert gather(offhook, "test", error=AssertionError()).headlines == []


def test_a_call_that_was_not_dialled_is_no_second_one(offhook: MockHandle) -> None:
    offhook.callee(NUMBER).answers()

    async def at_once() -> None:
        async with Phone.from_env() as phone, phone.dial(NUMBER), phone.dial(NUMBER):
            pass

    with pytest.raises(DoubleDial):
        offhook.run(at_once())
    assert gather(offhook, "test", error=AssertionError()).headlines == []


def test_answers_name_one_of_several_calls_and_how_it_ended(offhook: MockHandle) -> None:
    callee = offhook.callee(NUMBER).answers()
    offhook.run(call())
    verdict = callee.heard.silence_after(callee.spoke_at_s, within_ms=200)
    assert repr(verdict).startswith("<no: at_s is None: what it stands for did not happen before the end of the call: ")
    assert repr(verdict).endswith(": the caller hung up 1.00 s after the answer>")
    offhook.run(call(redial=True))
    assert [repr(it.heard.is_silent())[:19] for it in callee.calls] == ["<yes (call 1 of 2):", "<yes (call 2 of 2):"]


# ---- the timeline in a terminal


def line(
    at_s: float, text: str, *, kind: str = "callee", code: str = "", state: str = "", call: int = 1
) -> TimelineLine:
    return TimelineLine(at_s, call, at_s, kind, code, text, state)


def rounds(count: int) -> Iterator[TimelineLine]:
    for number in range(count):
        yield line(number, f"round {number} of {count}", code="repeats")
        yield line(number + 0.1, "callee says hello.wav", code="speaks")
        yield line(number + 0.6, f"caller's phone: PlayoutCleared, {number} ms had been sent", kind=CALLER)


STAY = (
    line(0, "caller's phone: Dialed; the call is dialing", kind=CALLER, code="Dialed", state="dialing"),
    line(0, "a call starts", kind="call", code="started"),
    line(0, "answered", code="answered"),
    line(20, "the token of a caller (uid 7) expires in 30 s", kind="member", code="token_expiring"),
    line(20, "caller's phone: GrantExpiring", kind=CALLER, code="GrantExpiring"),
    line(20, "caller's phone: RenewalFailed, no plugin", kind=CALLER, code="RenewalFailed"),
    line(30, "a fault was applied", kind="fault"),
    line(40, "a caller (uid 7) left the channel", kind="member", code="left"),
    line(40, "caller hung up", code="caller_left"),
)
BOILERPLATE = (
    line(0, "a caller (uid 7) joined the channel", kind="member", code="joined"),
    line(0, "caller's phone: MemberPublished", kind=CALLER, code="MemberPublished"),
)


def test_a_short_timeline_is_shown_whole() -> None:
    timeline = [*STAY, *BOILERPLATE, *rounds(5)]
    assert shortened(timeline) == [each.line for each in timeline]


def test_what_says_how_a_call_went_is_never_left_out() -> None:
    timeline = sorted([*STAY, *BOILERPLATE, *rounds(60)], key=lambda each: each.at_s)
    lines = shortened(timeline)
    assert [each.line for each in STAY if each.line not in lines] == []
    assert [each.line for each in BOILERPLATE if each.line not in lines] == [], "repeated rounds go first"
    gaps = [text for text in lines if text.endswith(" more, in timeline.txt")]
    assert sum(int(gap.split()[1]) for gap in gaps) + len(lines) - len(gaps) == len(timeline)
    assert len(lines) - len(gaps) == 48
    assert lines[-1] == timeline[-1].line, "the last rounds are of more interest"


def test_boilerplate_goes_before_what_happened_once() -> None:
    once = [line(10 + index, "waits " + "x" * index) for index in range(45)]
    lines = shortened([*BOILERPLATE, *STAY[:3], *once])
    assert [each.line for each in once if each.line not in lines] == []
    assert BOILERPLATE[0].line not in lines


def test_hundreds_of_calls_have_a_limit() -> None:
    timeline = [line(index, f"call {index} starts", kind="call", code="started", call=index) for index in range(500)]
    lines = shortened(timeline)
    assert len(lines) == 151
    assert lines[0] == timeline[0].line
    assert lines[-1] == timeline[-1].line


def test_a_line_that_an_earlier_one_tells_is_left_out() -> None:
    told = TimelineLine(1, 1, 1, "callee", "heard_speech", "caller speaks", told=True)
    assert shortened([STAY[0], told]) == [STAY[0].line]
