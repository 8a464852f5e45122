"""What a page in a browser, or a broken client, must not be able to do to the mock: over real sockets."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.responses import PlainTextResponse
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from offhook.plugin.manager import Plugins
from offhook_mockserver.server import http_guard as guard
from offhook_mockserver.server.asgi_transport import AsgiTransport
from offhook_mockserver.server.http_connection import BoundedConnection
from offhook_mockserver.server.socket_server import MockServer

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

CALL = {"phoneNumber": "+14155550102", "fromNumber": "+18885550199"}
PATHS = ["/facetime/start-call", "/relay", "/relay/join", "/anything", "/"]


def run(main: object) -> None:
    asyncio.run(main())  # type: ignore[operator]  # each test's own coroutine function


def server() -> MockServer:
    return MockServer(plugins=Plugins())


def keys(mock: MockServer) -> dict[str, str]:
    tenant = mock.tenant
    return {"sb-api-key-id": tenant.api_key.reveal(), "sb-api-secret-key": tenant.api_secret.reveal()}


async def raw(mock: MockServer, data: bytes, timeout_s: float = 5) -> bytes:
    """Send these bytes; returns everything that arrives until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", mock.port)
    try:
        async with asyncio.timeout(timeout_s):
            writer.write(data)
            await writer.drain()
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def refused(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == "ERROR"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.fault("F49")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost", "127.0.0.1.evil.example:{port}", ""]
)
def test_a_foreign_host_gets_421_on_every_path(path: str, host: str) -> None:
    async def main() -> None:
        async with server() as mock, httpx.AsyncClient(base_url=mock.url, trust_env=False) as client:
            named = host.format(port=mock.port)
            refused(await client.get(path, headers={"host": named}), 421)
            refused(await client.post(path, json=CALL, headers={"host": named, **keys(mock)}), 421)
            assert not mock.tenant.calls

    run(main)


@pytest.mark.fault("F48")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "file://"])
def test_a_page_of_another_origin_may_not_write(path: str, origin: str) -> None:
    async def main() -> None:
        async with server() as mock, httpx.AsyncClient(base_url=mock.url, trust_env=False) as client:
            for method in ("POST", "PUT", "DELETE", "OPTIONS"):
                refused(await client.request(method, path, json=CALL, headers={"origin": origin, **keys(mock)}), 403)
            assert not mock.tenant.calls

    run(main)


def test_pages_of_its_own_origin_may_write_under_both_its_names() -> None:
    async def main() -> None:
        async with server() as mock, httpx.AsyncClient(trust_env=False) as client:
            for base in (mock.url, f"http://localhost:{mock.port}"):
                url = f"{base}/facetime/start-call"
                answer = await client.post(
                    url, json=CALL, headers={"origin": base, "host": base.removeprefix("http://"), **keys(mock)}
                )
                assert answer.status_code == 200
                assert answer.headers["x-content-type-options"] == "nosniff"

    run(main)


@pytest.mark.fault("F48")
@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_write_that_is_not_json_is_refused(media_type: str) -> None:
    async def main() -> None:
        async with server() as mock, httpx.AsyncClient(base_url=mock.url, trust_env=False) as client:
            headers = {**keys(mock), "content-type": media_type}
            refused(await client.post("/facetime/start-call", content=json.dumps(CALL), headers=headers), 415)
            assert not mock.tenant.calls

    run(main)


def test_a_write_without_a_body_needs_no_type() -> None:
    """Sendblue's SDKs send a DELETE so."""

    async def main() -> None:
        async with server() as mock, httpx.AsyncClient(base_url=mock.url, trust_env=False) as client:
            deleted = await client.delete("/v3/auth/tokens/none", headers=keys(mock))
            assert deleted.status_code == 404
            head = f"DELETE /v3/auth/tokens/none HTTP/1.1\r\nhost: 127.0.0.1:{mock.port}\r\nconnection: close\r\n"
            for body in ("content-length: 0\r\n\r\n", "transfer-encoding: chunked\r\n\r\n0\r\n\r\n", "\r\n"):
                assert (await raw(mock, f"{head}{body}".encode())).startswith(b"HTTP/1.1 401")
            for body in ("content-length: 2\r\n\r\n{}", "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"):
                assert (await raw(mock, f"{head}{body}".encode())).startswith(b"HTTP/1.1 415")
            refused(await client.delete("/x", headers={"content-type": "text/plain"}), 415)
            refused(await client.delete("/x", headers={"origin": "https://evil.example"}), 403)

    run(main)


@pytest.mark.fault("F44")
def test_an_application_may_accept_other_and_longer_bodies_on_some_paths() -> None:
    def accepted(scope: Scope) -> guard.AcceptedBody:
        return guard.AcceptedBody("audio/wav", 100_000) if scope["path"] == "/clip" else guard.JSON_BODY

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        await PlainTextResponse(f"{len(message['body'])}")(scope, receive, send)

    async def main() -> None:
        made = guard.Guard(app, lambda: frozenset({"127.0.0.1:9"}), accepted=accepted)
        async with httpx.AsyncClient(transport=AsgiTransport(made), base_url="http://127.0.0.1:9") as client:
            wav, json_type = {"content-type": "audio/wav"}, {"content-type": "application/json"}
            assert (await client.put("/clip", content=bytes(100_000), headers=wav)).text == "100000"
            refused(await client.put("/clip", content=bytes(100_001), headers=wav), 413)
            refused(await client.put("/clip", content=b"{}", headers=json_type), 415)
            refused(await client.put("/other", content=bytes(100_000), headers=json_type), 413)
            refused(await client.put("/other", content=b"x", headers=wav), 415)

    run(main)


@pytest.mark.safety("S2")
@pytest.mark.fault("F50")
def test_a_websocket_of_another_origin_or_host_is_refused_before_it_opens() -> None:
    async def main() -> None:
        async with server() as mock:
            url = f"ws://127.0.0.1:{mock.port}/relay/events?sid=x"
            with pytest.raises(InvalidStatus) as caught:
                await connect(url, proxy=None, origin=Origin("https://evil.example"))
            assert caught.value.response.status_code == 403
            head = b"GET /relay/events HTTP/1.1\r\nhost: evil.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            key = b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            assert (await raw(mock, head + key)).startswith(b"HTTP/1.1 421")

    run(main)


@pytest.mark.fault("F44")
def test_a_large_body_is_refused_with_and_without_a_content_length() -> None:
    async def main() -> None:
        async with server() as mock, httpx.AsyncClient(base_url=mock.url, trust_env=False) as client:
            headers = {**keys(mock), "content-type": "application/json"}
            refused(await client.post("/facetime/start-call", content=b" " * 200_000, headers=headers), 413)
            head = f"POST /x HTTP/1.1\r\nhost: 127.0.0.1:{mock.port}\r\ncontent-type: application/json\r\n"
            chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
            answer = await raw(mock, head.encode() + b"transfer-encoding: chunked\r\n\r\n" + 3 * chunk)
            assert answer.startswith(b"HTTP/1.1 413")
            answer = await raw(mock, head.encode() + b"content-length: " + b"9" * 15 + b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 413")

    run(main)


@pytest.mark.safety("S8")
@pytest.mark.fault("F44")
def test_a_body_that_stalls_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        mock = server()
        assert isinstance(mock.app, guard.Guard)
        monkeypatch.setattr(mock.app, "_body_timeout_s", 0.1)
        async with mock:
            head = f"POST /x HTTP/1.1\r\nhost: 127.0.0.1:{mock.port}\r\ncontent-type: application/json\r\n"
            answer = await raw(mock, head.encode() + b"content-length: 100\r\n\r\n{")
            assert answer.startswith(b"HTTP/1.1 408")

    run(main)


@pytest.mark.safety("S8")
@pytest.mark.fault("F44")
@pytest.mark.parametrize("data", [b"", b"POST /facetime/start-call HT", b"GET / HTTP/1.1\r\nhost: x\r\n"])
def test_a_connection_whose_headers_never_end_is_closed(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedConnection, "header_timeout_s", 0.05)

    async def main() -> None:
        async with server() as mock:
            assert await raw(mock, data) == b""

    run(main)


def test_other_clients_do_not_keep_a_connection_open_whose_headers_never_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedConnection, "header_timeout_s", 0.1)

    async def main() -> None:
        async with server() as mock, httpx.AsyncClient(base_url=mock.url, trust_env=False) as client:
            slow = asyncio.create_task(raw(mock, b"POST /facetime/start-call HT", timeout_s=2))
            while not slow.done():
                assert (await client.get("/")).status_code == 501
            assert await slow == b""

    run(main)


def test_a_websocket_outlives_the_limit_on_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an upgrade the connection belongs to the WebSocket, which may be quiet for long."""
    monkeypatch.setattr(BoundedConnection, "header_timeout_s", 0.05)

    async def echo(scope: object, receive: object, send: object) -> None:
        await receive()  # type: ignore[operator]  # ASGI
        await send({"type": "websocket.accept"})  # type: ignore[operator]  # ASGI
        await receive()  # type: ignore[operator]  # ASGI

    async def main() -> None:
        mock = server()
        mock.app = echo
        async with mock, connect(f"ws://127.0.0.1:{mock.port}/", proxy=None) as websocket:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(websocket.recv(), 0.3)

    run(main)


@pytest.mark.safety("S8")
@pytest.mark.fault("F44")
@pytest.mark.parametrize(
    "headers",
    [b"".join(b"x-%d: y\r\n" % index for index in range(100)), b"x: " + b"y" * 20_000 + b"\r\n"],
)
def test_too_many_or_too_long_headers_are_refused(headers: bytes) -> None:
    async def main() -> None:
        async with server() as mock:
            head = f"GET / HTTP/1.1\r\nhost: 127.0.0.1:{mock.port}\r\nconnection: close\r\n"
            answer = await raw(mock, head.encode() + headers + b"\r\n")
            assert answer[9:12] in {b"431", b"400"}

    run(main)


def test_two_host_headers_are_refused() -> None:
    async def main() -> None:
        async with server() as mock:
            good = f"host: 127.0.0.1:{mock.port}\r\n".encode()
            answer = await raw(mock, b"GET / HTTP/1.1\r\n" + good + b"host: evil.example\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 400")

    run(main)


def test_refused_requests_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A page may open WebSockets and ``https:`` links to us, but must not be able to fill the terminal."""

    async def main() -> None:
        async with server() as mock:
            url = f"ws://127.0.0.1:{mock.port}/relay/events?sid=x"
            for origin in ("https://evil.example", f"http://127.0.0.1:{mock.port}"):
                with pytest.raises(InvalidStatus) as caught:
                    await connect(url, proxy=None, origin=Origin(origin))
                assert caught.value.response.status_code == 403
            assert (await raw(mock, b"\x16\x03\x01\x02\0\r\n\r\n")).startswith(b"HTTP/1.1 400")
            head = (
                f"GET / HTTP/1.1\r\nhost: 127.0.0.1:{mock.port}\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n\r\n"
            )
            assert (await raw(mock, head.encode())).startswith(b"HTTP/1.1 501")

    run(main)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_failures_of_the_server_are_still_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(scope: object, receive: object, send: object) -> None:
        raise ZeroDivisionError("ours")

    async def main() -> None:
        mock = server()
        mock.app = fail
        async with mock, httpx.AsyncClient(base_url=mock.url, trust_env=False) as client:
            assert (await client.get("/")).status_code == 500

    run(main)
    assert "ZeroDivisionError: ours" in caplog.text
