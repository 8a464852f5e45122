"""Makes the HTTP client. On this machine, it looks at nothing in the environment."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

import certifi
import httpx

from offhook.errors import ConfigError
from offhook.interfaces import is_loopback
from offhook.wording import quoted
from offhook_sendblue import http_environment
from offhook_sendblue.only_loopback import ONLY_LOOPBACK_VARIABLE, is_only_loopback
from offhook_sendblue.plain_client import PlainClient

if TYPE_CHECKING:
    from offhook_sendblue.exchange import Client

_CONNECT_TIMEOUT_S: Final = 5.0


def make_client(url: str, *, timeout_s: float, transport: httpx.AsyncBaseTransport | None) -> Client:
    """Return an HTTP client for `post_once`.

    Args:
        url: what it is for; on this machine, proxies and all other settings of the environment are ignored.
        timeout_s: the limit for each single read or write.
        transport: used instead of the network.

    Raises:
        ConfigError: a variable of the environment keeps the client from working; the message names it. Or
            `OFFHOOK_ONLY_LOOPBACK` is set, and `url` is not on this machine.
    """
    _check_may_leave(url, transport)
    connect_timeout_s = min(_CONNECT_TIMEOUT_S, timeout_s)
    if transport is None and _is_plain(url):
        return PlainClient(connect_timeout_s)
    isolated = is_loopback(url) or transport is not None
    problem = "" if isolated else next(http_environment.problems(), "")
    try:
        if not problem:
            return httpx.AsyncClient(
                transport=transport,
                trust_env=not isolated,
                verify=_own_certificates() if is_loopback(url) and transport is None else True,
                follow_redirects=False,
                timeout=httpx.Timeout(timeout_s, connect=connect_timeout_s),
                headers={"accept": "application/json", "accept-encoding": "identity"},
                # The server may close a kept connection just as the next request is sent, and then it is unknown
                # whether the callee was rung. So each call gets a new connection.
                limits=httpx.Limits(max_keepalive_connections=0),
            )
    except Exception as error:  # whatever else httpx, certifi and OpenSSL find; its text may hold a proxy's password
        problem = (
            f"the HTTP client cannot be made ({type(error).__name__}): check the variables of the environment for "
            "proxies and certificates, for example with offhook doctor"
        )
    raise ConfigError(problem)


def _is_plain(url: str) -> bool:
    """Whether `url` is on this machine and without TLS."""
    return is_loopback(url) and url.startswith("http:")


def _check_may_leave(url: str, transport: httpx.AsyncBaseTransport | None) -> None:
    """Refuse to leave this machine where only loopback is allowed; a transport of a test's own does not leave it."""
    leaves = transport is None or isinstance(transport, httpx.AsyncHTTPTransport)
    if leaves and not is_loopback(url) and is_only_loopback():
        raise ConfigError(
            f"this phone would call through {quoted(url)}, and {ONLY_LOOPBACK_VARIABLE} is set, so that only servers "
            "on this machine are called: a run of pytest sets it. Take the fixture offhook_mock, whose settings are in "
            "the environment and in offhook_mock.environment; or, to ring real phones, run pytest --offhook-live"
        )


def _own_certificates() -> ssl.SSLContext:
    """Trust certifi's certificates, as httpx does. Python's own function for this reads the environment."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=certifi.where())
    return context
