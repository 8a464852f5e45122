"""One tenant's account at Sendblue: each kind of thing in it is a small class of its own, without HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.interfaces import Ids
from offhook_mockserver.tenants.account.access_tokens import AccessTokens

if TYPE_CHECKING:
    from offhook_mockserver.tenants.clock import TenantClock


class Account:
    """What one tenant's account holds.

    Args:
        seed: everything random of the account follows from it.
        clock: the tenant's time.

    Attributes:
        email: the address of the account.
        access_tokens: the temporary bearer tokens.
    """

    def __init__(self, seed: str, clock: TenantClock) -> None:
        self.email: str = f"account-{Ids(f'{seed}/account').hex(8)}@example.com"
        self.access_tokens: AccessTokens = AccessTokens(seed, clock)
