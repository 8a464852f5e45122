"""The far ends that the mock server has for conformance kits, found by name as a kit finds them."""

from __future__ import annotations

import asyncio

import pytest
from tests.mockserver.doors.memory.test_transport import Ear, frame, run

from offhook.errors import JoinTimeout
from offhook.plugin.manager import Plugins
from offhook.session.events import LegClosed, MemberJoined, MemberPublished
from offhook.testing import ChannelFarEnd
from offhook_mockserver.far_ends.memory import MemoryFarEnd
from offhook_mockserver.far_ends.webrtc import Gate, RelayFarEnd


def test_they_are_found_by_the_names_of_the_transports() -> None:
    plugins = Plugins.load()
    made = {name: plugins.make(plugins.far_ends, name) for name in ("memory", "aiortc")}
    assert {name: type(far) for name, far in made.items()} == {"memory": MemoryFarEnd, "aiortc": RelayFarEnd}
    assert all(isinstance(far, ChannelFarEnd) for far in made.values())
    assert {name: far.virtual_time for name, far in made.items()} == {"memory": True, "aiortc": False}


def test_a_transport_by_name_joins_at_its_far_end() -> None:
    async def main() -> None:
        async with MemoryFarEnd() as far:
            plugins = Plugins.load(far.plugins)
            transport = plugins.make(plugins.transports, "memory", far.environment)
            await transport.check(far.endpoint)
            ear, member = Ear(), far.member("room", 2)
            member.join()
            member.publish()
            leg = await transport.join(far.grant("room", uid=7), ear)
            leg.send(frame(0))
            await asyncio.sleep(0)
            far.put_out("room", 7, "kicked")
            assert ear.received == [MemberJoined(2), MemberPublished(2), LegClosed("kicked")]
            assert (len(member.heard), list(far.uids("room"))) == (1, [2])
            far.cut()
            late = plugins.make(plugins.transports, "memory", far.environment)
            with pytest.raises(JoinTimeout):
                await late.join(far.grant("room", uid=7), Ear())

    run(main())


def test_messages_wait_while_the_gate_is_cut() -> None:
    async def main() -> None:
        async def echo(scope: object, receive: object, send: object) -> None:
            await send(await receive())  # type: ignore[operator]

        passed: list[object] = []

        async def receive() -> dict[str, object]:
            return {"type": "hello"}

        async def send(message: object) -> None:
            passed.append(message)

        gate = Gate(echo)
        gate.cut()
        passing = asyncio.create_task(gate({}, receive, send))
        await asyncio.sleep(60)
        assert passed == []
        gate.mend()
        await passing
        assert passed == [{"type": "hello"}]

    run(main())
