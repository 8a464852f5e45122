"""The life of messages: queued, sent, delivered, failed, received, dropped; and what clients hear of it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.mockserver.tenants.account.scene import LINE, NUMBER, OTHER, OTHER_LINE, types, with_account

from offhook.errors import ConfigError, NumberRejected
from offhook_mockserver.server import TenantBounds, TenantSettings
from offhook_mockserver.tenants.webhooks.post_answer import PostAnswer

if TYPE_CHECKING:
    from offhook_mockserver.server import Tenant
    from offhook_mockserver.tenants.account.account import Account
    from offhook_mockserver.tenants.webhooks.webhooks import Webhooks

HOOK = "http://127.0.0.1:9/hook"
CALLBACK = "http://127.0.0.1:9/callback"


def listen(tenant: Tenant, *kinds: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Register webhooks; returns the list that posts are added to, as URL, type and event."""
    from offhook_mockserver.tenants.webhooks.hooks import Hook

    posted: list[tuple[str, str, dict[str, Any]]] = []
    webhooks: Webhooks = tenant.webhooks

    async def post(url: str, headers: object, body: bytes) -> PostAnswer:
        posted.append((url, "", json.loads(body)))
        return PostAnswer(200)

    for kind in kinds:
        webhooks.registrations.add(kind, [Hook(f"{HOOK}/{kind}")])
        webhooks.apps[f"{HOOK}/{kind}"] = post
    webhooks.apps[CALLBACK] = post
    return posted


def test_a_message_is_sent_and_delivered_by_the_clock_of_the_tenant() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        posted = listen(tenant, "outbound", "contact_created")
        tenant.settings.message_step_s = 10
        message = account.messages.send(NUMBER, "hello", LINE)
        queued = message.accepted(account.email)
        assert (queued["status"], message.sent_s) == ("QUEUED", None)
        tenant.clock.advance(9.9)
        await asyncio.sleep(0.05)
        assert message.status == "QUEUED"
        tenant.clock.advance(0.1)
        await asyncio.sleep(1)
        assert (message.status, message.sent_s) == ("SENT", message.updated_s)
        await asyncio.sleep(10)
        assert message.status == "DELIVERED"
        assert types(account) == ["contact.created", "message.created", "message.updated", "message.updated"]
        ids = [event.id for event in account.events.recent[2:]]
        assert len(set(ids)) == 2
        assert ids[1] == f"message:{message.handle}:updated:{message.listed('')['date_updated']}"
        assert [event["status"] for url, _, event in posted if url.endswith("outbound")] == ["SENT", "DELIVERED"]
        assert [event["phone"] for url, _, event in posted if url.endswith("created")] == [NUMBER]

    with_account(test)


def test_two_changes_at_one_time_have_two_times() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        account.messages.send(NUMBER, "hello", LINE)
        await asyncio.sleep(1)
        updates = [event.id for event in account.events.recent if event.type == "message.updated"]
        assert len(set(updates)) == 2

    with_account(test, settings=TenantSettings(message_step_s=0))


def test_a_status_callback_gets_what_webhooks_get() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        posted = listen(tenant, "outbound")
        account.messages.send(NUMBER, "hello", LINE, status_callback=CALLBACK)
        await asyncio.sleep(1)
        hooked = [event for url, _, event in posted if url != CALLBACK]
        called = [event for url, _, event in posted if url == CALLBACK]
        assert hooked == called
        assert [event["status"] for event in called] == ["SENT", "DELIVERED"]
        assert {event["accountEmail"] for event in called} == {account.email}

    with_account(test)


def test_messages_to_a_failing_number_end_with_its_error() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        account.recipients.fail(NUMBER, 5003, "too fast")
        failed = account.messages.send(NUMBER, "hello", LINE)
        good = account.messages.send(OTHER, "hello", LINE)
        await asyncio.sleep(1)
        assert (failed.status, failed.error_code, failed.error_message) == ("ERROR", 5003, "too fast")
        assert (good.status, good.error_code) == ("DELIVERED", None)
        account.recipients.deliver(NUMBER)
        again = account.messages.send(NUMBER, "hello", LINE)
        await asyncio.sleep(1)
        assert again.status == "DELIVERED"

    with_account(test)


def test_messages_from_a_blocked_line_fail() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        account.lines.block(LINE)
        failed = account.messages.send(NUMBER, "hello", LINE)
        good = account.messages.send(NUMBER, "hello", OTHER_LINE)
        await asyncio.sleep(1)
        assert (failed.status, failed.error_code, good.status) == ("ERROR", 10001, "DELIVERED")

    with_account(test)


def test_the_service_is_that_of_the_recipient() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        account.recipients.set_service(NUMBER, "SMS")
        account.recipients.set_service(OTHER, None)
        text, unknown = (account.messages.send(number, "hello", LINE) for number in (NUMBER, OTHER))
        assert (text.service, text.was_downgraded) == ("SMS", True)
        assert (unknown.service, unknown.was_downgraded) == ("iMessage", False)
        with pytest.raises(ConfigError, match="service must be one of"):
            account.recipients.set_service(NUMBER, "fax")

    with_account(test)


def test_a_received_message_is_reported_to_the_line_that_it_came_to() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        posted = listen(tenant, "receive")
        message = account.messages.receive(NUMBER, "hi", line=OTHER_LINE, media_url="https://example.com/1.png")
        await asyncio.sleep(1)
        ((_, _, event),) = posted
        assert event == message.listed(account.email)
        assert (event["status"], event["from_number"], event["to_number"]) == ("RECEIVED", NUMBER, OTHER_LINE)
        assert (event["number"], event["is_outbound"], event["was_downgraded"]) == (NUMBER, False, False)
        assert types(account) == ["contact.created", "message.received"]
        assert account.events.recent[1].line == OTHER_LINE
        contact = account.contacts.get(NUMBER)
        assert contact is not None
        assert (contact.verified, contact.sendblue_number) == (True, OTHER_LINE)

    with_account(test)


def test_what_cannot_be_received_is_rejected() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        messages = account.messages
        with pytest.raises(NumberRejected, match="E\\.164"):
            messages.receive("415", "hi")
        with pytest.raises(ConfigError, match="not a line of the account; use"):
            messages.receive(NUMBER, "hi", line="+12125550101")
        with pytest.raises(ConfigError, match="content must be text"):
            messages.receive(NUMBER, 1)  # type: ignore[arg-type]
        for refused in (messages.receive, lambda number, content: messages.send(number, content, LINE)):
            with pytest.raises(ConfigError, match="content must be text of at most 18996 characters"):
                refused(NUMBER, "x" * 18_997)
        with pytest.raises(ConfigError, match="service must be one of"):
            messages.receive(NUMBER, "hi", service="fax")
        assert (len(messages), len(account.contacts)) == (0, 0)
        assert messages.receive("ann@example.com", "hi").number == "ann@example.com"

    with_account(test)


def test_a_word_opts_out_and_in_again() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        assert account.messages.receive(NUMBER, " stop \n").opted_out
        assert account.recipients.of(NUMBER).opted_out
        assert not account.recipients.of(OTHER).opted_out
        assert account.messages.receive(NUMBER, "please stop").opted_out, "it is not the word alone"
        assert not account.messages.receive(NUMBER, "Start").opted_out

    with_account(test)


def test_typing_is_an_event_and_a_webhook() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        posted = listen(tenant, "typing_indicator")
        account.messages.typing(NUMBER)
        account.messages.typing(NUMBER, False, line=OTHER_LINE)
        await asyncio.sleep(1)
        assert [(event["number"], event["is_typing"]) for _, _, event in posted] == [(NUMBER, True), (NUMBER, False)]
        assert [event.line for event in account.events.recent] == [LINE, OTHER_LINE]
        with pytest.raises(ConfigError, match="is_typing must be True or False"):
            account.messages.typing(NUMBER, "yes")  # type: ignore[arg-type]

    with_account(test)


def test_the_oldest_messages_are_dropped_with_what_becomes_of_them() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        made = [account.messages.send(NUMBER, f"{index}", LINE) for index in range(5)]
        assert [message.content for message in account.messages] == ["2", "3", "4"]
        assert account.messages.dropped == 2
        await asyncio.sleep(1)
        assert [message.status for message in made] == ["QUEUED", "QUEUED", "DELIVERED", "DELIVERED", "DELIVERED"]

    with_account(test, bounds=TenantBounds(account_items=3))


def test_messages_are_limited_in_bytes_too() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        for _ in range(10):
            account.messages.send(NUMBER, "x" * 5_000, LINE)
        assert len(account.messages) == 2
        account.messages.send(NUMBER, "x" * 18_000, LINE)
        assert len(account.messages) == 1, "the latest is kept, however large it is"

    with_account(test, bounds=TenantBounds(account_bytes=15_000))


def test_nothing_becomes_of_the_messages_of_a_removed_tenant() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        message = account.messages.send(NUMBER, "hello", LINE)
        tenant.close_account()
        account.messages.send(OTHER, "hello", LINE)
        await asyncio.sleep(1)
        assert [each.status for each in account.messages] == ["QUEUED", "QUEUED"]
        assert message.sent_s is None

    with_account(test)


def test_handles_follow_from_the_seed() -> None:
    async def handles(account: Account, tenant: Tenant) -> list[str]:
        return [account.messages.send(NUMBER, "hello", LINE).handle for _ in range(2)]

    first = with_account(handles)
    assert first == with_account(handles)
    assert len(set(first)) == 2
