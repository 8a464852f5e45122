"""The memory transport: doors, tokens, a network that is cut, mended and lossy; legs alone, and whole calls."""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import TYPE_CHECKING, TypeVar

import pytest

from offhook import AnswerPolicy, AudioFrame, CallPolicy, Phone
from offhook.errors import (
    ConfigError,
    JoinFailed,
    JoinTimeout,
    SpecError,
    TokenRejected,
    TransportError,
    TransportUnavailable,
)
from offhook.interfaces.grant import Grant
from offhook.interfaces.ids import Ids
from offhook.plugin.hookspecs import hookimpl
from offhook.secret import Secret
from offhook.session.events import (
    AudioLost,
    AudioReturned,
    Direction,
    GrantExpiring,
    LeaveReason,
    LegClosed,
    LegDisconnected,
    LegFailed,
    LegReconnected,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
)
from offhook.session.outcome import EndedBy
from offhook.testing import LoopClock, MemoryStore, run_virtual
from offhook_mockserver.callees.callee import CalleeEnd
from offhook_mockserver.callees.script import Answer, NeverAnswer, Ring, Script
from offhook_mockserver.doors.memory.leg import MemoryLeg
from offhook_mockserver.far_ends import RenewsGrants
from offhook_mockserver.server.in_process import InProcessMock
from offhook_mockserver.tenants.settings import TenantSettings
from offhook_wire import pace

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from offhook.session.events import LegEvent
    from offhook_mockserver.doors.memory.transport import MemoryTransport
    from offhook_mockserver.rooms.pcm_member import PcmMember
    from offhook_mockserver.rooms.room import Room

_T = TypeVar("_T")
NUMBER = "+14155550123"
RATE_HZ = 16_000
FRAME = RATE_HZ // 50


def frame(index: int = 0, value: int = 1) -> AudioFrame:
    return AudioFrame(value.to_bytes(2, "little") * FRAME, RATE_HZ, index * FRAME)


def run(main: Coroutine[object, object, _T]) -> _T:
    """Run a check that must leave no task behind."""

    async def whole() -> _T:
        result = await main
        assert asyncio.all_tasks() == {asyncio.current_task()}, "tasks were left behind"
        return result

    return run_virtual(whole())


def now() -> float:
    return asyncio.get_running_loop().time()


class Ear:
    """A handler that keeps the events that it receives, with times."""

    def __init__(self) -> None:
        self.events: list[tuple[float, LegEvent]] = []
        self.frames: list[tuple[int, AudioFrame]] = []

    def on_event(self, event: LegEvent) -> None:
        self.events.append((round(now(), 3), event))

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        self.frames.append((uid, frame))

    @property
    def received(self) -> list[LegEvent]:
        return [event for _, event in self.events]


class Scene:
    """A mock with one open channel, a transport, and another member that may be in it."""

    def __init__(self, *, token_life_s: int = 3600, lost_after_s: float = 10.0, seed: str = "scene") -> None:
        settings = TenantSettings(token_life_s=token_life_s, lost_after_s=lost_after_s)
        self.mock = InProcessMock(clock=LoopClock(), ids=Ids(seed), tenant=settings, script_for=lambda number: QUIET)
        self.call = self.mock.calls.start(self.mock.tenant, NUMBER, self.mock.from_number)
        self.room: Room = self.call.room
        self.transport: MemoryTransport = self.mock.transport()
        self.ear = Ear()
        self.other = Ear()

    @property
    def grant(self) -> Grant:
        return self.mock.renew(self.room.channel)

    async def join(self) -> MemoryLeg:
        return await self.transport.join(self.grant, self.ear)

    def far(self, uid: int = 2) -> PcmMember:
        return self.room.join_pcm(uid, self.other)

    @property
    def other_received(self) -> list[LegEvent]:
        return self.other.received

    async def close(self) -> None:
        await self.transport.aclose()
        await self.mock.aclose()


QUIET = Script("never answers", (NeverAnswer(),))


@pytest.mark.parametrize("uid", [0, 77])
def test_it_joins_reports_the_members_and_forwards_the_first_frame(uid: int) -> None:
    async def main() -> None:
        scene = Scene()
        far = scene.far()
        far.publish()
        grant = scene.grant
        leg = await scene.transport.join(
            Grant(grant.app_id, grant.channel, grant.token, uid, grant.endpoint), scene.ear
        )
        assert leg.uid == uid or not uid
        assert scene.ear.events == []
        await asyncio.sleep(0)
        assert scene.ear.received == [MemberJoined(2), MemberPublished(2)]
        leg.send(frame(0, 11))
        far.send(frame(0, 22))
        assert [(who, item.pcm) for who, item in scene.other.frames] == [(leg.uid, frame(0, 11).pcm)]
        assert [(who, item.pcm) for who, item in scene.ear.frames] == [(2, frame(0, 22).pcm)]
        assert scene.other_received == [MemberJoined(leg.uid), MemberPublished(leg.uid)]
        far.unpublish()
        far.leave()
        assert scene.ear.received[2:] == [MemberUnpublished(2), MemberLeft(2, LeaveReason.QUIT)]
        assert leg.counters() == {
            "frames_sent": 1,
            "frames_received": 1,
            "frames_lost_sent": 0,
            "frames_lost_heard": 0,
        }
        await scene.close()

    run(main())


@pytest.mark.fault("F14")
def test_an_invalid_or_foreign_token_is_refused_with_its_reason() -> None:
    async def main() -> None:
        scene = Scene(token_life_s=20)
        other = scene.mock.calls.start(scene.mock.tenant, NUMBER, scene.mock.from_number)
        good = scene.grant

        async def refused(grant: Grant) -> int:
            with pytest.raises(TokenRejected) as raised:
                await scene.transport.join(grant, scene.ear)
            assert good.token.reveal() not in str(raised.value)
            return raised.value.reason

        def like(**changed: object) -> Grant:
            fields = {
                "app_id": good.app_id,
                "channel": good.channel,
                "token": good.token,
                "uid": 0,
                "endpoint": good.endpoint,
            }
            return Grant(**{**fields, **changed})  # type: ignore[arg-type]

        assert await refused(like(token=Secret("007nonsense"))) == 8
        assert await refused(like(channel=other.channel)) == 8
        with pytest.raises(JoinFailed, match="has no app id"):
            await scene.transport.join(like(app_id="f" * 32), scene.ear)
        with pytest.raises(JoinFailed, match="no channel 'ft_call_none' is open"):
            await scene.transport.join(like(channel="ft_call_none"), scene.ear)
        await asyncio.sleep(21)
        assert await refused(good) == 9
        assert scene.room.members == ()
        await scene.close()

    run(main())


def test_it_joins_only_its_own_mock() -> None:
    async def main() -> None:
        scene = Scene()
        await scene.transport.check(scene.mock.url)
        for endpoint in (None, "http://127.0.0.1:10", "https://relay.example", f"http://example.org:{scene.mock.port}"):
            with pytest.raises(TransportUnavailable, match="joins only the rooms of the mock at"):
                await scene.transport.check(endpoint)
            good = scene.grant
            with pytest.raises(JoinFailed, match="joins only the rooms of the mock at"):
                await scene.transport.join(Grant(good.app_id, good.channel, good.token, 0, endpoint), scene.ear)
        scene.transport.cut()
        with pytest.raises(TransportUnavailable, match="the network is cut"):
            await scene.transport.check(scene.mock.url)
        await scene.transport.aclose()
        with pytest.raises(TransportUnavailable, match="is closed"):
            await scene.transport.check(scene.mock.url)
        with pytest.raises(JoinFailed, match="is closed"):
            await scene.join()
        await scene.close()

    run(main())


def test_the_name_without_a_mock_is_explained_in_one_sentence() -> None:
    with pytest.raises(SpecError, match="take the phone from the mock"):
        Phone(transport="memory", environment={"SENDBLUE_API_BASE_URL": "http://127.0.0.1:9"})


@pytest.mark.fault("F13")
def test_an_unanswered_join_times_out_and_a_cancelled_one_leaves_nothing() -> None:
    async def main() -> None:
        scene = Scene()
        scene.transport.cut()
        with pytest.raises(JoinTimeout):
            await scene.join()
        assert now() == 10
        joining = asyncio.create_task(scene.join())
        await asyncio.sleep(1)
        joining.cancel()
        await asyncio.wait((joining,))
        assert scene.room.members == ()
        assert scene.transport.legs == []
        joining = asyncio.create_task(scene.join())
        await asyncio.sleep(1)
        scene.transport.mend()
        await joining
        assert len(scene.room.members) == 1
        await scene.close()

    run(main())


def test_leaving_is_idempotent_safe_to_do_at_once_and_silent_afterwards() -> None:
    async def main() -> None:
        scene = Scene()
        far = scene.far()
        leg = await scene.join()
        await asyncio.sleep(0)
        received = list(scene.ear.received)
        await asyncio.gather(leg.leave(), leg.leave())
        await leg.leave()
        far.publish()
        far.send(frame())
        leg.send(frame())
        scene.transport.cut()
        scene.transport.mend()
        await asyncio.sleep(100)
        assert scene.ear.received == received
        assert scene.ear.frames == []
        assert scene.other_received == [MemberJoined(leg.uid), MemberLeft(leg.uid, LeaveReason.QUIT)]
        with pytest.raises(TransportError, match="not in the channel"):
            await leg.renew(Grant("0" * 32, "c", Secret("007abcdef"), 0))
        await scene.close()

    run(main())


@pytest.mark.parametrize("bad", [AudioFrame(bytes(640), 8000, 0), AudioFrame(bytes(642), RATE_HZ, 0)])
def test_frames_of_another_rate_or_length_are_refused(bad: AudioFrame) -> None:
    async def main() -> None:
        scene = Scene()
        leg = await scene.join()
        with pytest.raises(ValueError, match="is not a frame of at most 20 ms"):
            leg.send(bad)
        await scene.close()

    run(main())


@pytest.mark.fault("F18")
def test_a_join_with_the_same_uid_removes_the_first_leg_which_does_not_rejoin() -> None:
    async def main() -> None:
        scene = Scene()
        good = scene.grant
        as_seven = Grant(good.app_id, good.channel, good.token, 7, good.endpoint)
        first = await scene.transport.join(as_seven, scene.ear)
        again = Ear()
        second = await scene.transport.join(as_seven, again)
        await asyncio.sleep(60)
        assert scene.ear.received == [LegClosed("replaced")]
        assert again.received == []
        assert scene.transport.legs == [second]
        first.send(frame())
        assert first.counters()["frames_sent"] == 0
        await scene.close()

    run(main())


@pytest.mark.fault("F15")
def test_a_warning_comes_30_s_before_expiry_and_a_fresh_token_leaves_no_gap() -> None:
    async def main() -> None:
        scene = Scene(token_life_s=100)
        far = scene.far()
        leg = await scene.join()

        async def speak() -> None:
            for index in range(150 * 50):
                leg.send(frame(index))
                await asyncio.sleep((index + 1) / 50 - now())

        speaking = asyncio.create_task(speak())
        await asyncio.sleep(80)
        assert scene.ear.events[1:] == [(70.0, GrantExpiring())]
        await leg.renew(scene.grant)
        await speaking
        assert [event for event in scene.ear.events if isinstance(event[1], GrantExpiring)][1:] == [
            (150.0, GrantExpiring())
        ]
        assert [item.position for _, item in scene.other.frames] == [n * FRAME for n in range(150 * 50)]
        await asyncio.sleep(29.9)
        assert leg in scene.transport.legs
        assert far.present
        await scene.close()

    run(main())


@pytest.mark.fault("F16")
def test_after_a_refused_renewal_the_old_token_expires_and_removes_us() -> None:
    async def main() -> None:
        scene = Scene(token_life_s=100)
        scene.far()
        old = scene.grant
        leg = await scene.join()
        await asyncio.sleep(95)
        for token, reason in ((Secret("007nonsense"), 8), (scene.mock.renew(scene.room.channel).token, None)):
            fresh = Grant(old.app_id, old.channel, token, 0, old.endpoint)
            if reason is not None:
                with pytest.raises(TokenRejected) as raised:
                    await leg.renew(fresh)
                assert raised.value.reason == reason
        await asyncio.sleep(6)
        assert scene.ear.events[-1] == (100.0, LegClosed("token expired"))
        assert scene.other_received[-1] == MemberLeft(leg.uid, LeaveReason.DROPPED)
        with pytest.raises(TransportError):
            await leg.renew(scene.grant)
        await scene.close()

    run(main())


def test_a_renewal_waits_for_the_network_up_to_its_timeout() -> None:
    async def main() -> None:
        scene = Scene(lost_after_s=60)
        leg = await scene.join()
        scene.transport.cut()
        with pytest.raises(TransportError, match="the network is down"):
            await leg.renew(scene.grant)
        assert now() == 5
        renewing = asyncio.create_task(leg.renew(scene.grant))
        await asyncio.sleep(1)
        scene.transport.mend()
        await renewing
        await scene.close()

    run(main())


def test_the_warning_of_a_short_life_comes_at_its_half() -> None:
    async def main() -> None:
        scene = Scene(token_life_s=20)
        await scene.join()
        await asyncio.sleep(30)
        assert scene.ear.events == [(10.0, GrantExpiring()), (20.0, LegClosed("token expired"))]
        await scene.close()

    run(main())


@pytest.mark.fault("F17")
@pytest.mark.parametrize("step_s", [-600, 600])
def test_setting_the_wall_clock_removes_no_leg_and_makes_no_time_negative(step_s: float) -> None:
    class Skewed(LoopClock):
        skew_s = 0.0

        def wall_s(self) -> float:
            return super().wall_s() + self.skew_s

    async def main() -> None:
        clock = Skewed()
        settings = TenantSettings(token_life_s=100)
        script = Script("answers", (Ring(1), Answer()))
        async with InProcessMock(clock=clock, ids=Ids(1), tenant=settings, script_for=lambda n: script) as mock:
            store = MemoryStore()
            async with mock.phone(store=store) as phone, phone.dial(NUMBER) as call:
                assert await call.answered()
                clock.skew_s = step_s
                await asyncio.sleep(60)
                assert not call.over
            times = [entry["at_s"] for entry in store.journal]
            assert times == sorted(times)  # type: ignore[type-var]
            assert call.record.ended_at_s == pytest.approx(61, abs=0.1)

    run(main())


@pytest.mark.fault("F23")
@pytest.mark.parametrize("detect_s", [0.0, 1.0])
def test_a_blackout_is_reported_once_and_other_events_when_it_is_over(detect_s: float) -> None:
    async def main() -> None:
        scene = Scene()
        scene.transport.detect_s = detect_s
        far = scene.far()
        far.publish()
        leg = await scene.join()
        leg.send(frame(0))
        await asyncio.sleep(1)
        uid, members = leg.uid, scene.room.members
        scene.transport.cut()
        scene.transport.cut()
        leg.send(frame(50))
        far.send(frame(50))
        far.unpublish()
        await asyncio.sleep(3)
        scene.transport.mend()
        scene.transport.mend()
        leg.send(frame(200))
        far.publish()
        far.send(frame(200))
        received = scene.ear.events[2:]
        assert received == [
            (1 + detect_s, LegDisconnected()),
            (4.0, LegReconnected()),
            (4.0, MemberUnpublished(2)),
            (4.0, MemberPublished(2)),
        ]
        assert (leg.uid, scene.room.members) == (uid, members)
        assert [item.position for _, item in scene.other.frames] == [0, 200 * FRAME]
        assert [item.position for _, item in scene.ear.frames] == [200 * FRAME]
        assert (leg.counters()["frames_lost_sent"], leg.counters()["frames_lost_heard"]) == (1, 1)
        await asyncio.sleep(30)
        assert far.present
        assert leg in scene.transport.legs
        await scene.close()

    run(main())


def test_a_blackout_shorter_than_the_detection_only_loses_frames() -> None:
    async def main() -> None:
        scene = Scene()
        scene.transport.detect_s = 2.0
        leg = await scene.join()
        scene.transport.cut()
        leg.send(frame())
        await asyncio.sleep(1.5)
        scene.transport.mend()
        await asyncio.sleep(5)
        assert scene.ear.received == []
        assert leg.counters()["frames_lost_sent"] == 1
        await scene.close()

    run(main())


@pytest.mark.fault("F24")
def test_a_leg_that_is_away_too_long_is_dropped_and_mending_fails() -> None:
    async def main() -> None:
        scene = Scene(lost_after_s=4)
        scene.far()
        leg = await scene.join()
        await asyncio.sleep(0)
        scene.transport.cut()
        await asyncio.sleep(5)
        assert scene.other.events[-1] == (4.0, MemberLeft(leg.uid, LeaveReason.DROPPED))
        scene.transport.mend()
        await asyncio.sleep(100)
        assert scene.ear.received[1:] == [
            LegDisconnected(),
            LegFailed("the channel removed us while the network was cut"),
        ]
        assert scene.transport.legs == []
        await scene.close()

    run(main())


@pytest.mark.fault("F24")
def test_a_leg_without_a_network_gives_up_and_one_that_was_removed_learns_why() -> None:
    async def main() -> None:
        scene = Scene(lost_after_s=60)
        leg = await scene.join()
        scene.transport.cut()
        far = scene.far()
        await asyncio.sleep(30)
        assert scene.ear.events == [
            (0.0, LegDisconnected()),
            (20.0, LegFailed("the connection to the channel did not come back within 20 s")),
        ]
        scene.transport.mend()
        assert leg.uid
        await asyncio.sleep(60)
        assert list(scene.room.members) == [far]
        kicked = Ear()
        await scene.transport.join(scene.grant, kicked)
        scene.transport.cut()
        scene.room.kick(scene.room.members[1], "ordered out")
        await asyncio.sleep(1)
        scene.transport.mend()
        assert kicked.received[-2:] == [LegDisconnected(), LegClosed("ordered out")]
        await scene.close()

    run(main())


def test_events_that_wait_for_the_network_are_bounded() -> None:
    async def main() -> None:
        scene = Scene()
        far = scene.far()
        await scene.join()
        await asyncio.sleep(0)
        scene.transport.cut()
        for _ in range(200):
            far.publish()
            far.unpublish()
        assert isinstance(scene.ear.received[-1], LegFailed)
        assert "more than 256 events" in scene.ear.received[-1].reason
        scene.transport.mend()
        await scene.close()

    run(main())


def test_the_room_notices_a_leave_without_a_network_after_its_timeout() -> None:
    async def main() -> None:
        scene = Scene(lost_after_s=4)
        scene.far()
        leg = await scene.join()
        scene.transport.cut()
        await leg.leave()
        assert now() == 0
        await asyncio.sleep(10)
        assert scene.other.events[-1] == (4.0, MemberLeft(leg.uid, LeaveReason.DROPPED))
        await scene.close()

    run(main())


@pytest.mark.fault("F25")
@pytest.mark.parametrize("direction", list(Direction))
def test_one_direction_alone_can_be_lost(direction: Direction) -> None:
    async def main() -> None:
        scene = Scene()
        far = scene.far()
        far.publish()
        leg = await scene.join()
        scene.transport.lose(direction)
        for index in range(10):
            leg.send(frame(index))
            far.send(frame(index))
        sent, heard = len(scene.other.frames), len(scene.ear.frames)
        assert (sent, heard) == ((0, 10) if direction is Direction.SENT else (10, 0))
        scene.transport.lose(direction, 0)
        leg.send(frame(10))
        far.send(frame(10))
        assert (len(scene.other.frames), len(scene.ear.frames)) == (sent + 1, heard + 1)
        for share in (-0.1, 1.1):
            with pytest.raises(ConfigError, match="between 0 and 1"):
                scene.transport.lose(direction, share)
        await scene.close()

    run(main())


@pytest.mark.fault("F25")
def test_three_seconds_of_lost_audio_are_reported_once_and_so_is_its_return() -> None:
    async def main() -> None:
        scene = Scene()
        leg = await scene.join()
        scene.transport.lose(Direction.SENT)
        for index in range(149):
            leg.send(frame(index))
        assert scene.ear.received == []
        for index in range(149, 400):
            leg.send(frame(index))
        assert scene.ear.received == [AudioLost(Direction.SENT)]
        scene.transport.lose(Direction.SENT, 0)
        leg.send(frame(400))
        leg.send(frame(401))
        assert scene.ear.received == [AudioLost(Direction.SENT), AudioReturned(Direction.SENT)]
        await scene.close()

    run(main())


@pytest.mark.fault("F21")
def test_the_losses_of_a_direction_depend_only_on_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "MOST_AHEAD_S", 60.0)  # all frames are sent at once

    async def lost(seed: str, *, both: bool) -> list[int]:
        scene = Scene(seed=seed)
        scene.far()
        leg = await scene.join()
        scene.transport.lose(Direction.SENT, 0.05)
        if both:
            scene.transport.lose(Direction.HEARD, 0.2)
        for index in range(2000):
            leg.send(frame(index))
            leg.on_audio(2, frame(index))
        arrived = {item.position // FRAME for _, item in scene.other.frames}
        await scene.close()
        return sorted(set(range(2000)) - arrived)

    async def main() -> None:
        one = await lost("a", both=False)
        assert one == await lost("a", both=True)
        assert one != await lost("b", both=False)
        assert 60 < len(one) < 140

    run(main())


def test_an_error_of_a_handler_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Ear):
        def on_event(self, event: LegEvent) -> None:
            super().on_event(event)
            raise RuntimeError("ours")

        def on_audio(self, uid: int, frame: AudioFrame) -> None:
            super().on_audio(uid, frame)
            raise RuntimeError("ours")

    async def main() -> None:
        scene = Scene()
        scene.ear = Broken()
        far = scene.far()
        far.publish()
        await scene.join()
        await asyncio.sleep(0)
        scene.transport.cut()
        scene.transport.mend()
        far.send(frame(0))
        far.send(frame(1))
        assert len(scene.ear.frames) == 2
        assert scene.ear.received[-1] == LegReconnected()
        await scene.close()

    with caplog.at_level(logging.ERROR):
        run(main())
    assert caplog.records


def legs_alive() -> int:
    """How many there are in this process; other tests may have left some to be collected."""
    gc.collect()
    return sum(isinstance(item, MemoryLeg) for item in gc.get_objects())


def test_a_hundred_joins_leave_nothing_and_two_calls_do_not_mix() -> None:
    async def main() -> None:
        before = legs_alive()
        scene = Scene()
        there = Scene(seed="there")
        for _ in range(100):
            await (await scene.join()).leave()
        await asyncio.sleep(0)
        assert scene.room.members == ()
        assert scene.transport.legs == []
        assert legs_alive() <= before
        one, two = await scene.join(), await there.join()
        scene.far()
        there.far()
        one.send(frame(0, 1))
        two.send(frame(0, 2))
        assert [item.pcm[:2] for _, item in scene.other.frames] == [b"\1\0"]
        assert [item.pcm[:2] for _, item in there.other.frames] == [b"\2\0"]
        await scene.close()
        await there.close()

    run(main())


# Whole calls


def calling(*steps: object, **settings: float) -> InProcessMock:
    script = Script("a test's", steps)  # type: ignore[arg-type]
    tenant = TenantSettings(**settings)  # type: ignore[arg-type]
    return InProcessMock(clock=LoopClock(), ids=Ids(1), tenant=tenant, script_for=lambda number: script)


@pytest.mark.fault("F24")
def test_a_lasting_blackout_ends_the_call_in_its_budget_and_the_callee_sees_a_drop() -> None:
    async def main() -> None:
        async with calling(Ring(1), Answer(), lost_after_s=3, grace_s=2) as mock:
            transport = mock.transport()
            async with mock.phone(transport=transport) as phone, phone.dial(NUMBER) as call:
                assert await call.answered()
                (live,) = mock.tenant.calls.values()
                transport.cut()
                await call.ended()
                assert now() == pytest.approx(6, abs=0.01)
            assert call.record.outcome is not None
            assert call.record.outcome.ended_by is EndedBy.NETWORK
            assert "did not come back within 5 s" in call.record.problem
            await asyncio.sleep(5)
            assert live.end is CalleeEnd.CALLER_DROPPED

    run(main())


@pytest.mark.fault("F13")
def test_a_call_whose_join_is_never_answered_says_so() -> None:
    async def main() -> None:
        async with calling(Ring(1), Answer()) as mock:
            transport = mock.transport()

            class Cutter:
                @hookimpl
                def offhook_call_created(self, call_id: str) -> None:
                    transport.cut()

            async with mock.phone(transport=transport, plugins=[Cutter()]) as phone:
                with pytest.raises(JoinTimeout):
                    async with phone.dial(NUMBER):
                        pass
                assert now() == pytest.approx(10, abs=0.1)

    run(main())


@pytest.mark.fault("F15")
def test_a_token_that_a_plugin_renews_in_time_loses_no_frame() -> None:
    async def main() -> None:
        async with calling(Ring(1), Answer(), token_life_s=60) as mock:
            renewing, store = RenewsGrants(mock), MemoryStore()
            async with mock.phone(plugins=[renewing], store=store) as phone, phone.dial(NUMBER) as call:
                assert await call.answered()
                await asyncio.sleep(170)
                assert not call.over
                (live,) = mock.tenant.calls.values()
                assert live.callee.ear is not None
                assert live.callee.ear.gap_samples == 0
                assert live.callee.ear.frames_heard >= 170 * 50 - 1
            events = [entry["event"] for entry in store.journal]
            assert renewing.renewed == events.count("GrantRenewed") >= 3

    run(main())


@pytest.mark.fault("F16")
def test_a_token_that_is_not_renewed_ends_the_call_just_before_it_expires() -> None:
    async def main() -> None:
        async with calling(Ring(1), Answer(), token_life_s=60) as mock:
            async with mock.phone() as phone, phone.dial(NUMBER) as call:
                assert await call.answered()
                await call.ended()
                assert now() == pytest.approx(59, abs=0.1)
            assert call.record.outcome is not None
            assert call.record.outcome.ended_by is EndedBy.TIMER

    run(main())


@pytest.mark.fault("F19")
def test_a_callee_who_never_joins_is_an_unanswered_call_and_the_phone_hangs_up() -> None:
    async def main() -> None:
        async with calling(NeverAnswer()) as mock:
            async with mock.phone(policy=CallPolicy(ring_timeout_s=30)) as phone, phone.dial(NUMBER) as call:
                (live,) = mock.tenant.calls.values()
                assert not await call.answered()
                assert now() == pytest.approx(30, abs=0.01)
                await asyncio.sleep(0.01)
                assert live.end is CalleeEnd.GIVEN_UP, "the channel was left while the phone is still open"
            assert call.record.disposition == "no_answer"

    run(main())


@pytest.mark.fault("F20")
def test_audio_before_the_answer_is_kept_and_the_evidence_says_what_was_believed() -> None:
    async def main() -> None:
        async with calling(NeverAnswer()) as mock:
            policy = CallPolicy(answer=AnswerPolicy.FIRST_AUDIO)
            async with mock.phone(policy=policy) as phone, phone.dial(NUMBER) as call:
                frames = call.audio()
                (live,) = mock.tenant.calls.values()
                bridge = live.room.join_pcm(9, Ear())
                bridge.publish()
                await asyncio.sleep(3)
                assert call.state.name == "RINGING"
                bridge.send(frame(0, 5))
                assert await call.answered()
                assert (await anext(frames)).pcm == frame(0, 5).pcm
                (entry,) = [item for item in call.record.timeline if item.call.name == "ACTIVE" and item.evidence]
                assert entry.evidence is not None
                assert entry.evidence.name == "AUDIO_HEARD"

    run(main())
