"""The grant that a carrier returns for a call: the right to join one channel."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from offhook.secret import Secret


#: Names of this machine, besides the addresses of 127.0.0.0/8 and ::1.
_LOCAL_NAMES: Final = frozenset({"localhost", "localhost."})


@dataclass(frozen=True, slots=True)
class Grant:
    """An Agora grant, as ``POST /facetime/start-call`` returns it, and where to use it.

    Attributes:
        app_id: the Agora application, 32 hex digits.
        channel: the channel's name; on Sendblue the only thing that identifies the call.
        token: proof that we may join; a secret, since anybody who has it can join the call.
        uid: our uid in the channel; 0 lets the channel choose one.
        endpoint: base URL of the relay to join at, or None for Agora itself.
        expires_at_s: wall time (seconds since 1970) from which the token no longer opens the channel; None if unknown.
    """

    app_id: str
    channel: str
    token: Secret
    uid: int
    endpoint: str | None = None
    expires_at_s: float | None = None


def is_loopback(url: str) -> bool:
    """Whether the host of `url` is this machine: ``localhost``, 127.0.0.0/8 or ::1, written plainly."""
    try:
        host = urlsplit(url).hostname or ""
        return host in _LOCAL_NAMES or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
