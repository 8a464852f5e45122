"""Who may use the control API, and what answers to everything else look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from tests.mockserver.faces.control.control_client import ControlClient, T, controlled

from offhook.interfaces import Ids
from offhook.testing import LoopClock
from offhook_mockserver.faces.control.refusals import CODES
from offhook_mockserver.server import InProcessMock, control_openapi

if TYPE_CHECKING:
    from collections.abc import Iterator

CALL = {"phoneNumber": "+14155550101", "fromNumber": "+18885550199"}
OPEN = {"GET /mock/v1", "GET /mock/v1/openapi.json"}


def every_operation(client: ControlClient) -> Iterator[tuple[str, str]]:
    """Method and path of each operation, with a value for each parameter."""
    for name in sorted(client.contract.operations - OPEN):
        method, path = name.split(" ")
        values = {
            "tenant": "default",
            "number": "+14155550155",
            "name": "a.wav",
            "id": "f1",
            "channel": "ft_call_0",
            "line": "+18885550199",
        }
        yield method, path.format(**values)


def test_what_it_is_needs_no_token() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        async with httpx.AsyncClient(transport=mock.http(), base_url=mock.url) as stranger:
            about = (await stranger.get("/mock/v1")).json()
            assert about["name"] == "offhook mock"
            document = await stranger.get(about["links"]["openapi"])
            assert document.json() == control_openapi()
            for secret in (mock.control_token, mock.tenant.api_key, mock.tenant.api_secret):
                assert secret.reveal() not in document.text + str(about)
        assert about["links"]["default_tenant"] == T
        assert (await client.get("/mock/v1")).json() == about
        assert (await client.head("/mock/v1")).status_code == 200

    controlled(test)


@pytest.mark.fault("F47")
@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer wrong", "Basic wrong", "Bearer mock_control_", "Bearer \xff"])
def test_the_token_is_needed_for_every_operation(given: str) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        for method, path in [*every_operation(client), ("GET", "/mock/v1/nothing"), ("PUT", T)]:
            body = b"RIFF" if method == "PUT" and "/clips/" in path else None
            media_type = "application/json" if body is None else "audio/wav"
            headers = httpx.Headers({"content-type": media_type, "authorization": given}, encoding="latin-1")
            answer = await client.request(method, path, content=body, headers=headers)
            error = answer.json()["error"]
            assert (answer.status_code, error["code"]) == (401, "token"), (method, path)
            assert "OFFHOOK_MOCK_FILE" in error["message"]
            assert answer.headers["www-authenticate"] == "Bearer"
            assert mock.control_token.reveal() not in answer.text
        assert len(mock.tenant.journal) == 0

    controlled(test)


@pytest.mark.fault("F47")
def test_keys_of_sendblues_api_do_not_control_the_mock_and_the_reverse() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        for keys in (
            {"sb-api-key-id": mock.tenant.api_key.reveal(), "sb-api-secret-key": mock.tenant.api_secret.reveal()},
            {"x-sb-api-key-id": "x"},
        ):
            for method, path in [*every_operation(client), ("GET", "/mock/v1"), ("GET", "/mock/v1/openapi.json")]:
                headers = {**keys, "content-type": "audio/wav" if method == "PUT" and "/clips/" in path else ""}
                if not headers["content-type"]:
                    del headers["content-type"]
                assert (await client.refused(method, path, headers=headers))[:2] == (403, "foreign_keys")
        token = mock.control_token.reveal()
        refusals = [
            await client.post("/facetime/start-call", json=CALL),  # as a bearer token
            await client.get("/api/lines"),
            await client.post("/facetime/start-call", json=CALL, headers={"sb-api-key-id": token}),
            await client.get("/account", headers={"sb-api-key-id": token, "sb-api-secret-key": token}),
        ]
        for answer in refusals:
            assert answer.status_code == 401
            assert set(answer.json()) == {"status", "message"}  # Sendblue's shape
            assert token not in answer.text
        assert token not in str([entry.to_json() for entry in mock.tenant.journal.entries])

    controlled(test)


@pytest.mark.fault("F48")
@pytest.mark.parametrize("header", ["origin", "sec-fetch-site"])
def test_web_pages_may_not_control_the_mock_even_its_own(header: str) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        value = mock.url if header == "origin" else "same-origin"
        assert (await client.refused("GET", f"{T}/faults", headers={header: value}))[:2] == (403, "browser")

    controlled(test)


def test_the_fetch_of_node_is_no_browser() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        headers = {"accept-language": "*", "sec-fetch-mode": "cors", "user-agent": "node"}
        await client.ok("GET", f"{T}/faults", headers=headers)

    controlled(test)


@pytest.mark.fault("F48", "F49", "F51")
def test_a_page_of_another_origin_reaches_no_operation() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        del client.headers["authorization"]  # a page does not have it
        for method, path in [*every_operation(client), ("GET", "/mock/v1")]:
            answer = await client.request(method, path, headers={"origin": "https://evil.test"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_origin")
            rebound = await client.request(method, path, headers={"host": "evil.test"})
            assert (rebound.status_code, rebound.json()["error"]["code"]) == (421, "foreign_host")
            form = await client.request(
                method, path, content=b"a=b", headers={"content-type": "application/x-www-form-urlencoded"}
            )
            if method != "GET":
                assert form.status_code in {401, 415}
                assert set(form.json()) == {"error"}
            for each in (answer, rebound, form):
                assert not any(name.startswith("access-control") for name in each.headers)
                assert each.headers["x-content-type-options"] == "nosniff"
        assert mock.tenant.faults.made == ()

    controlled(test)


def test_an_unknown_path_is_refused_with_the_nearest_one() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        for method, path, nearest in (
            ("GET", "/mock/v1/tenant", "GET /mock/v1/tenants"),
            ("POST", "/mock/v1/tenant", "POST /mock/v1/tenants"),
            ("GET", "/mock/v1/tenant/k/clock", "GET /mock/v1/tenants/{tenant}/clock"),
            ("GET", f"{T}/fault", "GET /mock/v1/tenants/{tenant}/faults"),
            ("POST", f"{T}/journal/waits", "POST /mock/v1/tenants/{tenant}/journal/wait"),
            ("GET", f"{T}/calls/ft_call_1/hear.wav", "GET /mock/v1/tenants/{tenant}/calls/{channel}/heard.wav"),
            ("POST", "/mock/v1/faults", "POST /mock/v1/tenants/{tenant}/faults"),
            ("GET", "/mock/v1/" + "x" * 10_000, ""),
        ):
            status, code, message = await client.refused(method, path)
            assert (status, code) == (404, "no_such_route")
            assert message.endswith(nearest)
            assert len(message) < 200

    controlled(test)


def test_another_method_is_refused_with_those_that_are_there() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        answer = await client.put(f"{T}/clock", json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method")
        assert answer.headers["allow"] == "GET, HEAD, POST"

    controlled(test)


@pytest.mark.fault("F44")
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"[" * 60_000, "must be a JSON object"),
        (b'{"steps":' * 5_000 + b"1" + b"}" * 5_000, "must be a JSON object"),
        (b"[]", "must be a JSON object"),
        (b'{"advance_s": NaN}', "must be a JSON object"),
        (b'{"advance_s": 1e999}', "advance_s must be a number"),
        (b'{"advance_s": 1' + b"0" * 5_000 + b"}", "must be a JSON object"),
        (b'{"advance_s": 1' + b"0" * 400 + b"}", ""),
        (b'{"advance_s": 1, "advance_s": 1}', "must not occur twice"),
        (b'{"advance_s": true}', "advance_s must be a number"),
        (b'{"advance": 1}', "did you mean advance_s?"),
        (b"{}", "pass one of advance_s"),
        (b'{"advance_s": 1, "set_wall_s": 1}', "pass one of advance_s"),
        (b"\xff\xfe", "must be a JSON object"),
    ],
)
def test_a_hostile_body_is_refused_in_one_shape(body: bytes, problem: str) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        answer = await client.post(f"{T}/clock", content=body, headers={"content-type": "application/json"})
        assert answer.status_code in {400, 422}
        error = answer.json()["error"]
        assert error["code"] in {"malformed", "invalid"}
        assert problem in error["message"]
        assert len(error["message"]) < 1_000
        assert mock.tenant.clock.ahead_s == 0

    controlled(test)


@pytest.mark.fault("F46")
def test_a_tenant_that_was_removed_is_like_one_that_never_was() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        made = await client.ok("POST", "/mock/v1/tenants", {})
        path = f"/mock/v1/tenants/{made['id']}"
        await client.ok("DELETE", path)
        for rest in ("", "/faults", "/journal", "/calls", "/clock", "/clips", "/callees", "/recordings", "/export"):
            removed = await client.refused("GET", path + rest)
            assert removed == await client.refused("GET", f"/mock/v1/tenants/mock_key_{'0' * 24}{rest}")
            assert removed[:2] == (404, "no_such_tenant")

    controlled(test)


def test_every_code_has_a_status_and_a_meaning() -> None:
    assert all(400 <= code.status < 600 and code.meaning.endswith(".") for code in CODES.values())


def test_the_token_of_a_mock_is_secret_and_of_no_seed() -> None:
    first, second = (InProcessMock(clock=LoopClock(), ids=Ids(1)) for _ in range(2))
    assert first.control_token.reveal() != second.control_token.reveal()
    assert first.control_token.reveal() not in repr(vars(first))
