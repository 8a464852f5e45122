"""Outages: noticed by the side that receives nothing, and over once packets arrive again."""

from __future__ import annotations

import asyncio

import pytest
from tests.mockserver.doors.webrtc.test_door import Client, with_client
from tests.plugins.relay_kit import (
    FRAME_SAMPLES,
    Ear,
    Relay,
    Talker,
    tone,
    until,
    with_relay,
)
from tests.plugins.test_aiortc_rejoin import of_the_leg

from offhook.session.events import (
    AudioLost,
    AudioReturned,
    Direction,
    LeaveReason,
    LegDisconnected,
    LegReconnected,
    MemberJoined,
    MemberLeft,
)
from offhook_aiortc.transport import AiortcTransport
from offhook_wire.impairment import Impairment
from offhook_wire.rtcp import ReceiverReport

pytestmark = pytest.mark.slow


@pytest.mark.slow
@pytest.mark.fault("F23")
@pytest.mark.parametrize("both_ways", [True, False], ids=["both ways", "only incoming"])
def test_a_blackout_of_3_s_and_its_end_are_reported_once(both_ways: bool) -> None:
    incoming, outgoing = Impairment(), Impairment()

    async def check(relay: Relay) -> None:
        loop = asyncio.get_running_loop()
        ear, callee_ear = Ear(), Ear()
        callee = relay.room.join_pcm(9, callee_ear)
        callee.publish()
        leg = await AiortcTransport(incoming=incoming, outgoing=outgoing).join(relay.grant(7), ear)
        talkers = Talker(leg), Talker(callee)
        await until(lambda: len(ear.audio) > 25, "half a second")
        incoming.cut, outgoing.cut = True, both_ways
        cut_at_s = loop.time()
        await until(lambda: LegDisconnected() in ear.events, "noticed")
        noticed_s = loop.time() - cut_at_s
        await asyncio.sleep(3 - noticed_s)
        incoming.cut = outgoing.cut = False
        there_at_s = loop.time()
        await until(lambda: LegReconnected() in ear.events, "back")
        print(f"silence noticed after {noticed_s:.2f} s, its end after {loop.time() - there_at_s:.2f} s")
        heard = len(ear.audio)
        await until(lambda: len(ear.audio) > heard + 25, "half a second more")
        sent = [await talker.stop() for talker in talkers]
        await until(lambda: ear.positions[-1] == (sent[1] - 1) * FRAME_SAMPLES, "the last frame")
        await until(lambda: callee_ear.positions[-1] == (sent[0] - 1) * FRAME_SAMPLES, "and the callee's")
        assert of_the_leg(ear) == [LegDisconnected(), LegReconnected()]
        assert callee_ear.events.count(MemberJoined(7)) == 1, "the others noticed nothing"
        counters = leg.counters()
        # What was sent into the blackout is lost, and counted as lost; nothing else is.
        assert counters["packets_received"] + counters["packets_lost"] == sent[1]
        assert counters["packets_lost"] > 2 * 50
        assert counters["frames_sent"] == sent[0]
        member = relay.room.rtp_members[0]
        assert member.packets_received + member.packets_lost == sent[0]
        if not both_ways:
            assert callee_ear.positions == [index * FRAME_SAMPLES for index in range(sent[0])], "it heard us throughout"
        await leg.leave()

    with_relay(check)


@pytest.mark.slow
@pytest.mark.fault("F23")
def test_a_leg_dropped_in_a_blackout_rejoins_after_it() -> None:
    incoming, outgoing = Impairment(), Impairment()

    async def check(relay: Relay) -> None:
        ear, callee_ear = Ear(), Ear()
        callee = relay.room.join_pcm(9, callee_ear)
        callee.publish()
        leg = await AiortcTransport(incoming=incoming, outgoing=outgoing, silence_s=0.3).join(relay.grant(7), ear)
        talkers = Talker(leg), Talker(callee)
        await until(lambda: len(ear.audio) > 10, "hearing")
        incoming.cut = outgoing.cut = True
        await until(lambda: MemberLeft(7, LeaveReason.DROPPED) in callee_ear.events, "the relay noticed too")
        assert of_the_leg(ear) == [LegDisconnected()]
        await asyncio.sleep(1)  # attempts to come back fail
        assert of_the_leg(ear) == [LegDisconnected()]
        incoming.cut = outgoing.cut = False
        await until(lambda: LegReconnected() in ear.events, "back")
        heard = len(ear.audio), len(callee_ear.audio)
        await until(lambda: len(ear.audio) > heard[0] + 10 and len(callee_ear.audio) > heard[1] + 10, "both hear again")
        sent, _ = [await talker.stop() for talker in talkers]
        assert of_the_leg(ear) == [LegDisconnected(), LegReconnected()]
        counters = leg.counters()
        assert counters["frames_sent"] + counters["frames_dropped"] == sent
        assert counters["frames_dropped"] > 0
        await leg.leave()

    with_relay(check, silence_s=0.5)


def test_a_blackout_ends_with_the_next_report_without_any_audio() -> None:
    incoming = Impairment()

    async def check(relay: Relay) -> None:
        ear = Ear()
        leg = await AiortcTransport(incoming=incoming, silence_s=1.2).join(relay.grant(7), ear)
        await asyncio.sleep(1.5)
        assert ear.events == [], "a report each second is enough"
        incoming.cut = True
        await until(lambda: ear.events == [LegDisconnected()], "noticed")
        incoming.cut = False
        await until(lambda: ear.events == [LegDisconnected(), LegReconnected()], "back")
        await leg.leave()

    with_relay(check)


def test_leaving_during_a_blackout_is_bounded() -> None:
    incoming, outgoing = Impairment(), Impairment()

    async def check(relay: Relay) -> None:
        ear = Ear()
        leg = await AiortcTransport(incoming=incoming, outgoing=outgoing, silence_s=0.2).join(relay.grant(7), ear)
        incoming.cut = outgoing.cut = True
        await until(lambda: ear.events == [LegDisconnected()], "noticed")
        async with asyncio.timeout(1):
            await leg.leave()

    with_relay(check)


def test_a_blocked_loop_is_not_an_outage() -> None:
    import time

    async def check(relay: Relay) -> None:
        ear, other = Ear(), Ear()
        relay.room.join_pcm(9, other).publish()
        leg = await AiortcTransport(silence_s=1.5).join(relay.grant(7), ear)
        await until(lambda: len(ear.events) == 2, "introduced")
        time.sleep(2)  # noqa: ASYNC251 - the whole process stands still, as on a machine that was suspended
        await asyncio.sleep(1.2)
        assert len(ear.events) == 2
        assert len(other.events) == 1
        await leg.leave()

    with_relay(check, silence_s=1.5)


def test_the_relay_drops_a_client_from_which_nothing_arrives() -> None:
    async def check(relay: Relay, client: Client) -> None:
        ear = Ear()
        relay.room.join_pcm(9, ear)
        await client.join()
        loop = asyncio.get_running_loop()
        until_s = loop.time() + 1
        while loop.time() < until_s:
            client.peer.send_rtcp(ReceiverReport(5).encode())
            await asyncio.sleep(0.1)
        assert ear.events == [MemberJoined(7)], "a report now and then is enough"
        await until(lambda: ear.events[-1] == MemberLeft(7, LeaveReason.DROPPED), "dropped")
        await until(lambda: relay.door.connections == 0, "over")

    with_client(check, Relay(None, silence_s=0.5))


@pytest.mark.slow
@pytest.mark.fault("F25")
def test_lost_sent_audio_and_its_return_are_reported_once() -> None:
    outgoing = Impairment()

    async def check(relay: Relay) -> None:
        loop = asyncio.get_running_loop()
        ear, callee_ear = Ear(), Ear()
        callee = relay.room.join_pcm(9, callee_ear)
        callee.publish()
        leg = await AiortcTransport(outgoing=outgoing).join(relay.grant(7), ear)
        talkers = Talker(leg), Talker(callee)
        await until(lambda: len(callee_ear.audio) > 60, "more than a second")
        outgoing.muted = True
        cut_at_s = loop.time()
        await until(lambda: AudioLost(Direction.SENT) in ear.events, "noticed")
        noticed_s = loop.time() - cut_at_s
        await asyncio.sleep(1.5)
        outgoing.muted = False
        there_at_s = loop.time()
        await until(lambda: AudioReturned(Direction.SENT) in ear.events, "its return is reported")
        print(f"one-way audio reported after {noticed_s:.2f} s, its end after {loop.time() - there_at_s:.2f} s")
        await asyncio.sleep(1.5)
        for talker in talkers:
            await talker.stop()
        about_audio = [event for event in ear.events if isinstance(event, AudioLost | AudioReturned)]
        assert about_audio == [AudioLost(Direction.SENT), AudioReturned(Direction.SENT)]
        assert of_the_leg(ear) == [], "the call goes on"
        await leg.leave()

    with_relay(check)


@pytest.mark.slow
@pytest.mark.fault("F25")
def test_lost_received_audio_is_not_reported_as_lost_sent_audio() -> None:
    incoming = Impairment()

    async def check(relay: Relay) -> None:
        ear, callee_ear = Ear(), Ear()
        callee = relay.room.join_pcm(9, callee_ear)
        callee.publish()
        leg = await AiortcTransport(incoming=incoming).join(relay.grant(7), ear)
        talkers = Talker(leg), Talker(callee)
        await until(lambda: len(ear.audio) > 10, "hearing")
        incoming.muted = True
        heard = len(ear.audio)
        await asyncio.sleep(4)
        assert len(ear.audio) == heard, "deaf"
        assert not any(isinstance(event, AudioLost) for event in ear.events)
        assert of_the_leg(ear) == [], "reports come, so the leg is connected; that we are deaf is the core's to notice"
        incoming.muted = False
        await until(lambda: len(ear.audio) > heard + 10, "hearing again")
        for talker in talkers:
            await talker.stop()
        await leg.leave()

    with_relay(check)


@pytest.mark.slow
def test_a_pause_of_ours_is_not_lost_audio() -> None:
    async def check(relay: Relay) -> None:
        ear = Ear()
        leg = await AiortcTransport(lost_s=0.5, drop=lambda number: number > 20).join(relay.grant(7), ear)
        for index in range(40):
            leg.send(tone(index))
        await asyncio.sleep(3.6)  # three reports that say nothing new
        assert ear.events == []
        await leg.leave()

    with_relay(check)
