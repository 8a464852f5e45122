"""Our side of calls to Janus' EchoTest plugin: the same packets, from the same clients, as in `near_packets`.

Janus offers no loopback candidates, so media runs between the machine's own addresses, as it does for bare aiortc.
Nothing leaves the machine. Offhook's peers use loopback alone; in this process they are told another address.
"""

from __future__ import annotations

import re
import socket
import uuid
from typing import TYPE_CHECKING, Any, Final

import httpx
from tests.bench.baseline_aiortc import encoded
from tests.bench.packet_client import RATE_HZ, PacketClient
from tests.bench.voice import FRAMES_PER_S

from offhook_wire import peer as wire_peer
from offhook_wire.aiortc_private import connection as ice
from offhook_wire.peer import make_certificate
from offhook_wire.relay_protocol import Candidate, Dtls, Fingerprint, Ice, PeerParameters
from offhook_wire.rtp import OPUS_PAYLOAD_TYPE

if TYPE_CHECKING:
    from types import ModuleType

    from tests.bench.process import Place
    from tests.bench.voice import Voice

_CANDIDATE: Final = re.compile(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", re.IGNORECASE)


class JanusPackets:
    """Two clients for each place, each of which hears itself. Commands: `open`."""

    def __init__(self) -> None:
        self.commands = {"open": self.open}
        self._clients: list[PacketClient] = []

    @property
    def voices(self) -> list[Voice]:
        """What each client has received."""
        return [client.voice for client in self._clients]

    async def open(self, *, places: list[Place], timed: bool) -> None:
        """Connect; `timed` is there to be called like `near_packets.Packets.open`."""
        _use_address(own_address())
        certificate, payloads = make_certificate(), encoded(RATE_HZ)
        for place in places:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{place['port']}", trust_env=False) as http:
                for _ in range(2):
                    client = PacketClient(certificate, payloads)
                    self._clients.append(client)
                    await client.connect(await _echo(http, client))
        for number, client in enumerate(self._clients):
            client.start(number / len(self._clients) / FRAMES_PER_S)

    async def close(self) -> None:
        """Close the connections; Janus ends by itself."""
        for client in self._clients:
            await client.stop()
        self._clients.clear()


def own_address() -> str:
    """The address with which the machine would speak to others; nothing is sent.

    Raises:
        RuntimeError: it has only loopback, which Janus does not offer.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            raise RuntimeError("Janus needs a network interface beside loopback") from None
        address: str = probe.getsockname()[0]
        return address


def _use_address(address: str) -> None:
    def is_own(other: str) -> bool:
        return other == address

    changes: tuple[tuple[ModuleType, str, object], ...] = (
        (ice, "LOOPBACK_ADDRESSES", (address,)),
        (wire_peer, "_is_loopback", is_own),
    )
    for module, name, value in changes:
        if not hasattr(module, name):
            raise RuntimeError(f"{module.__name__} has no {name}: the benchmark is out of date")
        setattr(module, name, value)


async def _echo(http: httpx.AsyncClient, client: PacketClient) -> PeerParameters:
    """Have the plugin answer an offer."""
    session = f"/janus/{await _created(http, '/janus', janus='create')}"
    handle = f"{session}/{await _created(http, session, janus='attach', plugin='janus.plugin.echotest')}"
    offer = {"type": "offer", "sdp": offer_of(await client.gather(), client.ssrc)}
    await _post(http, handle, janus="message", body={"audio": True, "video": False}, jsep=offer)
    while True:
        event = (await http.get(session, timeout=40)).json()
        if event.get("janus") == "error":
            raise RuntimeError(f"Janus refused: {event}")
        if "jsep" in event:
            return parameters_of(event["jsep"]["sdp"])


async def _created(http: httpx.AsyncClient, path: str, **fields: object) -> int:
    answer = await _post(http, path, **fields)
    return int(answer["data"]["id"])


async def _post(http: httpx.AsyncClient, path: str, **fields: object) -> dict[str, Any]:
    answer: dict[str, Any] = (await http.post(path, json={**fields, "transaction": uuid.uuid4().hex})).json()
    if answer["janus"] not in ("success", "ack"):
        raise RuntimeError(f"Janus refused: {answer}")
    return answer


def offer_of(local: PeerParameters, ssrc: int) -> str:
    """An offer of one Opus stream in both directions."""
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        f"m=audio 9 UDP/TLS/RTP/SAVPF {OPUS_PAYLOAD_TYPE}",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=setup:actpass",
        f"a=ice-ufrag:{local.ice.ufrag}",
        f"a=ice-pwd:{local.ice.password}",
        *(f"a=fingerprint:{each.algorithm} {each.value}" for each in local.dtls.fingerprints),
        f"a=rtpmap:{OPUS_PAYLOAD_TYPE} opus/48000/2",
        f"a=ssrc:{ssrc} cname:bench",
    ]
    for number, candidate in enumerate(local.ice.candidates, 1):
        priority = 2_130_706_431 - number
        lines.append(f"a=candidate:{number} 1 udp {priority} {candidate.ip} {candidate.port} typ host")
    return "\r\n".join([*lines, "a=end-of-candidates", ""])


def parameters_of(sdp: str) -> PeerParameters:
    """What an answer says about the other side."""

    def value(name: str) -> str:
        return sdp.split(f"a={name}:", 1)[1].splitlines()[0].strip()

    algorithm, _, digest = value("fingerprint").partition(" ")
    candidates = tuple(Candidate(host, int(port)) for host, port in _CANDIDATE.findall(sdp))
    fingerprint = Fingerprint(algorithm.lower(), digest)
    return PeerParameters(Ice(value("ice-ufrag"), value("ice-pwd"), candidates), Dtls((fingerprint,)))
