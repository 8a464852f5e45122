"""Tokens with a flaw, for faults of tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.secret import Secret
from offhook_mockserver.tenants.effects import TokenFlaw
from offhook_wire.access_token import mint

if TYPE_CHECKING:
    from offhook_mockserver.tenants.call import MockCall
    from offhook_mockserver.tenants.effects import FlawedToken
    from offhook_mockserver.tenants.tenant import Tenant

#: How long ago a token has expired.
_EXPIRED_S: Final = 60
#: The only uid that may use a token for another uid; a grant's uid is 0.
_OTHER_UID: Final = 4_242_424


def mint_flawed_token(tenant: Tenant, call: MockCall, effect: FlawedToken) -> str:
    """A token for the channel of one of the tenant's calls, as the fault wants it."""
    flaw, channel, ids = effect.flaw, call.channel, call.ids
    life_s = tenant.settings.token_life_s if effect.life_s is None else effect.life_s
    issued_s = int(tenant.clock.wall_s())
    if flaw is TokenFlaw.EXPIRED:  # no token was issued before 1970, however long it is valid
        expired_s = max(1, issued_s - _EXPIRED_S)
        issued_s = max(0, expired_s - life_s)
        life_s = expired_s - issued_s
    return mint(
        ids.hex(32) if flaw is TokenFlaw.OTHER_APP else tenant.app_id,
        # Signed with another certificate.
        Secret(ids.hex(32)) if flaw is TokenFlaw.FORGED else tenant.certificate,
        f"{channel}0" if flaw is TokenFlaw.OTHER_CHANNEL else channel,
        _OTHER_UID if flaw is TokenFlaw.OTHER_UID else 0,
        issued_s=issued_s,
        salt=1 + ids.below(99_999_999),
        expire_s=life_s,
    )
