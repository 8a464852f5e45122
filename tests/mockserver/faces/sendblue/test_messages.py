"""Messages over HTTP: one, their status, and lists with every filter, order and page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.mockserver.faces.sendblue.contract import ContractClient, against
from tests.mockserver.faces.sendblue.test_auth_tokens import bearer, minted

from offhook.interfaces import iso_8601
from offhook_mockserver.server import TenantSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_mockserver.server import InProcessMock
    from offhook_mockserver.tenants.account.message import Message

LINES = ("+18885550199", "+18885550198")
ANN, BOB = "+14155550123", "+14155550124"
MESSAGES = "/api/v2/messages"


async def fill(mock: InProcessMock) -> list[str]:
    """Six messages, one a second; returns their handles, oldest first."""
    mock.tenant.lines = LINES
    account = mock.tenant.account
    account.recipients.set_service(BOB, "SMS")
    account.recipients.fail(BOB)
    makes: tuple[Callable[[], Message], ...] = (
        lambda: account.messages.send(ANN, "0", LINES[0]),
        lambda: account.messages.receive(ANN, "1", line=LINES[0]),
        lambda: account.messages.send(BOB, "2", LINES[0]),
        lambda: account.messages.receive(BOB, "3", line=LINES[1], service="RCS"),
        lambda: account.messages.send(ANN, "4", LINES[1]),
        lambda: account.messages.send(ANN, "5", LINES[1]),
    )
    handles: list[str] = []
    for make in makes[:-1]:
        handles.append(make().handle)
        await asyncio.sleep(1)
    return [*handles, makes[-1]().handle]


async def listed(client: ContractClient, **query: object) -> str:
    """The contents of the messages, in their order."""
    answer = await client.get(MESSAGES, params={"order_direction": "asc", **query})  # type: ignore[dict-item]
    assert answer.status_code == 200, answer.text
    return "".join(message["content"] for message in answer.json()["data"])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, "012345"),
        ({"number": ANN}, "0145"),
        ({"number": LINES[1]}, "345"),
        ({"from_number": ANN}, "1"),
        ({"from_number": LINES[0]}, "02"),
        ({"to_number": ANN}, "045"),
        ({"to_number": LINES[1]}, "3"),
        ({"sendblue_number": LINES[1]}, "345"),
        ({"is_outbound": "false"}, "13"),
        ({"is_outbound": "true"}, "0245"),
        ({"status": "DELIVERED"}, "04"),
        ({"status": "QUEUED"}, "5"),
        ({"status": "ERROR"}, "2"),
        ({"status": "RECEIVED"}, "13"),
        ({"status": "DECLINED"}, ""),
        ({"service": "iMessage"}, "0145"),
        ({"service": "SMS"}, "2"),
        ({"service": "RCS"}, "3"),
        ({"message_type": "message"}, "012345"),
        ({"message_type": "group"}, ""),
        ({"group_id": "a group"}, ""),
        ({"account_email": "someone@example.com"}, ""),
        ({"worker_id": "unknown"}, ""),
        ({"is_outbound": "true", "number": ANN, "sendblue_number": LINES[1]}, "45"),
    ],
)
def test_each_filter(query: dict[str, object], found: str) -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        await fill(mock)
        assert await listed(client, **query) == found

    against(test)


def test_filters_that_name_the_account() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        await fill(mock)
        account = mock.tenant.account
        assert await listed(client, account_email=account.email) == "012345"
        assert await listed(client, worker_id=account.lines.worker_id(LINES[1])) == "345"

    against(test)


def test_times_are_included_to_the_millisecond() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        handles = await fill(mock)
        messages = [mock.tenant.account.messages.get(handle) for handle in handles]
        times = [iso_8601(message.created_s) for message in messages if message]
        assert await listed(client, created_at_gte=times[2]) == "2345"
        assert await listed(client, created_at_lte=times[2]) == "012"
        assert await listed(client, created_at_gte=times[2], created_at_lte=times[2]) == "2"
        assert await listed(client, sent_at_lte=times[5]) == "0134", "2 failed, and 5 is queued"
        assert await listed(client, sent_at_gte=times[4]) == "4"
        assert await listed(client, updated_at_gte=times[4]) == "45"
        last = messages[4]
        assert last is not None
        assert await listed(client, updated_at_gte=iso_8601(last.updated_s)) == "45"
        assert await listed(client, updated_at_gte=iso_8601(last.updated_s + 0.001)) == "5"

    against(test)


def test_orders() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        handles = await fill(mock)
        assert await listed(client, order_direction="desc") == "543210"
        first = mock.tenant.account.messages.get(handles[0])
        assert first is not None
        first.updated_s += 100
        assert await listed(client, order_by="updatedAt") == "123450"
        assert await listed(client, order_by="sentAt") == "250134"
        assert await listed(client, order_by="createdAt", order_direction="desc") == "543210"
        assert await listed(client, order_by="createdAt") == "012345"

    against(test)


@pytest.mark.parametrize(
    ("query", "found", "more"),
    [
        ({"limit": 2}, "01", True),
        ({"limit": 2, "offset": 2}, "23", True),
        ({"limit": 2, "offset": 4}, "45", False),
        ({"limit": 2, "offset": 5}, "5", False),
        ({"limit": 2, "offset": 6}, "", False),
        ({"limit": 6}, "012345", False),
        ({"limit": 5}, "01234", True),
        ({"limit": 0}, "", True),
        ({"limit": 100}, "012345", False),
        ({"offset": 10**15}, "", False),
        ({"limit": 1, "is_outbound": "false"}, "1", True),
    ],
)
def test_pages(query: dict[str, object], found: str, more: bool) -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        await fill(mock)
        params: Any = {"order_direction": "asc", **query}
        answer = (await client.get(MESSAGES, params=params)).json()
        assert "".join(message["content"] for message in answer["data"]) == found
        assert answer["pagination"] == {
            "total": 2 if "is_outbound" in query else 6,
            "limit": query.get("limit", 50),
            "offset": query.get("offset", 0),
            "hasMore": more,
        }

    against(test)


def test_a_page_has_at_most_100_messages() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        for index in range(120):
            mock.tenant.account.messages.send(ANN, f"{index}", LINES[0])
        by_default = (await client.get(MESSAGES)).json()
        most = (await client.get(MESSAGES, params={"limit": 5000})).json()
        assert (len(by_default["data"]), len(most["data"])) == (50, 100)
        assert most["pagination"] == {"total": 120, "limit": 100, "offset": 0, "hasMore": True}
        # Messages of one time are in the order in which they were made.
        assert [message["content"] for message in by_default["data"][:3]] == ["119", "118", "117"]

    against(test)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": -1},
        {"offset": -1},
        {"limit": "x"},
        {"order_by": "content"},
        {"order_direction": "up"},
        {"status": "delivered"},
        {"is_outbound": "1"},
        {"created_at_gte": "yesterday"},
        {"service": "fax"},
        {"message_type": "inbound"},
    ],
)
def test_a_wrong_query_names_its_field(query: dict[str, object]) -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        refused = await client.get(MESSAGES, params=query)  # type: ignore[arg-type]
        assert refused.status_code == 400
        assert next(iter(query)) in refused.json()["message"]

    against(test)


def test_one_message_and_its_status() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        handles = await fill(mock)
        received = (await client.get(f"{MESSAGES}/{handles[1]}")).json()
        assert (received["status"], received["data"]["status"]) == ("OK", "RECEIVED")
        assert (received["data"]["number"], received["data"]["to_number"]) == (ANN, LINES[0])
        failed = (await client.get("/api/status", params={"handle": handles[2]})).json()
        assert (failed["status"], failed["error_code"]) == ("ERROR", 10001)
        refused = await client.get("/api/status", params={"handle": handles[1]})
        assert refused.status_code == 404
        assert "was received" in refused.json()["message"]
        for path in (f"{MESSAGES}/unknown", "/api/status?handle=unknown"):
            assert (await client.get(path)).status_code == 404
        assert (await client.get("/api/status")).status_code == 400

    against(test)


def test_a_token_of_one_line_sees_its_messages_alone() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        handles = await fill(mock)
        token = await minted(client, phone_number=LINES[1])
        async with bearer(mock, token["token"]) as limited:
            answer = (await limited.get(MESSAGES)).json()
            assert "".join(message["content"] for message in answer["data"]) == "543"
            assert answer["pagination"]["total"] == 3
            assert (await limited.get(f"{MESSAGES}/{handles[0]}")).status_code == 404
            assert (await limited.get("/api/status", params={"handle": handles[0]})).status_code == 404
            assert (await limited.get(f"{MESSAGES}/{handles[4]}")).status_code == 200
            other = mock.tenant.account.lines.worker_id(LINES[0])
            assert (await limited.get(MESSAGES, params={"worker_id": other})).json()["data"] == []

    against(test)


def test_messages_of_lines_that_were_taken_away_are_still_listed() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        await fill(mock)
        mock.tenant.account.lines.unassign(LINES[1])
        assert await listed(client) == "012345"

    against(test)


def test_lists_are_limited_if_the_settings_say_so() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        for _ in range(100):
            assert (await client.get(MESSAGES)).status_code == 200
        await asyncio.sleep(2.5)
        refused = await client.get(MESSAGES)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "8")
        await asyncio.sleep(7.5)
        assert (await client.get(MESSAGES)).status_code == 200

    against(test, settings=TenantSettings(enforce_limits=True))
