"""The control API: faults by HTTP, and who may use it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from offhook.interfaces import Ids
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.server import InProcessMock
from offhook_mockserver.tenants.faults import FAULT_NAMES, arguments_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FAULTS = "/mock/v1/faults"
CALL = {"phoneNumber": "+14155550101", "fromNumber": "+18885550199"}


def run(test: Callable[[InProcessMock, httpx.AsyncClient], Awaitable[None]], **headers: str) -> None:
    async def main() -> None:
        async with (
            InProcessMock(clock=LoopClock(), ids=Ids(1)) as mock,
            httpx.AsyncClient(transport=mock.http(), base_url=mock.url) as client,
        ):
            client.headers.update({"authorization": f"Bearer {mock.control_token.reveal()}", **headers})
            await test(mock, client)

    run_virtual(main())


async def delete(client: httpx.AsyncClient, path: str) -> httpx.Response:
    return await client.delete(path, headers={"content-type": "application/json"})


def test_faults_are_made_listed_and_undone() -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        body: dict[str, Any] = {"name": "status", "arguments": {"status": 503, "times": 2, "to": "+14155550101"}}
        made = await client.post(FAULTS, json=body)
        assert made.status_code == 201
        (fault,) = mock.tenant.faults.active
        assert made.json() == {
            "id": fault.id,
            "name": "status",
            "what": "requests are answered with 503",
            "text": "status: requests are answered with 503, for +1415•••0101, at most 2 times",
            "times": 2,
            "channel": None,
            "count": 0,
            "active": True,
            "used_up": False,
        }
        await client.post(FAULTS, json={"name": "blackout"})
        listed = (await client.get(FAULTS)).json()["faults"]
        assert [each["name"] for each in listed] == ["status", "blackout"]
        removed = await delete(client, f"{FAULTS}/{fault.id}")
        assert (removed.status_code, removed.json()["active"], fault.active) == (200, False, False)
        assert (await delete(client, f"{FAULTS}/{fault.id}")).status_code == 404
        cleared = (await delete(client, FAULTS)).json()["faults"]
        assert [each["name"] for each in cleared] == ["blackout"]
        assert mock.tenant.faults.active == ()

    run(test)


def test_a_request_may_name_a_tenant() -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        other = mock.tenants.create()
        key = other.api_key.reveal()
        await client.post(FAULTS, json={"name": "lost_answer", "tenant": key})
        assert (len(other.faults.active), len(mock.tenant.faults.active)) == (1, 0)
        assert len((await client.get(FAULTS, params={"tenant": key})).json()["faults"]) == 1
        for answer in (
            await client.get(FAULTS, params={"tenant": "unknown"}),
            await client.post(FAULTS, json={"name": "lost_answer", "tenant": "unknown"}),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_tenant")

    run(test)


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ({"name": "statu", "arguments": {}}, 422, "did you mean status?"),
        ({"name": "status", "arguments": {"status": 5}}, 422, "status must be between 400 and 599, got 5"),
        ({"name": "status", "arguments": {"stat": 5}}, 422, "no argument 'stat'; did you mean status? It has"),
        ({"name": "status", "arguments": {"x": 5}}, 422, "no argument 'x'. It has: status, body"),
        ({"name": "refused"}, 422, "nothing could undo this fault, since that needs a connection: stop the mock"),
        ({"name": "status", "arguments": []}, 400, "the body needs a name"),
        ({}, 400, "the body needs a name"),
        ([], 400, "must be"),
    ],
)
def test_a_mistake_is_answered_with_what_is_wrong(body: object, status: int, problem: str) -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        answer = await client.post(FAULTS, json=body)
        assert answer.status_code == status
        assert problem in answer.json()["error"]["message"]
        assert mock.tenant.faults.active == ()

    run(test)


ODD: list[object] = [None, True, -1, 10**30, 1e308, "", "x", "\0\x1b[31m\r\n", "1", [], [1], {}, {"a": 1}]
NEEDED = {"status": 503, "value": "7", "to_url": "http://127.0.0.1/", "delay_s": 1, "by_s": 1, "flaw": "missing agora"}


@pytest.mark.fault("F44")
@pytest.mark.parametrize("name", [name for name in FAULT_NAMES if name != "refused"])
def test_no_value_of_an_argument_makes_the_mock_fail(name: str) -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        known = arguments_of(name)
        needed = {argument.name: NEEDED[argument.name] for argument in known.values() if argument.needed}
        if name == "token":
            needed["life_s"] = 5
        if name == "media":
            needed["loss"] = 0.5
        answer = await client.post(FAULTS, json={"name": name, "arguments": needed})
        assert answer.status_code == 201
        for argument, value in itertools.product(known, ODD):
            answer = await client.post(FAULTS, json={"name": name, "arguments": {**needed, argument: value}})
            assert answer.status_code in {201, 422}, (argument, value, answer.text)
            texts = answer.json()["text" if answer.status_code == 201 else "error"]
            assert str(texts).isprintable()
            mock.tenant.faults.clear()
        assert mock.tenant.faults.active == ()

    run(test)


def test_a_mock_without_tenants_says_so() -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        await mock.tenants.remove(mock.tenant)
        answer = await client.get(FAULTS)
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, "this mock has no tenant")

    run(test)


@pytest.mark.fault("F47")
def test_keys_of_sendblues_api_do_not_control_the_mock_and_the_reverse() -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        for keys in (
            {"sb-api-key-id": mock.tenant.api_key.reveal(), "sb-api-secret-key": mock.tenant.api_secret.reveal()},
            {"x-sb-api-key-id": "x"},
        ):
            answer = await client.get(FAULTS, headers=keys)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_keys")
        answer = await client.post("/facetime/start-call", json=CALL)
        assert answer.status_code == 401
        token = mock.control_token.reveal()
        keys = {"sb-api-key-id": token, "sb-api-secret-key": token}
        assert (await client.post("/facetime/start-call", json=CALL, headers=keys)).status_code == 401

    run(test)


@pytest.mark.fault("F47")
@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer wrong", "Basic wrong"])
def test_the_token_is_needed_for_every_request(given: str) -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        for answer in (
            await client.get(FAULTS),
            await client.post(FAULTS, json={"name": "lost_answer"}),
            await delete(client, FAULTS),
            await delete(client, f"{FAULTS}/f1"),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token")
            assert mock.control_token.reveal() not in answer.text
        assert mock.tenant.faults.active == ()

    run(test, authorization=given)


@pytest.mark.fault("F48")
@pytest.mark.parametrize("header", ["origin", "sec-fetch-site", "sec-fetch-mode"])
def test_web_pages_may_not_control_the_mock_even_its_own(header: str) -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        value = mock.url if header == "origin" else "same-origin"
        answer = await client.get(FAULTS, headers={header: value})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "browser")

    run(test)


def test_an_unknown_path_below_the_prefix_is_not_answered() -> None:
    async def test(mock: InProcessMock, client: httpx.AsyncClient) -> None:
        assert (await client.get("/mock/v1/nothing")).status_code == 501
        assert (await client.get(f"{FAULTS}/f1")).status_code in {405, 501}

    run(test)


def test_the_token_of_a_mock_is_secret_and_of_no_seed() -> None:
    first, second = (InProcessMock(clock=LoopClock(), ids=Ids(1)) for _ in range(2))
    assert first.control_token.reveal() != second.control_token.reveal()
    assert first.control_token.reveal() not in repr(vars(first))
