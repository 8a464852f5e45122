"""Tenants: a tenant is an API key pair with everything that belongs to it, so that two tests never meet.

Keys, numbers and ids are drawn from `Ids`, so a seed makes them repeatable.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from offhook.arguments import check_instance, check_seconds, check_several, check_whole, wrong
from offhook.interfaces import e164
from offhook.secret import Secret
from offhook_mockserver.tenants.faults import Faults
from offhook_wire.access_token import mint

if TYPE_CHECKING:
    from offhook.interfaces import Clock, Ids
    from offhook_mockserver.tenants.call import EndedCall, MockCall
    from offhook_mockserver.tenants.fault_register import FaultWatcher


#: The from-number of the documentation's example.
DEFAULT_LINE: Final = "+18885550199"
#: How many ended calls a tenant keeps, the latest ones.
_REMEMBERED: Final = 1000


@dataclass(slots=True, kw_only=True)
class TenantSettings:
    """How a tenant's calls behave where Sendblue's documentation does not say it. All of these are assumed.

    Attributes:
        token_life_s: how long a grant's token is valid. Sendblue documents only that tokens are time-limited.
        max_call_s: how long a call may last, ringing included.
        join_window_s: how long after start-call a caller may join; then the call is given up.
        grace_s: how long a caller that dropped may be away.
        lost_after_s: how long a channel keeps a member whose connection is lost, before it counts as dropped.

    Raises:
        ConfigError: one of them is not a number of seconds; `token_life_s` must be a whole number of at least 1.
    """

    token_life_s: int = 3600
    max_call_s: float = 3600.0
    join_window_s: float = 60.0
    grace_s: float = 5.0
    lost_after_s: float = 10.0

    def __post_init__(self) -> None:
        check_whole(self.token_life_s, "token_life_s", least=1, most=0xFFFFFFFF, unit="seconds")
        for name in ("max_call_s", "join_window_s", "grace_s", "lost_after_s"):
            check_seconds(getattr(self, name), name, zero=True)


def check_tenant_settings(given: object, name: str = "settings") -> TenantSettings:
    """Check an argument that must be `TenantSettings`.

    Raises:
        ConfigError: it is something else.
    """
    return check_instance(given, name, TenantSettings, "TenantSettings(...)")


@dataclass(slots=True, kw_only=True)
class Tenant:
    """One API key pair and what belongs to it.

    Attributes:
        api_key: the key id.
        api_secret: the secret key.
        app_id: the Agora application that its channels belong to, 32 hex digits.
        certificate: that application's certificate, 32 hex digits.
        lines: the numbers that it may call from.
        settings: how its calls behave.
        calls: its live calls, by channel.
        ended: what is kept of its last 1,000 ended calls.
        faults: what goes wrong for it, because a test wants it.
    """

    api_key: Secret
    api_secret: Secret
    app_id: str
    certificate: Secret
    lines: tuple[str, ...] = (DEFAULT_LINE,)
    settings: TenantSettings = field(default_factory=TenantSettings)
    calls: dict[str, MockCall] = field(default_factory=dict["str", "MockCall"])
    ended: deque[EndedCall] = field(default_factory=lambda: deque["EndedCall"](maxlen=_REMEMBERED))
    faults: Faults = field(default_factory=Faults)


class Tenants:
    """All tenants of one mock, by their keys.

    Args:
        ids: for keys and the like.
        watcher: is notified of the faults of all tenants; None if none need be.
    """

    def __init__(self, ids: Ids, watcher: FaultWatcher | None = None) -> None:
        self._ids = ids
        self._watcher = watcher
        self._by_key: dict[str, Tenant] = {}

    def create(self, *, lines: tuple[str, ...] = (DEFAULT_LINE,), settings: TenantSettings | None = None) -> Tenant:
        """A new tenant with a fresh key pair, app id and certificate.

        Raises:
            ConfigError: an argument is of the wrong type, a line is not an E.164 number, or there is none.
        """
        numbers = check_several(lines, "lines", "a tuple of E.164 numbers")
        if not numbers:
            raise wrong("lines", "a tuple of at least one E.164 number", lines)
        lines = tuple(e164(cast("str", number), "line") for number in numbers)
        if settings is not None:
            check_tenant_settings(settings)
        tenant = Tenant(
            # The prefix shows a reader that these are not live keys.
            api_key=Secret(f"mock_key_{self._ids.hex(24)}"),
            api_secret=Secret(f"mock_secret_{self._ids.hex(32)}"),
            app_id=self._ids.hex(32),
            certificate=Secret(self._ids.hex(32)),
            lines=lines,
            settings=settings or TenantSettings(),
        )
        self._by_key[tenant.api_key.reveal()] = tenant
        if self._watcher is not None:
            tenant.faults.watch(self._watcher)
        return tenant

    def find(self, api_key: str, api_secret: str) -> Tenant | None:
        """The tenant of a key pair, or None; the secret is compared in constant time."""
        tenant = self._by_key.get(api_key)
        return tenant if tenant is not None and tenant.api_secret.matches(api_secret) else None

    def all(self) -> tuple[Tenant, ...]:
        """Every tenant, oldest first."""
        return tuple(self._by_key.values())


def mint_token(tenant: Tenant, channel: str, *, clock: Clock, ids: Ids) -> str:
    """A token for one of the tenant's channels. It is valid for every uid, as Sendblue's tokens are."""
    return mint(
        tenant.app_id,
        tenant.certificate,
        channel,
        0,
        issued_s=int(clock.wall_s()),
        salt=1 + ids.below(99_999_999),
        expire_s=tenant.settings.token_life_s,
    )
