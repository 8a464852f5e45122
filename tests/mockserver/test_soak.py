"""A thousand calls in sequence and two hundred at once: nothing is left of any, and no call hears another (F37).

Over the memory transport in virtual time; `tests/integration/test_soak_aiortc.py` does it with real media.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.mockserver.soak import CallStore, check, converse, script_in, slope

from offhook import AudioFrame, Phone
from offhook.call import reports
from offhook.interfaces.ids import Ids
from offhook.testing import LoopClock, Resources, run_virtual
from offhook_mockserver.doors.memory.leg import MemoryLeg
from offhook_mockserver.server import InProcessMock, TenantBounds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

IN_SEQUENCE: Final = 1000
#: Memory is looked at during the last of these: tracing makes a call several times as dear.
TRACED: Final = 240
#: Bytes that a call may leave: a tenth of its record, which takes 4,000; the call itself takes 20,000. Not 0, because
#: something in the process fills up and then stops: 4.5 blocks a call in the second hundred calls, 0.1 in the last.
MOST_LEFT: Final = 400
#: Blocks of memory up to 512 bytes that a call may leave before tracing begins, over the last half of that; about 0.9
#: are measured, and the least thing that could be kept of a call, its id, is one more.
MOST_BLOCKS: Final = 1.5
AT_ONCE: Final = 200
#: Entries that the mock's journal holds.
JOURNAL: Final = 50
#: Ended calls that the phone keeps for late reports.
REMEMBERED: Final = 20


@contextlib.asynccontextmanager
async def exchange(folder: Path, call_limit: int = 1) -> AsyncIterator[tuple[InProcessMock, Phone, CallStore]]:
    """A mock that keeps what callees hear, and a phone with a store."""
    store = CallStore()
    clock, ids = LoopClock(), Ids(1)
    # The journal is full after few calls, so that what calls leave shows.
    bounds = TenantBounds(calls=AT_ONCE, journal_entries=JOURNAL)
    async with InProcessMock(
        clock=clock, ids=ids, recordings=folder, script_for=script_in(folder), bounds=bounds
    ) as mock:
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
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Place calls in sequence and check each; returns bytes after each tenth of the traced ones, and blocks before."""
    readings: list[tuple[float, float]] = []
    blocks: list[tuple[float, float]] = []
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
            if index % 10 != 9:
                continue
            assert Resources.now() == before, f"after call {index}"  # collects garbage as well
            if index < calls - traced:
                blocks.append((index, sys.getallocatedblocks()))
            else:
                readings.append((index, tracemalloc.get_traced_memory()[0]))
        assert Resources.now() == before
        check_empty(mock, store, folder)
    return readings, blocks


async def all_at_once(folder: Path, calls: int) -> None:
    """Place calls that are all answered before any side speaks, and check each."""
    async with exchange(folder, calls) as (mock, phone, store):
        # This creates what is kept between calls, such as the HTTP client.
        first = await converse(phone, calls, folder)
        await asyncio.sleep(1)
        check(mock, store, calls, *first, folder)
        before = Resources.now()
        all_answered = asyncio.Barrier(calls)

        async def met() -> None:
            await all_answered.wait()
            assert len(mock.rooms) == len(mock.tenant.calls) == calls

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(converse(phone, index, folder, met=met)) for index in range(calls)]
        await asyncio.sleep(1)
        for index, task in enumerate(tasks):
            check(mock, store, index, *task.result(), folder)
        assert Resources.now() == before
        check_empty(mock, store, folder)


@pytest.fixture(autouse=True)
def remembers_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill up what a phone remembers of ended calls early, so that what calls leave beyond that shows."""
    monkeypatch.setattr(reports, "MOST_ENDED", REMEMBERED)


@pytest.fixture(autouse=True)
def untraced() -> Iterator[None]:
    """Clean up after a failed test, so that it does not slow down the others."""
    yield
    tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.fault("F37")
@pytest.mark.timeout(300)
def test_a_thousand_calls_leave_nothing(tmp_path: Path) -> None:
    before = Resources.now()
    readings, blocks = run_virtual(one_after_the_other(tmp_path, IN_SEQUENCE, TRACED))
    assert Resources.now() == before
    left = slope(readings)
    print(f"{left:.0f} bytes and {slope(blocks):.2f} blocks a call")
    assert left < MOST_LEFT, readings
    assert slope(blocks) < MOST_BLOCKS, blocks


@pytest.mark.slow
@pytest.mark.fault("F37")
@pytest.mark.timeout(120)
def test_a_leak_of_a_kilobyte_a_call_would_show(tmp_path: Path) -> None:
    kept: list[bytes] = []
    readings, _ = run_virtual(one_after_the_other(tmp_path, 80, 80, lambda: kept.append(bytes(1024))))
    assert slope(readings) > 1024


@pytest.mark.parametrize("what", ["a task", "a descriptor", "a thread"])
def test_any_other_leak_of_a_call_would_show(what: str, tmp_path: Path) -> None:
    with contextlib.ExitStack() as held:

        def leak() -> None:
            if what == "a task":
                tasks.append(asyncio.create_task(asyncio.sleep(1000)))
            elif what == "a descriptor":
                held.enter_context(Path("/dev/null").open())
            else:
                gate = threading.Event()
                thread = threading.Thread(target=gate.wait)
                thread.start()
                held.callback(thread.join)
                held.callback(gate.set)

        tasks: list[asyncio.Task[None]] = []
        with pytest.raises(AssertionError, match="after call 9"):
            run_virtual(one_after_the_other(tmp_path, 10, 10, leak))


@pytest.mark.parametrize("direction", ["sent", "heard"])
def test_one_frame_of_another_call_would_show(direction: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last: dict[MemoryLeg, AudioFrame] = {}
    swapped: list[MemoryLeg] = []

    def swap(leg: MemoryLeg, frame: AudioFrame) -> AudioFrame:
        """Once, what another leg had a moment ago instead of what this one has."""
        others = [other for known, other in last.items() if known is not leg and any(other.pcm)]
        last[leg] = frame
        if swapped or not others or not any(frame.pcm):
            return frame
        swapped.append(leg)
        return AudioFrame(others[0].pcm, frame.rate_hz, frame.position)

    send, on_audio = MemoryLeg.send, MemoryLeg.on_audio
    if direction == "sent":
        monkeypatch.setattr(MemoryLeg, "send", lambda leg, frame: send(leg, swap(leg, frame)))
    else:
        monkeypatch.setattr(MemoryLeg, "on_audio", lambda leg, uid, frame: on_audio(leg, uid, swap(leg, frame)))
    heard = "the callee did not hear its own caller" if direction == "sent" else "is not what its callee said"
    with pytest.raises(AssertionError, match=heard):
        run_virtual(all_at_once(tmp_path, 3))
    assert swapped


@pytest.mark.slow
@pytest.mark.fault("F37")
@pytest.mark.timeout(120)
def test_two_hundred_calls_at_once_leave_nothing_and_do_not_mix(tmp_path: Path) -> None:
    before = Resources.now()
    run_virtual(all_at_once(tmp_path, AT_ONCE))
    assert Resources.now() == before
