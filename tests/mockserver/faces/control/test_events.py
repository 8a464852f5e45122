"""The journal of a tenant as a stream, in virtual time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.mockserver.faces.streams import Sent, streaming

from offhook.interfaces import Ids
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.server import EntryKind, InProcessMock, TenantBounds
from offhook_mockserver.tenants.streams import MOST_STREAMS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook_mockserver.server import Entry

PATH = "/mock/v1/tenants/default/events"


def run(
    test: Callable[[InProcessMock, httpx.AsyncClient], Awaitable[None]], *, bounds: TenantBounds | None = None
) -> None:
    async def main() -> None:
        async with (
            InProcessMock(clock=LoopClock(), ids=Ids(1), bounds=bounds) as mock,
            httpx.AsyncClient(transport=mock.http(), base_url=mock.url) as client,
        ):
            client.headers["authorization"] = f"Bearer {mock.control_token.reveal()}"
            await test(mock, client)

    run_virtual(main())


def note(mock: InProcessMock, text: str, channel: str = "") -> Entry:
    return mock.tenant.journal.add(EntryKind.NOTE, text, channel=channel)


def sent(entry: Entry) -> Sent:
    return Sent(entry.kind.value, entry.to_json(), str(entry.index))


def test_entries_are_streamed_when_they_are_added() -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        note(mock, "before")
        async with streaming(client, PATH) as stream:
            for text in ("one", "two\nthree"):
                entry = note(mock, text)
                assert await stream.next() == sent(entry)

    run(test)


def test_a_client_resumes_where_it_was() -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        entries = [note(mock, str(number)) for number in range(500)]
        async with streaming(client, PATH, headers={"last-event-id": "123"}) as stream:
            assert [await stream.next() for _ in range(376)] == [sent(entry) for entry in entries[124:]]
            assert await stream.next() == Sent("", "heartbeat")
        async with streaming(client, PATH, params={"since": -1}) as stream:
            assert (await stream.next()).id == "0"
        # A journal that never had this id is another one: its client has missed all of it.
        async with streaming(client, PATH, headers={"last-event-id": "500"}) as stream:
            assert (await stream.next()).id == "0"
        async with streaming(client, PATH, headers={"last-event-id": "499"}, params={"since": 3}) as stream:
            assert await stream.next() == Sent("", "heartbeat")

    run(test)


@pytest.mark.parametrize("given", ["", "-1", "x", "1.5", "1" * 16])
def test_an_id_that_is_not_one_is_refused(given: str) -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        answer = await client.get(PATH, headers={"last-event-id": given})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")
        assert "Last-Event-ID" in answer.json()["error"]["message"]

    run(test)


def test_criteria_choose_entries() -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        journal = mock.tenant.journal
        async with (
            streaming(client, PATH, params={"kind": "call", "text": "start"}) as calls,
            streaming(client, PATH, params={"where": '{"event":"ended"}'}) as ended,
            streaming(client, PATH, params={"channel": "c2"}) as second,
        ):
            note(mock, "started")
            first = journal.add(EntryKind.CALL, "started", channel="c1", fields={"event": "started"})
            last = journal.add(EntryKind.CALL, "over", channel="c2", fields={"event": "ended"})
            assert await calls.next() == sent(first)
            assert await ended.next() == sent(last)
            assert await second.next() == sent(last)
        answer = await client.get(PATH, params={"kind": "calls"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")

    run(test)


@pytest.mark.fault("F45")
def test_a_reader_that_is_too_slow_learns_how_many_entries_it_has_missed() -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        async with streaming(client, PATH) as stream:
            entries = [note(mock, str(number)) for number in range(10_000)]
            assert await stream.next() == Sent("dropped", {"count": 9_950})
            assert [await stream.next() for _ in range(50)] == [sent(entry) for entry in entries[-50:]]

    run(test, bounds=TenantBounds(journal_entries=50))


def test_a_stream_ends_after_an_hour() -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        clock = LoopClock()
        async with streaming(client, PATH) as stream:
            rest = await stream.rest()
        assert clock.monotonic_s() == pytest.approx(3_600)
        assert rest[-1] == Sent("", "the end: its time is over; connect again")

    run(test)


def test_a_tenant_has_a_limit_of_streams_and_those_of_sendblues_api_do_not_count() -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        token = mock.tenant.account.access_tokens.mint().text.reveal()
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(MOST_STREAMS):
                bearer = {"authorization": f"Bearer {token}"}
                await stack.enter_async_context(streaming(client, "/api/v2/events", headers=bearer))
            for _ in range(MOST_STREAMS):
                await stack.enter_async_context(streaming(client, PATH))
            answer = await client.get(PATH)
            assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_streams")

    run(test)


@pytest.mark.fault("F47")
def test_a_stream_needs_the_control_token() -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        token = mock.tenant.account.access_tokens.mint().text.reveal()
        for headers in ({"authorization": f"Bearer {token}"}, {"authorization": ""}):
            assert (await client.get(PATH, headers=headers)).status_code == 401
        assert (await client.get("/mock/v1/tenants/unknown/events")).status_code == 404
        assert (await client.get("/api/v2/events")).status_code == 401

    run(test)


def test_a_stream_ends_with_its_tenant_after_its_last_entries() -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        other = mock.tenants.create()
        async with streaming(client, f"/mock/v1/tenants/{other.api_key.reveal()}/events") as stream:
            await mock.tenants.remove(other)
            assert await stream.rest() == [Sent("", "the end: the tenant was removed")]

    run(test)
