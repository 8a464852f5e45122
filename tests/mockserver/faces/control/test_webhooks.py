"""Webhooks over the control API: registered, delivered, dead, sent once more, and sent by a test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.mockserver.faces.control.control_client import ControlClient, T, call, controlled
from tests.mockserver.faces.sendblue.contract import keys_of

from offhook_mockserver.tenants.webhooks.post_answer import PostAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook_mockserver.server import InProcessMock

HOOKS = f"{T}/webhooks"
URL = "http://127.0.0.1:9/hook"


class Receiver:
    """What a mock posts to a URL.

    Attributes:
        status: the answer to the next posts.
        posts: the headers and the event of each post.
    """

    def __init__(self, mock: InProcessMock, url: str = URL) -> None:
        self.status = 200
        self.posts: list[tuple[dict[str, str], Any]] = []
        mock.tenant.webhooks.apps[url] = self.post

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> PostAnswer:
        self.posts.append((dict(headers), json.loads(body)))
        return PostAnswer(self.status)


async def outcome(client: ControlClient, id: str, event: str) -> None:
    await client.ok(
        "POST", f"{T}/journal/wait", {"kind": "webhook", "where": {"id": id, "event": event}, "timeout_s": 60}
    )


def test_webhooks_are_registered_listed_and_removed() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        body = {"type": "call_log", "url": URL, "secret": "s3cret-of-hook"}
        answer = await client.post(HOOKS, json=body)
        assert answer.status_code == 201
        assert answer.json()["webhooks"]["call_log"] == [{"url": URL}]
        assert "s3cret-of-hook" not in answer.text
        lines = list(mock.tenant.lines)
        await client.ok("POST", HOOKS, {"type": "receive", "url": f"{URL}/2", "lines": lines})
        listed = (await client.ok("GET", HOOKS))["webhooks"]
        assert listed["receive"] == [{"url": f"{URL}/2", "sendblue_numbers": lines}]
        theirs = await client.get("/api/account/webhooks", headers={**keys_of(mock.tenant), "authorization": ""})
        assert theirs.json()["webhooks"]["call_log"] == [{"url": URL, "secret": "s3cret-of-hook"}]
        removed = await client.ok("DELETE", HOOKS, params={"type": "call_log", "url": URL})
        assert removed["webhooks"]["call_log"] == []
        for query, status in (
            ({"type": "call_log", "url": URL}, 404),
            ({"type": "call_log"}, 400),
            ({"url": URL}, 400),
            ({"type": "call", "url": URL}, 400),
        ):
            assert (await client.refused("DELETE", HOOKS, params=query))[0] == status
        assert not any((await client.ok("DELETE", HOOKS))["webhooks"].values())

    controlled(test)


@pytest.mark.parametrize(
    "body",
    [
        {"type": "call_log"},
        {"type": "calls", "url": URL},
        {"type": "call_log", "url": "ftp://127.0.0.1/"},
        {"type": "call_log", "url": "x" * 3_000},
        {"type": "call_log", "url": URL, "secret": ""},
        {"type": "call_log", "url": URL, "secret": "a\r\nb: c"},
        {"type": "call_log", "url": URL, "secret": "x" * 257},
        {"type": "call_log", "url": URL, "lines": ["x"]},
        {"type": "call_log", "url": URL, "line": "x"},
    ],
)
def test_a_webhook_that_cannot_be_is_refused(body: dict[str, Any]) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        refused = await client.refused("POST", HOOKS, body)
        assert refused[0] in {400, 422}
        if len(body.get("secret", "")) > 3:
            assert body["secret"] not in refused[2]
        assert len(mock.tenant.webhooks.registrations) == 0

    controlled(test)


def test_a_password_in_a_url_is_not_listed() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        url = "http://user:pw-SENTINEL@127.0.0.1:1/x?y=@"
        added = await client.ok("POST", HOOKS, {"type": "receive", "url": url})
        assert added == await client.ok("GET", HOOKS)
        assert added["webhooks"]["receive"][0]["url"] == "http://***@127.0.0.1:1/x?y=@"
        assert "SENTINEL" not in json.dumps(mock.tenant.export())
        theirs = await client.get("/api/account/webhooks", headers={**keys_of(mock.tenant), "authorization": ""})
        assert theirs.json()["webhooks"]["receive"][0]["url"] == url
        await client.ok("DELETE", HOOKS, params={"type": "receive", "url": url})

    controlled(test)


def test_deliveries_are_listed_with_what_became_of_them() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        receiver = Receiver(mock)
        await client.ok("POST", HOOKS, {"type": "call_log", "url": URL, "secret": "s3cret-of-hook"})
        channel = await call(mock, "+14155550101")
        await outcome(client, "wh_1", "delivered")
        ((headers, event),) = receiver.posts
        assert headers["sb-signing-secret"] == "s3cret-of-hook"
        (delivery,) = (await client.ok("GET", f"{HOOKS}/deliveries", params={"about": channel}))["deliveries"]
        assert (delivery["state"], delivery["status"], delivery["attempts"]) == ("delivered", 200, 1)
        assert (delivery["event"], delivery["type"]) == (event, "call_log")
        assert await client.ok("GET", f"{HOOKS}/deliveries/wh_1") == delivery
        assert "s3cret-of-hook" not in str(delivery)
        for query in ({"state": "dead"}, {"type": "receive"}, {"about": "other"}):
            assert (await client.ok("GET", f"{HOOKS}/deliveries", params=query))["deliveries"] == []
        assert (await client.refused("GET", f"{HOOKS}/deliveries/wh_9"))[:2] == (404, "no_such_delivery")
        assert (await client.refused("POST", f"{HOOKS}/deliveries/wh_9/replay"))[:2] == (404, "no_such_delivery")

    controlled(test)


def test_a_dead_letter_is_sent_again() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        receiver = Receiver(mock)
        receiver.status = 500
        await client.ok("PATCH", T, {"settings": {"webhook_attempts": 2}})
        await client.ok("POST", HOOKS, {"type": "receive", "url": URL})
        answer = await client.post(
            f"{HOOKS}/send",
            json={"type": "receive", "event": {"content": "hi"}, "line": mock.from_number, "about": "m1"},
        )
        assert answer.status_code == 201
        ((id,),) = ([each["id"] for each in answer.json()["deliveries"]],)
        await outcome(client, id, "dead")
        dead = (await client.ok("GET", f"{HOOKS}/deliveries", params={"state": "dead"}))["deliveries"]
        assert [(each["id"], each["attempts"], each["status"]) for each in dead] == [(id, 2, 500)]
        receiver.status = 204
        again = await client.post(f"{HOOKS}/deliveries/{id}/replay")
        assert (again.status_code, again.json()["replay_of"]) == (201, id)
        await outcome(client, again.json()["id"], "delivered")
        assert receiver.posts[-1][1] == {"content": "hi"}
        assert (await client.ok("GET", f"{HOOKS}/deliveries", params={"state": "dead"}))["deliveries"] == []

    controlled(test)


def test_a_fault_of_webhooks_is_made_as_the_others() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        Receiver(mock)
        await client.ok("POST", HOOKS, {"type": "receive", "url": URL})
        fault = await client.ok("POST", f"{T}/faults", {"name": "lost_webhooks", "arguments": {"times": 1}})
        sent = await client.ok("POST", f"{HOOKS}/send", {"type": "receive", "event": {}})
        assert [each["state"] for each in sent["deliveries"]] == ["lost"]
        assert (await client.ok("GET", f"{T}/faults/{fault['id']}"))["count"] == 1

    controlled(test)


def test_an_inbound_call_is_an_event() -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        receiver = Receiver(mock)
        path = f"{T}/inbound-calls"
        assert await client.ok("POST", path, {"from_number": "+14155550199"}) == {"deliveries": []}
        await client.ok("POST", HOOKS, {"type": "inbound_call", "url": URL})
        sent = await client.ok("POST", path, {"from_number": "+14155550199", "line": mock.from_number})
        await outcome(client, sent["deliveries"][0]["id"], "delivered")
        assert receiver.posts[0][1]["from_number"] == "+14155550199"
        for body, status in (
            ({}, 400),
            ({"from_number": "911"}, 400),
            ({"from_number": "+14155550199", "line": "+14155550198"}, 422),
        ):
            assert (await client.refused("POST", path, body))[0] == status

    controlled(test)


@pytest.mark.fault("F44")
@pytest.mark.parametrize("event", [[], None, "x", {"a": "x" * 70_000}])
def test_an_event_that_cannot_be_sent_is_refused(event: object) -> None:
    async def test(mock: InProcessMock, client: ControlClient) -> None:
        await client.ok("POST", HOOKS, {"type": "receive", "url": URL})
        assert (await client.refused("POST", f"{HOOKS}/send", {"type": "receive", "event": event}))[0] in {400, 413}
        assert mock.tenant.webhooks.deliveries == ()

    controlled(test)
