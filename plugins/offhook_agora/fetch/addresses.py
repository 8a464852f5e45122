"""Where Agora's native library is, and which addresses are accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx

from offhook.errors import ConfigError
from offhook.wording import printable, quoted

if TYPE_CHECKING:
    from offhook_agora.machine import Machine

#: The version of upstream's Python layer that the addresses belong to: they are those in its source.
PINNED_SDK: Final = "2.4.10"
_PORTS: Final = range(1, 65536)
_RELEASES: Final = "https://download.agora.io/sdk/release"
_LINUX_X86_64: Final = (
    f"{_RELEASES}/agora_rtc_sdk_x86_64-linux-gnu-v4.4.32.174_28020_SERVER_20260601_1240_1144448_20251021_1427-3a.zip"
)
_LINUX_AARCH64: Final = f"{_RELEASES}/Agora-RTC-aarch64-linux-gnu-v4.4.32.174-20260601_142442-1144588.zip"
_MACOS: Final = f"{_RELEASES}/agora_sdk_mac_v4.4.32.174_27844_FULL_20260601_1303_1144450_20251021_1427-3a.zip"


def pinned_address(machine: Machine) -> str:
    """Return the address of the library for a machine; the library for macOS holds code for both processors."""
    if machine.system == "darwin":
        return _MACOS
    return _LINUX_AARCH64 if machine.processor == "aarch64" else _LINUX_X86_64


def checked_address(text: str, base: httpx.URL | None = None) -> httpx.URL:
    """Return an address to fetch from.

    Args:
        text: the address; it may be relative if there is a `base`.
        base: the address that redirects to it.

    Raises:
        ConfigError: it is not one with https, or holds a user name or a password.
    """
    what = f"the redirect from {shown(base)}" if base else "the address to fetch from"
    try:
        url = httpx.URL(text) if base is None else base.join(text)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise ConfigError(f"{what} is not an address: {quoted(text)}") from None
    if url.scheme != "https" or not url.host:
        raise ConfigError(
            f"{what} must begin with https://, got {quoted(text)}: what is fetched runs on this machine, so it is only "
            "fetched over verified TLS"
        )
    if url.port is not None and url.port not in _PORTS:
        raise ConfigError(f"{what} has the port {url.port}, and ports are 1 to 65535: {quoted(text)}")
    if url.userinfo:
        raise ConfigError(f"{what} holds a user name or a password: fetch the file yourself and pass it with --zip")
    return url.copy_with(fragment=None)


def shown(url: httpx.URL) -> str:
    """Return an address for messages and files: without its query, which may hold a signature."""
    return printable(str(url.copy_with(query=None, fragment=None)))
