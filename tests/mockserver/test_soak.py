"""A thousand calls in sequence and two hundred at once: nothing is left of any, and no call hears another (F37).

Over the memory transport in virtual time; `tests/integration/test_soak_aiortc.py` does it with real media.
"""

from __future__ import annotations

import asyncio
import tracemalloc
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import pytest
from tests.mockserver.soak import CallStore, callers_sound, check, converse, script_in, slope

from offhook import Phone
from offhook.admission import CALL_LIMIT
from offhook.ids import Ids
from offhook.testing import LoopClock, Resources, run_virtual
from offhook_mockserver.in_process import InProcessMock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

IN_SEQUENCE: Final = 1000
#: Memory is looked at during the last of these: tracing makes a call several times as dear.
TRACED: Final = 240
#: Bytes of memory that a call may leave. The smallest part of it that could be left, its id in a dictionary, is 150;
#: its record alone is ten times this limit. Not 0, because caches of the interpreter go on filling for a while.
MOST_LEFT: Final = 400
AT_ONCE: Final = 200


@asynccontextmanager
async def exchange(folder: Path, call_limit: int = CALL_LIMIT) -> AsyncIterator[tuple[InProcessMock, Phone, CallStore]]:
    """A mock that keeps what callees hear, and a phone with a store."""
    store = CallStore()
    clock, ids = LoopClock(), Ids(1)
    async with InProcessMock(clock=clock, ids=ids, recordings=folder, script_for=script_in(folder)) as mock:
        phone = Phone(
            plugins=[mock],
            transport="memory",
            environment=mock.environment,
            store=store,
            clock=clock,
            ids=ids,
            http=mock.http(),
            call_limit=call_limit,
        )
        async with phone:
            yield mock, phone, store


def check_empty(mock: InProcessMock, store: CallStore, folder: Path) -> None:
    """Nothing of any call is left in the mock, the store or the folder."""
    assert len(mock.rooms) == 0
    assert not mock.tenant.calls
    assert not mock.tenant.ended
    assert [tenant is mock.tenant for tenant in mock.tenants.all()] == [True]
    assert not store.journals
    assert not store.records
    assert not list(folder.iterdir())


async def one_after_the_other(
    folder: Path, calls: int, traced: int, leak: Callable[[], object] = lambda: None
) -> list[tuple[float, float]]:
    """Place calls in sequence, each checked; memory after each tenth of the last ones."""
    readings: list[tuple[float, float]] = []
    async with exchange(folder) as (mock, phone, store):
        before: Resources | None = None
        for index in range(calls):
            if index == calls - traced:
                tracemalloc.start()
            call, sink = await converse(phone, index, folder)
            await asyncio.sleep(1)
            check(mock, store, index, call, sink, folder)
            leak()
            del call, sink
            if index == 0:
                before = Resources.now()
            if index % 10 == 9 and index >= calls - traced:
                assert Resources.now() == before, f"after call {index}"  # collects garbage as well
                readings.append((index, tracemalloc.get_traced_memory()[0]))
        assert Resources.now() == before
        check_empty(mock, store, folder)
    return readings


@pytest.fixture(autouse=True)
def untraced() -> Iterator[None]:
    """A test that fails leaves nothing that makes the others slow."""
    yield
    tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.fault("F37")
@pytest.mark.timeout(300)
def test_a_thousand_calls_leave_nothing(tmp_path: Path) -> None:
    before = Resources.now()
    readings = run_virtual(one_after_the_other(tmp_path, IN_SEQUENCE, TRACED))
    assert Resources.now() == before
    left = slope(readings)
    print(f"{left:.0f} bytes a call")
    assert left < MOST_LEFT, readings


@pytest.mark.fault("F37")
@pytest.mark.timeout(120)
def test_a_leak_of_a_kilobyte_a_call_would_show(tmp_path: Path) -> None:
    kept: list[bytes] = []
    readings = run_virtual(one_after_the_other(tmp_path, 80, 80, lambda: kept.append(bytes(1024))))
    assert slope(readings) > 1024


@pytest.mark.fault("F37")
def test_a_frame_of_another_call_would_show() -> None:
    mine, other = callers_sound(1), callers_sound(2)
    assert all(one != another for one, another in zip(mine, other, strict=True))
    for at in range(0, len(mine) - 320, 320):
        mixed = mine[:at] + other[at : at + 320] + mine[at + 320 :]
        assert mixed != mine


@pytest.mark.slow
@pytest.mark.fault("F37")
@pytest.mark.timeout(120)
def test_two_hundred_calls_at_once_leave_nothing_and_do_not_mix(tmp_path: Path) -> None:
    async def main() -> None:
        async with exchange(tmp_path, call_limit=AT_ONCE) as (mock, phone, store):
            # What is made once and stays, such as the HTTP client, is made here.
            first = await converse(phone, AT_ONCE, tmp_path)
            await asyncio.sleep(1)
            check(mock, store, AT_ONCE, *first, tmp_path)
            del first
            before = Resources.now()
            everybody = asyncio.Barrier(AT_ONCE)

            async def met() -> None:
                await everybody.wait()
                assert len(mock.rooms) == len(mock.tenant.calls) == AT_ONCE

            async with asyncio.TaskGroup() as group:
                calls = [group.create_task(converse(phone, index, tmp_path, met=met)) for index in range(AT_ONCE)]
            await asyncio.sleep(1)
            for index, task in enumerate(calls):
                check(mock, store, index, *task.result(), tmp_path)
            del calls, task
            assert Resources.now() == before
            check_empty(mock, store, tmp_path)

    before = Resources.now()
    run_virtual(main())
    assert Resources.now() == before
