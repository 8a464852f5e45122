"""Which errors say that something was not done in time, and for how long nothing had happened then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from offhook_mockserver.tenants.tenant import Tenant

#: What the names of such errors contain, in any case. Few libraries derive theirs from `TimeoutError`:
#: `subprocess.TimeoutExpired`, httpx's `ReadTimeout` and trio's `TooSlowError` are not.
_NAMES: Final = ("timeout", "timedout", "tooslow")


def is_timeout(error: BaseException) -> bool:
    """Whether an error says that something was not done in time, whichever library raised it; of a group, all of it."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return all(is_timeout(each) for each in group.exceptions)
    return any(name in kind.__name__.lower() for kind in type(error).__mro__ for name in _NAMES)


def idle_s(tenant: Tenant) -> float:
    """Return how long ago the last entry of a tenant's journal is, in seconds. Any thread may call it."""
    entries = tenant.journal.entries
    return max(0.0, tenant.clock.wall_s() - entries[-1].wall_s) if entries else 0.0
