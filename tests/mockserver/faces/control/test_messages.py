"""Messages, recipients and lines over the control API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.mockserver.faces.control.control_client import ControlClient, T, controlled
from tests.mockserver.faces.control.test_webhooks import HOOKS, URL, Receiver, outcome
from tests.mockserver.faces.sendblue.contract import keys_of

if TYPE_CHECKING:
    from offhook_mockserver.server import InProcessMock

MESSAGES = f"{T}/messages"
THEM = "+14155550180"


def test_a_message_arrives_and_its_webhook_is_posted() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        receiver = Receiver(mock)
        await client.ok("POST", HOOKS, {"type": "receive", "url": URL})
        answer = await client.post(MESSAGES, json={"from_number": THEM, "content": "hello", "service": "SMS"})
        assert answer.status_code == 201
        message = answer.json()
        assert (message["number"], message["content"], message["is_outbound"]) == (THEM, "hello", False)
        assert (message["service"], message["sendblue_number"]) == ("SMS", mock.from_number)
        await outcome(client, "wh_1", "delivered")
        assert receiver.posts[0][1]["message_handle"] == message["message_handle"]
        theirs = await client.get("/api/v2/messages", headers={**keys_of(mock.tenant), "authorization": ""})
        assert message["message_handle"] in theirs.text

    controlled(test)


def test_what_an_application_has_sent_is_listed() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        body = {"number": THEM, "from_number": mock.from_number, "content": "from the app"}
        keys = {**keys_of(mock.tenant), "authorization": ""}
        assert (await client.post("/api/send-message", json=body, headers=keys)).is_success
        await client.ok("POST", MESSAGES, {"from_number": THEM, "content": "answer"})
        await client.ok("POST", MESSAGES, {"from_number": "someone@example.com", "content": "other"})

        async def contents(**query: str) -> list[str]:
            listed = (await client.ok("GET", MESSAGES, params=query))["messages"]
            return [message["content"] for message in listed]

        assert await contents() == ["from the app", "answer", "other"]
        assert await contents(number=THEM) == ["from the app", "answer"]
        assert await contents(outbound="true") == ["from the app"]
        assert await contents(outbound="false", limit="1") == ["other"]

    controlled(test)


def test_a_contact_types() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        receiver = Receiver(mock)
        await client.ok("POST", HOOKS, {"type": "typing_indicator", "url": URL})
        for is_typing in (True, False):
            assert await client.ok("POST", f"{T}/typing", {"from_number": THEM, "is_typing": is_typing}) == {}
        await outcome(client, "wh_2", "delivered")
        assert [event["is_typing"] for _, event in receiver.posts] == [True, False]

    controlled(test)


def test_a_recipient_is_changed_and_seen_by_the_application() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        path = f"{T}/recipients/{THEM}"
        before = await client.ok("GET", path)
        assert before["error_code"] is None
        failing = await client.ok("PATCH", path, {"error_code": 10001, "error_message": "no", "service": "SMS"})
        assert (failing["error_code"], failing["error_message"], failing["service"]) == (10001, "no", "SMS")
        body = {"number": THEM, "from_number": mock.from_number, "content": "x"}
        keys = {**keys_of(mock.tenant), "authorization": ""}
        await client.post("/api/send-message", json=body, headers=keys)
        await client.ok("PATCH", T, {"settings": {"message_step_s": 0}})
        await client.ok("PATCH", path, {"opted_out": True})
        assert (await client.post("/api/send-message", json=body, headers=keys)).status_code >= 400
        assert (await client.ok("PATCH", path, {"service": None}))["service"] == ""
        again = await client.ok("PATCH", path, {"opted_out": False, "error_code": None, "service": "iMessage"})
        assert again == before

    controlled(test)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (MESSAGES, {}, 400),
        (MESSAGES, {"from_number": "911"}, 400),
        (MESSAGES, {"from_number": "+911"}, 400),
        (MESSAGES, {"from_number": THEM, "line": "+14155550100"}, 422),
        (MESSAGES, {"from_number": THEM, "service": "fax"}, 400),
        (MESSAGES, {"from_number": THEM, "content": "x" * 20_001}, 400),
        (MESSAGES, {"from_number": THEM, "contents": "x"}, 400),
        (f"{T}/typing", {"from_number": THEM, "is_typing": "yes"}, 400),
        (f"{T}/typing", {"from_number": THEM, "line": "+14155550100"}, 422),
    ],
)
def test_a_message_that_cannot_be_is_refused(path: str, body: dict[str, Any], status: int) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        assert (await client.refused("POST", path, body))[0] == status
        assert len(mock.tenant.account.messages) == 0

    controlled(test)


def test_lines_are_assigned_changed_and_taken() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        path = f"{T}/lines/+18885550188"
        for _ in range(2):
            listed = (await client.ok("PUT", path, {}))["lines"]
            assert [each["line"] for each in listed] == [mock.from_number, "+18885550188"]
        changed = await client.ok("PATCH", path, {"status": "DEGRADED", "assignment": "shared"})
        assert (changed["lines"][1]["status"], changed["lines"][1]["assignment"]) == ("DEGRADED", "shared")
        assert (await client.ok("PATCH", path, {"blocked": True}))["lines"][1]["blocked"] is True
        assert (await client.refused("PATCH", path, {"blocked": False}))[:2] == (409, "state")
        assert len((await client.ok("DELETE", path))["lines"]) == 1
        for method in ("PATCH", "DELETE"):
            assert (await client.refused(method, path))[:2] == (404, "no_such_line")
        assert (await client.refused("DELETE", f"{T}/lines/{mock.from_number}"))[:2] == (422, "invalid")
        assert (await client.refused("PATCH", path, {"status": "BROKEN"}))[0] == 400
        assert len((await client.ok("GET", f"{T}/lines"))["lines"]) == 1

    controlled(test)
