"""What an account needs of the tenant that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from offhook_mockserver.tenants.clock import TenantClock
    from offhook_mockserver.tenants.settings import TenantBounds, TenantSettings
    from offhook_mockserver.tenants.webhooks.webhooks import Webhooks


class AccountOwner(Protocol):
    """A tenant, as its account sees it; see `Tenant`."""

    seed: str
    clock: TenantClock
    bounds: TenantBounds
    settings: TenantSettings
    lines: tuple[str, ...]

    @property
    def webhooks(self) -> Webhooks:
        """Where events are sent."""
        ...


def now_s(owner: AccountOwner) -> float:
    """The tenant's time in seconds since 1970, to the millisecond, as answers show it."""
    return round(owner.clock.wall_s(), 3)
