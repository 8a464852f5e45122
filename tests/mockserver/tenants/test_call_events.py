"""The assumed events of calls: `call_log`, `call_completed` and `inbound_call`, in the journal and at webhooks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.tenants.hooks import URL, Posts, Receiver, hooked
from tests.mockserver.tenants.scene import NUMBER, call, join, mock_with, on

from offhook.errors import NumberRejected
from offhook.session import Grade
from offhook_mockserver.callees.script import Answer, Busy, Decline, HangUp, Ring, Voicemail, Wait
from offhook_mockserver.server import InProcessMock, TenantSettings
from offhook_mockserver.tenants.call_events import inbound_call

if TYPE_CHECKING:
    from offhook_mockserver.callees.script import Step
    from offhook_mockserver.server import Entry


async def logged(mock: InProcessMock, *, answered: bool = True) -> Entry:
    """Make one call, and return its event."""
    started = call(mock)
    caller = join(started) if answered else None
    entry = mock.tenant.journal.wait_for(kind="callee", where={"code": "hung_up"}, timeout_s=100) if answered else None
    if caller is not None and entry is not None:
        await entry
        caller.leave()
    return await mock.tenant.journal.wait_for(kind="call_log", channel=started.channel, timeout_s=100)


SCRIPT = (Ring(1), Answer(), Wait(4), HangUp())


@pytest.mark.parametrize("wanted", [True, False])
def test_the_event_is_written_if_the_settings_say_so(wanted: bool) -> None:
    async def test(mock: InProcessMock) -> None:
        caller = join(call(mock))
        await asyncio.sleep(5.5)
        caller.leave()
        await asyncio.sleep(1)
        assert len(mock.tenant.ended) == 1
        entries = mock.tenant.journal.search(kind="call_log")
        assert len(entries) == wanted
        for entry in entries:
            assert entry.grade is Grade.ASSUMED
            assert entry.text == "call_log: connected"
            assert {name: entry.fields[name] for name in ("direction", "disposition", "duration", "to_number")} == {
                "direction": "outbound",
                "disposition": "connected",
                "duration": 4,
                "to_number": "+1415•••0123",
            }
            assert entry.fields["call_id"] == entry.channel

    on(lambda: mock_with(*SCRIPT, settings=TenantSettings(call_log=wanted)), test)


@pytest.mark.parametrize(
    ("step", "reasons", "disposition", "though"),
    [
        (Decline(), False, "not_answered", ", though the callee declined"),
        (Decline(), True, "declined", ""),
        (Busy(), False, "not_answered", ", though the callee is busy"),
        (Busy(), True, "busy", ""),
        (Ring(1), False, "not_answered", ""),
    ],
)
def test_a_call_that_was_not_answered_is_logged_as_such(
    step: Step, reasons: bool, disposition: str, though: str
) -> None:
    async def test(mock: InProcessMock) -> None:
        entry = await logged(mock, answered=False)
        hint = " (TenantSettings(call_log_reasons=True) makes the mock say declined or busy: assumed)"
        assert entry.text == f"call_log: {disposition}" + (though + hint if though else "")
        assert (entry.fields["disposition"], entry.fields["date_answered"]) == (disposition, None)
        assert entry.fields["duration"] == 0

    settings = TenantSettings(call_log=True, call_log_reasons=reasons, join_window_s=1)
    on(lambda: mock_with(Ring(0.5), step, settings=settings), test)


def test_a_voicemail_is_logged_as_such() -> None:
    async def test(mock: InProcessMock) -> None:
        assert (await logged(mock)).fields["disposition"] == "voicemail"

    on(lambda: mock_with(Ring(1), Voicemail(records_s=1), settings=TenantSettings(call_log=True)), test)


def test_events_are_posted_to_webhooks_with_the_numbers_in_full_and_in_order() -> None:
    async def test(mock: InProcessMock) -> None:
        posts = Posts()
        hooked(mock, URL, posts=posts)
        hooked(mock, URL, type="call_completed")
        entry = await logged(mock)
        await mock.tenant.journal.wait_for(kind="webhook", count=2, timeout_s=5)
        log, completed = posts.events
        assert (log["event_type"], completed["event_type"]) == ("call_log", "call_completed")
        assert log["to_number"] == completed["to_number"] == NUMBER
        assert log["call_id"] == completed["call_id"] == entry.channel
        assert log["accountEmail"] == mock.tenant.account.email
        assert completed["recording_url"] is completed["transcript"] is log["transcript"] is None
        assert {each.channel for each in mock.tenant.journal.search(kind="webhook")} == {entry.channel}

    on(lambda: mock_with(*SCRIPT), test)


def test_the_setting_webhook_url_is_one_more_webhook_that_can_be_assigned_later() -> None:
    async def test(mock: InProcessMock) -> None:
        async with Receiver().running() as receiver:
            mock.tenant.settings.webhook_url = receiver.url
            hooked(mock, URL.replace("hooks", "other"))
            assert [hook.url for hook in mock.tenant.webhooks.wants("call_log")][1:] == [receiver.url]
            assert mock.tenant.webhooks.wants("receive") == ()
            await logged(mock, answered=False)
            entry = await mock.tenant.journal.wait_for(kind="webhook", where={"event": "delivered"}, timeout_s=9)
            assert entry.text == f"webhook call_log wh_2 to {receiver.url}: the answer was 204"
            hooked(mock, receiver.url)
            assert len(mock.tenant.webhooks.wants("call_log")) == 2

    on(lambda: mock_with(Decline(), settings=TenantSettings(join_window_s=1)), test)


def test_a_removed_tenant_logs_nothing_more() -> None:
    async def test(mock: InProcessMock) -> None:
        tenant = mock.tenants.create(settings=TenantSettings(call_log=True))
        mock.calls.start(tenant, NUMBER, tenant.lines[0])
        await mock.tenants.remove(tenant)
        assert tenant.journal.search(kind="call_log") == ()

    on(mock_with, test)


def test_an_inbound_call_is_an_event_alone() -> None:
    async def test(mock: InProcessMock) -> None:
        assert inbound_call(mock.tenant, NUMBER) == ()
        posts = Posts()
        hooked(mock, URL, type="inbound_call", posts=posts)
        first, second = (inbound_call(mock.tenant, NUMBER, line)[0] for line in (None, "+14155550100"))
        assert first.about != second.about
        await mock.tenant.journal.wait_for(kind="webhook", count=2, timeout_s=1)
        event = posts.events[0]
        assert (event["direction"], event["from_number"]) == ("inbound", NUMBER)
        assert event["to_number"] == event["sendblue_number"] == mock.tenant.lines[0]
        assert posts.events[1]["to_number"] == "+14155550100"
        assert not mock.tenant.calls
        with pytest.raises(NumberRejected):
            inbound_call(mock.tenant, "12")

    on(mock_with, test)
