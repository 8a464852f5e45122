"""The lines of a timeline at the same moment: each side's own order, and a cause before its effect."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from offhook import Phone
from offhook.errors import OffhookError
from offhook_mockserver.testkit import MockHandle, mock
from offhook_mockserver.testkit.evidence import gather

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBER = "+14155550123"


@pytest.fixture
def offhook() -> Iterator[MockHandle]:
    with mock(virtual=True) as handle:
        yield handle


async def call(number: str = NUMBER, for_s: float = 1.0, *, redial: bool = False) -> None:
    async with Phone.from_env() as phone, phone.dial(number, redial=redial) as up:
        if await up.answered():
            await asyncio.sleep(for_s)


def shown(handle: MockHandle) -> list[str]:
    """The lines, in short: the call, who wrote it down, and what."""
    lines = gather(handle, "a test").timeline
    return [
        f"{line.call} {'phone' if line.kind == 'caller' else 'mock'} {line.code}"
        + (f" {who}" if line.kind == "member" and (who := line.text.split(" (")[0]) else "")
        for line in lines
        if line.kind != "audio"
    ]


def test_everything_at_one_moment_stands_in_the_order_of_causes(offhook: MockHandle) -> None:
    offhook.callee().answers().waits(1).hangs_up()
    offhook.run(call(for_s=5))
    offhook.callee().ended()
    assert [line for line in shown(offhook) if not line.endswith("ringing")] == [
        "1 phone Dialed",
        "1 mock started",
        "1 mock joined the callee",
        "1 mock published the callee",
        "1 mock answered",
        "1 phone CallAccepted",
        "1 mock joined a caller",
        "1 phone LegJoined",
        "1 phone MemberJoined",
        "1 phone MemberPublished",
        "1 mock published a caller",
        "1 phone AudioHeard",
        "1 mock hung_up",
        "1 mock script_done",
        "1 mock left the callee",
        "1 phone MemberLeft",
        "1 mock left a caller",
        "1 mock ended",
        "1 phone LegClosed",
    ]
    answered = [line for line in gather(offhook, "a test").timeline if line.answered_s is not None]
    assert answered[0].code == "answered", "nothing before the answer counts from it"


def test_a_phone_hangs_up_before_the_mock_sees_it_leave(offhook: MockHandle) -> None:
    offhook.callee().answers(after_s=1)
    offhook.run(call())
    assert shown(offhook)[-6:] == [
        "1 phone HangUpRequested",
        "1 mock left a caller",
        "1 mock left the callee",
        "1 mock caller_left",
        "1 mock ended",
        "1 phone LegClosed",
    ]


def test_a_call_whose_answer_was_lost_has_its_number_and_stands_before_the_next(offhook: MockHandle) -> None:
    async def persistent() -> None:
        for _ in range(2):
            with contextlib.suppress(OffhookError):
                await call(redial=True)

    offhook.callee().answers(after_s=1)
    with offhook.faults.lost_answer(times=1):
        offhook.run(persistent())
    lines = [line for line in shown(offhook) if not line.endswith("ringing")]
    assert lines[:8] == [
        "1 phone Dialed",
        "0 mock ",
        "1 mock started",
        "1 phone StartLost",
        "2 phone Dialed",
        "2 mock started",
        "2 phone CallAccepted",
        "2 mock joined a caller",
    ]


def test_a_refused_call_belongs_to_none_and_stands_around_its_refusal(offhook: MockHandle) -> None:
    async def refused() -> None:
        with contextlib.suppress(OffhookError):
            await call()

    with offhook.faults.status(402):
        offhook.run(refused())
    lines = shown(offhook)
    assert lines[0] == "0 phone Dialed"
    assert lines[-1].startswith("0 phone ")
    assert len(lines) > 2


def test_two_phones_at_one_moment_keep_their_own_order(offhook: MockHandle) -> None:
    other = "+14155550105"

    async def both() -> None:
        await asyncio.gather(call(), call(other))

    offhook.callee().answers()
    offhook.callee(other).answers()
    offhook.run(both())
    lines = shown(offhook)
    for number in (1, 2):
        mine = [line for line in lines if line.startswith(f"{number} ")]
        phone = [line.split()[2] for line in mine if " phone " in line]
        assert phone[:3] == ["Dialed", "CallAccepted", "LegJoined"]
        assert phone[-2:] == ["HangUpRequested", "LegClosed"]
        assert mine.index(f"{number} phone Dialed") < mine.index(f"{number} mock started")
        assert mine.index(f"{number} phone CallAccepted") < mine.index(f"{number} mock joined a caller")
        assert mine.index(f"{number} phone HangUpRequested") < mine.index(f"{number} mock left a caller")
