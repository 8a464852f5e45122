"""Where webhooks may be posted: to this machine, and to the hosts that the user of the mock has listed.

The address is what counts: a name is looked up once for each connection, every address that is found is checked, and
the connection is made to a checked address. So a name that means another address the next time opens nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

from offhook.arguments import check_several, wrong
from offhook.wording import describe, quoted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

_Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
_Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"
#: Looks a name up, for a connection to a port: the addresses as text.
Resolver: TypeAlias = "Callable[[str, int], Awaitable[Sequence[str]]]"

#: How long the look-up of a name may take.
_RESOLVE_S: Final = 5.0
_DEFAULT_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}
_USER: Final = re.compile(r"^([A-Za-z]+://)[^/?#]*@")
_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*")
#: The last label of a host that resolvers read as an address, as 127.1, 0x7f.1 or 2130706433.
_NUMERIC: Final = re.compile(r"([0-9]+|0x[0-9a-f]*)")
#: What localhost means, without a question to a resolver.
_LOOPBACK: Final[tuple[_Address, ...]] = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))

# Of our own, since `is_global` differs between versions of Python, and is true for some of these: RFC 6890.
_SPECIAL_V4: Final[tuple[_Network, ...]] = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
        "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3"
    ).split()
)
_UNICAST_V6: Final = ipaddress.IPv6Network("2000::/3")
_SPECIAL_V6: Final[tuple[_Network, ...]] = tuple(
    map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR: Final = ipaddress.IPv6Network("2002::/16")


class NotDelivered(Exception):
    """An attempt to deliver a webhook has failed.

    Args:
        problem: why, for people; part of a sentence.
        final: whether a further attempt would fail likewise.
    """

    def __init__(self, problem: str, *, final: bool = False) -> None:
        super().__init__(problem)
        self.problem: str = problem
        self.final: bool = final


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in its parts.

    Attributes:
        secure: whether its scheme is https.
        host: its host, in lower case; an IPv6 address without brackets.
        port: its port.
        path: its path and its query.
    """

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"


def target_of(url: str) -> Target:
    """Take the URL of a webhook apart.

    Raises:
        NotDelivered: nothing can be posted to it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").removesuffix(".")
    except ValueError:
        raise _no_target("it is not a URL") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise _no_target("only http and https URLs can be posted to")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise _no_target("it is not a URL")
    if "@" in parts.netloc:
        raise _no_target("it has a user name")
    if port == 0 or not (_is_address(host) or _NAME.fullmatch(host)):
        raise _no_target("it has no host that can be reached")
    if _NUMERIC.fullmatch(host.rpartition(".")[2]) and not _is_address(host):
        raise _no_target(f"write the address {quoted(host)} as four decimal numbers")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme == "https", host, port or _DEFAULT_PORTS[parts.scheme], path)


def without_user(url: str) -> str:
    """A URL whose user name and password, if it has any, are masked."""
    return _USER.sub(r"\1***@", url, count=1)


def shown(url: str) -> str:
    """A URL for journals and messages: without user name and query, which may be secrets."""
    bare, query, _ = url.partition("#")[0].partition("?")
    scheme, separator, rest = bare.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}{'?…' if query else ''}"


def check_webhook_hosts(given: object, name: str = "webhook_hosts") -> tuple[str, ...]:
    """Check the hosts that webhooks may be posted to, beside this machine.

    Raises:
        ConfigError: it is not a list, or one is neither a name nor an address nor a network.
    """
    return tuple(_check_host(host, name) for host in check_several(given, name, "a list of hosts"))


class Targets:
    """The hosts that webhooks may be posted to, beside this machine.

    A listed address or network may be reached. A listed name may be reached at loopback and public addresses, and at
    listed ones; so a name whose owner lets it mean a machine of the local network opens nothing there.

    Args:
        hosts: names, addresses, and networks such as ``192.168.1.0/24``.
        resolve: looks names up; by default, the system does.

    Raises:
        ConfigError: one of `hosts` is neither.
    """

    def __init__(self, hosts: Sequence[str] = (), *, resolve: Resolver | None = None) -> None:
        self._names: set[str] = set()
        self._networks: list[_Network] = []
        for host in check_webhook_hosts(hosts):
            network = _network(host)
            if network is None:
                self._names.add(host)
            else:
                self._networks.append(network)
        self._resolve: Resolver = _resolve if resolve is None else resolve

    async def addresses(self, target: Target) -> tuple[str, ...]:
        """The addresses to which a connection to `target` may be made, in the order in which to try them.

        Raises:
            NotDelivered: it may not be reached, or its name has no address.
        """
        host = target.host
        if _is_address(host):
            return (str(self._checked(ipaddress.ip_address(host), host)),)
        if host == "localhost" or host.endswith(".localhost"):
            return tuple(map(str, _LOOPBACK))
        if host not in self._names:
            raise NotDelivered(
                f"{host} is not this machine: a mock posts to other hosts only if they are listed, with "
                f"webhook_hosts=[{host!r}] or --webhook-host {host}",
                final=True,
            )
        try:
            async with asyncio.timeout(_RESOLVE_S):
                found = await self._resolve(host, target.port)
            addresses = [ipaddress.ip_address(address.partition("%")[0]) for address in found]
        except TimeoutError:
            raise NotDelivered(f"the name {host} was not looked up within {_RESOLVE_S:g} s") from None
        except (OSError, ValueError) as error:
            raise NotDelivered(f"the name {host} cannot be looked up: {describe(error)}") from None
        if not addresses:
            raise NotDelivered(f"the name {host} has no address")
        return tuple(str(self._checked(address, host)) for address in addresses)

    def _checked(self, address: _Address, host: str) -> _Address:
        """The address to connect to.

        Raises:
            NotDelivered: it may not be reached.
        """
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if address in _loopback_of(address):
            return address
        meant = _embedded(address)
        if any(meant in network for network in self._networks) or (host in self._names and _is_public(meant)):
            return address
        leads = f"{address}" if meant == address else f"{address}, a form of {meant},"
        raise NotDelivered(
            (leads if str(address) == host else f"{host} means {leads.rstrip(',')}, which")
            + " is not this machine: a mock posts to other hosts only if they are listed, with "
            f"webhook_hosts=[{str(meant)!r}] or --webhook-host {meant}",
            final=True,
        )


def _check_host(given: object, name: str) -> str:
    wanted = "hosts: names, addresses or networks, such as 'hooks.example.com' or '192.168.1.0/24'"
    if not isinstance(given, str):
        raise wrong(name, wanted, given)
    host = given.lower().removesuffix(".").removeprefix("[").removesuffix("]")
    numeric = _NUMERIC.fullmatch(host.rpartition(".")[2])
    if _network(host) is None and (numeric or not _NAME.fullmatch(host)):
        guess = "Pass the host alone, without scheme, port and path" if "/" in host or ":" in host else ""
        raise wrong(name, wanted, given, guess)
    return host


def _network(host: str) -> _Network | None:
    try:
        return ipaddress.ip_network(host)
    except ValueError:
        return None


def _no_target(problem: str) -> NotDelivered:
    return NotDelivered(problem, final=True)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host  # a zone, which would choose an interface


def _loopback_of(address: _Address) -> _Network:
    return ipaddress.ip_network("127.0.0.0/8" if address.version == 4 else "::1/128")


def _embedded(address: _Address) -> _Address:
    """The address that a packet to `address` ends at: 6to4 and NAT64 stand for one of IPv4."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if address in _SIX_TO_FOUR:
            return ipaddress.IPv4Address(int(address) >> 80 & 0xFFFF_FFFF)
    return address


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    return address in _UNICAST_V6 and not any(address in network for network in _SPECIAL_V6)


async def _resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
