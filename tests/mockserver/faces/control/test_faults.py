"""Faults over the control API."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from tests.mockserver.faces.control.control_client import ControlClient, T, controlled

from offhook_mockserver.tenants.faults import FAULT_NAMES, arguments_of

if TYPE_CHECKING:
    from offhook_mockserver.server import InProcessMock

FAULTS = f"{T}/faults"


def test_faults_are_made_listed_and_undone() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
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
        await client.ok("POST", FAULTS, {"name": "blackout"})
        listed = (await client.ok("GET", FAULTS))["faults"]
        assert [each["name"] for each in listed] == ["status", "blackout"]
        removed = await client.ok("DELETE", f"{FAULTS}/{fault.id}")
        assert (removed["active"], fault.active) == (False, False)
        assert await client.ok("GET", f"{FAULTS}/{fault.id}") == removed
        assert (await client.refused("DELETE", f"{FAULTS}/{fault.id}"))[:2] == (404, "no_such_fault")
        assert (await client.refused("GET", f"{FAULTS}/f9"))[:2] == (404, "no_such_fault")
        cleared = (await client.ok("DELETE", FAULTS))["faults"]
        assert [each["name"] for each in cleared] == ["blackout"]
        assert mock.tenant.faults.active == ()

    controlled(test)


def test_a_request_names_its_tenant() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        other = mock.tenants.create()
        path = f"/mock/v1/tenants/{other.api_key.reveal()}/faults"
        await client.ok("POST", path, {"name": "lost_answer"})
        assert (len(other.faults.active), len(mock.tenant.faults.active)) == (1, 0)
        assert len((await client.ok("GET", path))["faults"]) == 1
        for method, body in (("GET", None), ("POST", {"name": "lost_answer"})):
            refused = await client.refused(method, "/mock/v1/tenants/unknown/faults", body)
            assert refused[:2] == (404, "no_such_tenant")

    controlled(test)


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ({"name": "statu", "arguments": {}}, 422, "did you mean status?"),
        ({"name": "status", "arguments": {"status": 5}}, 422, "status must be between 400 and 599, got 5"),
        ({"name": "status", "arguments": {"stat": 5}}, 422, "no argument 'stat'; did you mean status? It has"),
        ({"name": "status", "arguments": {"x": 5}}, 422, "no argument 'x'. It has: status, body"),
        ({"name": "refused"}, 422, "nothing could undo this fault, since that needs a connection: stop the mock"),
        ({"name": "status", "arguments": []}, 400, "arguments must be an object"),
        ({}, 400, "name is missing"),
        ([], 400, "must be"),
    ],
)
def test_a_mistake_is_answered_with_what_is_wrong(body: object, status: int, problem: str) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        refused = await client.refused("POST", FAULTS, body)
        assert refused[0] == status
        assert problem in refused[2]
        assert mock.tenant.faults.made == ()

    controlled(test)


ODD: list[object] = [None, True, -1, 10**30, 1e308, "", "x", "\0\x1b[31m\r\n", "1", [], [1], {}, {"a": 1}]
NEEDED = {"status": 503, "value": "7", "to_url": "http://127.0.0.1/", "delay_s": 1, "by_s": 1, "flaw": "missing agora"}


@pytest.mark.fault("F44")
@pytest.mark.parametrize("name", [name for name in FAULT_NAMES if name != "refused"])
def test_no_value_of_an_argument_makes_the_mock_fail(name: str) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
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

    controlled(test)
