"""The far end of linked legs: what the conformance kit for transports does not cover."""

from __future__ import annotations

import asyncio

import pytest
from tests.core.rig import frame, run
from tests.core.testing.linked.test_transport import Handler

from offhook.errors import JoinTimeout, TransportError
from offhook.session.events import LegClosed, LegDisconnected, LegReconnected, MemberJoined, MemberPublished
from offhook.testing import LinkedFarEnd, LinkedTransport
from offhook.testing.linked.leg import LinkedLeg


def test_a_channel_has_several_legs_and_closes_on_all_of_them() -> None:
    async def main() -> None:
        async with LinkedFarEnd() as far:
            transport, first, second = far.transport(), Handler(), Handler()
            await transport.join(far.grant("room", uid=7), first)
            leg = await transport.join(far.grant("room", uid=8), second)
            assert list(far.uids("room")) == [7, 8]
            far.put_out("room", 7, "kicked")
            assert (first.events, second.events) == ([LegClosed("kicked")], [])
            far.member("room", 2).publish()
        assert second.events[-1] == LegClosed("channel closed")
        leg.send(frame())
        assert leg.counters()["frames_sent"] == 0, "a leg that is out sends nothing"

    run(main())


def test_events_of_an_outage_arrive_after_it() -> None:
    async def main() -> None:
        async with LinkedFarEnd() as far:
            handler, member = Handler(), far.member("room", 2)
            leg = await far.transport().join(far.grant("room", uid=7), handler)
            for _ in range(2):
                far.cut()
            member.join()
            member.publish()
            member.say(frame())
            assert handler.events == [LegDisconnected()]
            for _ in range(2):
                far.mend()
            assert handler.events == [LegDisconnected(), LegReconnected(), MemberJoined(2), MemberPublished(2)]
            assert (leg.counters()["frames_lost_heard"], handler.heard) == (1, [])
            await leg.leave()
            far.cut()
            far.mend()
            assert len(handler.events) == 4

    run(main())


def test_without_a_network_join_and_renew_fail() -> None:
    async def main() -> None:
        async with LinkedFarEnd() as far:
            transport, grant = far.transport(), far.grant("room", uid=7)
            leg = await transport.join(grant, Handler())
            far.cut()
            with pytest.raises(TransportError, match="no network"):
                await leg.renew(grant)
            with pytest.raises(JoinTimeout, match="no network"):
                await transport.join(grant, Handler())
            assert asyncio.get_running_loop().time() == 20

    run(main())


def test_a_leg_that_is_over_reports_nothing() -> None:
    async def main() -> None:
        async with LinkedFarEnd() as far:
            handler = Handler()
            leg = await far.transport().join(far.grant("room", uid=7), handler)
            assert isinstance(leg, LinkedLeg)
            await leg.leave()
            leg.hear(2, frame())
            leg.happened(MemberJoined(2))
            leg.cut_off(1.0)
            assert (handler.events, handler.heard) == ([], [])

    run(main())


def test_a_transport_without_a_far_end_has_a_channel_of_its_own() -> None:
    async def main() -> None:
        transport, handler = LinkedTransport(), Handler()
        member = transport.member(3)
        assert transport.members == [member]
        transport.kick("no leg to remove")
        await transport.join(LinkedFarEnd().grant("any", uid=7), handler)
        transport.speak(3, frame())
        transport.tell(MemberJoined(3))
        assert (len(handler.heard), handler.events) == (1, [MemberJoined(3)])

    run(main())
