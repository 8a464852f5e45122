"""The port that many ICE agents share, as a target: whatever arrives is one agent's, or is counted."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from aioice import stun

from offhook_wire import shared_port
from offhook_wire.media_counts import MediaCounts

if TYPE_CHECKING:
    from collections.abc import Callable

AGENT, OTHER = "agent0123456789a", "other0123456789b"
_TRANSACTION = b"expected-012"


class PortFault(Exception):
    """What arrived was lost, kept, or taken by the wrong one."""


class _Datagrams:
    """In place of a port's socket: what is to be read next."""

    address = ("127.0.0.1", 1)
    holds = 10_000

    def __init__(self, address: str, turn: object) -> None:
        self.waiting: list[tuple[bytes, tuple[str, int]]] = []

    def read(self) -> tuple[bytes, tuple[str, int]] | None:
        return self.waiting.pop(0) if self.waiting else None

    def send(self, data: bytes, address: tuple[str, int], counts: MediaCounts) -> None:
        """Send nothing."""


def samples() -> list[bytes]:
    """Checks that name somebody and nobody, the answer to a request of an agent, DTLS, media."""
    found: list[bytes] = []
    for name in (f"{AGENT}:peer", f"{OTHER}:peer", "nobody:peer", AGENT, ":"):
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = name
        message.add_message_integrity(b"password")
        found.append(bytes(message))
    found += [bytes(stun.Message(stun.Method.BINDING, kind, _TRANSACTION)) for kind in stun.Class]
    return [*found, b"\x16\xfe\xfd" + bytes(20), b"\x80\x6f" + bytes(20)]


def target() -> Callable[[bytes], None]:
    """What to call with a datagram: it arrives from an agent's address, and from one that nobody has confirmed."""
    counts, taken = MediaCounts(), list[str]()
    with patch.object(shared_port, "CollectingSocket", _Datagrams):
        port = shared_port.SharedPort("127.0.0.1", counts, lambda port: None)

    def place(name: str) -> shared_port.Place:
        return port.add(name, lambda data, address: taken.append(name), counts)

    agent = place(AGENT)
    place(OTHER)
    agent.confirm(("127.0.0.1", 10))
    agent.expect(_TRANSACTION)
    datagrams: Any = port.socket
    sizes = len(port._by_address), len(port._by_transaction), len(port._by_ufrag)

    def run(data: bytes) -> None:
        taken.clear()
        before = counts.packets_stray
        datagrams.waiting += [(data, ("127.0.0.1", 10)), (data, ("127.0.0.1", 11))]
        port._turn()
        if len(taken) + counts.packets_stray - before != 2:
            raise PortFault("a datagram was neither taken nor counted, or both")
        if (not data or data[0] > 3) and taken not in ([], [AGENT]):
            raise PortFault("a stranger's datagram was taken")
        if sizes != (len(port._by_address), len(port._by_transaction), len(port._by_ufrag)) or port._queue:
            raise PortFault("what arrived is kept")

    return run
