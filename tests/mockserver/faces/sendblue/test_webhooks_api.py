"""The operations on webhooks: what is registered is listed, replaced and removed, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.mockserver.faces.sendblue.contract import ContractClient, against

from offhook_mockserver.server import TenantSettings, WebhookType

if TYPE_CHECKING:
    from offhook_mockserver.server import InProcessMock

PATH = "/api/account/webhooks"
OLD_PATH = "/api/v2/account/webhooks"
URL, OTHER = "https://app.example/hooks", "https://app.example/other"
LINES = ("+14155550100", "+14155550101")


async def listed(client: ContractClient, path: str = PATH) -> dict[str, Any]:
    answer = await client.get(path)
    assert answer.json()["status"] == "OK"
    found: dict[str, Any] = answer.json()["webhooks"]
    return {type: hooks for type, hooks in found.items() if hooks}


async def remove(client: ContractClient, *urls: str, **more: object) -> Any:
    return (await client.request("DELETE", PATH, json={"webhooks": list(urls), **more})).json()


def test_all_types_are_listed_and_the_secret_of_the_account_only_if_there_is_one() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        found = (await client.get(PATH)).json()["webhooks"]
        assert found == {type.value: [] for type in WebhookType}

    against(test)


@pytest.mark.parametrize("path", [PATH, OLD_PATH])
def test_webhooks_are_added_replaced_and_removed(path: str) -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        hook = {"url": URL, "secret": "shown to its owner", "sendblue_numbers": [LINES[0]]}
        answer = await client.post(path, json={"webhooks": [OTHER, hook]})
        assert answer.json()["webhooks"]["receive"] == [OTHER, hook]
        await client.post(path, json={"webhooks": [URL], "type": "call_log", "globalSecret": "of all"})
        assert await listed(client, path) == {"receive": [OTHER, hook], "call_log": [URL], "globalSecret": "of all"}
        await client.post(path, json={"webhooks": [{"url": OTHER}]})
        assert (await listed(client))["receive"] == [{"url": OTHER}, hook]
        assert (await remove(client, OTHER, "https://app.example/unknown"))["message"] == "1 webhooks were removed"
        await remove(client, URL, type="call_log")
        assert await listed(client) == {"receive": [hook], "globalSecret": "of all"}
        new = {"webhooks": {"call_completed": [URL, OTHER], "outbound": [{"url": URL, "secret": "x"}]}}
        assert (await client.put(path, json=new)).status_code == 200
        assert await listed(client) == new["webhooks"]
        await client.put(path, json={"webhooks": {"globalSecret": "of all"}})
        assert await listed(client) == {"globalSecret": "of all"}
        assert "of all" not in str([(entry.text, entry.fields) for entry in mock.tenant.journal.entries])

    against(test)


@pytest.mark.parametrize(
    ("method", "body", "message"),
    [
        ("POST", {}, "webhooks is missing"),
        ("POST", {"webhooks": URL}, "webhooks must be a list"),
        ("POST", {"webhooks": ["ftp://app.example/"]}, "webhooks[0] has the wrong form"),
        ("POST", {"webhooks": [{"secret": "x"}]}, "webhooks[0].url is missing"),
        ("POST", {"webhooks": [{"url": URL, "secret": "a\nb"}]}, "webhooks[0].secret has the wrong form"),
        ("POST", {"webhooks": [{"url": URL, "sendblue_numbers": []}]}, "sendblue_numbers must have 1 to 100 items"),
        ("POST", {"webhooks": [URL], "type": "calls"}, "type is not one of those that are known"),
        ("POST", {"webhooks": [URL], "globalSecret": " "}, "globalSecret has the wrong form"),
        ("POST", {"webhooks": [URL + str(number) for number in range(101)]}, "webhooks must have 0 to 100 items"),
        ("PUT", {"webhooks": [URL]}, "webhooks must be an object"),
        ("PUT", {"webhooks": {"call_log": [5]}}, "webhooks.call_log[0] must be"),
        ("DELETE", {"webhooks": [{"url": URL}]}, "webhooks[0] must be"),
    ],
)
def test_what_is_no_webhook_is_refused(method: str, body: object, message: str) -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        answer = await client.request(method, PATH, json=body)
        assert answer.status_code == 400
        assert answer.json()["status"] == "ERROR"
        assert message in answer.json()["message"]
        assert await listed(client) == {}

    against(test)


def test_an_account_has_at_most_100_webhooks_of_a_type() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        await client.post(PATH, json={"webhooks": [f"{URL}/{number}" for number in range(60)]})
        answer = await client.post(PATH, json={"webhooks": [f"{OTHER}/{number}" for number in range(60)]})
        assert (answer.status_code, len((await listed(client))["receive"])) == (400, 60)
        assert "may have 100 webhooks of a type" in answer.json()["message"]

    against(test)


def test_https_alone_is_a_setting() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        for body in ({"webhooks": ["http://127.0.0.1/"]}, {"webhooks": [{"url": "http://127.0.0.1/"}]}):
            assert (await client.post(PATH, json=body)).status_code == 400
        assert (await client.put(PATH, json={"webhooks": {"call_log": ["http://127.0.0.1/"]}})).status_code == 400
        assert (await client.post(PATH, json={"webhooks": [URL]})).status_code == 200

    against(test, settings=TenantSettings(webhook_https_only=True))


def test_a_token_for_some_lines_sees_and_changes_the_webhooks_for_inbound_messages_of_these() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.lines = LINES
        theirs = {"url": "https://app.example/theirs", "sendblue_numbers": [LINES[1]]}
        both = {"url": "https://app.example/both", "sendblue_numbers": list(LINES)}
        kept = {"receive": [OTHER, theirs, both], "call_log": [URL], "globalSecret": "of all"}
        await client.put(PATH, json={"webhooks": kept})
        minted = await client.post("/v3/auth/tokens", json={"phone_number": LINES[0]})
        async with ContractClient(mock, None) as limited:
            limited.headers["authorization"] = f"Bearer {minted.json()['token']}"
            assert (await limited.get(PATH)).json()["webhooks"] == {"receive": []}
            ours = {"url": URL, "sendblue_numbers": [LINES[0]]}
            answer = await limited.post(PATH, json={"webhooks": [URL]})
            assert answer.json()["webhooks"] == {"receive": [ours]}
            secret = {"url": URL, "secret": "ours", "sendblue_numbers": [LINES[0]]}
            answer = await limited.put(PATH, json={"webhooks": {"receive": [secret], "call_log": []}})
            assert answer.json()["webhooks"] == {"receive": [secret]}
            for method, body in (
                ("POST", {"webhooks": [URL], "type": "call_log"}),
                ("POST", {"webhooks": [theirs]}),
                ("POST", {"webhooks": [OTHER]}),
                ("POST", {"webhooks": [URL], "globalSecret": "mine"}),
                ("PUT", {"webhooks": {"call_log": [URL]}}),
                ("PUT", {"webhooks": {"receive": [both]}}),
                ("PUT", {"webhooks": {"receive": [OTHER]}}),
                ("PUT", {"webhooks": {"globalSecret": "mine"}}),
                ("DELETE", {"webhooks": [URL], "type": "call_log"}),
            ):
                answer = await limited.request(method, PATH, json=body)
                assert (answer.status_code, body) == (403, body)
            assert (await remove(limited, URL, OTHER, str(theirs["url"])))["message"] == "1 webhooks were removed"
        assert await listed(client) == kept

    against(test)


def test_inbound_messages_go_to_the_webhooks_of_their_line_and_other_events_to_all() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        hook = {"url": URL, "sendblue_numbers": [LINES[0]]}
        await client.put(PATH, json={"webhooks": {"receive": [OTHER, hook], "outbound": [hook]}})
        for type, line, urls in (
            ("receive", LINES[0], [OTHER, URL]),
            ("receive", LINES[1], [OTHER]),
            ("outbound", LINES[1], [URL]),
        ):
            assert [delivery.url for delivery in mock.tenant.webhooks.send(type, {}, line=line)] == urls

    against(test)
