"""What the HTTP client finds in the environment of the process: what keeps it from working, and what changes it.

httpx reads these variables itself, from the environment of the process and on macOS from the system's settings. An
error there would come from inside httpx, in words of its own, after the call was accepted; so they are checked before.
The values of proxies are never shown, since they may hold a password.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.request import getproxies

import httpx

from offhook.interfaces import Environment, Finding, Level
from offhook.paths import obstacle
from offhook.wording import quoted, quoted_path, system_reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Where Python writes the keys of TLS connections.
KEY_LOG: Final = "SSLKEYLOGFILE"
#: The certificates that are trusted, instead of those of certifi; the first that is set counts.
CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_SCHEMES: Final = ("http", "https", "all")
#: What other clients read. Users expect it to count here, too.
_NOT_READ: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PORTS: Final = range(1, 65536)
#: As httpcore fills them in.
_DEFAULT_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}
#: How OpenSSL names certificates in a folder: by a hash.
_HASHED: Final = re.compile(r"[0-9a-f]{8}\.[0-9]+")
#: The system's settings, where no variable names the proxy.
_SYSTEM: Final = "the system's proxy settings"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that the environment names: by which variable, and where it is."""

    variable: str
    host: str
    port: int


def problems() -> Iterator[str]:
    """Yield one sentence for each variable that keeps the HTTP client from being made, or from connecting."""
    environment = Environment.of_process()
    if (path := environment.as_written(KEY_LOG)) and (reason := _not_writable(path)):
        yield (
            f"{KEY_LOG} is set, so the HTTP client would write its TLS keys to {quoted_path(path)}, which is not "
            f"possible: {reason}. Unset {KEY_LOG}"
        )
    for variable, reason_for in zip(CERTIFICATES, (_no_certificates_in_file, _no_certificates_in_folder), strict=True):
        if path := environment.as_written(variable):
            if reason := reason_for(path):
                yield (
                    f"{variable} is set, so the HTTP client would trust only the certificates in {quoted_path(path)}, "
                    f"and {reason}: correct or unset {variable}"
                )
            break
    yield from _proxy_problems()


def blamed_proxy(host: str, port: int) -> Proxy | None:
    """Return the proxy at `host` and `port`, if the environment names one."""
    return next((proxy for proxy in _proxies() if (proxy.host, proxy.port) == (host, port)), None)


def certificates_variable() -> str:
    """Return the name of the variable that says which certificates are trusted; empty if none is set."""
    environment = Environment.of_process()
    return next((name for name in CERTIFICATES if environment.as_written(name)), "")


def findings(*, loopback: bool) -> Iterator[Finding]:
    """Yield what the environment does to the HTTP client, for ``offhook doctor``.

    Args:
        loopback: the carrier is on this machine, where the environment does not count.
    """
    environment = Environment.of_process()
    wrong = list(problems())
    names = [name for name in (KEY_LOG, certificates_variable()) if name and environment.as_written(name)]
    names += [name for scheme in (*_SCHEMES, "no") if (name := _variable(scheme))]
    if loopback:
        text = f"not used, because the carrier is on this machine: {', '.join(names) or 'nothing is set'}"
        yield Finding(Level.FINE, "http client", text)
        for problem in wrong:
            yield Finding(Level.NOTE, "http client", f"for a carrier elsewhere: {problem}")
        return
    for problem in wrong:
        yield Finding(Level.WRONG, "http client", problem)
    if environment.as_written(KEY_LOG):
        text = f"{KEY_LOG} is set: that file is enough to decrypt the requests, which hold your keys"
        yield Finding(Level.NOTE, "http client", text)
    for name in _NOT_READ:
        if environment.as_written(name) and not certificates_variable():
            text = f"{name} is set, and is not read here: to trust other certificates, set {CERTIFICATES[0]}"
            yield Finding(Level.NOTE, "http client", text)
    others = [name for name in names if name != KEY_LOG]
    if others:
        yield Finding(Level.NOTE, "http client", f"changed by {', '.join(others)}")
    elif not wrong:
        yield Finding(Level.FINE, "http client", "no proxy and no certificates are set in the environment")


def _variable(scheme: str) -> str:
    """Return the variable that names the proxy for a scheme, in capitals or not, as `urllib.request` looks it up."""
    name = f"{scheme}_proxy"
    environment = Environment.of_process()
    if name in environment:
        return name if environment.as_written(name) else ""
    return next((other for other in environment if other.lower() == name and environment.as_written(other)), "")


def _proxies() -> Iterator[Proxy]:
    for scheme, url in getproxies().items():
        if scheme in _SCHEMES and url:
            parsed = _parsed(url)
            if parsed is not None:
                yield Proxy(_variable(scheme) or _SYSTEM, parsed.raw_host.decode("ascii"), _port(parsed))


def _parsed(url: str) -> httpx.URL | None:
    try:
        return httpx.Proxy(url if "://" in url else f"http://{url}").url
    except (ValueError, httpx.InvalidURL):
        return None


def _port(url: httpx.URL) -> int:
    return _DEFAULT_PORTS.get(url.scheme, 1080) if url.port is None else url.port


def _proxy_problems() -> Iterator[str]:
    settings = getproxies()
    exceptions = [entry.strip() for entry in settings.get("no", "").split(",")]
    if "*" in exceptions:  # httpx then reads no proxy at all
        return
    for scheme in _SCHEMES:
        url = settings.get(scheme, "")
        if not url:
            continue
        variable = _variable(scheme) or _SYSTEM
        parsed = _parsed(url)
        if url.lower().startswith("socks") and not url.lower().startswith(("socks5://", "socks5h://")):
            yield f"{variable} names a proxy of a kind that the HTTP client does not know: write socks5://HOST:PORT"
        elif parsed is None or not parsed.host or _port(parsed) not in _PORTS:
            yield f"{variable} is not the URL of a proxy: write http://HOST:PORT (its value is not shown here)"
        elif parsed.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
            cure = f'pip install "httpx[socks]", or unset {variable}'
            yield f"{variable} names a SOCKS proxy, which needs a package that is not installed: {cure}"
    variable = _variable("no") or _SYSTEM
    for entry in filter(None, exceptions):
        if not _is_readable(entry):
            reason = ""
            if entry.startswith("["):
                reason = " (write an IPv6 address without brackets)"
            elif _is_ipv6(entry):
                reason = " (it knows no networks of IPv6 addresses)"
            yield f"{variable} has the entry {quoted(entry)}, which the HTTP client cannot read{reason}: remove it"


def _is_readable(entry: str) -> bool:
    """Whether httpx can read an entry of `NO_PROXY`: it makes a URL of each, even if no proxy is set."""
    url = f"all://[{entry}]" if _is_ipv6(entry) else entry if "://" in entry else f"all://*{entry}"
    try:
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        return False
    return True


def _is_ipv6(entry: str) -> bool:
    """Whether an entry is an IPv6 address, or a network of them."""
    try:
        ipaddress.IPv6Address(entry.partition("/")[0])
    except ValueError:
        return False
    return True


def _not_writable(path: str) -> str:
    file = Path(path)
    try:
        if file.is_dir():
            return "it is a folder"
        if not file.parent.is_dir():
            return "its folder does not exist"
        if file.exists():
            return "" if os.access(file, os.W_OK) else "it may not be written to"
    except (OSError, ValueError) as error:
        return system_reason(error)
    return obstacle(file.parent)


def _no_certificates_in_file(path: str) -> str:
    try:
        if not Path(path).is_file():
            return "that is not a file" if Path(path).exists() else "that file does not exist"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        return "that file holds no certificates (PEM)"
    except OSError as error:
        return f"that file cannot be read ({error.strerror})"
    return "" if context.cert_store_stats()["x509"] else "that file holds no certificates"


def _no_certificates_in_folder(path: str) -> str:
    """A list of folders is allowed; a folder that does not exist would only be noticed when nothing is trusted."""
    try:
        names = [name for folder in path.split(os.pathsep) if Path(folder).is_dir() for name in os.listdir(folder)]  # noqa: PTH208
    except OSError as error:
        return f"that folder cannot be read ({error.strerror})"
    if any(_HASHED.fullmatch(name) for name in names):
        return ""
    return "no certificates that OpenSSL can find are there (see openssl rehash)"
