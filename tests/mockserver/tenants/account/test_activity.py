"""Who is known on a line, and how many new contacts it has sent to."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.mockserver.tenants.account.scene import LINE, NUMBER, OTHER_LINE, with_account

from offhook.errors import ConfigError
from offhook_mockserver.server import TenantBounds
from offhook_mockserver.tenants.account.activity import DAY_S, HOUR_S, last_reset_s, next_reset_s

if TYPE_CHECKING:
    from offhook_mockserver.server import Tenant
    from offhook_mockserver.tenants.account.account import Account


def number(index: int) -> str:
    return f"+1415555{index:04}"


def test_the_day_begins_at_3_am_in_new_york_all_year() -> None:
    zone = ZoneInfo("America/New_York")
    start = datetime.datetime(2025, 12, 20, 12, tzinfo=datetime.UTC)
    for hours in range(0, 24 * 400, 5):
        at = start + datetime.timedelta(hours=hours)
        last, following = last_reset_s(at.timestamp()), next_reset_s(at.timestamp())
        assert last <= at.timestamp() < following
        assert 23 <= (following - last) / HOUR_S <= 25
        for reset in (last, following):
            local = datetime.datetime.fromtimestamp(reset, tz=zone)
            assert (local.hour, local.minute, local.second) == (3, 0, 0), local


def test_a_reset_is_the_last_one_at_its_own_time() -> None:
    reset = next_reset_s(1_768_478_400.0)
    assert last_reset_s(reset) == reset
    assert next_reset_s(reset) == reset + DAY_S


def test_a_contact_is_known_for_thirty_days_on_its_line() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        activity = account.activity
        assert not activity.is_known(LINE, NUMBER)
        account.messages.receive(NUMBER, "hi", line=LINE)
        assert activity.is_known(LINE, NUMBER)
        assert not activity.is_known(OTHER_LINE, NUMBER)
        tenant.clock.advance(30 * DAY_S - 1)
        assert activity.is_known(LINE, NUMBER)
        tenant.clock.advance(1)
        assert not activity.is_known(LINE, NUMBER)

    with_account(test)


def test_the_line_of_a_conversation_is_the_one_with_its_last_message() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        activity, lines = account.activity, tenant.lines
        assert activity.line_with(NUMBER, lines) is None
        account.messages.receive(NUMBER, "hi", line=OTHER_LINE)
        tenant.clock.advance(1)
        account.messages.send(NUMBER, "hello", LINE)
        assert activity.line_with(NUMBER, lines) == LINE
        assert activity.line_with(NUMBER, (OTHER_LINE,)) == OTHER_LINE

    with_account(test)


def test_only_new_contacts_that_are_sent_to_count() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        activity = account.activity
        account.messages.receive(number(0), "hi", line=LINE)
        account.messages.send(number(0), "hello", LINE)
        for index in (1, 2, 1):
            account.messages.send(number(index), "hello", LINE)
        assert (len(activity.in_last_hour(LINE)), len(activity.today(LINE))) == (2, 2)
        assert (activity.in_last_hour(OTHER_LINE), activity.today(OTHER_LINE)) == ((), ())
        tenant.clock.advance(HOUR_S)
        assert (len(activity.in_last_hour(LINE)), len(activity.today(LINE))) == (0, 2)
        tenant.clock.advance(next_reset_s(tenant.clock.wall_s()) - tenant.clock.wall_s())
        assert activity.today(LINE) == ()
        tenant.clock.advance(3 * DAY_S)
        account.messages.send(number(3), "hello", LINE)
        assert len(activity.today(LINE)) == 1

    with_account(test)


def test_it_is_bounded() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        for index in range(10):
            account.messages.send(number(index), "hello", LINE)
        known = [index for index in range(10) if account.activity.is_known(LINE, number(index))]
        assert known == [7, 8, 9]
        assert len(account.activity.today(LINE)) == 3

    with_account(test, bounds=TenantBounds(account_items=3))


@pytest.mark.parametrize(
    "document", [[], {"last": 1, "new": []}, {"last": [["a", "b"]], "new": []}, {"last": [], "new": [[1, 2]]}]
)
def test_a_wrong_document_is_rejected(document: object) -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        with pytest.raises(ConfigError):
            account.activity.restore(document)

    with_account(test)
