"""`AiortcTransport`: finds out whether a relay is there, and joins its channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.arguments import (
    check_function,
    check_instance,
    check_number,
    check_rate,
    check_seconds,
    check_whole,
    wrong,
)
from offhook.errors import JoinFailed, JoinTimeout, TransportNotSetUp, TransportUnavailable
from offhook.interfaces import OPUS_RATES_HZ, Environment, Transport
from offhook_aiortc.entrance import Entrance
from offhook_aiortc.http import RelayHttp
from offhook_aiortc.leg import AiortcLeg
from offhook_aiortc.relay_client import base_url, read_refusal
from offhook_wire.impairment import Impairment
from offhook_wire.media_counts import MediaCounts
from offhook_wire.opus import COMPLEXITY, default_backend
from offhook_wire.opus_backend import OpusError
from offhook_wire.peer import Certificate, PeerFailed, make_certificate
from offhook_wire.relay_protocol import HEALTH_PATH, JOIN_TIMEOUT_S, PROTOCOL, Health
from offhook_wire.strict_json import ProtocolError
from offhook_wire.unreachable import unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import Clock, Grant, Ids, LegHandler

#: A mock that has just been started on a busy machine loads its media libraries for its first answer.
_CHECK_TIMEOUT_S: Final = 9.0
#: The longest wait for a missing packet; beyond that, a conversation is not one.
_MOST_WAIT_MS: Final = 10_000


class AiortcTransport(Transport):
    """WebRTC to a relay on this machine. Media and signalling stay on loopback.

    Args:
        rate_hz: rate of the legs' audio and of the codec: 8, 12, 16, 24 or 48 kHz.
        bitrate_bps: Opus's target.
        complexity: Opus's effort, 0 to 10; it determines most of a call's CPU time. At 48 kHz, 5 has 3 dB less
            noise than the default, at 1.5 times the cost; at 16 kHz there is no difference.
        wait_ms: how long to wait for a missing packet; loopback does not reorder.
        silence_s: a leg is disconnected after this time without anything arriving; the relay reports each second.
        lost_s: a leg's audio is lost after this time without any of it arriving at the relay.
        clock: the time.
        ids: draws SSRCs.
        drop: loss injection for tests and benchmarks: called with the number of each outgoing RTP packet, from 0, it
            returns whether to lose the packet.
        incoming: impairs everything that legs receive, media included; for tests.
        outgoing: impairs everything that they send.

    Raises:
        ConfigError: an argument is of the wrong type or out of range.
    """

    def __init__(
        self,
        *,
        rate_hz: int = 16_000,
        bitrate_bps: int = 32_000,
        complexity: int = COMPLEXITY,
        wait_ms: float = 5,
        silence_s: float = 2.5,
        lost_s: float = 3.0,
        clock: Clock | None = None,
        ids: Ids | None = None,
        drop: Callable[[int], bool] | None = None,
        incoming: Impairment | None = None,
        outgoing: Impairment | None = None,
    ) -> None:
        check_rate(rate_hz)
        if rate_hz not in OPUS_RATES_HZ:
            raise wrong("rate_hz", "one of " + ", ".join(map(str, OPUS_RATES_HZ)), rate_hz)
        shared = Environment(clock=clock, ids=ids)  # which checks them
        if drop is not None:
            check_function(drop, "drop", ("the number of a packet",))
        for name, impairment in (("incoming", incoming), ("outgoing", outgoing)):
            if impairment is not None:
                check_instance(impairment, name, Impairment, "an offhook_wire.impairment.Impairment")
        self.rate_hz = rate_hz
        self._bitrate_bps = check_whole(bitrate_bps, "bitrate_bps", least=500, most=512_000, unit="bits per second")
        self._complexity = check_whole(complexity, "complexity", least=0, most=10)
        self._wait_ms = check_number(wait_ms, "wait_ms", least=0, most=_MOST_WAIT_MS, unit="milliseconds")
        self._clock = shared.clock
        self._ids = shared.ids
        self._silence_s = check_seconds(silence_s, "silence_s")
        self._lost_s = check_seconds(lost_s, "lost_s")
        self._drop = drop
        self._incoming = incoming
        self._outgoing = outgoing
        self._certificate: Certificate | None = None
        self._http = RelayHttp()
        self._legs: set[AiortcLeg] = set()
        self._closed = False

    async def check(self, endpoint: str | None) -> None:
        """See `Transport.check`: looks for an Opus codec, and asks the relay for its health, within 9 s."""
        if self._closed:
            raise TransportUnavailable("this transport was closed: make a new one")
        base = base_url(endpoint)
        try:
            default_backend()
        except OpusError as error:
            raise TransportNotSetUp(str(error)) from error
        try:
            answer = await self._http.exchange("GET", base + HEALTH_PATH, timeout_s=_CHECK_TIMEOUT_S)
        except JoinFailed as error:
            raise TransportUnavailable(
                f"the server at {base} is not an offhook relay: {error.message}. Use the URL that `offhook mock` prints"
            ) from error
        except OSError as error:  # TimeoutError is one
            raise TransportUnavailable(unreachable(base, error)) from error
        try:
            health = Health.parse(answer.body)
        except ProtocolError as error:
            if (refusal := read_refusal(answer.body)) is not None:
                raise TransportUnavailable(f"the relay at {base} cannot be used: {refusal.message}") from error
            raise TransportUnavailable(
                f"the server at {base} is not an offhook relay (HTTP {answer.status}):"
                " use the URL that `offhook mock` prints"
            ) from error
        if health.protocol != PROTOCOL:
            raise TransportUnavailable(
                f"the relay at {base} speaks protocol {health.protocol}, this offhook speaks {PROTOCOL}:"
                " run both from the same version"
            )

    async def join(self, grant: Grant, handler: LegHandler) -> AiortcLeg:
        """See `Transport.join`: HTTP, then ICE and DTLS, then the WebSocket, all within 10 s."""
        if self._closed:
            raise JoinFailed("this transport was closed: make a new one")
        base = base_url(grant.endpoint)
        if self._certificate is None:
            self._certificate = make_certificate()
        leg = AiortcLeg(
            handler,
            Entrance(self._certificate, MediaCounts(), self._http, incoming=self._incoming, outgoing=self._outgoing),
            rate_hz=self.rate_hz,
            bitrate_bps=self._bitrate_bps,
            complexity=self._complexity,
            wait_ms=self._wait_ms,
            silence_s=self._silence_s,
            lost_s=self._lost_s,
            clock=self._clock,
            ids=self._ids,
            drop=self._drop,
            over=self._legs.discard,
        )
        self._legs.add(leg)
        try:
            await leg.join(grant)
        except TimeoutError as error:
            await leg.leave()
            raise JoinTimeout(f"the relay at {base} did not let us in within {JOIN_TIMEOUT_S:g} s") from error
        except (PeerFailed, ProtocolError, OSError) as error:
            await leg.leave()
            raise JoinFailed(f"could not join at {base}: {error}") from error
        except BaseException:
            await leg.leave()
            raise
        return leg

    async def aclose(self) -> None:
        """See `Transport.aclose`: makes every leg that is still in a channel leave it."""
        self._closed = True
        self._http.close()
        for leg in tuple(self._legs):
            await leg.leave()
