"""`AiortcLeg`: membership in a channel, over one connection after the other. Audio in and out synchronously.

While the leg is in the channel, it has a connection. When nothing at all arrives over it for `silence_s`, the leg
reports `LegDisconnected` and continues to send, since the other direction may work. When the connection itself is lost,
the leg rejoins over a new one, with the same uid, SSRC and numbering. After the relay put it out, it does not rejoin.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
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
from offhook.media import Pacer
from offhook_aiortc.delivery import Delivery
from offhook_aiortc.members import Members
from offhook_aiortc.receiver import Receiver
from offhook_aiortc.rejoin import ATTEMPT_TIMEOUT_S, rejoin
from offhook_aiortc.relay_client import PutOut, base_url
from offhook_wire import rtcp, rtp
from offhook_wire.backoff import Backoff
from offhook_wire.handler_gate import HandlerGate
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

    from offhook.interfaces import AudioFrame, Clock, Grant, Ids, LegHandler
    from offhook_aiortc.connection import Connection
    from offhook_aiortc.entrance import Entrance

_REPORT_INTERVAL_MS: Final = 1_000


class AiortcLeg(Leg):
    """Made by `AiortcTransport.join`.

    Args:
        handler: is called with events and audio.
        entrance: opens its connections.
        rate_hz: rate of audio in both directions.
        bitrate_bps: Opus's target.
        complexity: Opus's effort.
        wait_ms: how long to wait for a missing packet.
        silence_s: after this time without anything arriving, the leg is disconnected.
        lost_s: after this time without any sent audio arriving at the relay, the leg's audio is lost.
        clock: the time.
        ids: for the SSRC, and for random waits.
        drop: loss injection: whether to lose the outgoing RTP packet with this number.
        over: called once everything is closed.

    Attributes:
        uid: our uid in the channel, once joined.
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
        self._gate = HandlerGate(handler)
        self._entrance = entrance
        self._clock = clock
        self._monotonic_s = clock.monotonic_s
        self._drop = drop
        self._over = over
        self._loop = asyncio.get_running_loop()
        self._encoder = OpusEncoder(rate_hz, bitrate_bps, complexity)
        self._out = OutStream(ids)
        self._receiver = Receiver(
            self._gate.audio, rate_hz=rate_hz, loop=self._loop, counts=entrance.counts, wait_ms=wait_ms
        )
        self._members = Members(self._gate.event, self._receiver, self._loop)
        self._liveness = LivenessTimer(self._arrived, silence_s, self._on_liveness)
        self._delivery = Delivery(lost_s)
        self._backoff = Backoff(ids)
        self._counts = dict.fromkeys(
            ("frames_sent", "frames_dropped", "packets_dropped", "packets_malformed", "events_malformed"), 0
        )
        self._reconnections = 0
        #: Whether the handler got LegDisconnected, and has not got LegReconnected since then.
        self._disconnected = False
        #: Out of the channel, or leaving: nothing is sent, and audio is dropped.
        self._closed = False
        self._grant: Grant
        self._connection: Connection | None = None
        self._since_s = 0.0
        self._rejoining: asyncio.Task[None] | None = None
        self._reports = Pacer(self._loop, self._report, ptime_ms=_REPORT_INTERVAL_MS, max_lag_ms=0)
        self._release_task: asyncio.Task[None] | None = None

    @property
    def ssrc(self) -> int:
        """The SSRC of the audio that we send."""
        return self._out.ssrc

    async def join(self, grant: Grant) -> None:
        """Join for the first time. Raises what `Entrance.open` raises."""
        self._grant = grant
        self._enter(await self._open(grant.uid, JOIN_TIMEOUT_S))
        self._loop.call_soon(self._gate.open)

    def send(self, frame: AudioFrame) -> None:
        """See `Leg.send`: encodes and sends in this call. Without a connection it drops and counts the frame.

        Raises:
            ValueError: another rate, or more than 20 ms.
        """
        if frame.rate_hz != self.rate_hz:
            raise ValueError(f"AiortcLeg.send needs frames at {self.rate_hz} Hz, got {frame!r}")
        if self._closed:
            return
        connection, out = self._connection, self._out
        if connection is None:
            self._counts["frames_dropped"] += 1
            return
        payload = self._encoder.encode(frame.pcm)
        now_s = self._monotonic_s()
        data = out.packet(payload, frame.position * rtp.CLOCK_HZ // self.rate_hz, now_s)
        if self._delivery.sent(out.sequence, now_s) and not self._disconnected:
            self._judge_delivery(now_s)
        self._counts["frames_sent"] += 1
        if self._drop is not None and self._drop(out.packets - 1):
            self._counts["packets_dropped"] += 1
        else:
            connection.peer.send_rtp(data)

    def counters(self) -> dict[str, int]:
        """See `Leg.counters`."""
        return {
            "packets_sent": self._out.packets - self._counts["packets_dropped"],
            **self._counts,
            "events_ignored": self._members.ignored,
            **self._receiver.counters(),
            **asdict(self._entrance.counts),
            "reconnections": self._reconnections,
        }

    async def renew(self, grant: Grant) -> None:
        """See `Leg.renew`. It waits 5 s for the answer; a later answer still counts.

        Raises:
            TokenRejected: the relay refused the token.
            TransportError: the leg is not connected, or no answer arrived in time.
        """
        if self._closed or self._connection is None:
            raise TransportError("cannot renew the token: no connection to the relay")
        await self._connection.renew(grant)

    async def leave(self) -> None:
        """See `Leg.leave`: sends BYE and a goodbye over the WebSocket and closes everything, within 1 s."""
        self._close(goodbye=True)
        assert self._release_task is not None
        await asyncio.shield(self._release_task)

    # Connections

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
        self.uid = self._gate.uid = answer.uid
        self._out.payload_type = answer.payload_type
        self._members.reconcile(answer.members)
        self._liveness.start()
        self._reports.start()
        connection.start()

    def on_lost(self, connection: Connection, reason: str) -> None:
        """The connection was lost: rejoin."""
        self._drop_connection()
        self._backoff.was_up(self._clock.monotonic_s() - self._since_s)
        self._members.flush()
        self._report_disconnected()
        if not self._closed:  # the handler may have called leave()
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
            self._report_reconnected()
            if not self._closed:  # here, too, the handler may have called leave()
                self._enter(connection)
            else:
                connection.close(goodbye=self._out.bye())

    def _on_liveness(self, expired: bool) -> None:
        (self._report_disconnected if expired else self._report_reconnected)()

    def _report_disconnected(self) -> None:
        if not self._disconnected:
            self._disconnected = True
            self._gate.event(LegDisconnected())

    def _report_reconnected(self) -> None:
        self._disconnected = False
        self._reconnections += 1
        self._delivery.restart()
        self._gate.event(LegReconnected())

    def _arrived(self) -> int:
        return self._connection.peer.heard if self._connection is not None else 0

    def _drop_connection(self) -> None:
        """Close the connection without a goodbye."""
        self._liveness.stop()
        self._reports.stop()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # Called by the connection

    def on_rtp(self, data: bytes) -> None:
        """Take an RTP packet in the clear."""
        try:
            packet = rtp.parse(data)
        except rtp.MalformedPacket:
            self._counts["packets_malformed"] += 1
            return
        self._receiver.add(packet, self._monotonic_s())

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
                    uid = self._receiver.end(ssrc)
                    if uid is not None:
                        self._members.depart(uid)
                continue
            if isinstance(packet, rtcp.SenderReport):
                self._receiver.heard_report(packet, now_s)
            self._delivery.reported(next((b for b in packet.blocks if b.ssrc == self.ssrc), None), now_s)
            self._judge_delivery(now_s)

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
                self._gate.event(GrantExpiring())
            case Kicked(reason):
                self._out_of_channel(LegClosed(reason))
            case _:
                pass  # answers to renewals, which the connection handles

    def on_malformed(self) -> None:
        """Count a text that is not an event."""
        self._counts["events_malformed"] += 1

    def on_renewed(self, grant: Grant) -> None:
        """Rejoin with this grant from now on."""
        self._grant = grant

    def _judge_delivery(self, now_s: float) -> None:
        if self._delivery.changed(now_s):
            event = (AudioLost if self._delivery.lost else AudioReturned)(Direction.SENT)
            # Called later, so that the handler never runs inside a call of send().
            self._loop.call_soon(self._gate.event, event)

    def _report(self, index: int) -> None:
        now_s = self._clock.monotonic_s()
        if self._connection is not None:
            report = self._out.report(now_s, self._clock.wall_s(), self._receiver.blocks(now_s))
            self._connection.peer.send_rtcp(report)

    # The end

    def _out_of_channel(self, event: LegClosed | LegFailed) -> None:
        """Pass on that the relay put us out or refuses us: the handler gets `event` after the waiting events."""
        if self._closed:
            return
        self._members.flush()
        self._gate.event(event)
        self._close(goodbye=False)

    def _close(self, *, goodbye: bool) -> None:
        if goodbye:
            self._gate.close()
        if self._release_task is not None:
            return
        self._closed = True
        self._receiver.close()
        if goodbye and self._connection is not None:
            self._connection.close(goodbye=self._out.bye())
        self._drop_connection()
        self._members.close()
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
