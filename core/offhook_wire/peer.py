"""One WebRTC peer on loopback: ICE, DTLS and SRTP, with RTP and RTCP sent and received in the same call.

No RTCPeerConnection, no SDP, no media track: those would bring aiortc's jitter buffer (80 ms) and its codec threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiortc import (
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceCandidate,
    RTCIceParameters,
    RTCIceTransport,
)

from offhook_wire import aiortc_private as private
from offhook_wire.media_counts import MediaCounts
from offhook_wire.relay_protocol import Candidate, Dtls, Fingerprint, Ice, PeerParameters
from offhook_wire.rtp import is_rtcp
from offhook_wire.shared_ports import SharedPorts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from offhook_wire.impairment import Carries

#: How many media packets are kept until the handshake ends: media may overtake the last handshake message, which waits
#: in a queue.
_MAX_EARLY: Final = 64
#: SSRCs of one peer for which libsrtp keeps state; it searches them one by one at each packet. With one more, the state
#: of the one that was silent longest is given up.
_MAX_SSRCS: Final = 128
#: Of the hashes of a certificate, only this one is sent.
_HASH: Final = "sha-256"
#: Type preference of host candidates (RFC 8445, section 5.1.2.1), shifted into place.
_HOST_PRIORITY: Final = 126 << 24
_IPV4: Final = 4

Certificate = private.SharedCertificate


def make_ports() -> SharedPorts:
    """UDP ports on loopback, which any number of peers on the running loop can share."""
    return SharedPorts(private.LOOPBACK_ADDRESSES)


def addresses_for(url: str) -> Sequence[str]:
    """The addresses of this machine at which a peer needs sockets, to reach the other side's relay at `url`.

    A relay at an address of IPv4 has one for media, too; so, nothing is gained from a socket for IPv6 at each call.
    """
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(urlsplit(url).hostname or "").version == _IPV4:
            return [address for address in private.LOOPBACK_ADDRESSES if ":" not in address]
    return private.LOOPBACK_ADDRESSES


def make_certificate() -> Certificate:
    """A fresh self-signed certificate; one serves any number of peers."""
    return Certificate.generateCertificate()


class PeerFailed(Exception):
    """ICE or DTLS failed, so that no media can be sent."""


class Peer:
    """One side of a connection.

    Args:
        controlling: True at the leg, False at the relay: the ICE role, which also determines the DTLS role.
        certificate: for DTLS.
        on_rtp: called synchronously with each RTP packet in the clear. Must not raise.
        on_rtcp: called synchronously with each RTCP packet in the clear. Must not raise.
        on_down: called once, with the reason, when a connection that was up is lost or ended by the other side.
        counts: counts what is dropped; by default, counters of its own.
        incoming: impairs incoming datagrams, for tests.
        outgoing: impairs outgoing datagrams, for tests.
        addresses: where to bind sockets of its own.
        ports: the UDP ports that it shares with other peers; None for sockets of its own.

    Attributes:
        counts: what was dropped.
    """

    def __init__(
        self,
        *,
        controlling: bool,
        certificate: Certificate,
        on_rtp: Callable[[bytes], None],
        on_rtcp: Callable[[bytes], None],
        on_down: Callable[[str], None],
        counts: MediaCounts | None = None,
        incoming: Carries | None = None,
        outgoing: Carries | None = None,
        addresses: Sequence[str] = private.LOOPBACK_ADDRESSES,
        ports: SharedPorts | None = None,
    ) -> None:
        self.counts: MediaCounts = counts or MediaCounts()
        self._on_rtp: Callable[[bytes], None] = on_rtp
        self._on_rtcp: Callable[[bytes], None] = on_rtcp
        self._on_down: Callable[[str], None] = on_down
        self._heard = 0
        #: While media can flow.
        self._ciphers: private.Ciphers | None = None
        self._gatherer = private.LoopbackGatherer(
            controlling=controlling,
            on_media=self._media,
            counts=self.counts,
            incoming=incoming,
            outgoing=outgoing,
            addresses=addresses,
            ports=ports,
        )
        self._connection = self._gatherer.connection
        self._ice = RTCIceTransport(self._gatherer)
        self._dtls = RTCDtlsTransport(self._ice, [certificate])
        self._dtls.on("statechange", self._dtls_changed)
        self._early: list[bytes] = []
        #: The SSRCs of authentic packets, the latest last.
        self._ssrcs: dict[bytes, None] = {}
        self._latest_ssrc = b""
        self._stopping = False
        self._handshake: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether media can flow."""
        return self._ciphers is not None

    @property
    def heard(self) -> int:
        """How much has arrived from the other side: authentic packets and ICE checks. It only grows."""
        return self._heard + self._connection.checks

    async def gather(self) -> PeerParameters:
        """Bind the sockets, and return what the other side must know."""
        await self._gatherer.gather()
        ice = self._gatherer.getLocalParameters()
        assert ice.usernameFragment is not None  # aioice generates both
        assert ice.password is not None
        candidates = tuple(Candidate(item.ip, item.port) for item in self._gatherer.getLocalCandidates())
        fingerprints = tuple(
            Fingerprint(item.algorithm, item.value)
            for item in self._dtls.getLocalParameters().fingerprints
            if item.algorithm == _HASH
        )
        return PeerParameters(Ice(ice.usernameFragment, ice.password, candidates), Dtls(fingerprints))

    async def connect(self, remote: PeerParameters) -> None:
        """Connect to the other side. The caller sets a time limit, and calls `stop` when this does not return.

        Candidates that are not on loopback are ignored. When none remains, this waits for the other side's checks.

        Raises:
            PeerFailed: ICE or DTLS failed, or the certificate does not match the fingerprint.
        """
        usable = [candidate for candidate in remote.ice.candidates if _is_loopback(candidate.ip)]
        for number, candidate in enumerate(usable):
            await self._ice.addRemoteCandidate(
                RTCIceCandidate(
                    component=1,
                    foundation=str(number),
                    ip=candidate.ip,
                    port=candidate.port,
                    priority=_HOST_PRIORITY - number,
                    protocol="udp",
                    type="host",
                )
            )
        if usable:
            # Without candidates this would make ICE fail at once, instead of waiting for checks.
            await self._ice.addRemoteCandidate(None)
        # Neither start() raises; the state shows a failure.
        await self._ice.start(RTCIceParameters(usernameFragment=remote.ice.ufrag, password=remote.ice.password))
        if self._ice.state != "completed":
            raise PeerFailed("ICE found no connection to the other side")
        fingerprints = [RTCDtlsFingerprint(item.algorithm, item.value) for item in remote.dtls.fingerprints]
        # In a separate task: inside it, asyncio.wait_for of Python 3.11 can swallow our cancellation.
        self._handshake = asyncio.create_task(self._dtls.start(RTCDtlsParameters(fingerprints)))
        await asyncio.wait((self._handshake,))
        if not self._handshake.cancelled():
            self._handshake.exception()  # looked at, so that asyncio does not log what the other side caused
        if self._dtls.state != "connected":
            raise PeerFailed("the DTLS handshake failed, or the certificate does not match its fingerprint")
        self._ciphers = private.Ciphers(self._dtls)
        early, self._early = self._early, []
        for data in early:
            self._media(data)

    def pass_to(self, on_rtp: Callable[[bytes], None], on_rtcp: Callable[[bytes], None]) -> None:
        """Call these from now on, in place of `on_rtp` and `on_rtcp`; nothing after `stop`."""
        if not self._stopping:
            self._on_rtp, self._on_rtcp = on_rtp, on_rtcp

    def impair(self, incoming: Carries | None, outgoing: Carries | None) -> None:
        """Impair datagrams of both directions from now on; None for none."""
        self._connection.incoming = incoming
        self._connection.outgoing = outgoing

    def send_rtp(self, data: bytes) -> None:
        """Send an RTP packet now; do nothing before `connect` and after the end. Never raises."""
        ciphers = self._ciphers
        if ciphers is not None:
            protect = ciphers.protect_rtp  # called as it is, not as a method
            try:
                protected = protect(data)
            except private.SRTP_ERRORS:
                self.counts.packets_unsent += 1
            else:
                self._connection.send_now(protected)

    def send_rtcp(self, data: bytes) -> None:
        """Send a compound RTCP packet now; do nothing before `connect` and after the end. Never raises."""
        if self._ciphers is not None:
            try:
                protected = self._ciphers.protect_rtcp(data)
            except private.SRTP_ERRORS:
                self.counts.packets_unsent += 1
            else:
                self._connection.send_now(protected)

    async def stop(self) -> None:
        """Notify the other side over DTLS and close the sockets. Idempotent; no callback is called from now on."""
        self._stopping, self._ciphers = True, None
        self._early.clear()
        await self._dtls.stop()
        # Closes the sockets, which makes a handshake in progress fail.
        await self._ice.stop()
        if self._handshake is not None:
            self._handshake.cancel()
            await asyncio.wait((self._handshake,))
            # The handshake may have succeeded after all and started its reader.
            await self._dtls.stop()
        # The DTLS reader was cancelled but not awaited: let it end.
        await asyncio.sleep(0)
        self._dtls.remove_all_listeners()
        private.release(self._dtls, self._connection)
        # The owner of a peer is the owner of these, and would be kept until Python looks for circles.
        self._on_rtp = self._on_rtcp = self._on_down = _ignore

    def _media(self, data: bytes) -> None:
        ciphers = self._ciphers
        if ciphers is None:
            self._keep_early(data)
            return
        control = is_rtcp(data)
        unprotect = ciphers.unprotect_rtcp if control else ciphers.unprotect_rtp  # called as it is, not as a method
        try:
            clear = unprotect(data)
        except private.SRTP_ERRORS:
            self.counts.srtp_errors += 1
            return
        ssrc = data[4:8] if control else data[8:12]
        if ssrc != self._latest_ssrc:
            self._note_ssrc(ssrc)
        self._heard += 1
        take = self._on_rtcp if control else self._on_rtp
        take(clear)

    def _keep_early(self, data: bytes) -> None:
        if self._stopping:
            return
        if len(self._early) < _MAX_EARLY:
            self._early.append(data)
        else:
            self.counts.packets_early += 1

    def _note_ssrc(self, ssrc: bytes) -> None:
        self._latest_ssrc = ssrc
        if ssrc in self._ssrcs:
            del self._ssrcs[ssrc]
        elif len(self._ssrcs) == _MAX_SSRCS:
            oldest = next(iter(self._ssrcs))
            del self._ssrcs[oldest]
            private.forget_ssrc(self._dtls, int.from_bytes(oldest, "big"))
        self._ssrcs[ssrc] = None

    def _dtls_changed(self) -> None:
        if self._ciphers is not None and self._dtls.state in ("closed", "failed"):
            self._ciphers = None
            # Lost consent closes ICE first; a goodbye over DTLS does not change the state of ICE.
            lost = self._ice.state != "completed"
            self._on_down("the connection was lost" if lost else "the other side ended the connection")


def _ignore(what: bytes | str) -> None:
    """Take what a peer that was stopped reports."""


def _is_loopback(address: str) -> bool:
    """False for names, such as `.local` ones: resolving a name would send packets off the machine."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
