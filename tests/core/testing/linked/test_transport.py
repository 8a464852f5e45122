"""Linked legs: the channel in memory behaves as a channel does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import frame, run

from offhook.errors import JoinFailed, TransportUnavailable
from offhook.interfaces.grant import Grant
from offhook.secret import Secret
from offhook.session.events import (
    LeaveReason,
    LegClosed,
    LegEvent,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
)
from offhook.testing import LinkedTransport

if TYPE_CHECKING:
    from offhook import AudioFrame

GRANT = Grant("0" * 32, "ft_call_1", Secret("token-of-a-test"), 1)


class Handler:
    def __init__(self) -> None:
        self.events: list[LegEvent] = []
        self.heard: list[tuple[int, AudioFrame]] = []

    def on_event(self, event: LegEvent) -> None:
        self.events.append(event)

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        self.heard.append((uid, frame))


def test_members_who_joined_before_are_reported_after_the_join() -> None:
    async def main() -> None:
        transport, handler = LinkedTransport(), Handler()
        here, muted, _ = transport.member(2), transport.member(3), transport.member(4)
        here.join()
        here.publish()
        muted.join()
        await transport.join(GRANT, handler)
        assert handler.events == [], "not before join has returned"
        await asyncio.sleep(0)
        assert handler.events == [MemberJoined(2), MemberPublished(2), MemberJoined(3)]

    run(main())


def test_events_and_audio_of_members_arrive() -> None:
    async def main() -> None:
        transport, handler = LinkedTransport(), Handler()
        member, said = transport.member(), frame()
        leg = await transport.join(GRANT, handler)
        leg.send(said)
        member.join()
        member.publish()
        member.say(said)
        leg.send(said)
        member.unpublish()
        member.leave(LeaveReason.DROPPED)
        leg.send(said)
        transport.kick("banned")
        assert handler.events == [
            MemberJoined(2),
            MemberPublished(2),
            MemberUnpublished(2),
            MemberLeft(2, LeaveReason.DROPPED),
            LegClosed("banned"),
        ]
        assert handler.heard == [(2, said)]
        assert member.heard == [said], "only while they were in the channel"
        assert leg.counters()["frames_sent"] == 3

    run(main())


def test_a_leg_that_left_hears_nothing_and_a_second_leave_spares_the_next() -> None:
    async def main() -> None:
        transport, first, second = LinkedTransport(), Handler(), Handler()
        member = transport.member()
        leg = await transport.join(GRANT, first)
        await leg.leave()
        member.join()
        member.say(frame())
        assert (first.events, first.heard) == ([], [])
        await transport.join(GRANT, second)
        await leg.leave()
        member.say(frame())
        assert len(second.heard) == 1
        assert transport.joins == 2

    run(main())


def test_it_raises_the_errors_that_were_set() -> None:
    async def main() -> None:
        with pytest.raises(TransportUnavailable, match="no relay"):
            await LinkedTransport(refuse_check=TransportUnavailable("no relay")).check(None)
        with pytest.raises(JoinFailed, match="full"):
            await LinkedTransport(refuse_join=JoinFailed("full")).join(GRANT, Handler())
        transport = LinkedTransport()
        await transport.check("http://127.0.0.1:9")
        await transport.aclose()
        with pytest.raises(TransportUnavailable, match="was closed"):
            await transport.check(None)

    run(main())


def test_gates_hold_up_joining_and_leaving() -> None:
    async def main() -> None:
        transport = LinkedTransport()
        transport.join_gate.clear()
        transport.leave_gate.clear()
        joining = asyncio.create_task(transport.join(GRANT, Handler()))
        await asyncio.sleep(5)
        assert not joining.done()
        transport.join_gate.set()
        leaving = asyncio.create_task((await joining).leave())
        await asyncio.sleep(5)
        assert transport.leg is not None
        transport.leave_gate.set()
        await leaving
        assert transport.leg is None

    run(main())
