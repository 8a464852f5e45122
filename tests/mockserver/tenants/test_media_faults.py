"""Faults of media in virtual time, through the door in memory: loss, delay, order, blackouts, and one-way audio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from offhook.errors import JoinTimeout
from offhook.interfaces import AudioFrame, Ids
from offhook.session import CallPolicy
from offhook.testing import LoopClock, run_virtual
from offhook.testing.virtual_time import VirtualLoop
from offhook_mockserver.callees.script import Answer, NeverAnswer, Script, Wait
from offhook_mockserver.doors.memory.transport import MemoryTransport
from offhook_mockserver.server import InProcessMock
from offhook_mockserver.tenants.entry import EntryKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook.interfaces import Leg, LegEvent
    from offhook_mockserver.rooms.member import RoomEvent
    from offhook_mockserver.tenants.fault import Fault
    from offhook_mockserver.tenants.faults import Faults

NUMBER, OTHER = "+14155550101", "+14155550102"
PATIENT = Script("answers and waits", (Answer(), Wait(600.0)))
SAMPLES = 320


def mocked() -> InProcessMock:
    return InProcessMock(clock=LoopClock(), ids=Ids(1), script_for=lambda number: PATIENT)


def run(test: Callable[[InProcessMock], Awaitable[None]]) -> None:
    async def main() -> None:
        async with mocked() as mock:
            await test(mock)

    run_virtual(main())


def now() -> float:
    return asyncio.get_running_loop().time()


class Ear:
    """A handler that keeps when each frame arrived, and which one it was."""

    def __init__(self) -> None:
        self.frames: list[tuple[float, int]] = []
        self.events: list[object] = []

    def on_event(self, event: RoomEvent | LegEvent) -> None:
        self.events.append(event)

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        self.frames.append((round(now(), 3), frame.position // SAMPLES))

    @property
    def numbers(self) -> list[int]:
        return [number for _, number in self.frames]


class Pair:
    """A leg of a client and a member on the other side, who exchange numbered frames."""

    def __init__(self, mock: InProcessMock) -> None:
        self.mock = mock
        mock.tenant.scripts[NUMBER] = Script("never answers", (NeverAnswer(),))
        self.call = mock.calls.start(mock.tenant, NUMBER, mock.from_number)
        self.client, self.callee = Ear(), Ear()
        self.leg: Leg

    async def join(self) -> Pair:
        transport = MemoryTransport(self.mock)
        self.leg = await transport.join(self.mock.renew(self.call.channel), self.client)
        self.member = self.call.room.join_pcm(77, self.callee)
        await asyncio.sleep(0.1)
        self.member.publish()
        return self

    async def talk(self, frames: int, start: int = 0) -> Pair:
        began_s = now()
        for number in range(start, start + frames):
            frame = AudioFrame(bytes(2 * SAMPLES), 16_000, number * SAMPLES)
            self.leg.send(frame)
            self.member.send(frame)
            await asyncio.sleep(0.02)
        assert round(now() - began_s, 3) == round(frames * 0.02, 3)
        return self


async def pair(mock: InProcessMock) -> Pair:
    return await Pair(mock).join()


def exchanged(make: Callable[[Faults], Fault], frames: int = 500, wait_s: float = 5.0) -> tuple[Ear, Ear, Fault]:
    """What client and callee hear of each other while a fault is active from the start."""
    found: list[tuple[Ear, Ear, Fault]] = []

    async def test(mock: InProcessMock) -> None:
        fault = make(mock.tenant.faults)
        both = await (await pair(mock)).talk(frames)
        await asyncio.sleep(wait_s)
        found.append((both.client, both.callee, fault))

    run(test)
    return found[0]


@pytest.mark.fault("F21")
@pytest.mark.parametrize("loss", [0.01, 0.05, 0.2, 0.5])
def test_loss_is_of_the_wanted_share_in_both_directions_and_follows_from_the_seed(loss: float) -> None:
    client, callee, fault = exchanged(lambda f: f.media(loss=loss, seed=5))
    for ear in (client, callee):
        assert len(ear.numbers) / 500 == pytest.approx(1 - loss, abs=0.06)
        assert ear.numbers == sorted(ear.numbers)
    assert client.numbers != callee.numbers, "each direction has its own random numbers"
    assert fault.carried == 1000
    assert fault.carried - fault.lost == len(client.numbers) + len(callee.numbers)
    assert exchanged(lambda f: f.media(loss=loss, seed=5))[0].numbers == client.numbers
    assert exchanged(lambda f: f.media(loss=loss, seed=6))[0].numbers != client.numbers


@pytest.mark.fault("F21")
def test_bursts_are_lost_together() -> None:
    client, _, _ = exchanged(lambda f: f.media("to_caller", loss=0.2, burst=5))
    gaps = [b - a - 1 for a, b in zip(client.numbers, client.numbers[1:], strict=False) if b - a > 1]
    assert min(gaps) >= 5
    assert 0.1 < 1 - len(client.numbers) / 500 < 0.3


@pytest.mark.parametrize(("direction", "client", "callee"), [("to_caller", 0, 500), ("to_callee", 500, 0)])
@pytest.mark.fault("F25")
def test_one_direction_can_be_mute(direction: str, client: int, callee: int) -> None:
    heard_by_client, heard_by_callee, _ = exchanged(lambda f: f.media(direction, muted=True))
    assert (len(heard_by_client.frames), len(heard_by_callee.frames)) == (client, callee)


@pytest.mark.fault("F22")
def test_a_delay_keeps_the_order_and_loses_nothing() -> None:
    client, callee, fault = exchanged(lambda f: f.media(delay_s=2.0), frames=100)
    for ear in (client, callee):
        assert ear.numbers == list(range(100))
        assert ear.frames[0][0] == 2.1
        assert ear.frames[-1][0] == 2.1 + 99 * 0.02
    assert fault.lost == 0


@pytest.mark.fault("F22")
@pytest.mark.parametrize("jitter_s", [0.03, 0.5])
def test_jitter_makes_frames_late_of_which_those_that_were_overtaken_are_dropped(jitter_s: float) -> None:
    client, callee, fault = exchanged(lambda f: f.media(jitter_s=jitter_s, seed=1))
    for ear in (client, callee):
        assert ear.numbers == sorted(set(ear.numbers))
        late_s = [at_s - 0.1 - number * 0.02 for at_s, number in ear.frames]
        assert -0.001 < min(late_s) <= max(late_s) < jitter_s + 0.001
        assert 0 < len(ear.numbers) < 500
    assert fault.lost == 0


@pytest.mark.fault("F21")
def test_what_is_reordered_is_late_and_duplicates_are_dropped() -> None:
    client, _, _ = exchanged(lambda f: f.media(reorder=0.1, seed=1))
    assert client.numbers == sorted(set(client.numbers))
    assert 430 < len(client.numbers) < 470
    client, callee, fault = exchanged(lambda f: f.media(duplicate=0.5))
    assert client.numbers == callee.numbers == list(range(500))
    assert fault.duplicated > 400


def test_a_rate_that_is_capped_delays_and_then_loses() -> None:
    # A frame has 640 bytes, so 50 a second need 256,000 bit/s.
    client, _, fault = exchanged(lambda f: f.media("to_caller", rate_cap_bps=256_000))
    assert client.numbers == list(range(500))
    client, _, fault = exchanged(lambda f: f.media("to_caller", rate_cap_bps=128_000))
    assert client.frames[-1][0] < 0.1 + 10 + 1.1
    assert 270 < len(client.numbers) < 320
    assert fault.lost == 500 - len(client.numbers)


def test_what_was_frozen_arrives_at_once() -> None:
    async def test(mock: InProcessMock) -> None:
        both = await (await pair(mock)).talk(10)
        with mock.tenant.faults.media("to_callee", frozen=True) as fault:
            await asyncio.sleep(0)
            await both.talk(25, start=10)
        await asyncio.sleep(0)
        assert both.callee.numbers == list(range(35))
        assert {at_s for at_s, number in both.callee.frames if number >= 10} == {0.8}
        assert [number for _, number in both.client.frames] == list(range(35))
        await both.talk(5, start=35)
        assert both.callee.numbers == list(range(40))
        assert (fault.count, fault.carried) == (1, 25)

    run(test)


def test_faults_of_media_add_up_and_each_is_undone_alone() -> None:
    async def test(mock: InProcessMock) -> None:
        # In this order: what the first one loses, the second one does not see.
        mute = mock.tenant.faults.media("to_callee", muted=True)
        late = mock.tenant.faults.media("to_callee", delay_s=1.0)
        both = await (await pair(mock)).talk(10)
        mute.undo()
        await asyncio.sleep(0)
        await both.talk(10, start=10)
        late.undo()
        await asyncio.sleep(2)
        assert both.callee.numbers == list(range(10, 20))
        assert both.callee.frames[0][0] == 1.3
        await both.talk(5, start=100)
        assert both.callee.frames[-5:] == [(2.5 + index * 0.02, 100 + index) for index in range(5)]
        assert both.leg._path.sent is None  # type: ignore[attr-defined]

    run(test)


@pytest.mark.fault("F23")
def test_a_blackout_that_passes_is_noticed_once_and_its_gap_is_as_long_as_it_was() -> None:
    async def test(mock: InProcessMock) -> None:
        async with mock.phone() as phone, phone.dial(NUMBER) as call:
            assert await call.answered()
            entries = call.events()
            await asyncio.sleep(2)
            fault = mock.tenant.faults.blackout(for_s=3.0)
            await asyncio.sleep(6)
            assert (fault.count, fault.active) == (1, False)
            (live,) = mock.tenant.calls.values()
            gap_s = live.callee.counters()["gap_samples"] / 16_000
            assert gap_s == pytest.approx(3, abs=0.021)
            await call.hang_up()
            names = [entry.event async for entry in entries]
            assert names.count("LegDisconnected") == names.count("LegReconnected") == 1

    run(test)


@pytest.mark.fault("F24")
def test_a_blackout_for_good_ends_the_call_within_its_grace() -> None:
    async def test(mock: InProcessMock) -> None:
        async with mock.phone(policy=CallPolicy(grace_s=4.0)) as phone, phone.dial(NUMBER) as call:
            assert await call.answered()
            mock.tenant.faults.blackout()
            began_s = now()
            await call.ended()
            assert now() - began_s <= 6.0
            assert call.record.outcome is not None

    run(test)


@pytest.mark.fault("F13")
def test_joins_wait_in_a_blackout() -> None:
    async def test(mock: InProcessMock) -> None:
        async with mock.phone(policy=CallPolicy(setup_timeout_s=3.0)) as phone:
            fault = mock.tenant.faults.blackout(to=NUMBER)
            with pytest.raises(JoinTimeout):
                async with phone.dial(NUMBER):
                    pass
            assert fault.count == 1
            (entry,) = mock.tenant.journal.search(kind=EntryKind.FAULT)
            assert entry.text.endswith("blackout: a join gets no answer")
            async with phone.dial(OTHER) as call:
                assert await call.answered()
            mock.tenant.faults.clear()
            once = mock.tenant.faults.blackout(for_s=1.0, times=1)
            began_s = now()
            async with phone.dial(OTHER, redial=True) as call:
                assert await call.answered()
                assert now() - began_s == 1.0, "its time began with the join that it held"
            assert once.count == 1

    run(test)


@pytest.mark.fault("F25")
def test_a_phone_notices_that_its_audio_does_not_arrive() -> None:
    async def test(mock: InProcessMock) -> None:
        async with mock.phone() as phone, phone.dial(NUMBER) as call:
            assert await call.answered()
            mock.tenant.faults.media("to_callee", muted=True)
            began_s = now()
            async for entry in call.events():
                if entry.event == "AudioLost":
                    break
            assert now() - began_s <= 3.1
            await call.hang_up()

    run(test)


def test_a_fault_of_media_affects_at_most_as_many_callers_as_wanted() -> None:
    async def test(mock: InProcessMock) -> None:
        fault = mock.tenant.faults.media("to_callee", loss=1.0, times=1)
        first = await (await pair(mock)).talk(5)
        second = await (await pair(mock)).talk(5)
        assert (first.callee.numbers, second.callee.numbers) == ([], list(range(5)))
        assert (fault.count, fault.active) == (1, True)
        fault.undo()
        await asyncio.sleep(0)
        await first.talk(5)
        assert len(first.callee.numbers) == 5

    run(test)


def test_a_fault_that_was_made_where_no_loop_runs_applies_when_it_runs_on() -> None:
    async def begin() -> Pair:
        return await (await pair(mock)).talk(3)

    loop = VirtualLoop()
    mock = mocked()
    try:
        both = loop.run_until_complete(begin())
        fault = mock.tenant.faults.media("to_callee", muted=True)
        loop.run_until_complete(both.talk(3, start=3))
        fault.undo()
        loop.run_until_complete(both.talk(3, start=6))
        assert both.callee.numbers == [0, 1, 2, 6, 7, 8]
        loop.run_until_complete(mock.aclose())
    finally:
        loop.close()
