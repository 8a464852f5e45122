"""Temporary bearer tokens of an account: shown once, for the whole account or for some of its lines."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_whole
from offhook.errors import ConfigError
from offhook.interfaces import Ids
from offhook.secret import Secret
from offhook_mockserver.tenants.shown_keys import ACCESS_TOKEN

if TYPE_CHECKING:
    from offhook_mockserver.tenants.clock import TenantClock


#: The life of a token for which none is asked, in seconds.
DEFAULT_LIFE_S: Final = 900
#: The longest life of a token, a day. Assumed.
LONGEST_LIFE_S: Final = 86_400
#: Tokens of one account that may be valid at once.
MOST_TOKENS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A token.

    Attributes:
        id: its name, with which it is revoked.
        text: what a client sends. It is kept while the token is valid, so that no journal and no log shows it.
        lines: the lines that it is for; empty if it is for the whole account.
        expires_s: when it expires, in seconds since 1970 by the tenant's clock.
    """

    id: str
    text: Secret
    lines: tuple[str, ...]
    expires_s: float


class AccessTokens:
    """The valid tokens of one account.

    Args:
        seed: the tokens follow from it.
        clock: the tenant's time, by which they expire.
    """

    def __init__(self, seed: str, clock: TenantClock) -> None:
        self._seed = seed
        self._clock = clock
        self._minted = 0
        #: By the hash of the token, so that a look-up takes no time that tells of the token.
        self._by_hash: dict[bytes, AccessToken] = {}

    def __len__(self) -> int:
        return len(self._by_hash)

    def mint(self, *, life_s: int = DEFAULT_LIFE_S, lines: tuple[str, ...] = ()) -> AccessToken:
        """A new token.

        Args:
            life_s: for how many seconds it is valid.
            lines: the lines that it is for; empty for the whole account.

        Raises:
            ConfigError: `life_s` is out of range, or the account has as many valid tokens as it may have.
        """
        check_whole(life_s, "life_s", least=1, most=LONGEST_LIFE_S, unit="seconds")
        self._forget_expired()
        if len(self._by_hash) >= MOST_TOKENS:
            raise ConfigError(f"{MOST_TOKENS} tokens are valid, which is the limit: revoke some")
        self._minted += 1
        ids = Ids(f"{self._seed}/access token/{self._minted}")
        token = AccessToken(
            id=f"tok_{ids.hex(24)}",
            text=Secret(f"{ACCESS_TOKEN}{ids.hex(48)}"),
            lines=lines,
            expires_s=self._clock.wall_s() + life_s,
        )
        self._by_hash[_hash(token.text.reveal())] = token
        return token

    def find(self, text: str) -> AccessToken | None:
        """The valid token with this text, or None."""
        token = self._by_hash.get(_hash(text))
        return token if token is not None and self._clock.wall_s() < token.expires_s else None

    def revoke(self, id: str) -> bool:
        """Revoke a token; returns whether there was a valid one with this id."""
        self._forget_expired()
        for key, token in self._by_hash.items():
            if token.id == id:
                del self._by_hash[key]
                return True
        return False

    def _forget_expired(self) -> None:
        now_s = self._clock.wall_s()
        self._by_hash = {key: token for key, token in self._by_hash.items() if now_s < token.expires_s}


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
