"""Streams of events over real sockets: clients that go, clients that stop reading, and a mock that stops."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.mockserver.faces.streams import Sent, streaming

from offhook.plugin.manager import Plugins
from offhook_mockserver.faces import sse
from offhook_mockserver.server import EntryKind, loop_server
from offhook_mockserver.server.http_connection import BoundedConnection
from offhook_mockserver.server.incidents import Incident
from offhook_mockserver.server.socket_server import MockServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CONTROL = "/mock/v1/tenants/default/events"
ACCOUNT = "/api/v2/events"


def run(test: Callable[[MockServer, httpx.AsyncClient], Awaitable[None]]) -> None:
    async def main() -> None:
        async with (
            MockServer(plugins=Plugins()) as mock,
            httpx.AsyncClient(base_url=mock.url, trust_env=False) as client,
        ):
            client.headers["authorization"] = f"Bearer {mock.control_token.reveal()}"
            await test(mock, client)

    asyncio.run(main())


def keys(mock: MockServer) -> dict[str, str]:
    return {
        "authorization": "",
        "sb-api-key-id": mock.tenant.api_key.reveal(),
        "sb-api-secret-key": mock.tenant.api_secret.reveal(),
    }


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(50):
        while not condition():
            await asyncio.sleep(0)


async def open_stream(mock: MockServer, path: str = CONTROL) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A stream whose client has read the headers, and reads no more unless it is asked to."""
    reader, writer = await asyncio.open_connection("127.0.0.1", mock.port, limit=1024)
    token = mock.control_token.reveal()
    head = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{mock.port}\r\nauthorization: Bearer {token}\r\n\r\n"
    writer.write(head.encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    return reader, writer


def test_both_streams_work_over_a_socket() -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        async with (
            streaming(client, CONTROL, params={"kind": "note"}) as control,
            streaming(client, ACCOUNT, headers=keys(mock)) as account,
        ):
            entry = mock.tenant.journal.add(EntryKind.NOTE, "now")
            event = mock.tenant.account.events.emit("message.created", {"message_id": "m1"})
            assert await control.next() == Sent("note", entry.to_json(), str(entry.index))
            assert await account.next() == Sent("message.created", event.to_json())

    run(test)


def test_a_client_that_goes_ends_its_stream_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_S", 3_600.0)  # which would find out, too

    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        async with streaming(client, CONTROL):
            assert len(mock.tenant.streams) == 1
        await until(lambda: len(mock.tenant.streams) == 0)
        _, writer = await open_stream(mock)
        writer.transport.abort()
        await until(lambda: len(mock.tenant.streams) == 0)
        assert mock.tenant.journal._watchers == []

    run(test)


@pytest.mark.fault("F45")
def test_a_client_that_stops_reading_is_cut_and_delays_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedConnection, "write_timeout_s", 0.2)

    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        async with streaming(client, CONTROL) as other:
            reader, writer = await open_stream(mock)
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            assert mock._server is not None
            counts, index = mock._server.incidents.counts, -1
            async with asyncio.timeout(50):
                while not counts[Incident.UNREAD]:
                    for _ in range(10):
                        last = mock.tenant.journal.add(EntryKind.NOTE, "x" * 900)
                    while index < last.index:
                        index = int((await other.next()).id)
            await until(lambda: len(mock.tenant.streams) == 1)
            assert counts[Incident.UNREAD] == 1
            writer.transport.abort()

    run(test)


def test_the_mock_stops_at_once_with_streams_open(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with MockServer(plugins=Plugins()) as mock:
            streams = [await open_stream(mock) for _ in range(8)]
            server = mock._server
            assert server is not None
            await mock.aclose()
            assert not server.server_state.connections
            for reader, writer in streams:
                assert (await reader.read()).endswith(b": the end: the mock stops\n\n\r\n0\r\n\r\n")
                writer.close()

    asyncio.run(main())
    assert not caplog.records


def test_the_mock_stops_within_its_limit_with_a_client_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_server, "_STOP_S", 0.1)

    async def main() -> None:
        async with MockServer(plugins=Plugins()) as mock:
            reader, writer = await open_stream(mock)
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            assert mock._server is not None
            (connection,) = mock._server.server_state.connections
            assert isinstance(connection, BoundedConnection)
            async with asyncio.timeout(50):
                while not connection.flow.write_paused:
                    mock.tenant.journal.add(EntryKind.NOTE, "x" * 900)
                    await asyncio.sleep(0)
                await mock.aclose()
            assert len(mock.tenant.streams) == 0
            writer.transport.abort()

    asyncio.run(main())


async def read_account(mock: MockServer, client: httpx.AsyncClient) -> None:
    async with streaming(client, ACCOUNT, headers=keys(mock)) as stream:
        mock.tenant.account.events.emit("message.created", {"message_id": "m1"})
        await stream.rest()


def test_a_fault_breaks_a_stream_over_a_socket(caplog: pytest.LogCaptureFixture) -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        for make, error in (
            (mock.tenant.faults.truncated, httpx.RemoteProtocolError),
            (mock.tenant.faults.reset, httpx.ReadError),
        ):
            with make(path=ACCOUNT), pytest.raises(error):
                await read_account(mock, client)
            await until(lambda: len(mock.tenant.streams) == 0)

    run(test)
    assert not caplog.records


def test_a_stream_goes_on_over_one_connection_after_many_events() -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        async with streaming(client, CONTROL) as stream:
            for number in range(3_000):
                mock.tenant.journal.add(EntryKind.NOTE, json.dumps(number))
            texts = [(await stream.next()).data["text"] for _ in range(3_000)]
            assert texts == [json.dumps(number) for number in range(3_000)]

    run(test)
