"""What a wait for an application says that does not end: where it and its tasks wait, and what its callee waits for."""

from __future__ import annotations

import asyncio
import re
import time
from time import perf_counter as now_s
from typing import TYPE_CHECKING

import pytest

from offhook import Phone
from offhook.errors import WaitTimeout
from offhook_mockserver.testkit import MockHandle, NotFinished, mock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

NUMBER = "+14155550123"
MONOTONIC = r"time\.monotonic\(\)"


@pytest.fixture
def offhook() -> Iterator[MockHandle]:
    with mock(virtual=True) as handle:
        yield handle


async def never() -> None:
    await asyncio.Event().wait()


async def listens() -> None:
    await never()


async def supervises() -> None:
    async with Phone.from_env() as phone, phone.dial(NUMBER) as call:
        await call.answered()
        tasks = [asyncio.create_task(listens(), name="ears"), asyncio.create_task(never())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def message(offhook: MockHandle, application: Coroutine[object, object, object]) -> str:
    with pytest.raises(WaitTimeout) as raised:
        offhook.run(application, timeout_s=20)
    return raised.value.message


def test_it_names_what_the_callee_waits_for_and_where_the_tasks_wait(offhook: MockHandle) -> None:
    offhook.callee().answers().waits(1).listens(until="speech").hangs_up()
    lines = message(offhook, supervises()).splitlines()
    assert lines[0].startswith("the application supervises still runs after timeout_s=20 s; it waits in ")
    assert lines[0].endswith(" in supervises, which awaits wait")
    assert lines[1] == (
        f"  the callee {NUMBER} waits in step 3: listens until the caller speaks (began 1.0 s after the answer)"
    )
    tasks = [line for line in lines[2:] if line.startswith("  a task beside it waits in ")]
    assert len(tasks) == 2
    assert all(" in never, which awaits Event.wait" in line for line in tasks)
    assert any("(task 'ears')" in line for line in tasks)
    assert len(lines) == 4, "and no line about clocks"


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (lambda offhook: offhook.callee().answers(), f"the callee {NUMBER} has done its script: the call goes on"),
        (lambda offhook: offhook.callee().rings(60).answers(), f"the callee {NUMBER} waits in step 1: rings for 60 s"),
    ],
)
def test_a_callee_that_is_done_or_rings_is_named(
    offhook: MockHandle, script: Callable[[MockHandle], object], says: str
) -> None:
    script(offhook)
    assert says in message(offhook, supervises()).splitlines()[1]


class Patient:
    """Measures its patience on the clock of the machine, in a method."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    async def waits(self) -> None:
        while self.is_early():
            await asyncio.sleep(1)

    def is_early(self) -> bool:
        return time.monotonic() < self._began_s + 600


def is_early(began_s: float) -> bool:
    return now_s() < began_s + 600


async def asks_a_function() -> None:
    began_s = now_s()
    while is_early(began_s):
        await asyncio.sleep(1)


async def asks() -> None:
    end_s = time.time() + 600
    while time.time() < end_s:
        await asyncio.sleep(1)


async def asks_in_a_task() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asks())


@pytest.mark.parametrize("application", [lambda: Patient().waits(), asks_a_function, asks, asks_in_a_task])
def test_an_application_that_asks_the_machines_clock_is_told_so(
    offhook: MockHandle, application: Callable[[], Coroutine[object, object, None]]
) -> None:
    assert re.search(MONOTONIC, message(offhook, application()).splitlines()[-1])


async def asks_the_loop() -> None:
    loop = asyncio.get_running_loop()
    end_s = loop.time() + 600
    while loop.time() < end_s:
        await asyncio.sleep(1)
        time.gmtime(0)


@pytest.mark.parametrize("application", [never, asks_the_loop])
def test_any_other_is_not(offhook: MockHandle, application: Callable[[], Coroutine[object, object, None]]) -> None:
    assert not re.search(MONOTONIC, message(offhook, application()))


def test_a_callee_that_cannot_go_on_names_the_tasks_too(offhook: MockHandle) -> None:
    callee = offhook.callee().answers().listens(until="speech")
    offhook.start(supervises())
    with pytest.raises(NotFinished) as raised:
        callee.finished(timeout_s=20)
    assert raised.value.message.count("    a task beside it waits in ") == 2


def test_many_tasks_are_counted(offhook: MockHandle) -> None:
    async def many() -> None:
        await asyncio.gather(*(never() for _ in range(8)))

    lines = message(offhook, many()).splitlines()
    assert (len(lines), lines[-1]) == (7, "  and 3 more")
