"""Secrets for one-time passwords, with real codes by the tenant's clock (RFC 6238)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote, urlsplit

from offhook.arguments import check_text, check_whole, wrong
from offhook.errors import ConfigError
from offhook.interfaces import Ids
from offhook.secret import Secret
from offhook_mockserver.tenants.account.documents import each, from_document, to_document
from offhook_mockserver.tenants.account.ids import uuid_like
from offhook_mockserver.tenants.account.owner import now_s
from offhook_mockserver.tenants.account.table import Table
from offhook_mockserver.tenants.settings import known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from offhook_mockserver.tenants.account.owner import AccountOwner
    from offhook_mockserver.tenants.entry import Json


ALGORITHMS: Final[Mapping[str, Callable[..., object]]] = {
    "SHA1": hashlib.sha1,
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
}
DIGITS: Final = (6, 8)
#: The longest period of a code, in seconds. Assumed.
LONGEST_PERIOD_S: Final = 3_600
#: The longest secret, in characters of base32.
MOST_SECRET: Final = 256
#: The length of a secret that the mock makes: 20 bytes, as RFC 4226 recommends.
_MADE_BYTES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpSecret:
    """A secret.

    Attributes:
        id: its id.
        secret: the secret in base32.
        created_s: when it was stored, in seconds since 1970.
        label: what it is for.
        issuer: whose service it is for.
        algorithm: a name of `ALGORITHMS`.
        digits: how many digits a code has.
        period: how many seconds a code is valid.
    """

    id: str
    secret: Secret
    created_s: float
    label: str = ""
    issuer: str = ""
    algorithm: str = "SHA1"
    digits: int = 6
    period: int = 30

    def code(self, wall_s: float) -> str:
        """The code at a time in seconds since 1970."""
        key = decoded(self.secret.reveal())
        counter = int(wall_s // self.period).to_bytes(8, "big")
        digest = hmac.new(key, counter, self.algorithm.lower()).digest()
        at = digest[-1] & 15  # RFC 4226, section 5.3
        number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFF_FFFF
        return f"{number % 10**self.digits:0{self.digits}}"

    def expires_in(self, wall_s: float) -> int:
        """How many seconds the code of a time is valid from then on; at least 1."""
        return self.period - int(wall_s % self.period)


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpUri:
    """What an ``otpauth`` URI says, as authenticator apps read it from a QR code."""

    secret: str
    label: str
    issuer: str
    algorithm: str
    digits: int
    period: int


class TotpSecrets:
    """The secrets of one account.

    Args:
        owner: whose account it is.
    """

    def __init__(self, owner: AccountOwner) -> None:
        self._owner = owner
        self._kept: Table[TotpSecret] = Table("TOTP secrets", owner.bounds)
        self._made = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[TotpSecret]:
        return iter(self._kept)

    def get(self, id: str) -> TotpSecret | None:
        """The secret with this id, or None."""
        return self._kept.get(id)

    def create(
        self,
        *,
        secret: str | None = None,
        label: str = "",
        issuer: str = "",
        algorithm: str = "SHA1",
        digits: int = DIGITS[0],
        period: int = 30,
        id: str = "",
    ) -> TotpSecret:
        """Store a secret.

        Args:
            secret: it in base32; by default, a new one.
            label, issuer, algorithm, digits, period: see `TotpSecret`.
            id: its id; by default, a new one.

        Raises:
            ConfigError: an argument is not valid, or there are too many secrets.
        """
        ids = Ids(f"{self._owner.seed}/totp/{self._made + 1}")
        drawn = uuid_like(ids)
        if secret is None:
            secret = base64.b32encode(bytes.fromhex(ids.hex(2 * _MADE_BYTES))).decode("ascii")
        decoded(secret)
        made = TotpSecret(
            id=id or drawn,
            secret=Secret(secret),
            created_s=now_s(self._owner),
            label=label,
            issuer=issuer,
            algorithm=_algorithm(algorithm),
            digits=_digits(digits),
            period=check_whole(period, "period", least=1, most=LONGEST_PERIOD_S, unit="seconds"),
        )
        self._kept.put(made.id, made)
        self._made += 1
        return made

    def delete(self, id: str) -> bool:
        """Delete a secret; returns whether there was one with this id."""
        return self._kept.pop(id) is not None

    def to_json(self) -> dict[str, Json]:
        """The secrets as an object of JSON."""
        return {
            "made": self._made,
            "items": [{**to_document(each), "secret": each.secret.reveal()} for each in tuple(self._kept)],
        }

    def restore(self, made: int, items: object) -> None:
        """Take the parts of what `to_json` returned.

        Raises:
            ConfigError: they are not valid.
        """
        self._made = made
        names = {"id", "secret", "created_s", "label", "issuer", "algorithm", "digits", "period"}
        for item in each(items, "TOTP secrets"):
            rest = dict(known(item, names, "a TOTP secret"))
            text = check_text(rest.pop("secret", None), "secret of a TOTP secret")
            decoded(text)
            secret = from_document(TotpSecret, rest, "a TOTP secret", secret=Secret(text))
            _algorithm(secret.algorithm)
            _digits(secret.digits)
            check_whole(secret.period, "period of a TOTP secret", least=1, most=LONGEST_PERIOD_S, unit="seconds")
            self._kept.put(secret.id, secret)


def decoded(secret: str) -> bytes:
    """The bytes of a secret in base32. Case, blanks, dashes and padding do not matter. The message does not show it.

    Raises:
        ConfigError: it is not base32, empty, or too long.
    """
    text = secret.replace(" ", "").replace("-", "").rstrip("=").upper()
    if not 0 < len(text) <= MOST_SECRET:
        raise ConfigError(f"the secret must have 1 to {MOST_SECRET} characters of base32")
    try:
        return base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        raise ConfigError("the secret is not base32: use the letters A to Z and the digits 2 to 7") from None


def read_uri(uri: str) -> TotpUri:
    """Read an ``otpauth`` URI. Messages show nothing of it.

    Raises:
        ConfigError: it is not such a URI, or has no secret.
    """
    try:
        parts = urlsplit(uri)
        query = {name: values[0] for name, values in parse_qs(parts.query, max_num_fields=20).items()}
    except ValueError:
        raise ConfigError("the uri is not a URI") from None
    if parts.scheme != "otpauth" or parts.netloc.lower() != "totp":
        raise ConfigError("the uri must begin with otpauth://totp/")
    if "secret" not in query:
        raise ConfigError("the uri has no secret: it ends, for example, with ?secret=JBSWY3DPEHPK3PXP")
    decoded(query["secret"])
    label = unquote(parts.path.removeprefix("/"))
    named, colon, _ = label.partition(":")
    return TotpUri(
        secret=query["secret"],
        label=label,
        issuer=query.get("issuer", named if colon else ""),
        algorithm=_algorithm(query.get("algorithm", "SHA1").upper()),
        digits=_digits(_whole(query.get("digits", "6"))),
        period=check_whole(_whole(query.get("period", "30")), "period", least=1, most=LONGEST_PERIOD_S, unit="seconds"),
    )


def _whole(text: str) -> object:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _algorithm(given: str) -> str:
    if given not in ALGORITHMS:
        raise wrong("algorithm", f"one of {', '.join(ALGORITHMS)}", given)
    return given


def _digits(given: object) -> int:
    if isinstance(given, bool) or given not in DIGITS:
        raise wrong("digits", " or ".join(map(str, DIGITS)), given)
    return int(str(given))
