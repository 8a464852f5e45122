"""Messages over HTTP: sent, refused, and from which line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.mockserver.faces.sendblue.contract import ContractClient, against
from tests.mockserver.faces.sendblue.test_auth_tokens import bearer, minted

from offhook.session import Grade
from offhook_mockserver.server import TenantSettings

if TYPE_CHECKING:
    from offhook_mockserver.server import InProcessMock

LINES = ("+18885550199", "+18885550198")
NUMBER = "+14155550123"
SEND = "/api/send-message"
BODY = {"number": NUMBER, "content": "hello", "from_number": LINES[0]}
APP_CARD = {"appName": "a", "extensionBundleId": "b", "layout": {"caption": "c"}, "teamId": "t", "url": "https://a.b"}


async def sent(client: ContractClient, **more: object) -> dict[str, Any]:
    answer = await client.post(SEND, json={"number": NUMBER, "content": "hello", **more})
    assert answer.status_code == 200, answer.text
    message: dict[str, Any] = answer.json()
    return message


def test_a_message_is_queued_and_delivered() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        message = await sent(client, from_number=LINES[0], send_style="slam", media_url="https://example.com/1.png")
        assert (message["status"], message["content"], message["number"]) == ("QUEUED", "hello", NUMBER)
        assert (message["from_number"], message["sendblue_number"]) == (LINES[0], LINES[0])
        assert (message["send_style"], message["account_email"]) == ("slam", mock.tenant.account.email)
        await asyncio.sleep(1)
        status = (await client.get("/api/status", params={"handle": message["message_handle"]})).json()
        assert status["status"] == "DELIVERED"
        assert status["date_created"] == message["date_created"] < status["date_updated"]

    against(test)


def test_the_journal_shows_the_request_and_masks_its_numbers() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        message = await sent(client, from_number=LINES[0])
        entry = mock.tenant.journal.entries[-1]
        assert entry.fields["message_handle"] == message["message_handle"]
        assert entry.grade is Grade.DOCUMENTED
        assert entry.number.startswith("+1415")
        assert "•" in entry.number
        await client.get(f"/api/v2/contacts/{NUMBER}")
        await client.get("/api/v2/messages", params={"number": NUMBER})
        for each in mock.tenant.journal.entries:
            assert NUMBER not in f"{each.to_json()}"

    against(test)


@pytest.mark.parametrize("body", [{"media_url": "https://example.com/1.png"}, {"app_card": APP_CARD}])
def test_a_message_needs_no_text_if_it_has_something_else(body: dict[str, object]) -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        answer = await client.post(SEND, json={"number": NUMBER, **body})
        assert answer.status_code == 200
        assert answer.json()["app_card"] == body.get("app_card")

    against(test)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"content": "hello"}, "number is missing: pass an E.164 number"),
        ({"number": NUMBER}, "content is missing: pass content or media_url or app_card"),
        ({**BODY, "content": "x" * 18_997}, "content must have 0 to 18996 characters"),
        ({"number": NUMBER, "content": ""}, "content is missing"),
        ({"number": "4155550123", "content": "hello"}, "number"),
        ({**BODY, "from_number": "+12125550101"}, f"is not a line of this account; use {LINES[0]}"),
        ({**BODY, "send_style": "loudest"}, "send_style is not one of those that are known"),
        ({**BODY, "media_url": "nowhere"}, "media_url has the wrong form"),
        ({**BODY, "status_callback": "nowhere"}, "status_callback has the wrong form"),
        ({**BODY, "seat_id": "unknown"}, "seat_id is not a seat of this account"),
        ({**BODY, "reply_to": {"message_handle": "unknown"}}, "is not a message with this contact"),
        ({**BODY, "reply_to": {}}, "reply_to.message_handle is missing"),
        ({**BODY, "app_card": {}}, "app_card.appName is missing"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, object], problem: str) -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        refused = await client.post(SEND, json=body)
        assert refused.status_code == 400
        answer = refused.json()
        assert problem in answer["message"]
        assert (answer["status"], answer["error_code"], answer["error_key"]) == ("ERROR", 4000, None)
        assert answer["error_message"] == answer["message"]
        assert len(mock.tenant.account.messages) == 0

    against(test)


def test_a_contact_that_has_opted_out_gets_nothing() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.account.messages.receive(NUMBER, "STOP")
        refused = await client.post(SEND, json=BODY)
        assert refused.status_code == 400
        assert (refused.json()["error_code"], refused.json()["error_key"]) == (4002, "OPTED_OUT")
        mock.tenant.account.messages.receive(NUMBER, "START")
        await sent(client)

    against(test)


def test_a_message_without_a_line_gets_that_of_the_conversation() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.lines = LINES
        account = mock.tenant.account
        assert (await sent(client))["from_number"] == LINES[0]
        mock.tenant.clock.advance(1)
        account.messages.receive(NUMBER, "hi", line=LINES[1])
        assert (await sent(client))["from_number"] == LINES[1]
        account.lines.set_status(LINES[1], "OFFLINE")
        assert (await sent(client))["from_number"] == LINES[0]
        account.lines.set_status(LINES[0], "OFFLINE")
        assert (await sent(client, number="+14155550124"))["from_number"] == LINES[0], "all are offline"

    against(test)


def test_a_reply_names_a_message_of_the_same_conversation() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.lines = LINES
        target = mock.tenant.account.messages.receive(NUMBER, "hi", line=LINES[1])
        reply_to = {"message_handle": target.handle, "part_index": 2}
        message = await sent(client, reply_to=reply_to)
        assert (message["reply_to"], message["from_number"]) == (reply_to, LINES[1])
        plain = await sent(client, reply_to={"message_handle": target.handle})
        assert plain["reply_to"] == {"message_handle": target.handle}
        for wrong in ({"number": "+14155550124"}, {"from_number": LINES[0]}):
            refused = await client.post(SEND, json={"number": NUMBER, "content": "x", "reply_to": reply_to, **wrong})
            assert refused.status_code == 400, wrong

    against(test)


def test_a_seat_sends_in_its_own_name() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        seat = mock.tenant.account.seats.add("ann@example.com")
        for id in (seat.id, seat.subject):
            message = await sent(client, seat_id=id)
            assert (message["seat_id"], message["sender_email"]) == (seat.id, "ann@example.com")

    against(test)


def test_limits_are_enforced_if_the_settings_say_so() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.lines = LINES
        account, clock = mock.tenant.account, mock.tenant.clock
        for index in range(15):
            assert (await sent(client, number=f"+1415555{index:04}"))["from_number"] == LINES[0]
        assert (await sent(client, number="+14155551000"))["from_number"] == LINES[1], "the other line has room"
        refused = await client.post(SEND, json={**BODY, "number": "+14155551001"})
        assert refused.status_code == 400
        assert (refused.json()["error_code"], refused.json()["error_key"]) == (429, "LINE_HOURLY_LIMIT_REACHED")
        await sent(client, number="+14155550000", from_number=LINES[0])  # a known contact
        for hour in range(2, 6):
            clock.advance(3600)
            for index in range(15 if hour < 5 else 5):
                account.messages.send(f"+1415555{hour}{index:03}", "hello", LINES[0])
        clock.advance(3600)
        refused = await client.post(SEND, json={**BODY, "number": "+14155551001"})
        assert refused.json()["error_key"] == "LINE_DAILY_LIMIT_REACHED"

    against(test, settings=TenantSettings(enforce_limits=True))


def test_limits_are_not_enforced_by_default() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        for index in range(20):
            await sent(client, number=f"+1415555{index:04}")
        for _ in range(101):
            assert (await client.get("/api/v2/messages", params={"limit": 0})).status_code == 200

    against(test)


def test_a_token_of_one_line_sends_from_that_line() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        mock.tenant.lines = LINES
        token = await minted(client, phone_number=LINES[1])
        async with bearer(mock, token["token"]) as limited:
            assert (await limited.post(SEND, json=BODY)).status_code == 400
            answer = await limited.post(SEND, json={"number": NUMBER, "content": "hello"})
            assert answer.json()["from_number"] == LINES[1]
            upload = await limited.post("/api/upload-media-object", json={"media_url": "https://example.com/1"})
            assert upload.status_code == 200

    against(test)


def test_faults_happen_to_messages_too() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        with mock.tenant.faults.status(503, path=SEND, times=1):
            assert (await client.post(SEND, json=BODY)).status_code == 503
            assert len(mock.tenant.account.messages) == 0
            assert (await client.post(SEND, json=BODY)).status_code == 200

    against(test)


def test_media_objects_are_kept() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        upload = {"media_url": "https://example.com/1.png"}
        ids = [(await client.post("/api/upload-media-object", json=upload)).json()["mediaObjectId"] for _ in range(2)]
        assert [media.id for media in mock.tenant.account.media] == ids
        assert len(set(ids)) == 2
        assert (await client.post("/api/upload-media-object", json={"media_url": "x"})).status_code == 400

    against(test)


def test_a_typing_indicator_needs_a_chat() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        path, body = "/api/send-typing-indicator", {"number": NUMBER, "from_number": LINES[0]}
        refused = await client.post(path, json=body)
        assert refused.status_code == 400
        assert "No route mapping" in refused.json()["error_message"]
        await sent(client)
        for more in ({}, {"state": "stop"}, {"max_duration_ms": 5000}):
            shown = await client.post(path, json={**body, **more})
            assert shown.json() == {"status": "SENT", "number": NUMBER, "error_message": None}
        assert (await client.post(path, json={"number": NUMBER})).status_code == 200
        for wrong in ({"from_number": "+12125550101"}, {"state": "pause"}, {"max_duration_ms": -1}):
            assert (await client.post(path, json={**body, **wrong})).status_code == 400

    against(test)


def test_a_lookup_says_which_service_a_number_has() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        async def service(number: str) -> object:
            return (await client.get("/api/evaluate-service", params={"number": number})).json()

        assert await service("415-555-0123") == {"number": NUMBER, "service": "iMessage"}
        assert await service("ann@example.com") == {"number": "ann@example.com", "service": "iMessage"}
        recipients = mock.tenant.account.recipients
        for kind in ("SMS", "RCS"):
            recipients.set_service(NUMBER, kind)
            assert await service(NUMBER) == {"number": NUMBER, "service": "SMS"}
        recipients.set_service(NUMBER, None)
        again = await client.get("/api/evaluate-service", params={"number": NUMBER})
        assert again.status_code == 503
        assert (await client.get("/api/evaluate-service", params={"number": "x"})).status_code == 400

    against(test)
