"""Accounts on a virtual loop, and what clients of theirs see."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from offhook.interfaces import Ids
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.server import InProcessMock, TenantBounds, TenantSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from offhook_mockserver.server import Tenant
    from offhook_mockserver.tenants.account.account import Account

_T = TypeVar("_T")

LINE = "+18885550199"
OTHER_LINE = "+18885550198"
NUMBER = "+14155550123"
OTHER = "+14155550124"
#: 2026-01-15T12:00:00Z
NOON_S = 1_768_478_400.0


def with_account(
    test: Callable[[Account, Tenant], Coroutine[object, object, _T]],
    *,
    bounds: TenantBounds | None = None,
    settings: TenantSettings | None = None,
    wall_s: float = NOON_S,
) -> _T:
    """Run a test with the account of the first tenant of a mock."""

    async def main() -> _T:
        mock = InProcessMock(clock=LoopClock(wall_s), ids=Ids(1), tenant=settings, bounds=bounds)
        async with mock:
            mock.tenant.lines = (LINE, OTHER_LINE)
            return await test(mock.tenant.account, mock.tenant)

    return run_virtual(main())


def types(account: Account) -> list[str]:
    """The types of the account's events, oldest first."""
    return [event.type for event in account.events.recent]
