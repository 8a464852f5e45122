"""The stream of an account's events, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.mockserver.faces.sendblue.contract import against, keys_of
from tests.mockserver.faces.streams import Sent, all_closed, streaming

from offhook.testing import LoopClock
from offhook_mockserver.tenants.account.events import MOST_EVENTS
from offhook_mockserver.tenants.streams import MOST_STREAMS

if TYPE_CHECKING:
    from tests.mockserver.faces.sendblue.contract import ContractClient

    from offhook_mockserver.server import InProcessMock

PATH = "/api/v2/events"
MINE, OTHER = "+18885550199", "+18885550198"


def test_an_event_that_happens_right_after_the_headers_is_streamed() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        events = mock.tenant.account.events
        events.emit("message.created", {"message_id": "before"})
        async with streaming(client, PATH) as stream:
            event = events.emit("message.received", {"message_id": "m1", "content": "Grüße\n\nzwei"})
            assert await stream.next() == Sent("message.received", event.to_json())
            assert stream.response.headers["cache-control"] == "no-store"
            assert "content-length" not in stream.response.headers

    against(test)


def test_types_choose_events() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        events = mock.tenant.account.events
        async with streaming(client, PATH, params={"types": "contact.created,line.blocked"}) as stream:
            events.emit("message.created", {"message_id": "m1"})
            events.emit("line.blocked", {"worker_id": "w1"})
            events.emit("message.created", {"message_id": "m2"})
            events.emit("contact.created", {"contact_id": "c1"})
            assert [(await stream.next()).name for _ in range(2)] == ["line.blocked", "contact.created"]
        refused = await client.get(PATH, params={"types": "call.ended"})
        assert (refused.status_code, refused.json()["status"]) == (400, "ERROR")
        assert "types[0] is not one of those that are known" in refused.json()["message"]

    against(test)


def test_a_stream_has_a_comment_every_15_seconds_and_ends_after_15_minutes() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        clock = LoopClock()
        began_s = clock.monotonic_s()
        async with streaming(client, PATH) as stream:
            assert await stream.next() == Sent("", "heartbeat")
            assert clock.monotonic_s() - began_s == pytest.approx(15)
            rest = await stream.rest()
        assert clock.monotonic_s() - began_s == pytest.approx(900)
        assert rest[:-1] == [Sent("", "heartbeat")] * (len(rest) - 1)
        assert len(rest) in {59, 60}  # the last heartbeat and the end have the same time
        assert rest[-1] == Sent("", "the end: its time is over; connect again")
        assert len(mock.tenant.streams) == 0

    against(test)


def test_a_stream_follows_the_clock_of_its_tenant() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        async with streaming(client, PATH) as stream:
            mock.tenant.clock.advance(900)
            assert [sent.data for sent in await stream.rest()] == ["the end: its time is over; connect again"]

    against(test)


def test_the_stream_of_a_token_ends_with_the_token() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        tokens, clock = mock.tenant.account.access_tokens, LoopClock()
        async with httpx.AsyncClient(transport=mock.http(), base_url=mock.url) as bearer:
            token = tokens.mint(life_s=20)
            began_s = clock.monotonic_s()
            async with streaming(bearer, PATH, headers={"authorization": f"Bearer {token.text.reveal()}"}) as stream:
                assert len(await stream.rest()) == 2
            assert clock.monotonic_s() - began_s == pytest.approx(20)
            token = tokens.mint(life_s=900)
            async with streaming(bearer, PATH, headers={"authorization": f"Bearer {token.text.reveal()}"}) as stream:
                tokens.revoke(token.id)
                mock.tenant.account.events.emit("message.created", {"message_id": "m1"})
                assert await stream.rest() == [Sent("", "the end: the credentials are not valid any more")]

    against(test)


def test_a_token_of_some_lines_sees_events_of_these_lines_alone() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        account = mock.tenant.account
        token = account.access_tokens.mint(lines=(MINE,))
        headers = {"authorization": f"Bearer {token.text.reveal()}"}
        async with (
            httpx.AsyncClient(transport=mock.http(), base_url=mock.url, headers=headers) as bearer,
            streaming(bearer, PATH) as stream,
        ):
            account.events.emit("message.created", {"message_id": "m1", "sendblue_number": OTHER})
            account.events.emit("contact.created", {"contact_id": "c1"})
            account.events.emit("message.created", {"message_id": "m2", "sendblue_number": MINE})
            assert (await stream.next()).data["id"] == "message:m2:created"

    against(test)


def test_the_events_of_another_tenant_are_not_streamed() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        other = mock.tenants.create()
        async with streaming(client, PATH) as mine, streaming(client, PATH, headers=keys_of(other)) as theirs:
            mock.tenant.account.events.emit("message.created", {"message_id": "mine"})
            other.account.events.emit("message.created", {"message_id": "theirs"})
            assert (await mine.next()).data["id"] == "message:mine:created"
            assert (await theirs.next()).data["id"] == "message:theirs:created"

    against(test)


@pytest.mark.fault("F45")
def test_a_reader_that_is_too_slow_learns_how_many_events_it_has_missed() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        events = mock.tenant.account.events
        async with streaming(client, PATH) as stream:
            for number in range(10_000):
                events.emit("message.created", {"message_id": str(number)})
            dropped = 10_000 - MOST_EVENTS
            notice = f"{dropped} events were dropped, because this client reads too slowly"
            assert await stream.next() == Sent("", notice)
            ids = [(await stream.next()).data["id"] for _ in range(MOST_EVENTS)]
            assert ids == [f"message:{number}:created" for number in range(dropped, 10_000)]

    against(test)


def test_an_account_has_a_limit_of_open_streams() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(MOST_STREAMS):
                await stack.enter_async_context(streaming(client, PATH))
            assert len(mock.tenant.streams) == MOST_STREAMS
            refused = await client.get(PATH)
            assert (refused.status_code, refused.json()["status"]) == (429, "ERROR")
            assert "which is the limit" in refused.json()["message"]
            async with streaming(client, PATH, headers=keys_of(mock.tenants.create())):
                pass
        await all_closed(mock.tenant)
        async with streaming(client, PATH):
            pass

    against(test)


def test_a_head_request_opens_no_stream() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        answer = await client.head(PATH)
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
        assert len(mock.tenant.streams) == 0

    against(test)


def test_a_stream_ends_with_its_tenant_and_with_the_mock() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        other = mock.tenants.create()
        async with streaming(client, PATH) as mine, streaming(client, PATH, headers=keys_of(other)) as theirs:
            await mock.tenants.remove(other)
            assert await theirs.rest() == [Sent("", "the end: the tenant was removed")]
            await mock.aclose()
            assert await mine.rest() == [Sent("", "the end: the mock stops")]
        async with streaming(client, PATH) as late:
            assert await late.rest() == [Sent("", "the end: the mock stops")]

    against(test)


# Faults


def event_in(mock: InProcessMock) -> None:
    mock.tenant.account.events.emit("message.created", {"message_id": "m1"})


async def read_broken(mock: InProcessMock, client: ContractClient, read: bytearray) -> None:
    """Read a stream in which an event happens."""
    async with client.stream("GET", PATH) as response:
        event_in(mock)
        async for part in response.aiter_bytes():
            read += part


def test_a_fault_resets_a_stream_in_the_middle_of_an_event() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.faults.reset(after_bytes=10, path=PATH)
        read = bytearray()
        with pytest.raises(httpx.ReadError):
            await read_broken(mock, client, read)
        assert read == b"event: mes"
        await all_closed(mock.tenant)

    against(test)


def test_a_stream_is_cut_in_the_middle_of_its_first_event() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.faults.truncated(path=PATH)
        read = bytearray()
        with pytest.raises(httpx.RemoteProtocolError):
            await read_broken(mock, client, read)
        assert read.startswith(b'event: message.created\ndata: {"version":1,')
        assert not read.endswith(b"\n")
        await all_closed(mock.tenant)

    against(test)


def test_a_stream_is_lost_before_it_begins() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.faults.lost_answer(path=PATH)
        with pytest.raises(httpx.ReadError):
            await client.get(PATH)
        await all_closed(mock.tenant)

    against(test)


def test_a_late_or_slow_stream_loses_nothing() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        clock = LoopClock()
        faults, began_s = mock.tenant.faults, clock.monotonic_s()
        with faults.delay(5, path=PATH):
            asyncio.get_running_loop().call_later(2, event_in, mock)
            async with streaming(client, PATH) as stream:
                assert clock.monotonic_s() - began_s == pytest.approx(5)
                assert (await stream.next()).name == "message.created"
        began_s = clock.monotonic_s()
        with faults.dribble(pause_s=0.1, path=PATH):
            async with streaming(client, PATH) as stream:
                event_in(mock)
                assert (await stream.next()).name == "message.created"
            assert clock.monotonic_s() - began_s > 10
        await all_closed(mock.tenant)

    against(test)


def test_a_fault_replaces_a_stream() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.faults.status(503, path=PATH, times=1)
        assert (await client.get(PATH)).status_code == 503
        async with streaming(client, PATH):
            pass

    against(test)
