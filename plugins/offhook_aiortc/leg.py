"""`AiortcLeg`: one place in a channel, over one connection after the other. Audio in and out synchronously.

While it is in, it has a connection. When nothing at all comes over that for a while, the handler is told that we are
disconnected; the leg goes on sending, since the other direction may work. When the connection itself is lost, the leg
comes back with another, under the same uid, SSRC and numbering. What the channel ended is not begun again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from offhook.errors import TransportError
from offhook.interfaces import (
    AudioLost,
    AudioReturned,
    Direction,
    GrantExpiring,
    Leg,
    LegClosed,
    LegDisconnected,
    LegFailed,
    LegReconnected,
)
from offhook_aiortc.delivery import Delivery
from offhook_aiortc.members import Members
from offhook_aiortc.receiver import Receiver
from offhook_aiortc.rejoin import ATTEMPT_TIMEOUT_S, Backoff, rejoin
from offhook_aiortc.relay_client import PutOut, base_url
from offhook_wire import rtcp, rtp
from offhook_wire.liveness import LivenessTimer
from offhook_wire.opus import OpusEncoder
from offhook_wire.relay_protocol import (
    JOIN_TIMEOUT_S,
    Joined,
    Kicked,
    Left,
    Published,
    RelayEvent,
    TokenExpiring,
    Unpublished,
)
from offhook_wire.rtp_out import OutStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import AudioFrame, Clock, Grant, Ids, LegEvent, LegHandler
    from offhook_aiortc.connection import Connection, Entrance

_log = logging.getLogger(__name__)

_REPORT_INTERVAL_S: Final = 1.0


class AiortcLeg(Leg):
    """Made by `AiortcTransport.join`.

    Args:
        handler: is told events and given audio.
        entrance: how it comes in.
        rate_hz: rate of audio both ways.
        bitrate_bps: Opus's target.
        complexity: Opus's effort.
        wait_ms: how long a missing packet is waited for.
        silence_s: when nothing at all has come for so long, it is disconnected.
        lost_s: when nothing of what it sent has arrived for so long, its audio is lost.
        clock: the time.
        ids: for the SSRC, and jitter.
        drop: loss injection: whether to lose the outgoing RTP packet of that number.
        over: called once everything is let go of.

    Attributes:
        uid: who we are in the channel, once joined.
    """

    def __init__(
        self,
        handler: LegHandler,
        entrance: Entrance,
        *,
        rate_hz: int,
        bitrate_bps: int,
        complexity: int,
        wait_ms: float,
        silence_s: float,
        lost_s: float,
        clock: Clock,
        ids: Ids,
        drop: Callable[[int], bool] | None,
        over: Callable[[AiortcLeg], None],
    ) -> None:
        self.rate_hz = rate_hz
        self.uid: int = 0
        self._handler = handler
        self._entrance = entrance
        self._clock = clock
        self._drop = drop
        self._over = over
        self._loop = asyncio.get_running_loop()
        self._encoder = OpusEncoder(rate_hz, bitrate_bps, complexity)
        self._out = OutStream(ids)
        self._hearing = Receiver(self._heard, rate_hz=rate_hz, loop=self._loop, wait_ms=wait_ms)
        self._members = Members(self._tell, self._hearing, self._loop)
        self._silence = LivenessTimer(self._count, silence_s, self._hush)
        self._delivery = Delivery(lost_s)
        self._backoff = Backoff(ids)
        self._counts = dict.fromkeys(
            ("frames_sent", "frames_dropped", "packets_dropped", "packets_malformed", "events_malformed"), 0
        )
        self._reconnections = 0
        self._past = (0, 0)
        #: What the handler is told once join() has returned; None when that is over.
        self._waiting: list[Callable[[], None]] | None = []
        #: leave() was called: the handler is told nothing more.
        self._silent = False
        #: The handler was told that we are disconnected.
        self._away = False
        #: Out of the channel, or leaving: nothing is sent and nobody is told any more.
        self._closed = False
        self._grant: Grant
        self._connection: Connection | None = None
        self._since_s = 0.0
        self._rejoining: asyncio.Task[None] | None = None
        self._report_timer: asyncio.TimerHandle | None = None
        self._release_task: asyncio.Task[None] | None = None

    @property
    def ssrc(self) -> int:
        """What we send under."""
        return self._out.ssrc

    async def join(self, grant: Grant) -> None:
        """Come in for the first time. Raises what `Entrance.open` raises."""
        self._grant = grant
        self._enter(await self._open(grant.uid, JOIN_TIMEOUT_S))
        self._loop.call_soon(self._introduce)

    def send(self, frame: AudioFrame) -> None:
        """See `Leg.send`: encoded and sent in this call; dropped and counted while there is no connection.

        Raises:
            ValueError: another rate, or more than 20 ms.
        """
        if frame.rate_hz != self.rate_hz:
            raise ValueError(f"{frame!r} is not at the leg's {self.rate_hz} Hz")
        if self._closed:
            return
        if self._connection is None:
            self._counts["frames_dropped"] += 1
            return
        payload = self._encoder.encode(frame.pcm)
        position = frame.position * rtp.CLOCK_HZ // self.rate_hz
        number, now_s = self._out.packets, self._clock.monotonic_s()
        data = self._out.packet(payload, position, now_s)
        self._delivery.sent(self._out.sequence, now_s)
        if not self._away:
            self._judge(now_s)
        self._counts["frames_sent"] += 1
        if self._drop is not None and self._drop(number):
            self._counts["packets_dropped"] += 1
        else:
            self._connection.peer.send_rtp(data)

    def counters(self) -> dict[str, int]:
        """See `Leg.counters`."""
        srtp_errors, strays = self._refused()
        return {
            "packets_sent": self._out.packets - self._counts["packets_dropped"],
            **self._counts,
            **self._hearing.counters(),
            "srtp_errors": srtp_errors,
            "packets_stray": strays,
            "reconnections": self._reconnections,
        }

    async def renew(self, grant: Grant) -> None:
        """See `Leg.renew`. What comes later than the 5 s that it waits for counts nevertheless.

        Raises:
            TokenRejected: the relay does not take the token.
            TransportError: we are not connected, or no answer came in time.
        """
        if self._closed or self._connection is None:
            raise TransportError("there is no connection to tell the relay of a fresh token")
        await self._connection.renew(grant)

    async def leave(self) -> None:
        """See `Leg.leave`: BYE, a goodbye over the WebSocket, and everything closed, within 1 s."""
        self._close(goodbye=True)
        assert self._release_task is not None
        await asyncio.shield(self._release_task)

    # Coming in and going

    async def _open(self, uid: int, timeout_s: float, *, rejoin: bool = False) -> Connection:
        return await self._entrance.open(
            self,
            base_url(self._grant.endpoint),
            self._grant,
            uid=uid,
            ssrc=self.ssrc,
            goodbye=self._out.bye(),
            timeout_s=timeout_s,
            rejoin=rejoin,
        )

    def _enter(self, connection: Connection) -> None:
        self._connection, self._since_s = connection, self._clock.monotonic_s()
        answer = connection.answer
        self.uid = answer.uid
        self._out.payload_type = answer.payload_type
        self._members.reconcile(answer.members)
        self._silence.start()
        self._report()
        connection.start()

    def on_lost(self, connection: Connection, reason: str) -> None:
        """The connection is over."""
        self._let_go()
        self._backoff.was_up(self._clock.monotonic_s() - self._since_s)
        self._members.flush()
        self._go_away()
        if not self._closed:  # the handler may have left
            self._rejoining = asyncio.create_task(self._rejoin())

    async def _rejoin(self) -> None:
        try:
            connection = await rejoin(lambda: self._open(self.uid, ATTEMPT_TIMEOUT_S, rejoin=True), self._backoff)
        except PutOut as error:
            self._out_of_channel(LegClosed(error.reason))
        except TransportError as error:
            self._out_of_channel(LegFailed(error.message))
        else:
            self._rejoining = None
            self._come_back()
            if not self._closed:
                self._enter(connection)
            else:
                connection.close(goodbye=self._out.bye())

    def _hush(self, silent: bool) -> None:
        (self._go_away if silent else self._come_back)()

    def _go_away(self) -> None:
        if not self._away:
            self._away = True
            self._tell(LegDisconnected())

    def _come_back(self) -> None:
        self._away = False
        self._reconnections += 1
        self._delivery.restart()
        self._tell(LegReconnected())

    def _count(self) -> int:
        return self._connection.peer.heard if self._connection is not None else 0

    def _refused(self) -> tuple[int, int]:
        """SRTP errors and stray datagrams, of all connections."""
        peer = self._connection.peer if self._connection is not None else None
        return (self._past[0] + peer.srtp_errors, self._past[1] + peer.strays) if peer is not None else self._past

    def _let_go(self) -> None:
        """Drop the connection without a goodbye."""
        self._silence.stop()
        if self._report_timer is not None:
            self._report_timer.cancel()
        if self._connection is not None:
            self._past = self._refused()
            self._connection.close()
            self._connection = None

    # The handler

    def _introduce(self) -> None:
        waiting, self._waiting = self._waiting, None
        for tell in waiting or ():
            if not self._silent:
                tell()

    def _tell(self, event: LegEvent) -> None:
        if self._waiting is not None:
            self._waiting.append(lambda: self._pass_event(event))
        elif not self._silent:
            self._pass_event(event)

    def _heard(self, uid: int, frame: AudioFrame) -> None:
        if self._closed:
            return
        if self._waiting is not None:
            self._waiting.append(lambda: self._pass_audio(uid, frame))
        else:
            self._pass_audio(uid, frame)

    # A handler never raises; one that does must not keep the rest of what happened from being done.

    def _pass_event(self, event: LegEvent) -> None:
        try:
            self._handler.on_event(event)
        except Exception:
            _log.exception("the handler of leg %d failed on %r", self.uid, event)

    def _pass_audio(self, uid: int, frame: AudioFrame) -> None:
        try:
            self._handler.on_audio(uid, frame)
        except Exception:
            _log.exception("the handler of leg %d failed on audio", self.uid)

    # What comes: called by the connection

    def on_rtp(self, data: bytes) -> None:
        """Take an RTP packet in the clear."""
        try:
            packet = rtp.parse(data)
        except rtp.MalformedPacket:
            self._counts["packets_malformed"] += 1
            return
        self._hearing.add(packet, self._clock.monotonic_s())

    def on_rtcp(self, data: bytes) -> None:
        """Take an RTCP packet in the clear."""
        try:
            packets = rtcp.parse(data)
        except rtp.MalformedPacket:
            self._counts["packets_malformed"] += 1
            return
        now_s = self._clock.monotonic_s()
        for packet in packets:
            if isinstance(packet, rtcp.Bye):
                for ssrc in packet.ssrcs:
                    uid = self._hearing.end(ssrc)
                    if uid is not None:
                        self._members.depart(uid)
                continue
            if isinstance(packet, rtcp.SenderReport):
                self._hearing.heard_report(packet, now_s)
            self._delivery.reported(next((b for b in packet.blocks if b.ssrc == self.ssrc), None), now_s)
            self._judge(now_s)

    def on_relay_event(self, event: RelayEvent) -> None:
        """Take an event of the relay."""
        match event:
            case Joined(uid, ssrc):
                self._members.joined(uid, ssrc)
            case Published(uid):
                self._members.published(uid)
            case Unpublished(uid):
                self._members.unpublished(uid)
            case Left(uid, reason):
                self._members.left(uid, reason)
            case TokenExpiring():
                self._tell(GrantExpiring())
            case Kicked(reason):
                self._out_of_channel(LegClosed(reason))
            case _:
                pass  # answers to renewals, which the connection takes

    def on_malformed(self) -> None:
        """Something came that is no event."""
        self._counts["events_malformed"] += 1

    def on_renewed(self, grant: Grant) -> None:
        """Whenever we come back, it is with this grant."""
        self._grant = grant

    def _judge(self, now_s: float) -> None:
        if self._delivery.changed(now_s):
            event = (AudioLost if self._delivery.lost else AudioReturned)(Direction.SENT)
            # Not on the stack of whoever sends.
            self._loop.call_soon(self._tell, event)

    def _report(self) -> None:
        self._report_timer = self._loop.call_later(_REPORT_INTERVAL_S, self._report)
        now_s = self._clock.monotonic_s()
        if self._connection is not None:
            report = self._out.report(now_s, self._clock.wall_s(), self._hearing.blocks(now_s))
            self._connection.peer.send_rtcp(report)

    # The end

    def _out_of_channel(self, event: LegClosed | LegFailed) -> None:
        """The relay put us out, or does not let us in again: the handler is told once, after what waited for it."""
        if self._closed:
            return
        self._members.flush()
        self._tell(event)
        self._close(goodbye=False)

    def _close(self, *, goodbye: bool) -> None:
        self._silent = self._silent or goodbye
        if self._release_task is not None:
            return
        self._closed = True
        if goodbye and self._connection is not None:
            self._connection.close(goodbye=self._out.bye())
        self._let_go()
        self._members.close()
        self._hearing.close()
        self._encoder.close()
        self._release_task = asyncio.create_task(self._release())

    async def _release(self) -> None:
        try:
            rejoining = self._rejoining
            if rejoining is not None and not rejoining.done():
                rejoining.cancel()
                await asyncio.wait((rejoining,))
            while self._entrance.releases:
                await asyncio.wait(self._entrance.releases)
        finally:
            self._over(self)
