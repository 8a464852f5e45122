"""Lines that tests change, and the events of that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.tenants.account.scene import LINE, OTHER_LINE, types, with_account
from tests.mockserver.tenants.account.test_messages import listen

from offhook.errors import ConfigError, NumberRejected
from offhook_mockserver.tenants.account.lines import MOST_LINES

if TYPE_CHECKING:
    from offhook_mockserver.server import Tenant
    from offhook_mockserver.tenants.account.account import Account

NEW = "+12125550101"


def test_a_status_changes_once() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        lines = account.lines
        lines.set_status(LINE, "ONLINE")
        assert types(account) == []
        lines.set_status(LINE, "DEGRADED")
        state = lines.of(LINE)
        assert state.degraded_s == state.changed_s == tenant.clock.wall_s()
        tenant.clock.advance(5)
        lines.set_status(LINE, "ONLINE")
        assert (lines.of(LINE).degraded_s, lines.of(LINE).changed_s) == (None, tenant.clock.wall_s())
        assert [(event.type, event.data["status"]) for event in account.events.recent] == [
            ("line.status.changed", "DEGRADED"),
            ("line.status.changed", "ONLINE"),
        ]
        with pytest.raises(ConfigError, match="status must be one of"):
            lines.set_status(LINE, "BROKEN")
        with pytest.raises(ConfigError, match="not a line of the account"):
            lines.set_status(NEW, "ONLINE")

    with_account(test)


def test_a_blocked_line_is_offline_and_webhooks_say_so_once() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        posted = listen(tenant, "line_blocked")
        account.lines.block(LINE)
        account.lines.block(LINE)
        await asyncio.sleep(1)
        assert types(account) == ["line.status.changed", "line.blocked"]
        ((_, _, event),) = posted
        assert (event["sendblue_number"], event["status"]) == (LINE, "OFFLINE")
        assert account.lines.usable(tenant.lines) == (OTHER_LINE,)

    with_account(test)


def test_lines_are_assigned_and_taken_away() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        posted = listen(tenant, "line_assigned")
        account.lines.assign(NEW)
        assert tenant.lines == (LINE, OTHER_LINE, NEW)
        await asyncio.sleep(1)
        assert [event["sendblue_number"] for _, _, event in posted] == [NEW]
        with pytest.raises(ConfigError, match="is a line of the account already"):
            account.lines.assign(NEW)
        with pytest.raises(NumberRejected):
            account.lines.assign("line")
        account.lines.set_assignment(NEW, "grace_period", until_s=2_000_000_000)
        for line in (LINE, OTHER_LINE):
            account.lines.unassign(line)
        with pytest.raises(ConfigError, match="the only line"):
            account.lines.unassign(NEW)
        assert types(account) == ["line.assigned", "line.unassigned", "line.unassigned"]
        assert tenant.lines == (NEW,)
        tenant.lines = tuple(f"+1212555{index:04}" for index in range(MOST_LINES))
        with pytest.raises(ConfigError, match=f"may have {MOST_LINES} lines"):
            account.lines.assign(LINE)

    with_account(test)


def test_what_is_as_in_the_beginning_is_not_kept() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        for index in range(MOST_LINES + 5):
            account.lines.forward(f"+1212555{index:04}", NEW)
        assert len(account.lines.to_json()) == MOST_LINES
        for index in range(MOST_LINES + 5):
            account.lines.forward(f"+1212555{index:04}", None)
        assert account.lines.to_json() == []

    with_account(test)
