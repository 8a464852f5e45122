"""A leg that loses its connection rejoins by itself, but not after the relay put it out."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from tests.mockserver.doors.webrtc.test_door import MovableClock
from tests.plugins.relay_kit import (
    FRAME_SAMPLES,
    Ear,
    Relay,
    Talker,
    abort_websocket,
    end_peer,
    serving,
    tone,
    until,
    with_relay,
)

from offhook.interfaces.ids import Ids
from offhook.session.events import (
    LeaveReason,
    LegClosed,
    LegDisconnected,
    LegFailed,
    LegReconnected,
    MemberJoined,
    MemberLeft,
    MemberPublished,
)
from offhook_aiortc.transport import AiortcTransport
from offhook_wire.backoff import Backoff

BREAKS = {"WebSocket": abort_websocket, "peer": end_peer}


def of_the_leg(ear: Ear) -> list[object]:
    """The events about the leg itself."""
    return [
        event for event in ear.events if isinstance(event, LegDisconnected | LegReconnected | LegClosed | LegFailed)
    ]


@pytest.mark.fault("F23")
@pytest.mark.parametrize("broken", list(BREAKS))
def test_a_lost_leg_rejoins_once_and_its_stream_continues(broken: str) -> None:
    async def check(relay: Relay) -> None:
        ear, callee_ear = Ear(), Ear()
        callee = relay.room.join_pcm(9, callee_ear)
        callee.publish()
        leg = await AiortcTransport().join(relay.grant(7), ear)
        loop = asyncio.get_running_loop()
        for index in range(10):
            leg.send(tone(index))
            callee.send(tone(index))
        await until(lambda: len(callee_ear.audio) == len(ear.audio) == 10, "both hear")
        ssrc, numbers = leg.ssrc, relay.room.rtp_members[0].streams[9].sequence
        broken_at_s = loop.time()
        BREAKS[broken](leg)
        await until(lambda: LegDisconnected() in ear.events, "noticed")
        leg.send(tone(10))
        await until(lambda: LegReconnected() in ear.events, "back")
        print(f"{broken} lost: back after {(loop.time() - broken_at_s) * 1000:.0f} ms")
        for index in range(11, 20):
            leg.send(tone(index))
            callee.send(tone(index))
        await until(lambda: len(callee_ear.audio) == len(ear.audio) == 19, "both hear again")
        assert of_the_leg(ear) == [LegDisconnected(), LegReconnected()]
        expected = [index * FRAME_SAMPLES for index in range(20) if index != 10]
        assert ear.positions == expected
        assert leg.ssrc == ssrc
        assert (leg.uid, relay.room.rtp_members[0].uid) == (7, 7)
        assert relay.room.rtp_members[0].streams[9].sequence == numbers + 9, "the relay's numbering goes on as well"
        counters = leg.counters()
        assert (counters["frames_sent"], counters["frames_dropped"], counters["reconnections"]) == (19, 1, 1)
        assert counters["packets_lost"] == 0
        # For the callee, we left and joined again.
        assert callee_ear.events.count(MemberJoined(7)) == 2
        assert callee_ear.events.count(MemberLeft(7, LeaveReason.DROPPED)) == 1
        await leg.leave()
        await until(lambda: callee_ear.events[-1] == MemberLeft(7, LeaveReason.QUIT), "left for good")

    with_relay(check)


def test_changes_during_an_outage_are_reported_after_it() -> None:
    async def main() -> None:
        relay = Relay()
        ear = Ear()
        async with serving(relay.door.routes()) as relay.url:
            for uid in (1, 2, 3):
                relay.room.join_pcm(uid, Ear()).publish()
            leg = await AiortcTransport().join(relay.grant(7), ear)
            await until(lambda: len(ear.events) == 6, "introduced")
        await until(lambda: relay.room.rtp_members == (), "the server is gone, and with it the leg")
        events_before = len(ear.events)
        one, two, _ = relay.room.pcm_members
        one.leave()
        two.unpublish()
        relay.room.join_pcm(4, Ear()).publish()
        port = int(relay.url.rpartition(":")[2])
        async with serving(relay.door.routes(), port):
            await until(lambda: LegReconnected() in ear.events, "back")
            await until(lambda: MemberPublished(4) in ear.events, "reported")
            assert ear.events[events_before - 1] == LegDisconnected()
            after = ear.events[events_before:]
            assert after[0] == LegReconnected()
            assert MemberLeft(1, LeaveReason.DROPPED) in after
            assert [type(event).__name__ for event in after].count("MemberUnpublished") == 1
            assert not any(getattr(event, "uid", 0) == 3 for event in after), "nothing is reported twice"
            await leg.leave()
        relay.rooms.close_all()
        await relay.door.aclose()

    asyncio.run(main())


@pytest.mark.fault("F18")
def test_of_two_legs_with_one_uid_the_first_is_put_out_and_does_not_fight_back() -> None:
    async def check(relay: Relay) -> None:
        ears = Ear(), Ear()
        first = await AiortcTransport().join(relay.grant(7), ears[0])
        second = await AiortcTransport().join(relay.grant(7), ears[1])
        await until(lambda: ears[0].events == [LegClosed("replaced")], "put out")
        await asyncio.sleep(0.5)  # it would have come back by now
        assert ears[0].events == [LegClosed("replaced")]
        assert ears[1].events == []
        await first.leave()
        await second.leave()

    with_relay(check)


@pytest.mark.fault("F18")
def test_who_was_replaced_while_it_was_away_stays_out() -> None:
    async def check(relay: Relay) -> None:
        ears = Ear(), Ear()
        first = await AiortcTransport().join(relay.grant(7), ears[0])
        first._backoff._next_s = 0.3  # pyright: ignore[reportPrivateUsage] - so that the second is sooner
        abort_websocket(first)
        second = await AiortcTransport().join(relay.grant(7), ears[1])
        await until(lambda: LegClosed("replaced") in ears[0].events, "refused for good")
        assert of_the_leg(ears[0]) == [LegDisconnected(), LegClosed("replaced")]
        await asyncio.sleep(0.2)
        assert ears[1].events == []
        await first.leave()
        await second.leave()

    with_relay(check)


def test_a_channel_that_is_gone_is_not_asked_for_again() -> None:
    async def check(relay: Relay) -> None:
        ear = Ear()
        leg = await AiortcTransport().join(relay.grant(7), ear)
        leg._backoff._next_s = 0.1  # pyright: ignore[reportPrivateUsage]
        abort_websocket(leg)
        await until(lambda: LegDisconnected() in ear.events, "lost")
        relay.rooms.close("room")
        await until(lambda: len(of_the_leg(ear)) == 2, "given up")
        failed = ear.events[-1]
        assert isinstance(failed, LegFailed)
        assert "no channel 'room'" in failed.reason
        await until(lambda: relay.door.connections == 0, "nothing is left, before leave()")
        await leg.leave()

    with_relay(check)


@pytest.mark.fault("F14")
def test_a_token_that_expired_meanwhile_is_not_sent_again() -> None:
    clock = MovableClock()

    async def check(relay: Relay) -> None:
        ear = Ear()
        leg = await AiortcTransport().join(relay.grant(7), ear)
        leg._backoff._next_s = 0.1  # pyright: ignore[reportPrivateUsage]
        abort_websocket(leg)
        clock.pass_s = 601
        await until(lambda: len(of_the_leg(ear)) == 2, "given up")
        failed = ear.events[-1]
        assert isinstance(failed, LegFailed)
        assert "expired" in failed.reason
        await leg.leave()

    with_relay(check, clock)


@pytest.mark.parametrize("reason", ["call over", "token expired", "channel closed"])
def test_a_kicked_leg_does_not_rejoin(reason: str) -> None:
    async def check(relay: Relay) -> None:
        ear = Ear()
        leg = await AiortcTransport().join(relay.grant(7), ear)
        relay.room.kick(relay.room.rtp_members[0], reason)
        await until(lambda: ear.events == [LegClosed(reason)], "reported")
        await until(lambda: relay.door.connections == 0, "gone")
        await asyncio.sleep(0.3)
        assert (ear.events, relay.door.connections) == ([LegClosed(reason)], 0)
        await leg.leave()

    with_relay(check)


@pytest.mark.parametrize("turns", [0, 1, 3, 10, 30, 100])
def test_leaving_during_a_rejoin_is_immediate_and_leaves_nothing_behind(turns: int) -> None:
    async def check(relay: Relay) -> None:
        ear = Ear()
        leg = await AiortcTransport().join(relay.grant(7), ear)
        abort_websocket(leg)
        await until(lambda: LegDisconnected() in ear.events, "lost")
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(1):
            await leg.leave()
        events_before = list(ear.events)
        await until(lambda: relay.door.connections == 0, "the relay has let go")
        assert ear.events == events_before

    with_relay(check, join_timeout_s=0.5)


def test_leaving_while_there_is_no_relay_is_immediate() -> None:
    async def main() -> None:
        relay, ear = Relay(), Ear()
        async with serving(relay.door.routes()) as relay.url:
            leg = await AiortcTransport().join(relay.grant(7), ear)
        await until(lambda: LegDisconnected() in ear.events, "lost")
        leg.send(tone(0))
        await asyncio.sleep(0.5)
        async with asyncio.timeout(0.5):
            await leg.leave()
        assert of_the_leg(ear) == [LegDisconnected()]
        assert leg.counters()["frames_dropped"] == 1
        await until(lambda: len(asyncio.all_tasks()) == 1, "no task is left")

    asyncio.run(main())


def test_a_handler_may_leave_at_once() -> None:
    async def check(relay: Relay) -> None:
        leaving: list[asyncio.Task[None]] = []

        class Leaver(Ear):
            def on_event(self, event: object) -> None:
                super().on_event(event)  # type: ignore[arg-type]
                leaving.append(asyncio.create_task(leg.leave()))
                leg._close(goodbye=True)  # pyright: ignore[reportPrivateUsage] - at once, on this very stack

        ear = Leaver()
        leg = await AiortcTransport().join(relay.grant(7), ear)
        abort_websocket(leg)
        await until(lambda: bool(leaving), "reported")
        await leaving[0]
        assert ear.events == [LegDisconnected()]

    with_relay(check)


def test_waits_double_to_a_second_and_begin_anew_after_a_good_connection() -> None:
    backoff = Backoff(Ids(1))
    waits = [backoff.wait_s() for _ in range(7)]
    assert waits[0] == 0
    for wait_s, base_s in zip(waits[1:], (0.1, 0.2, 0.4, 0.8, 1.0, 1.0), strict=True):
        assert base_s <= wait_s < base_s * 1.25
    backoff.was_up(0.5)
    assert backoff.wait_s() >= 1
    backoff.was_up(60)
    assert backoff.wait_s() == 0


@pytest.mark.slow
def test_frames_that_fall_into_an_outage_are_a_gap_of_the_right_length() -> None:
    async def main() -> None:
        relay, ear, callee_ear = Relay(), Ear(), Ear()
        callee = relay.room.join_pcm(9, callee_ear)
        callee.publish()
        async with serving(relay.door.routes()) as relay.url:
            leg = await AiortcTransport().join(relay.grant(7), ear)
            talkers = Talker(leg), Talker(callee)
            await until(lambda: len(ear.audio) > 25, "half a second")
        await asyncio.sleep(1)
        async with serving(relay.door.routes(), int(relay.url.rpartition(":")[2])):
            await until(lambda: LegReconnected() in ear.events, "back")
            heard = len(ear.audio)
            await until(lambda: len(ear.audio) > heard + 25, "half a second more")
            sent = [await talker.stop() for talker in talkers]
            # The last packets arrive.
            await until(lambda: ear.positions[-1] == (sent[1] - 1) * FRAME_SAMPLES, "the last frame")
            counters = leg.counters()
            assert counters["frames_sent"] + counters["frames_dropped"] == sent[0]
            # No member listened, so the callee's frames were not encoded and no packet was lost: it is a gap in time.
            assert (counters["packets_lost"], counters["frames_concealed"]) == (0, 0)
            gaps = [(b - a) // FRAME_SAMPLES - 1 for a, b in itertools.pairwise(ear.positions)]
            assert counters["frames_received"] + sum(gaps) == sent[1]
            assert len([gap for gap in gaps if gap]) == 1
            assert of_the_leg(ear) == [LegDisconnected(), LegReconnected()]
            assert max(gaps) >= 50
            print(f"an outage of the server of 1 s: a gap of {max(gaps)} frames heard")
            await leg.leave()
        relay.rooms.close_all()
        await relay.door.aclose()

    asyncio.run(main())
