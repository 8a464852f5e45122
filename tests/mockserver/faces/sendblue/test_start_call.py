"""The API against the documentation, and its refusals."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from offhook.plugin.manager import Plugins
from offhook.secret import Secret
from offhook_mockserver.server.socket_server import MockServer, MockSettings
from offhook_mockserver.tenants.settings import TenantSettings
from offhook_wire.access_token import verify

CALL = {"phoneNumber": "+14155550102", "fromNumber": "+18885550199"}
NO_NUMBERS: list[object] = [
    *(None, 14155550102, True, [], "", "4155550102", "+1 415 555 0102", "+14155550102\n", "+1415555010٣"),
]

Test = Callable[[MockServer, httpx.AsyncClient], Awaitable[None]]


def against(test: Test, settings: MockSettings | None = None) -> None:
    async def main() -> None:
        async with (
            MockServer(settings, plugins=Plugins()) as mock,
            httpx.AsyncClient(base_url=mock.url, trust_env=False, headers=keys(mock)) as client,
        ):
            await test(mock, client)

    asyncio.run(main())


def keys(mock: MockServer) -> dict[str, str]:
    tenant = mock.tenant
    return {"sb-api-key-id": tenant.api_key.reveal(), "sb-api-secret-key": tenant.api_secret.reveal()}


def documented(answer: dict[str, Any]) -> None:
    """Field for field what the documentation shows, and nothing else."""
    assert set(answer) == {"status", "message", "agora"}
    assert (answer["status"], answer["message"]) == ("OK", "Call started")
    agora = answer["agora"]
    assert set(agora) == {"appId", "channelName", "token", "uid"}
    assert re.fullmatch("[0-9a-f]{32}", agora["appId"])
    assert re.fullmatch("ft_call_[0-9a-f]{16}", agora["channelName"])
    assert agora["token"].startswith("007")
    assert agora["uid"] == 0
    assert type(agora["uid"]) is int


@pytest.mark.skipif(shutil.which("curl") is None and "CI" not in os.environ, reason="no curl here")
def test_the_documented_curl_line_gets_the_documented_answer() -> None:
    """The line of Sendblue's FaceTime page; the host, the keys and the two of curl's own options are ours."""

    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        line = [
            *("curl", "--silent", "--show-error"),
            *("-X", "POST", f"{mock.url}/facetime/start-call"),
            *("-H", f"sb-api-key-id: {mock.tenant.api_key.reveal()}"),
            *("-H", f"sb-api-secret-key: {mock.tenant.api_secret.reveal()}"),
            *("-H", "Content-Type: application/json"),
            *("-d", '{\n"phoneNumber": "+14155550123",\n"fromNumber": "+18885550199"\n}'),
        ]
        curl = await asyncio.create_subprocess_exec(*line, stdout=asyncio.subprocess.PIPE)
        out, _ = await curl.communicate()
        assert curl.returncode == 0
        documented(json.loads(out))

    against(test)


def test_the_token_is_genuine_and_opens_this_channel_for_its_life() -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        agora = (await client.post("/facetime/start-call", json=CALL)).json()["agora"]
        room = mock.rooms.get(agora["channelName"])
        assert room is not None
        access = room.verify(Secret(agora["token"]), 0)
        assert (access.uid, access.expire_s) == ("", 77)
        assert agora["appId"] == mock.tenant.app_id == room.app_id
        verify(
            Secret(agora["token"]),
            app_id=mock.tenant.app_id,
            certificate=mock.tenant.certificate,
            channel=agora["channelName"],
            uid=5,
            now_s=access.issued_s + 76,
        )

    against(test, MockSettings(tenant=TenantSettings(token_life_s=77)))


def test_the_same_request_twice_is_two_calls() -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        answers = [(await client.post("/facetime/start-call", json=CALL)).json()["agora"] for _ in range(2)]
        assert answers[0]["channelName"] != answers[1]["channelName"]
        assert len(mock.tenant.calls) == 2

    against(test)


def test_the_header_names_of_the_security_page_and_any_case_are_accepted() -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        key, secret = keys(mock).values()
        async with httpx.AsyncClient(base_url=mock.url, trust_env=False) as bare:
            for names in (("x-sb-api-key-id", "x-sb-api-secret-key"), ("SB-API-KEY-ID", "SB-API-SECRET-KEY")):
                answer = await bare.post(
                    "/facetime/start-call", json=CALL, headers=dict(zip(names, (key, secret), strict=True))
                )
                documented(answer.json())

    against(test)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"sb-api-key-id": None}, "sb-api-key-id"),
        ({"sb-api-secret-key": None}, "sb-api-secret-key"),
        ({"sb-api-key-id": ""}, "sb-api-key-id"),
        ({"sb-api-secret-key": ""}, "sb-api-secret-key"),
        ({"sb-api-key-id": "other"}, "pair"),
        ({"sb-api-secret-key": "other"}, "pair"),
        ({"sb-api-secret-key": "\xe4\xf6"}, "pair"),
    ],
)
def test_missing_empty_or_wrong_keys_are_401(changed: dict[str, str | None], named: str) -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        headers = {
            name.encode(): value.encode("latin-1")
            for name, value in {**keys(mock), **changed}.items()
            if value is not None
        }
        async with httpx.AsyncClient(base_url=mock.url, trust_env=False) as bare:
            answer = await bare.post("/facetime/start-call", json=CALL, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["status"] == "ERROR"
        assert named in answer.json()["message"]
        assert mock.tenant.api_secret.reveal() not in answer.text
        assert not mock.tenant.calls

    against(test)


def test_one_tenants_keys_are_not_valid_for_another() -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        other = mock.tenants.create(lines=("+18885550198",))
        mixed = {"sb-api-key-id": other.api_key.reveal()}
        assert (await client.post("/facetime/start-call", json=CALL, headers=mixed)).status_code == 401
        own = {**mixed, "sb-api-secret-key": other.api_secret.reveal()}
        assert (await client.post("/facetime/start-call", json=CALL, headers=own)).status_code == 400
        answer = await client.post("/facetime/start-call", json={**CALL, "fromNumber": "+18885550198"}, headers=own)
        documented(answer.json())
        assert (len(mock.tenant.calls), len(other.calls)) == (0, 1)

    against(test)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b'"x"', "object"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 30_000, "JSON"),
        (b'{"a":' * 9_000, "JSON"),
        (b'{"phoneNumber": NaN}', "JSON"),
        (b'{"phoneNumber": -Infinity}', "JSON"),
        (b'{"phoneNumber": "\\ud800"}', "half of a surrogate pair"),
        (b'{"phoneNumber": "+14155550102", "phoneNumber": "+14155550103", "fromNumber": "+18885550199"}', "twice"),
        (json.dumps({"fromNumber": CALL["fromNumber"]}).encode(), "phoneNumber is missing"),
        (json.dumps({"phoneNumber": CALL["phoneNumber"]}).encode(), "fromNumber is missing"),
        *[(json.dumps({**CALL, "phoneNumber": value}).encode(), "phoneNumber") for value in NO_NUMBERS],
        (json.dumps({**CALL, "phoneNumber": "911"}).encode(), "emergency"),
        (json.dumps({**CALL, "phoneNumber": "+1911"}).encode(), "emergency"),
        (json.dumps({**CALL, "fromNumber": "+18885550198"}).encode(), "+18885550198"),
        (json.dumps({**CALL, "phoneNumber": CALL["fromNumber"]}).encode(), "itself"),
    ],
)
def test_a_bad_request_is_400_and_says_what_is_wrong(body: bytes, named: str) -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        answer = await client.post("/facetime/start-call", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400
        assert answer.json()["status"] == "ERROR"
        assert named in answer.json()["message"]
        assert not mock.tenant.calls

    against(test)


@pytest.mark.parametrize(
    ("method", "path", "nearest"),
    [
        ("POST", "/api/facetime/start-call", "POST /facetime/start-call"),
        ("POST", "/facetime/startCall", "POST /facetime/start-call"),
        ("POST", "/facetime/start-call/", "POST /facetime/start-call"),
        ("GET", "/api/line", "the nearest documented route is GET /api/lines"),
        ("GET", "/", "GET /mock/docs shows what it answers"),
        ("GET", "/mock", "GET /mock/docs shows what it answers"),
        ("PATCH", "/%0d%0aset-cookie: x", "the nearest documented route is"),
    ],
)
def test_an_unknown_route_is_501_with_the_nearest_known_one(method: str, path: str, nearest: str) -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        answer = await client.request(method, path, json=None if method == "GET" else CALL)
        assert answer.status_code == 501
        assert nearest in answer.json()["message"]
        assert not mock.tenant.calls

    against(test)


def test_too_many_channels_are_refused() -> None:
    async def test(mock: MockServer, client: httpx.AsyncClient) -> None:
        mock.rooms._limit = 1
        assert (await client.post("/facetime/start-call", json=CALL)).status_code == 200
        answer = await client.post("/facetime/start-call", json=CALL)
        assert (answer.status_code, answer.json()["status"]) == (503, "ERROR")
        assert len(mock.tenant.calls) == 1

    against(test)
