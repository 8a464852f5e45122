"""Whether a webhook is from Sendblue: the secret that it carries, and optionally a signature of its body.

Sendblue documents the first: the configured secret itself, in a header. It proves that the sender has the secret, and
says nothing of the body or of the time: a request that somebody has seen can be sent again. The signature is used in
the field, and is not documented for account webhooks.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_several, is_several, wrong
from offhook.errors import ConfigError
from offhook.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

SECRET_HEADER: Final = b"sb-signing-secret"
SIGNATURE_HEADER: Final = b"x-sendblue-signature"
#: How old a signature may be, and how far ahead of our clock, in seconds.
SIGNATURE_WINDOW_S: Final = 300.0
#: Secrets that are accepted at once, for rotation; each is compared with each request.
MOST_SECRETS: Final = 10
#: What arrives in a header as it was sent.
_PRINTABLE: Final = re.compile(r"(?! )[ -~]{1,1024}(?<! )")
_TIME: Final = re.compile(r"[0-9]{1,12}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_MOST_SIGNATURE: Final = 1024


def check_secrets(given: object, name: str) -> tuple[Secret, ...]:
    """Check one secret or several.

    Raises:
        ConfigError: it is not a `Secret`, text or a list of those, is empty, or cannot be in a header.
    """
    items = check_several(given, name, "") if is_several(given) else (given,)
    if not 1 <= len(items) <= MOST_SECRETS:
        raise ConfigError(f"{name} must be 1 to {MOST_SECRETS} secrets, got {len(items)}")
    return tuple(_secret(item, name) for item in items)


def _secret(value: object, name: str) -> Secret:
    secret = Secret(value) if isinstance(value, str) else value
    if not isinstance(secret, Secret):
        raise wrong(name, "a Secret, text, or a list of those", secret)
    if not _PRINTABLE.fullmatch(secret.reveal()):
        raise ConfigError(f"{name} must be 1 to 1,024 printable ASCII characters, without blanks around them")
    return secret


def carries(headers: Iterable[tuple[bytes, bytes]], secrets: Iterable[Secret]) -> bool:
    """Whether a request carries one of the secrets, once. Takes the same time for every wrong one of a length."""
    values = [value for name, value in headers if name.lower() == SECRET_HEADER]
    given = values[0].decode("latin-1") if len(values) == 1 else ""
    found = [secret.matches(given) for secret in secrets]  # all of them
    return any(found)


def is_signed(headers: Iterable[tuple[bytes, bytes]], body: bytes, keys: Iterable[Secret], now_s: float) -> bool:
    """Whether a body has a signature that is not too old: ``t=SECONDS,v1=HEX``, HMAC-SHA256 of ``SECONDS.BODY``.

    Args:
        headers: those of the request.
        body: its body, as it was sent.
        keys: the keys that are accepted.
        now_s: seconds since 1970.
    """
    values = [value for name, value in headers if name.lower() == SIGNATURE_HEADER]
    if len(values) != 1 or len(values[0]) > _MOST_SIGNATURE:
        return False
    parts = [part.strip().partition("=") for part in values[0].decode("latin-1").split(",")]
    times = [value for name, _, value in parts if name == "t"]
    digests = [value for name, _, value in parts if name == "v1" and _DIGEST.fullmatch(value)]
    if len(times) != 1 or not _TIME.fullmatch(times[0]) or abs(now_s - int(times[0])) > SIGNATURE_WINDOW_S:
        return False
    signed = f"{times[0]}.".encode() + body
    wanted = [hmac.new(key.reveal().encode(), signed, hashlib.sha256).hexdigest() for key in keys]
    found = [hmac.compare_digest(digest, other) for digest in digests for other in wanted]
    return any(found)
