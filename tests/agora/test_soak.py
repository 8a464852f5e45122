"""Two hundred calls over the SDK of Agora, one after the other, leave nothing; two hundred at once, few descriptors."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.child_output import without_slowness
from tests.integration.many_starts import STARTS
from tests.integration.test_soak_aiortc import held_bytes
from tests.mockserver.soak import CallStore, number_of, slope
from tests.patience import PATIENCE_S
from tests.plugins.relay_kit import tone

from offhook import Phone
from offhook.testing import Resources, check_call
from offhook_mockserver.callees.script import Answer, Echo, Script
from offhook_mockserver.server.socket_server import MockServer

if TYPE_CHECKING:
    from tests.integration.conftest import Mock

    from offhook import Call

ROOT = Path(__file__).parents[2]
CALLS: Final = 200
#: Bytes that a call may leave: in the child, whose allocators take pages and keep them, and in the program.
MOST_LEFT_IN_CHILD: Final = 4_096
MOST_LEFT: Final = 2_048
#: What a join may end with where few files may be open: it fits, or one of these errors says why not.
ENDS = {"completed, 0 gaps", "join_failed", "join_timeout", "transport_unavailable", "carrier_unavailable"}


@dataclass(frozen=True)
class Children:
    """The processes that this one has started and that live."""

    pids: tuple[int, ...]
    threads: int
    descriptors: int

    @classmethod
    def now(cls) -> Children:
        pids = tuple(int(path.name) for path in Path("/proc").glob("[0-9]*") if parent_of(path) == os.getpid())
        return cls(pids, sum(entries(pid, "task") for pid in pids), sum(entries(pid, "fd") for pid in pids))

    @property
    def resident_bytes(self) -> int:
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")


def parent_of(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def entries(pid: int, what: str) -> int:
    """How many threads or descriptors a process has; 0 where only root may look."""
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/{what}").iterdir())
    except PermissionError:
        return 0


def script_for(number: str) -> Script:
    return Script("answers, and talks for as long as its caller stays", (Answer(), Echo()))


async def place(phone: Phone, index: int) -> Call:
    """A short call in which something is said and heard."""
    async with phone.dial(number_of(index)) as call:
        assert await call.answered()
        said = call.play([tone(frame) for frame in range(10)])
        async with asyncio.timeout(PATIENCE_S):
            async for frame in call.audio():
                if frame.pcm.count(0) < len(frame.pcm) / 2:
                    break
        await said.done()
    return call


async def take(server: MockServer, store: CallStore, call: Call) -> None:
    """Check a call, and remove what it may leave in the server and the store."""
    record = call.record
    async with asyncio.timeout(PATIENCE_S):
        while record.channel in server.tenant.calls:
            await asyncio.sleep(0.01)
    server.tenant.ended.clear()
    journal, saved = store.take(record.call_id)
    check_call(record, journal=journal, saved=saved, tolerance_s=5)
    assert record.disposition == "completed", record.problem


@dataclass(frozen=True)
class Reading:
    """What there is after a call."""

    own: Resources
    children: Children
    own_bytes: int
    child_bytes: int

    @classmethod
    def now(cls) -> Reading:
        children = Children.now()
        return cls(Resources.now(), children, held_bytes(), children.resident_bytes)

    @property
    def counts(self) -> tuple[Resources, Children]:
        return self.own, self.children


async def settled(expected: Reading | None) -> Reading:
    """What there is once what a call needed at its end is gone: its connections, and its threads in the child."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + (PATIENCE_S if expected else 1.0)
    while True:
        there = Reading.now()
        if (expected is not None and there.counts == expected.counts) or loop.time() > until_s:
            return there
        await asyncio.sleep(0.02)


async def soak(folder: Path, calls: int) -> list[Reading]:
    """Place the calls; what there is after each."""
    store, readings = CallStore(), list[Reading]()
    async with MockServer(script_for=script_for) as server:
        environment = {**server.environment, "OFFHOOK_AGORA_SDK": str(folder)}
        async with Phone(transport="agora", environment=environment, store=store) as phone:
            for index in range(calls):
                await take(server, store, await place(phone, index))
                readings.append(await settled(readings[0] if readings else None))
                assert readings[-1].counts == readings[0].counts, f"after call {index}"
            (pid,) = readings[0].children.pids  # one child has served them all
            server.tenant.ended.clear()
            assert len(server.rooms) == 0
            assert not store.journals
        assert pid not in Children.now().pids
    return readings


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(400)
def test_two_hundred_calls_one_after_the_other_leave_nothing(sdk_folder: Path) -> None:
    before = Resources.now()
    readings = asyncio.run(soak(sdk_folder, CALLS))
    after = Resources.now()
    assert (after.threads, after.descriptors) == (before.threads, before.descriptors)
    own = slope([(index, reading.own_bytes) for index, reading in enumerate(readings)])
    child = slope([(index, reading.child_bytes) for index, reading in enumerate(readings)])
    print(f"{own:.0f} bytes a call here, {child:.0f} in the child")
    assert own < MOST_LEFT
    assert child < MOST_LEFT_IN_CHILD


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(300)
def test_two_hundred_starts_where_sixty_four_files_may_be_open(mock: Mock, sdk_folder: Path, tmp_path: Path) -> None:
    settings = {"OFFHOOK_AGORA_SDK": str(sdk_folder), "PYTHONPATH": str(ROOT)}
    done = mock.run("-m", "tests.integration.many_starts", "agora", cwd=tmp_path, **settings)
    assert done.code == 0, done.err
    assert without_slowness(done.err) == ""
    went = json.loads(done.out)
    print(went["many"])
    assert went["first"] == ["completed, 0 gaps"] * 2, "calls that were up were harmed"
    assert went["many"].keys() <= ENDS
    assert sum(went["many"].values()) == STARTS
    assert went["one more"] == "completed, 0 gaps", "there is room again, and it is not used"
    assert went["left"] == {}
    assert went["wrong"] == []
