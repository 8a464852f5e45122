"""What only a lenient mock does: typed answers without state, and lines that requests bring along."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.mockserver.faces.sendblue.contract import Contract, against

from offhook_mockserver.server import TenantSettings

if TYPE_CHECKING:
    from tests.mockserver.faces.sendblue.contract import ContractClient

    from offhook_mockserver.server import InProcessMock

LINE = "+18885550199"
OTHER_LINE = "+12125550101"
VERIFY = "/api/v2/verify/services/service_sid/verifications"
BODIES: dict[str, dict[str, object]] = {
    "/api/modify-group": {"group_id": "group_id", "modify_type": "add_recipient", "number": "number"},
    "/api/send-group-message": {"content": "hello", "from_number": "from_number", "numbers": ["string"]},
    "/api/v2/groups/group_id/name": {"group_name": "a name"},
    "/api/v2/groups/group_id/photo": {"photo_url": "https://example.com/photo.png"},
    "/api/send-carousel": {"from_number": "string", "number": "string", "media_urls": ["string"]},
    "/api/messages/message_handle/update-app-card": {"layout": {"imageTitle": "a title"}},
    "/api/request-location": {"from_number": "string", "number": "string"},
    VERIFY: {"to": "string", "hosted": {"parent_origin": "https://app.example.com"}},
}
QUERIES: dict[str, dict[str, str]] = {
    "/api/v2/groups/group_id": {},
    "/api/location": {"from_number": "string"},
    "/api/location/number": {"from_number": "string"},
    "/api/location/number/watch": {"from_number": "string"},
    f"{VERIFY}/verification_sid": {},
    "/api/v2/verify/verifications": {"limit": "1"},
}


def lenient() -> TenantSettings:
    return TenantSettings(lenient=True)


async def ask(client: ContractClient, path: str) -> Any:
    """The answer to a request with placeholders, compared with the document by the client."""
    if path in BODIES:
        answer = await client.post(path, json=BODIES[path])
    else:
        answer = await client.get(path, params=QUERIES[path])
    assert answer.status_code == 200, answer.text
    return answer.text if answer.headers["content-type"].startswith("text/event-stream") else answer.json()


def test_each_lenient_operation_is_asked_here() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        for path in (*BODIES, *QUERIES):
            await ask(client, path)

    asked = against(test, settings=lenient()).contract.answered
    paths = Contract().document["paths"]
    only_lenient = {
        f"{method.upper()} {path}"
        for path, item in paths.items()
        for method, operation in item.items()
        if operation.get("x-offhook-lenient")
    }
    assert asked == only_lenient
    assert {paths[each.partition(" ")[2]][each.partition(" ")[0].lower()]["x-offhook-grade"] for each in asked} == {
        "assumed"
    }


@pytest.mark.parametrize("path", [*BODIES, *QUERIES])
def test_others_get_501_and_the_nearest_match(path: str) -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        answer = await (client.post(path, json=BODIES[path]) if path in BODIES else client.get(path))
        assert answer.status_code == 501
        assert "nearest" in answer.json()["message"]

    against(test)


def test_the_same_request_gets_the_same_answer() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        for path in (*BODIES, *QUERIES):
            assert await ask(client, path) == await ask(client, path)

    against(test, settings=lenient())


def test_a_watched_location_is_a_stream_that_ends() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        *events, rest = (await ask(client, "/api/location/number/watch")).split("\n\n")
        assert rest == ""
        named = [(event.split("\n")[0], json.loads(event.split("data: ")[1])) for event in events]
        assert [name for name, _ in named] == ["event: ready", "event: location", "event: complete"]
        assert named[-1][1]["reason"] == "watch_ended"
        assert {data["number"] for _, data in named} == {"number"}

    against(test, settings=lenient())


def test_what_is_cleared_is_empty() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        renamed = await client.post("/api/v2/groups/g/name", json={"group_name": None})
        assert renamed.json()["data"] == {"group_id": "g", "group_name": "", "from_number": None}
        cleared = await client.post("/api/v2/groups/g/photo", json={"photo_url": None, "from_number": LINE})
        assert cleared.json()["data"] == {"group_id": "g", "group_photo": None, "from_number": LINE}

    against(test, settings=lenient())


def test_what_is_missing_is_refused() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        for answer in (await client.get("/api/location"), await client.post("/api/send-carousel", json={})):
            assert answer.status_code == 400
            assert "from_number is missing" in answer.json()["message"]

    against(test, settings=lenient())


def test_a_line_that_a_request_names_becomes_one_of_the_account() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        for line in (OTHER_LINE, "string", OTHER_LINE):
            body = {"phoneNumber": "+14155550123", "fromNumber": line}
            assert (await client.post("/facetime/start-call", json=body)).json()["status"] == "OK"
        assert (await client.get("/api/lines")).json()["numbers"] == [LINE, OTHER_LINE]

    against(test, settings=lenient())


def test_the_lines_that_requests_bring_are_limited() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        for number in range(120):
            token = await client.post("/v3/auth/tokens", json={"phone_number": f"+1212555{number:04}"})
            assert token.status_code == 200
        assert len(mock.tenant.lines) == 100

    against(test, settings=lenient())


def test_a_token_of_one_line_brings_no_other() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        token = (await client.post("/v3/auth/tokens", json={"phone_number": LINE})).json()["token"]
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=mock.http(), base_url=mock.url, headers=headers) as limited:
            body = {"phoneNumber": "+14155550123", "fromNumber": OTHER_LINE}
            answer = await limited.post("/facetime/start-call", json=body)
        assert answer.status_code == 400
        assert mock.tenant.lines == (LINE,)

    against(test, settings=lenient())
