"""An ended call between two WebRTC members leaves a summary in the mock, and none of its media."""

from __future__ import annotations

import asyncio
import gc
import sys
from enum import Enum
from typing import Final

import pylibsrtp
import pytest
from aioice.ice import Connection
from aiortc import RTCDtlsTransport, RTCIceTransport
from tests.plugins.relay_kit import Ear, tone, until

from offhook.plugin import Plugins
from offhook_aiortc.transport import AiortcTransport
from offhook_mockserver.callees.script import Answer, Script
from offhook_mockserver.doors.webrtc.client import WebRtcClient
from offhook_mockserver.rooms.room import Room
from offhook_mockserver.rooms.rtp_member import RtpMember
from offhook_mockserver.server import InProcessMock, MockServer
from offhook_mockserver.tenants.call import EndedCall
from offhook_wire.peer import Peer

#: What belongs to the media of a call.
MEDIA: Final = (
    Room,
    RtpMember,
    WebRtcClient,
    Peer,
    RTCDtlsTransport,
    RTCIceTransport,
    Connection,
    pylibsrtp.Session,
    asyncio.DatagramTransport,
)
#: Bytes that an ended call may leave in the mock.
MOST_LEFT: Final = 4096


def living() -> dict[str, int]:
    """How many objects of each kind of media are alive, collected garbage aside."""
    gc.collect()
    found = dict.fromkeys((kind.__name__ for kind in MEDIA), 0)
    for item in gc.get_objects():
        for kind in MEDIA:
            # Not isinstance(): mocks of other tests may be among them, and a proxy runs code when it is asked.
            if issubclass(type(item), kind):
                found[kind.__name__] += 1
    return found


async def call_between_two(server: MockServer, transport: AiortcTransport) -> None:
    """One call in which two WebRTC members hear one another, and which both leave."""
    call = server.calls.start(server.tenant, "+14155550123", server.from_number)
    grant = server.renew(call.channel)
    ears = Ear(), Ear()
    legs = [await transport.join(grant, ear) for ear in ears]
    for index in range(5):
        for leg in legs:
            leg.send(tone(index))
        await asyncio.sleep(0.002)
    await until(lambda: all(len(ear.audio) >= 5 for ear in ears), "both hear the other")
    for leg in legs:
        await leg.leave()
    await until(lambda: call.channel not in server.tenant.calls, "the call is over")


def reachable(root: object) -> list[object]:
    """Every object that `root` keeps alive; classes and members of enumerations, which are shared, are left out."""
    found: dict[int, object] = {}
    waiting = [root]
    while waiting:
        item = waiting.pop()
        if id(item) in found or isinstance(item, type | Enum):
            continue
        found[id(item)] = item
        waiting += gc.get_referents(item)
    return list(found.values())


@pytest.mark.slow
def test_ended_calls_leave_a_summary_and_no_media() -> None:
    async def main() -> list[EndedCall]:
        before = living()  # of other tests that ran in this process

        def media() -> dict[str, int]:
            return {kind: count - before[kind] for kind, count in living().items() if count > before[kind]}

        server = MockServer(script_for=lambda number: Script("answers", (Answer(),)), plugins=Plugins())
        async with server:
            transport = AiortcTransport()
            await call_between_two(server, transport)
            await until(lambda: not media(), "no media is left of the first call")
            tasks = len(asyncio.all_tasks())
            for _ in range(3):
                await call_between_two(server, transport)
            await until(lambda: not media(), "no media is left")
            await until(lambda: len(asyncio.all_tasks()) <= tasks, "no task is left")
            await transport.aclose()
            return list(server.tenant.ended)

    ended = asyncio.run(main())
    assert len(ended) == 4
    for call in ended:
        assert call.events[-1] == "caller hung up"
        assert call.losses() == {}
        kept = reachable(call)
        assert {type(item) for item in kept} <= {EndedCall, str, int, dict, list}
        assert sum(map(sys.getsizeof, kept)) < MOST_LEFT


def test_an_ended_call_with_very_many_long_events_is_as_small() -> None:
    async def main() -> EndedCall:
        async with InProcessMock(plugins=Plugins()) as mock:
            call = mock.calls.start(mock.tenant, "+14155550123", mock.from_number)
            call.events += [f"{number} " + "x" * 500 for number in range(10_000)]
            return call.ended()

    ended = asyncio.run(main())
    assert [event[:5] for event in ended.events] == [f"{number} " for number in range(9980, 10_000)]
    assert sum(map(sys.getsizeof, reachable(ended))) < MOST_LEFT
