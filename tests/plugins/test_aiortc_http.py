"""Servers that are not kind to a client of a relay: each is refused, within bounds of bytes and of time."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import json
import socket
import struct
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from tests.plugins.relay_kit import Ear, until
from websockets.exceptions import ConnectionClosed, InvalidStatus

from offhook.errors import JoinFailed, TransportUnavailable
from offhook.interfaces import Grant
from offhook.secret import Secret
from offhook_aiortc import http as http_module
from offhook_aiortc import websocket as websocket_module
from offhook_aiortc.http import RelayAnswer, RelayHttp
from offhook_aiortc.plain_http import AnswerBroken
from offhook_aiortc.transport import AiortcTransport
from offhook_aiortc.websocket import open_websocket
from offhook_wire.relay_protocol import Health

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

BOMB = gzip.compress(bytes(64 * 1024 * 1024))


@contextlib.asynccontextmanager
async def serving(script: Script) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers each request with `script`; its URL, and the heads of the requests."""
    heads: list[bytes] = []
    served: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        served.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            await script(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
    finally:
        server.close()
        for task in served:
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)


async def exchange(
    method: str, url: str, *, timeout_s: float, document: dict[str, object] | None = None
) -> RelayAnswer:
    """One exchange over a connection of its own."""
    http = RelayHttp()
    try:
        return await http.exchange(method, url, timeout_s=timeout_s, document=document)
    finally:
        http.close()


def answering(head: str, *parts: bytes) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in (f"HTTP/1.1 {head}\r\n\r\n".encode(), *parts):
            writer.write(part)
            await writer.drain()

    return script


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"8000\r\n" + bytes(0x8000) + b"\r\n")
        await writer.drain()


async def endless_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 1000 + b"\r\n")
        await writer.drain()


def test_an_answer_is_read_whole() -> None:
    async def main() -> None:
        async with serving(answering("200 OK\r\nContent-Length: 5", b"he", b"llo")) as (url, heads):
            assert await exchange("GET", f"{url}/x", timeout_s=5) == RelayAnswer(200, b"hello")
            assert b"accept-encoding: identity" in heads[0].lower()

    asyncio.run(main())


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "GZIP, gzip"])
def test_a_compressed_answer_is_refused_and_never_unpacked(coding: str) -> None:
    async def main() -> None:
        head = f"200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(BOMB)}"
        async with serving(answering(head, BOMB)) as (url, _):
            tracemalloc.start()
            try:
                with pytest.raises(JoinFailed, match="compressed"):
                    await exchange("POST", f"{url}/relay/join", timeout_s=5, document={})
                with pytest.raises(TransportUnavailable, match=r"not an offhook relay: .* compressed"):
                    await AiortcTransport().check(url)
                assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
            finally:
                tracemalloc.stop()

    asyncio.run(main())


@pytest.mark.parametrize("script", [endless, answering("200 OK\r\nContent-Length: 70000", bytes(70_000))])
def test_a_large_answer_is_refused_at_the_limit(script: Script) -> None:
    async def main() -> None:
        async with serving(script) as (url, _):
            with pytest.raises(JoinFailed, match="larger than 65536 bytes"):
                await exchange("GET", url, timeout_s=5)
            with pytest.raises(TransportUnavailable, match="larger than 65536 bytes"):
                await AiortcTransport().check(url)

    asyncio.run(main())


def test_an_answer_that_drips_is_over_in_time() -> None:
    async def main() -> None:
        async with serving(dripping) as (url, _):
            with pytest.raises(TimeoutError):
                await exchange("GET", url, timeout_s=0.2)

    asyncio.run(main())


def test_an_endless_head_is_refused() -> None:
    async def main() -> None:
        async with serving(endless_head) as (url, _):
            with pytest.raises(AnswerBroken, match="not HTTP"):
                await exchange("GET", url, timeout_s=5)

    asyncio.run(main())


def _kept_alive(connections: list[int], answers: int = 1000, body: bytes = b"{}") -> Script:
    """A server that answers several requests on a connection, and counts the requests of each."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = len(connections)
        connections.append(0)
        while True:
            connections[place] += 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
            if connections[place] == answers:
                return
            await reader.readuntil(b"\r\n\r\n")

    return script


def test_requests_share_a_connection() -> None:
    async def main() -> None:
        connections: list[int] = []
        async with serving(_kept_alive(connections)) as (url, heads):
            http = RelayHttp()
            for _ in range(3):
                assert (await http.exchange("GET", f"{url}/x?y=1", timeout_s=5)).body == b"{}"
            assert connections == [3]
            assert heads[0].startswith(b"GET /x?y=1 HTTP/1.1\r\n")
            assert http.kept == 1
            http.close()
            assert http.kept == 0

    asyncio.run(main())


def test_requests_at_one_time_have_their_own_and_few_are_kept() -> None:
    async def main() -> None:
        connections: list[int] = []
        async with serving(_kept_alive(connections)) as (url, _):
            http = RelayHttp()
            await asyncio.gather(*(http.exchange("GET", url, timeout_s=5) for _ in range(9)))
            assert connections == [1] * 9
            assert http.kept == http_module.MOST_KEPT
            http.close()

    asyncio.run(main())


def test_a_connection_that_the_relay_has_closed_is_not_used() -> None:
    async def main() -> None:
        connections: list[int] = []
        async with serving(_kept_alive(connections, answers=1)) as (url, _):
            http = RelayHttp()
            for _ in range(3):
                await http.exchange("GET", url, timeout_s=5)
            assert connections == [1, 1, 1]
            http.close()

    asyncio.run(main())


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_request_that_a_kept_connection_did_not_take_is_sent_again(reset: bool) -> None:
    """The relay reads the second request and ends the connection without a byte of an answer."""
    tries: list[int] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tries.append(0)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        if len(tries) == 1:
            await reader.readuntil(b"\r\n\r\n")
            if reset:
                client = writer.get_extra_info("socket")
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
        else:
            await reader.readuntil(b"\r\n\r\n")

    async def main() -> None:
        async with serving(script) as (url, _):
            http = RelayHttp()
            for _ in range(2):
                assert (await http.exchange("GET", url, timeout_s=5)).status == 200
            assert len(tries) == 2
            http.close()

    asyncio.run(main())


def test_an_answer_that_is_cut_off_is_not_asked_for_again() -> None:
    async def main() -> None:
        async with serving(answering("200 OK\r\nContent-Length: 5", b"he")) as (url, heads):
            with pytest.raises(AnswerBroken, match="not whole"):
                await exchange("GET", url, timeout_s=5)
            assert len(heads) == 1

    asyncio.run(main())


def test_an_idle_connection_is_closed_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "KEPT_S", 0.01)

    async def main() -> None:
        connections: list[int] = []
        async with serving(_kept_alive(connections)) as (url, _):
            http = RelayHttp()
            await http.exchange("GET", url, timeout_s=5)
            await until(lambda: http.kept == 0, "it is closed")
            await http.exchange("GET", url, timeout_s=5)
            assert connections == [1, 1]
            http.close()

    asyncio.run(main())


def test_nothing_is_left_of_a_client_that_nobody_closed() -> None:
    """A socket that is open when it goes away is an error of the run."""

    async def main() -> None:
        async with serving(_kept_alive([])) as (url, _):
            await RelayHttp().exchange("GET", url, timeout_s=5)

    asyncio.run(main())
    gc.collect()


def test_what_nobody_has_asked_for_is_not_taken_for_an_answer() -> None:
    async def main() -> None:
        spoken = asyncio.Event()

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            await spoken.wait()
            writer.write(b"HTTP/1.1 500 Nobody Asked\r\nContent-Length: 2\r\n\r\n{}")
            await reader.read()

        async with serving(script) as (url, _):
            http = RelayHttp()
            await http.exchange("GET", url, timeout_s=5)
            (((connection, _),),) = http._kept.values()
            spoken.set()
            readable = asyncio.Event()
            asyncio.get_running_loop().add_reader(connection._sock, readable.set)
            await readable.wait()
            asyncio.get_running_loop().remove_reader(connection._sock)
            assert (await http.exchange("GET", url, timeout_s=5)).status == 200
            http.close()

    asyncio.run(main())


def test_a_socket_that_is_taken_is_not_used_for_a_request() -> None:
    async def main() -> None:
        connections: list[int] = []
        async with serving(_kept_alive(connections)) as (url, _):
            http = RelayHttp()
            assert http.take_socket(url) is None
            await http.exchange("GET", url, timeout_s=5)
            taken = http.take_socket(url)
            assert taken is not None
            with contextlib.closing(taken):
                assert http.kept == 0
                await http.exchange("GET", url, timeout_s=5)
                assert connections == [1, 1]
            http.close()

    asyncio.run(main())


def test_names_of_this_machine_are_looked_up() -> None:
    async def main() -> None:
        async with serving(answering("200 OK\r\nContent-Length: 2", b"{}")) as (url, _):
            port = url.rpartition(":")[2]
            assert (await exchange("GET", f"http://localhost:{port}", timeout_s=5)).body == b"{}"

    asyncio.run(main())


def test_nothing_listens() -> None:
    async def main() -> None:
        async with serving(dripping) as (url, _):
            pass
        with pytest.raises(ConnectionRefusedError):
            await exchange("GET", url, timeout_s=5)
        with pytest.raises(TransportUnavailable, match="nothing is listening"):
            await AiortcTransport().check(url)

    asyncio.run(main())


def test_a_transport_keeps_no_connection_when_it_is_closed() -> None:
    async def main() -> None:
        connections: list[int] = []
        body = json.dumps(Health().to_json()).encode()
        async with serving(_kept_alive(connections, body=body)) as (url, _):
            transport = AiortcTransport()
            await transport.check(url)
            await transport.check(url)
            assert connections == [2]
            assert transport._http.kept == 1
            await transport.aclose()
            assert transport._http.kept == 0

    asyncio.run(main())


def test_a_redirect_is_not_followed_with_the_token() -> None:
    async def main() -> None:
        async with serving(answering("200 OK\r\nContent-Length: 2", b"{}")) as (other, others):
            head = f"307 Temporary Redirect\r\nContent-Length: 0\r\nLocation: {other}/relay/join"
            async with serving(answering(head)) as (url, _):
                grant = Grant("a" * 32, "room", Secret("007token"), 1, url)
                with pytest.raises(JoinFailed, match="HTTP 307"):
                    await AiortcTransport().join(grant, Ear())
            assert others == []

    asyncio.run(main())


def test_a_redirect_of_the_websocket_is_not_followed_with_the_session() -> None:
    async def main() -> None:
        async with serving(answering("200 OK\r\nContent-Length: 2", b"{}")) as (other, others):
            head = f"302 Found\r\nContent-Length: 0\r\nLocation: {other}/relay/events?sid=x"
            async with serving(answering(head)) as (url, _):
                with pytest.raises(InvalidStatus, match="302"):
                    await open_websocket(f"ws{url[4:]}/relay/events?sid=x", open_timeout_s=5, close_timeout_s=1)
            assert others == []

    asyncio.run(main())


def test_a_relay_that_pings_and_does_not_read_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_module, "MAX_UNSENT_BYTES", 64 * 1024)
    largest = [0]
    heads: list[list[bytes]] = []

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from websockets.server import ServerProtocol

        protocol = ServerProtocol()
        protocol.receive_data(heads[0][0])
        (request,) = protocol.events_received()
        protocol.send_response(protocol.accept(request))  # type: ignore[arg-type]  # the handshake's request
        writer.write(b"".join(protocol.data_to_send()))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        while True:
            protocol.send_ping(bytes(125))
            writer.write(b"".join(protocol.data_to_send()) * 1000)
            await writer.drain()

    async def main() -> None:
        async with serving(flood) as (url, requests):
            heads.append(requests)
            websocket = await open_websocket(f"ws{url[4:]}/", open_timeout_s=5, close_timeout_s=1)

            def gone() -> bool:
                largest[0] = max(largest[0], websocket.transport.get_write_buffer_size())
                return websocket.transport.is_closing()

            await until(gone, "it is left", timeout_s=20)
            with pytest.raises(ConnectionClosed):
                await websocket.recv()

    asyncio.run(main())
    assert largest[0] < 1024 * 1024
