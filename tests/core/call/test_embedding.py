"""A phone in somebody else's program: their loop, their tasks, their logging, their signals, and their other phones."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.child_output import without_slowness
from tests.core.rig import NUMBER, NUMBERS, AudioKit, later, load, now, rig, run
from tests.patience import PATIENCE_S

import offhook
from offhook import CallPolicy, Disposition, EndedBy, Phone, Secret
from offhook.errors import CallStateError, CredentialsRejected, DialForbidden, SpecError, StorageError, TooManyCalls
from offhook.interfaces.ids import Ids
from offhook.plugin.hookspecs import hookimpl
from offhook.testing import LinkedTransport, LoopClock, MemoryStore, ScriptedCarrier

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from offhook import Call
    from offhook.interfaces.dialing import DialRequest
    from offhook.session.record import TimelineEntry

ROOT = Path(offhook.__file__).parents[2]

#: A whole call, with everything that a phone does by itself, in a process that is looked at before and after.
PROGRAM = """
import asyncio, json, sys, logging, threading, weakref, importlib.metadata
from tests.footprint import differences, footprint

loop = asyncio.new_event_loop()
loop.slow_callback_duration = 5  # -X dev would report a busy machine
before = footprint(loop)
import offhook, offhook.testing
imported = footprint(loop)

async def main():
    transport = offhook.testing.LinkedTransport()
    callee = transport.member()
    off = {"OFFHOOK_DISABLE_PLUGINS": "sendblue,agora,aiortc,audio,jsonl,sqlite,mockserver"}
    phone = offhook.Phone(carrier=offhook.testing.ScriptedCarrier(), transport=transport, environment=off)
    async with phone, phone.dial("+14155550123") as call:
        callee.join()
        callee.publish()
        assert await call.answered()
        await call.play(offhook.AudioFrame(bytes(640), 16000)).done()
        assert threading.active_count() == 2
    return str(call.record.disposition)

ended = loop.run_until_complete(main())
after = footprint(loop)
loop.close()
print(json.dumps([ended, differences(before, imported), differences(imported, after)]))
"""


def test_a_whole_call_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM],
        # Nothing of our own environment: it may hold what the import of offhook has put there.
        env={"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join([str(ROOT / "core"), str(ROOT)])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (without_slowness(done.stderr), done.returncode) == ("", 0)
    assert json.loads(done.stdout) == ["completed", {}, {}]


class TheirFaultError(Exception):
    """Of the program around."""


async def together(*work: Coroutine[None, None, object]) -> None:
    async with asyncio.TaskGroup() as group:
        for coroutine in work:
            group.create_task(coroutine)


def last_events(call: Call) -> list[str]:
    return [entry.event for entry in call.record.timeline if entry.changed][-2:]


def test_a_sibling_that_fails_hangs_up_in_order_and_the_groups_error_is_theirs() -> None:
    async def talk(phone: Phone, calls: list[Call]) -> None:
        async with phone.dial(NUMBER) as call:
            calls.append(call)
            await call.answered()
            await asyncio.Event().wait()

    async def fail() -> None:
        await asyncio.sleep(5)
        raise TheirFaultError

    async def main() -> None:
        made = rig()
        made.answer()
        calls: list[Call] = []
        with pytest.raises(ExceptionGroup) as caught:
            await together(talk(made.phone, calls), fail())
        assert [type(error) for error in caught.value.exceptions] == [TheirFaultError]
        (call,) = calls
        assert call.over
        assert call.record.outcome is not None
        assert (call.record.disposition, call.record.outcome.ended_by) == (Disposition.COMPLETED, EndedBy.CALLER)
        assert last_events(call) == ["HangUpRequested", "LegClosed"]
        assert not call.record.problem

    run(main())


def test_a_call_that_fails_ends_its_siblings_with_an_error_of_ours() -> None:
    async def main() -> None:
        made = rig(carrier=ScriptedCarrier(CredentialsRejected("the keys were refused")))
        with pytest.raises(ExceptionGroup) as caught:
            await together(made.phone.dial(NUMBER).__aenter__(), asyncio.sleep(1_000))
        assert [type(error) for error in caught.value.exceptions] == [CredentialsRejected]
        assert now() < 1

    run(main())


@pytest.mark.parametrize("limit_s", [0.0, 3.0])
def test_a_time_limit_around_a_call_is_theirs_as_well(limit_s: float) -> None:
    """Whether the carrier is being asked, or the call is up."""

    async def main() -> None:
        made = rig()
        made.answer()
        call = made.phone.dial(NUMBER)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(limit_s), call:
                await asyncio.Event().wait()
        assert call.over
        await made.phone.aclose()

    run(main())


def test_a_call_may_be_entered_in_one_task_and_left_in_another() -> None:
    async def main() -> None:
        made = rig()
        made.answer()
        call = await asyncio.create_task(made.phone.dial(NUMBER).__aenter__())
        assert await asyncio.create_task(call.answered())
        await asyncio.create_task(call.__aexit__(None, None, None))
        assert last_events(call) == ["HangUpRequested", "LegClosed"]
        await asyncio.create_task(made.phone.aclose())

    run(main())


# ---- loops and threads


def plain_phone() -> tuple[Phone, LinkedTransport]:
    """In real time, as anybody makes it."""
    transport = LinkedTransport()
    return Phone(carrier=ScriptedCarrier(), transport=transport, plugins=load()), transport


async def one_call(phone: Phone, transport: LinkedTransport, number: str = NUMBER) -> Disposition | None:
    async with phone.dial(number, redial=True) as call:
        callee = transport.member()
        callee.join()
        callee.publish()
        assert await call.answered()
    return call.record.disposition


def test_a_phone_is_made_before_any_loop_runs_and_used_on_one_after_the_other() -> None:
    phone, transport = plain_phone()
    for _ in range(2):
        assert asyncio.run(one_call(phone, transport)) is Disposition.COMPLETED
    asyncio.run(phone.aclose())


def test_two_loops_in_two_threads_have_a_phone_each() -> None:
    meeting = threading.Barrier(2, timeout=PATIENCE_S)

    def program() -> Disposition | None:
        async def main() -> Disposition | None:
            phone, transport = plain_phone()
            async with phone:
                meeting.wait()
                return await one_call(phone, transport)

        return asyncio.run(main())

    with ThreadPoolExecutor(2) as pool:
        ended = [pool.submit(program), pool.submit(program)]
        assert [future.result(10) for future in ended] == [Disposition.COMPLETED] * 2


def test_a_loop_in_a_thread_serves_a_program_without_one_and_no_other_loop_may_use_its_phone() -> None:
    phone, transport = plain_phone()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        call = phone.dial(NUMBER)
        asyncio.run_coroutine_threadsafe(call.__aenter__(), loop).result(10)
        for way in (call.answered, call.ended, call.hang_up, phone.aclose, lambda: one_call(phone, transport)):
            with pytest.raises(CallStateError, match="used on another event loop, which is still open"):
                asyncio.run(way())
        assert not call.over
        asyncio.run_coroutine_threadsafe(phone.aclose(), loop).result(10)
        assert call.over
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_S)
        loop.close()


# ---- several phones


class House:
    """A plugin that one of two phones has."""

    def __init__(self, refuses: str) -> None:
        self._refuses = refuses
        self.asked: list[str] = []
        self.call_ids: list[str] = []

    @hookimpl
    def offhook_before_dial(self, request: DialRequest) -> str | None:
        self.asked.append(request.number)
        return "not from this house" if request.number == self._refuses else None

    @hookimpl
    def offhook_call_transition(self, call_id: str, entry: TimelineEntry) -> None:
        self.call_ids.append(call_id)


def test_two_phones_in_one_process_do_not_see_each_other() -> None:
    async def main() -> None:
        houses = [House(NUMBERS[0]), House(NUMBERS[1])]
        carriers, transports, stores = (
            [ScriptedCarrier(), ScriptedCarrier()],
            [LinkedTransport(), LinkedTransport()],
            [MemoryStore(), MemoryStore()],
        )
        kit = AudioKit()
        phones = [
            Phone(
                carrier=carriers[index],
                transport=transports[index],
                store=stores[index],
                plugins=load(houses[index], kit) if index else load(houses[index]),
                policy=CallPolicy(ring_timeout_s=10 * (index + 1)),
                clock=LoopClock(epoch_s=1_000_000_000 * (index + 1)),
                ids=Ids(index),
                call_limit=1,
                redial_window_s=30,
            )
            for index in range(2)
        ]
        first, second = phones
        with pytest.raises(DialForbidden):
            await first.dial(NUMBERS[0]).__aenter__()
        with pytest.raises(DialForbidden):
            await second.dial(NUMBERS[1]).__aenter__()
        with pytest.raises(SpecError, match="ramp"):
            first.source("ramp:1")
        await second.source("ramp:1").aclose()
        # Each has its own limit and its own memory of whom it rang: one callee, twice at once, from two phones.
        async with first.dial(NUMBER) as one, second.dial(NUMBER) as other:
            with pytest.raises(TooManyCalls):
                await first.dial(NUMBERS[2]).__aenter__()
            await asyncio.gather(one.ended(), other.ended())
        assert (one.record.ended_at_s, other.record.ended_at_s) == (10, 20)
        assert [one.record.dialed_at[:4], other.record.dialed_at[:4]] == ["2001", "2033"]
        calls = [one, other]
        for index in range(2):
            (call_id,) = {
                call_id for call_id in stores[index].records if call_id in (one.record.call_id, other.record.call_id)
            }
            assert call_id == calls[index].record.call_id
            assert set(houses[index].call_ids) == {call_id}
            assert carriers[index].rung == [NUMBER]
        await first.aclose()
        assert [carriers[0].closed, carriers[1].closed] == [True, False]
        assert [stores[0].closed, stores[1].closed] == [True, False]
        with pytest.raises(CallStateError, match="closed"):
            first.dial(NUMBER)
        async with second.dial(NUMBERS[3]):
            pass
        await second.aclose()

    run(main())


# ---- logging


class Talkative(MemoryStore):
    """Says all that it knows when it fails."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words

    def save(self, call_id: str, record: object) -> None:
        raise OSError(self._words)


def test_what_is_logged_holds_no_secret_and_no_number_without_a_filter(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret("sk-live-of-somebody")
    words = f"{secret.reveal()} was used to call {NUMBER}"

    class Chatty:
        @hookimpl
        def offhook_call_transition(self, call_id: str, entry: TimelineEntry) -> None:
            raise ValueError(words)

    async def main() -> None:
        made = rig(plugins=load(Chatty()))
        made.answer()
        later(3, made.callee.leave)
        async with made.phone.dial(NUMBER) as call:
            await call.ended()
        assert "was used to call +1415•••0123" in call.record.problem

    async def refused() -> None:
        made = rig(store=Talkative(words))
        await made.phone.dial(NUMBER).__aenter__()

    with caplog.at_level(logging.DEBUG):
        run(main())
        with pytest.raises(StorageError, match=r"was used to call \+1415•••0123"):
            run(refused())
    assert {record.name for record in caplog.records} == {"offhook", "offhook.calls", "offhook.plugins", "asyncio"}
    assert "was used to call" in caplog.text
    for record in caplog.records:
        assert secret.reveal() not in record.getMessage() + repr(record.args)
        assert NUMBER not in record.getMessage() + repr(record.args)
