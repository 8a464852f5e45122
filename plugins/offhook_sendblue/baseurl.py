"""Checks base URLs, to which keys are sent: https to any host, http only on this machine."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from offhook.errors import ConfigError
from offhook.interfaces import is_loopback
from offhook.wording import quoted

#: Printable ASCII without the backslash, which URL parsers treat differently.
_PLAIN: Final = re.compile(r"[!-\[\]-~]{1,2048}")


def checked(url: str, what: str) -> str:
    """Return `url` without slashes at its end, if keys may be sent there.

    Args:
        url: an absolute URL; a path is kept, as Sendblue's SDKs do.
        what: the setting that holds it, for the message.

    Raises:
        ConfigError: not an http(s) URL; http to another machine; with a user, a password, a query or a fragment.
    """
    if not _PLAIN.fullmatch(url):
        raise ConfigError(f"{what} is not a URL: use one like https://api.sendblue.co, without blanks")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(f"{what} is not a URL: its host or port cannot be read") from None
    if "@" in parts.netloc:
        raise ConfigError(f"{what} must not contain a user or a password: keys belong in the environment, not in a URL")
    if parts.scheme not in {"https", "http"} or not host:
        raise ConfigError(f"{what} {quoted(url)} is not an http or https URL with a host")
    if "?" in url or "#" in url:
        raise ConfigError(f"{what} must not have a query or a fragment")
    if parts.scheme == "http" and not is_loopback(url):
        raise ConfigError(
            f"{what} {quoted(url)} would send the keys unencrypted: write https://, or use a host of this machine "
            "(http://127.0.0.1:PORT, as `offhook mock` prints)"
        )
    return url.rstrip("/")
