"""What a carrier gives for a call: the right to join one channel."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from offhook.secret import Secret


#: Hosts that are this machine, beside the addresses of 127.0.0.0/8 and ::1.
_LOCAL_NAMES: Final = frozenset({"localhost", "localhost."})


@dataclass(frozen=True, slots=True)
class Grant:
    """An Agora grant, as ``POST /facetime/start-call`` returns it, and where to take it.

    Attributes:
        app_id: 32 hex digits naming the Agora application.
        channel: the channel's name; on Sendblue the only thing that identifies the call.
        token: proof that we may join; a secret, since whoever holds it can join the call.
        uid: who we are in the channel; 0 lets the channel choose.
        endpoint: base URL of a relay to join at, or None for Agora itself.
        expires_at_s: wall time (seconds since 1970) when the token stops opening the channel; None when not known.
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
