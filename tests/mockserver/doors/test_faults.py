"""Faults at the doors with sockets: real clients of the PCM door, real phones at the WebRTC door."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.doors.pcm.test_door import Client
from tests.plugins.relay_kit import until

from offhook import Phone
from offhook.errors import JoinTimeout
from offhook.plugin import Plugins
from offhook.session import CallPolicy
from offhook_mockserver.callees.script import Answer, Script, Wait
from offhook_mockserver.server import MockServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook_mockserver.tenants.call import MockCall

NUMBER = "+14155550101"
PATIENT = Script("answers and waits", (Answer(), Wait(600.0)))
FRAME = bytes(640)


def at_the_pcm_door(test: Callable[[MockServer, MockCall, Client], Awaitable[None]]) -> None:
    async def main() -> None:
        async with MockServer(plugins=Plugins(), script_for=lambda number: PATIENT) as server:
            call = server.calls.start(server.tenant, NUMBER, server.from_number)
            client = Client(server.port)
            try:
                await test(server, call, client)
            finally:
                if hasattr(client, "websocket"):
                    client.websocket.transport.abort()

    asyncio.run(main())


def join(server: MockServer, call: MockCall, **more: object) -> dict[str, object]:
    grant = server.renew(call.channel)
    return {"app_id": grant.app_id, "channel": grant.channel, "token": grant.token.reveal(), "uid": 7, **more}


async def spoken(client: Client, first: int, count: int) -> None:
    for number in range(first, first + count):
        await client.speak(number * 320, FRAME)


@pytest.mark.fault("F21")
def test_frames_of_a_client_of_the_pcm_door_are_lost_and_late() -> None:
    async def test(server: MockServer, call: MockCall, client: Client) -> None:
        faults = server.tenant.faults
        lossy = faults.media("to_callee", loss=0.5)
        assert (await client.ask(**join(server, call)))["type"] == "welcome"
        await spoken(client, 0, 100)
        await until(lambda: lossy.carried == 100, "all frames arrived")
        assert lossy.lost == pytest.approx(50, abs=20)
        assert call.callee.counters()["frames_heard"] == 100 - lossy.lost
        lossy.undo()
        late = faults.media("to_callee", delay_s=0.05)
        await spoken(client, 100, 10)
        await until(lambda: call.callee.counters()["frames_heard"] == 110 - lossy.lost, "the late ones")
        assert (late.carried, late.lost) == (10, 0)

    at_the_pcm_door(test)


@pytest.mark.fault("F25")
def test_a_client_of_the_pcm_door_hears_nothing_while_it_is_muted() -> None:
    async def test(server: MockServer, call: MockCall, client: Client) -> None:
        assert (await client.ask(**join(server, call)))["type"] == "welcome"
        with server.tenant.faults.media("to_caller", muted=True) as fault:
            await until(lambda: fault.carried > 5, "some frames of the callee")
            assert fault.lost == fault.carried
        while isinstance(await client.next(), str):
            pass  # then audio comes again

    at_the_pcm_door(test)


@pytest.mark.fault("F13")
def test_a_join_at_the_pcm_door_is_held_until_the_fault_is_undone() -> None:
    async def test(server: MockServer, call: MockCall, client: Client) -> None:
        fault = server.tenant.faults.join_never_answers()
        asking = asyncio.create_task(client.ask(**join(server, call)))
        await until(lambda: fault.count == 1, "the join arrived")
        await asyncio.wait((asking,), timeout=0.05)
        assert not asking.done()
        fault.undo()
        assert (await asking)["type"] == "welcome"

    at_the_pcm_door(test)


@pytest.mark.fault("F13")
@pytest.mark.parametrize(
    "end", ["the client goes", "the client does not wait", "the channel is closed", "the door is closed"]
)
def test_a_join_at_the_pcm_door_is_held_no_longer_than_there_is_a_client_and_a_channel(end: str) -> None:
    async def test(server: MockServer, call: MockCall, client: Client) -> None:
        server.tenant.faults.join_never_answers()
        asking = asyncio.create_task(client.ask(**join(server, call)))
        door = server._pcm_door  # pyright: ignore[reportPrivateUsage]
        await until(lambda: bool(server.tenant.faults.active[0].count), "the join arrived")
        assert door.connections == 1
        match end:
            case "the client goes":
                client.websocket.transport.abort()
            case "the client does not wait":
                await client.say(type="leave")
            case "the channel is closed":
                call.room.close()
                assert (await asking)["type"] == "refused"
            case _:
                async with asyncio.timeout(5):
                    await door.aclose()
        await until(lambda: door.connections == 0, "it is served no more")
        asking.cancel()
        with contextlib.suppress(Exception, asyncio.CancelledError):
            await asking
        assert door.clients == 0

    at_the_pcm_door(test)


@pytest.mark.fault("F23")
def test_a_client_of_the_pcm_door_loses_its_connection_in_a_blackout_and_comes_back() -> None:
    async def test(server: MockServer, call: MockCall, client: Client) -> None:
        welcome = await client.ask(**join(server, call))
        with server.tenant.faults.blackout() as fault:
            with contextlib.suppress(Exception):
                while True:
                    await client.next()
            again = asyncio.create_task(client.ask(**join(server, call, rejoin=welcome["place"])))
            await asyncio.wait((again,), timeout=0.05)
            assert not again.done()
            assert call.room.members, "the channel keeps it for a while"
        assert (await again)["place"] == welcome["place"]
        assert fault.count == 1

    at_the_pcm_door(test)


@pytest.mark.fault("F16")
def test_the_pcm_door_refuses_a_renewal_and_notes_it() -> None:
    async def test(server: MockServer, call: MockCall, client: Client) -> None:
        assert (await client.ask(**join(server, call)))["type"] == "welcome"
        server.tenant.faults.renewal_refused(times=1)
        for answer, note in (("renewal_refused", "token_refused"), ("renewed", "token_renewed")):
            await client.say(type="renew", token=server.renew(call.channel).token.reveal())
            while (event := await client.event())["type"] not in {"renewed", "renewal_refused"}:
                pass
            assert event["type"] == answer
            assert server.tenant.journal.search(where={"event": note, "uid": 7})

    at_the_pcm_door(test)


@pytest.mark.fault("F18")
def test_a_client_of_the_pcm_door_is_removed_by_one_with_its_uid() -> None:
    async def test(server: MockServer, call: MockCall, client: Client) -> None:
        server.tenant.faults.duplicate_uid(after_s=0.01)
        assert (await client.ask(**join(server, call)))["type"] == "welcome"
        while (event := await client.event())["type"] != "kicked":
            pass
        assert event["reason"] == "replaced"

    at_the_pcm_door(test)


def with_a_phone(test: Callable[[MockServer, Phone], Awaitable[None]], policy: CallPolicy | None = None) -> None:
    async def main() -> None:
        async with (
            MockServer(script_for=lambda number: PATIENT) as server,
            Phone(policy=policy, environment=server.environment, transport="aiortc", store="none") as phone,
        ):
            await test(server, phone)

    asyncio.run(main())


@pytest.mark.fault("F21")
@pytest.mark.fault("F22")
def test_a_phone_at_the_webrtc_door_loses_packets_and_hears_them_late() -> None:
    async def test(server: MockServer, phone: Phone) -> None:
        async with phone.dial(NUMBER) as call:
            assert await call.answered()
            (live,) = server.tenant.calls.values()
            await until(lambda: live.callee.counters()["frames_heard"] > 10, "audio")
            with server.tenant.faults.media(loss=0.3, jitter_s=0.03, reorder=0.1, duplicate=0.1) as fault:
                await until(lambda: fault.carried > 100, "two seconds both ways")
                assert fault.lost == pytest.approx(0.3 * fault.carried, abs=25)
                assert fault.count == 1
            seen = live.callee.counters()["frames_heard"]
            await until(lambda: live.callee.counters()["frames_heard"] > seen + 10, "audio again")
            carried = fault.carried
            await asyncio.sleep(0.1)
            assert fault.carried == carried, "what is undone sees no packet"
            await call.hang_up()

    with_a_phone(test)


@pytest.mark.fault("F13")
def test_a_phone_gets_no_answer_to_its_join_at_the_webrtc_door() -> None:
    async def test(server: MockServer, phone: Phone) -> None:
        with server.tenant.faults.join_never_answers() as fault, pytest.raises(JoinTimeout):
            async with phone.dial(NUMBER):
                pass
        assert fault.count >= 1
        async with (
            Phone(environment=server.environment, transport="aiortc", store="none") as patient,
            patient.dial(NUMBER) as call,
        ):
            assert await call.answered()

    with_a_phone(test, CallPolicy(setup_timeout_s=0.5, release_timeout_s=0.2))


def test_a_phone_is_kicked_at_the_webrtc_door() -> None:
    async def test(server: MockServer, phone: Phone) -> None:
        with server.tenant.faults.kick(after_s=0.05, reason="banned") as fault:
            async with phone.dial(NUMBER) as call:
                await call.ended()
                assert (fault.count, call.record.outcome is not None) == (1, True)

    with_a_phone(test)


@pytest.mark.slow
@pytest.mark.fault("F23")
def test_a_phone_at_the_webrtc_door_comes_back_after_a_blackout() -> None:
    async def test(server: MockServer, phone: Phone) -> None:
        async with phone.dial(NUMBER) as call:
            assert await call.answered()
            entries = call.events()
            fault = server.tenant.faults.blackout(for_s=3.0)
            names: list[str] = []
            async for entry in entries:
                names.append(entry.event)
                if entry.event == "LegReconnected":
                    break
            assert names.count("LegDisconnected") == 1
            assert (fault.count, fault.active) == (1, False)
            await call.hang_up()

    with_a_phone(test)
