"""The control API with a real client over real sockets: large uploads, waits that end, and a mock that stops."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.mockserver.faces.control.control_client import NUMBER, T, wav
from tests.mockserver.hostile import HostileClient

from offhook.plugin import Plugins
from offhook_mockserver.server import MockServer, MockSettings, TenantSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

WAV = {"content-type": "audio/wav"}
WAIT = f"{T}/journal/wait"
LARGE = 8 * 1024 * 1024


def run(
    test: Callable[[MockServer, httpx.AsyncClient], Awaitable[None]], *, settings: MockSettings | None = None
) -> None:
    async def main() -> None:
        async with (
            MockServer(settings, plugins=Plugins.load()) as mock,
            httpx.AsyncClient(base_url=mock.url, trust_env=False, timeout=50) as client,
        ):
            client.headers["authorization"] = f"Bearer {mock.control_token.reveal()}"
            await test(mock, client)

    asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


async def waiting(client: httpx.AsyncClient, mock: MockServer, path: str = WAIT) -> asyncio.Task[httpx.Response]:
    """A request that waits, once the mock has it."""
    before = len(mock._apis.control._mock.waits)
    task = asyncio.create_task(client.post(path, json={"timeout_s": 60}))
    await until(lambda: len(mock._apis.control._mock.waits) > before)
    return task


def test_a_call_is_tested_without_python(tmp_path: Path) -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        made = (await client.post("/mock/v1/tenants", json={"settings": {"join_window_s": 0.3}})).json()
        path = f"/mock/v1/tenants/{made['id']}"
        await client.put(f"{path}/clips/own.wav", content=wav(), headers=WAV)
        callee = {"steps": [{"answer": 0.05}, {"say": "own.wav"}, "hang_up"]}
        assert (await client.put(f"{path}/callees/{NUMBER}", json=callee)).status_code == 200
        keys = {"sb-api-key-id": made["api_key"], "sb-api-secret-key": made["api_secret"]}
        async with httpx.AsyncClient(base_url=made["environment"]["SENDBLUE_API_BASE_URL"], trust_env=False) as app:
            body = {"phoneNumber": NUMBER, "fromNumber": made["lines"][0]}
            channel = (await app.post("/facetime/start-call", json=body, headers=keys)).json()["agora"]["channelName"]
        ended = {"kind": "call", "channel": channel, "where": {"event": "ended"}, "timeout_s": 30}
        entry = (await client.post(f"{path}/journal/wait", json=ended)).json()["entry"]
        assert entry["fields"]["end"] == "caller_absent"  # nothing joined
        assert (await client.get(f"{path}/calls/{channel}")).json()["state"] == "ended"
        assert [each["channel"] for each in (await client.get(f"{path}/calls")).json()["calls"]] == [channel]
        (recording,) = (await client.get(f"{path}/recordings")).json()["recordings"]
        assert (await client.get(f"{path}/recordings/{recording['channel']}")).content[:4] == b"RIFF"
        assert (await client.delete(path)).status_code == 200

    run(test, settings=MockSettings(recordings=tmp_path))


def test_the_largest_clip_is_uploaded_and_downloaded() -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        small = wav(0.1, rate_hz=48_000)
        size = LARGE - 44
        large = small[:40] + size.to_bytes(4, "little") + bytes(size)
        answer = await client.put(f"{T}/clips/large.wav", content=large, headers=WAV)
        assert (answer.status_code, answer.json()["bytes"]) == (201, LARGE)
        assert (await client.get(f"{T}/clips/large.wav")).content == large
        request = client.build_request("PUT", f"{T}/clips/large.wav", headers={**WAV, "content-length": str(LARGE + 1)})
        reader, writer = await asyncio.open_connection(request.url.host, request.url.port)
        lines = [f"PUT {request.url.path} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())  # refused before any of the clip is there
        assert await reader.readuntil(b" 413 ")
        assert b'"too_large"' in await reader.read()
        writer.close()

    run(test)


def test_a_clip_may_arrive_in_chunks() -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        content = wav(0.5)

        async def parts() -> AsyncIterator[bytes]:
            for at in range(0, len(content), 1_000):
                yield content[at : at + 1_000]

        answer = await client.put(f"{T}/clips/a.wav", content=parts(), headers=WAV)
        assert (answer.status_code, answer.json()["bytes"]) == (201, len(content))

    run(test)


@pytest.mark.fault("F44", "F55")
@pytest.mark.parametrize(("token", "status", "code"), [(False, 401, "token"), (True, 413, "too_large")])
def test_a_body_of_4_gigabytes_is_refused_before_it_is_sent(token: bool, status: int, code: str) -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        async with HostileClient(mock.port) as hostile:
            headers = {"content-type": "audio/wav", "content-length": str(2**32)}
            if token:
                headers["authorization"] = f"Bearer {mock.control_token.reveal()}"
            await hostile.send(hostile.head(f"PUT {T}/clips/a.wav HTTP/1.1", headers) + b"RIFF")
            hostile.end()
            answer = await hostile.rest()
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == code

    run(test)


@pytest.mark.safety("S11")
def test_waits_do_not_hold_the_stop_of_the_mock() -> None:
    async def main() -> None:
        mock = MockServer(plugins=Plugins.load())
        await mock.start()
        async with httpx.AsyncClient(base_url=mock.url, trust_env=False, timeout=50) as client:
            client.headers["authorization"] = f"Bearer {mock.control_token.reveal()}"
            tasks = [await waiting(client, mock), await waiting(client, mock, f"{T}/callees/{NUMBER}/wait")]
            await mock.aclose()
            for task in tasks:
                answer = await task
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "stopping")

    asyncio.run(main())


def test_a_client_that_has_gone_waits_no_more() -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        async with HostileClient(mock.port) as hostile:
            body = b'{"timeout_s": 60}'
            headers = {
                "authorization": f"Bearer {mock.control_token.reveal()}",
                "content-type": "application/json",
                "content-length": str(len(body)),
            }
            await hostile.send(hostile.head(f"POST {WAIT} HTTP/1.1", headers) + body)
            async with asyncio.timeout(30):
                while not len(mock._apis.control._mock.waits):
                    await asyncio.sleep(0)
            hostile.reset()
            async with asyncio.timeout(30):
                while len(mock._apis.control._mock.waits):
                    await asyncio.sleep(0)

    run(test)


def test_nothing_is_measured_for_a_client_that_has_gone() -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        measuring, go = mock._apis.control._mock.measuring, threading.Event()
        busy = [asyncio.create_task(measuring.run(lambda: go.wait)) for _ in range(2)]
        try:
            for method, path in (("GET", "heard.wav"), ("GET", "heard"), ("POST", "ask")):
                body = {"question": "is_silent"} if method == "POST" else None
                task = asyncio.create_task(client.request(method, f"{T}/calls/nobody/{path}", json=body))
                await until(lambda: len(mock._apis.control._mock.waits) == 1)
                task.cancel()
                await until(lambda: len(mock._apis.control._mock.waits) == 0)
        finally:
            go.set()
            await asyncio.gather(*busy)
        assert (await client.get(f"{T}/calls/nobody/heard.wav")).json()["error"]["code"] == "no_such_call"

    run(test)


@pytest.mark.fault("F48", "F50")
def test_a_page_opens_no_websocket_to_the_control_api() -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        upgrade = {
            "connection": "Upgrade",
            "upgrade": "websocket",
            "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
            "sec-websocket-version": "13",
        }
        for origin in (mock.url, "https://evil.test"):
            for path in ("/mock/v1", T):
                answer = await client.get(path, headers={**upgrade, "origin": origin})
                assert answer.status_code in {403, 404}

    run(test)


def test_audio_is_kept_for_tenants_of_the_control_api_alone() -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        assert (await client.get(T)).json()["settings"]["keep_audio_s"] == 0
        assert (await client.post("/mock/v1/tenants", json={})).json()["settings"]["keep_audio_s"] == 300

    run(test, settings=MockSettings(tenant=TenantSettings()))
