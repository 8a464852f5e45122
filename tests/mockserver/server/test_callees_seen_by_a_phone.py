"""Callees of the table, as the phone of a program sees them, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from offhook import CallPolicy
from offhook.testing import Ids, LoopClock, run_virtual
from offhook_mockserver.callees.ends import CalleeEnd
from offhook_mockserver.callees.numbers import NUMBERS
from offhook_mockserver.server import InProcessMock
from offhook_mockserver.tenants.entry import EntryKind

if TYPE_CHECKING:
    from offhook import CallRecord


def called(number: str, *, until_s: float = 60, say: str = "silence:1") -> tuple[CallRecord, CalleeEnd]:
    """Call a number of the table, say something, and hang up after `until_s` unless the callee has."""

    async def main() -> tuple[CallRecord, CalleeEnd]:
        policy = CallPolicy(ring_timeout_s=20)
        async with (
            InProcessMock(clock=LoopClock(), ids=Ids(1)) as mock,
            mock.phone() as phone,
            phone.dial(number, policy=policy) as call,
        ):
            if await call.answered():
                call.play(say)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(until_s):
                        await call.ended()
            await call.hang_up()
            await mock.tenant.journal.wait_for(timeout_s=10, kind=EntryKind.CALL, where={"event": "ended"})
            (ended,) = mock.tenant.ended
            assert ended.end is not None
            return call.record, ended.end

    return run_virtual(main())


def ended_by(record: CallRecord) -> str:
    assert record.outcome is not None
    return record.outcome.ended_by.value


@pytest.mark.parametrize(
    ("number", "end"),
    [
        ("+14155550109", CalleeEnd.BUSY),
        ("+14155550110", CalleeEnd.UNREACHABLE),
        ("+14155550111", CalleeEnd.ANSWERED_ELSEWHERE),
    ],
)
def test_a_callee_who_does_not_join_is_no_answer_to_the_caller(number: str, end: CalleeEnd) -> None:
    record, callee = called(number)
    assert record.disposition == "no_answer"
    assert callee is end


def test_a_callee_who_drops_and_comes_back_in_time_is_the_same_call() -> None:
    record, callee = called("+14155550114", until_s=15)
    assert record.disposition == "completed"
    assert ended_by(record) == "caller"
    assert callee is CalleeEnd.CALLER_LEFT
    assert record.ended_at_s is not None
    assert record.ended_at_s > 15


def test_a_voicemail_answers_and_hangs_up() -> None:
    record, callee = called("+14155550112")
    assert record.disposition == "completed"
    assert ended_by(record) == "callee"
    assert record.answered_at_s == 3.0
    assert callee is CalleeEnd.HUNG_UP


def test_a_callee_who_is_not_spoken_to_asks_again_and_hangs_up() -> None:
    record, _ = called("+14155550120")
    assert ended_by(record) == "callee"
    assert record.ended_at_s is not None
    silent_s = record.ended_at_s
    record, _ = called("+14155550120", say="tone:440,1")
    assert record.ended_at_s is not None
    assert record.ended_at_s < silent_s


@pytest.mark.parametrize("number", sorted(set(NUMBERS) - {"+14155550102", "+14155550112", "+14155550120"}))
def test_every_number_of_the_table_can_be_called(number: str) -> None:
    _, callee = called(number, until_s=12, say="tone:440,1")
    assert callee is not CalleeEnd.FAILED
