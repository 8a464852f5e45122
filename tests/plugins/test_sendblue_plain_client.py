"""The client for servers on this machine; how the carrier fares with it is in test_sendblue_carrier.py."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from offhook.interfaces import Ids
from offhook.secret import Secret
from offhook_sendblue.client import make_client
from offhook_sendblue.exchange import Failure, HttpAnswer, NoAnswer, connect_only, post_once
from offhook_sendblue.plain_client import PlainClient


def _post(url: str, client: PlainClient, keys: dict[str, Secret] | None = None) -> HttpAnswer | NoAnswer:
    return asyncio.run(post_once(client, url, {"a": "ü"}, keys or {}, timeout_s=5, ids=Ids(1)))


def test_it_is_for_servers_on_this_machine_without_tls() -> None:
    kinds = [
        type(make_client(url, timeout_s=1, transport=None)).__name__
        for url in ("http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://127.0.0.1:1")
    ]
    assert kinds == ["PlainClient", "PlainClient", "PlainClient", "AsyncClient"]


def test_the_request_has_its_path_host_and_body() -> None:
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(len(b'{"a":"\xc3\xbc"}')))
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nX-Two: \xe9\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    async def main() -> tuple[int, HttpAnswer | NoAnswer]:
        server = await asyncio.start_server(answer, "::1", 0)
        port: int = server.sockets[0].getsockname()[1]
        url = f"http://[::1]:{port}/a b/c?d=1"
        try:
            return port, await post_once(PlainClient(5), url, {"a": "ü"}, {"K": Secret("key")}, timeout_s=5, ids=Ids(1))
        finally:
            server.close()

    port, got = asyncio.run(main())
    assert isinstance(got, HttpAnswer)
    assert (got.status, got.headers["x-two"], got.body) == (200, "é", b"{}")
    head = heads[0].lower()
    assert head.startswith(b"post /a%20b/c?d=1 http/1.1\r\n")
    for line in (b"host: [::1]:%d" % port, b"k: key", b"content-type: application/json", b"content-length: 10"):
        assert b"\r\n" + line + b"\r\n" in head
    assert heads[0].endswith(b'\r\n\r\n{"a":"\xc3\xbc"}')


@pytest.mark.fault("F56")
def test_a_key_that_is_no_header_is_not_sent_and_not_shown() -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        answer = _post(url, PlainClient(5), {"key": Secret("hunter2\nhunter3")})
    assert isinstance(answer, NoAnswer)
    assert answer.failure is Failure.NOT_SENT
    assert "hunter" not in answer.problem


def test_a_server_that_takes_no_connections_is_given_up_in_time() -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(contextlib.closing(socket.create_server(("127.0.0.1", 0), backlog=0)))
        for _ in range(3):  # more than it keeps waiting
            waiting = stack.enter_context(contextlib.closing(socket.socket()))
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        answer = _post(url, PlainClient(0.01))
    assert isinstance(answer, NoAnswer)
    assert (answer.failure, answer.problem) == (Failure.NOT_SENT, "ConnectTimeout")


def test_nothing_is_sent_when_it_is_only_asked_whether_it_can_connect() -> None:
    async def main(url: str) -> HttpAnswer | NoAnswer | None:
        return await connect_only(PlainClient(5), url, timeout_s=5, ids=Ids(1))

    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert asyncio.run(main(url)) is None
        connection, _ = server.accept()
        with contextlib.closing(connection):
            assert connection.recv(1) == b""
    failure = asyncio.run(main(url))
    assert isinstance(failure, NoAnswer)
    assert failure.failure is Failure.NOT_SENT
