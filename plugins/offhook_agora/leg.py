"""`AgoraLeg`: membership in a channel over one seat after the other, each in a host that runs Agora's SDK.

The SDK reconnects by itself; the leg reports that once each way, and waits as long as the call does. When the host
itself is lost, the leg rejoins in a fresh one, with the same uid and token. After the channel put it out, it does not.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from offhook.errors import OffhookError, TransportError
from offhook.interfaces import (
    FRAMES_PER_S,
    PTIME_MS,
    AudioFrame,
    GrantExpiring,
    LeaveReason,
    Leg,
    LegClosed,
    LegDisconnected,
    LegFailed,
    LegReconnected,
    samples_per_frame,
)
from offhook.wording import describe
from offhook_agora.members import Members
from offhook_agora.messages import (
    Audio,
    Closed,
    Disconnected,
    Failed,
    Join,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
    Reason,
    Reconnected,
    TokenExpiring,
)
from offhook_agora.seat import LegSeat, NotJoined
from offhook_agora.unheard import Unheard
from offhook_wire.backoff import Backoff
from offhook_wire.handler_gate import HandlerGate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from offhook.interfaces import Clock, Grant, Ids, LegHandler
    from offhook_agora.hosts import Hosts
    from offhook_agora.messages import FromChild
    from offhook_agora.settings import Settings

_log: Final = logging.getLogger("offhook.agora")

#: The time limit of one attempt to rejoin, the start of a child included.
ATTEMPT_S: Final = 10.0

#: Why the channel put us out, as `LegClosed` says it; other reasons are said as the engine does.
_PUT_OUT: Final[Mapping[Reason, str]] = {
    Reason.KICKED: "kicked",
    Reason.REPLACED: "replaced",
    Reason.TOKEN_EXPIRED: "token expired",
}
#: After these, another attempt to join would be refused as well.
_FINAL: Final = frozenset(
    {Reason.APP_ID, Reason.CHANNEL, Reason.LICENCE, Reason.OTHER_APP_ID, Reason.REQUEST, Reason.TOKEN}
)


class AgoraLeg(Leg):
    """Made by `AgoraTransport.join`.

    Args:
        handler: is called with events and audio.
        hosts: where the SDK runs.
        settings: the transport's.
        clock: the time.
        ids: for random waits.
        over: called once everything is released.

    Attributes:
        uid: our uid in the channel, once joined.
    """

    def __init__(
        self,
        handler: LegHandler,
        hosts: Hosts,
        settings: Settings,
        *,
        clock: Clock,
        ids: Ids,
        over: Callable[[AgoraLeg], None],
    ) -> None:
        self.rate_hz: int = settings.rate_hz
        self.uid: int = 0
        self._gate = HandlerGate(handler)
        self._hosts = hosts
        self._settings = settings
        self._clock = clock
        self._over = over
        self._loop = asyncio.get_running_loop()
        self._most_samples = samples_per_frame(self.rate_hz)
        self._members = Members(self._gate.event, self._loop)
        self._backoff = Backoff(ids)
        self._unheard = Unheard(settings.lead_ms)
        self._counts = dict.fromkeys(
            ("frames_sent", "frames_received", "frames_dropped", "frames_lost_heard", "ms_flushed"), 0
        )
        self._reconnections = self._rejoins = 0
        #: What the engines of earlier seats counted.
        self._earlier: dict[str, int] = {}
        self._grant: Grant
        #: The seat that joins, or is in the channel.
        self._seat: LegSeat | None = None
        self._joined_at_s: float | None = None
        self._since_s = 0.0
        #: The position at which the present seat joined.
        self._base = 0
        #: Whether the SDK has no connection, and whether the host does not answer.
        self._cut = self._silent = False
        #: Whether the handler got LegDisconnected, and has not got LegReconnected since then.
        self._disconnected = False
        #: For each talker, where its last frame ended; and those who were not heard since an outage.
        self._heard_until: dict[int, int] = {}
        self._missed: set[int] = set()
        self._closed = False
        self._rejoining: asyncio.Task[None] | None = None
        #: The seats that are being left.
        self._releases: dict[asyncio.Task[None], LegSeat] = {}
        self._release_task: asyncio.Task[None] | None = None

    async def join(self, grant: Grant, timeout_s: float) -> None:
        """Join for the first time.

        Raises:
            NotJoined: the channel refused us.
            JoinFailed: the host ended.
            TransportUnavailable: the SDK cannot be used.
            TimeoutError: it took longer than `timeout_s`.
        """
        self._grant = grant
        await self._enter(grant.uid, timeout_s)
        self._loop.call_soon(self._gate.open)

    def send(self, frame: AudioFrame) -> None:
        """See `Leg.send`. While the connection is gone, it drops and counts the frame.

        Raises:
            ValueError: another rate, or more than 20 ms.
        """
        if frame.rate_hz != self.rate_hz or frame.samples > self._most_samples:
            raise ValueError(f"AgoraLeg.send needs frames of up to {PTIME_MS} ms at {self.rate_hz} Hz, got {frame!r}")
        if self._closed or not frame.pcm:
            return
        seat = self._seat
        if seat is None or self._disconnected:
            self._counts["frames_dropped"] += 1
            return
        self._counts["frames_sent"] += 1
        self._unheard.sent(frame.samples / self.rate_hz, self._clock.monotonic_s())
        seat.send(Audio(seat.number, 0, max(0, frame.position), frame.pcm))

    def flush(self) -> float:
        """See `Leg.flush`. What it returns is known on this side; the engine drops the audio a moment later."""
        dropped_ms = self._unheard.flush(self._clock.monotonic_s())
        if not dropped_ms or self._seat is None or self._closed:
            return 0.0
        self._seat.flush()
        self._counts["ms_flushed"] += round(dropped_ms)
        return dropped_ms

    def counters(self) -> dict[str, int]:
        """See `Leg.counters`; those of the engine begin with ``sdk_``."""
        engine = self._earlier
        for seat in (*self._releases.values(), *([self._seat] if self._seat is not None else [])):
            engine = _sum(engine, seat.counters())
        return {
            **self._counts,
            **engine,
            "events_ignored": self._members.ignored,
            "reconnections": self._reconnections,
            "rejoins": self._rejoins,
        }

    async def renew(self, grant: Grant) -> None:
        """See `Leg.renew`. It waits 5 s for the answer; a later answer still counts.

        Raises:
            TokenRejected: the channel refused the token.
            TransportError: the leg is not connected, or no answer arrived in time.
        """
        if self._closed or self._seat is None or self._rejoining is not None:
            raise TransportError("cannot renew the token: no connection to the channel")
        await self._seat.renew(grant, self._renewed)

    async def leave(self) -> None:
        """See `Leg.leave`: within about 1 s, whatever the SDK does."""
        self._gate.close()
        self._close()
        assert self._release_task is not None
        await asyncio.shield(self._release_task)

    # ---- seats

    async def _enter(self, uid: int, timeout_s: float) -> None:
        """Join in a new seat; a seat that did not join is left in the background."""
        async with asyncio.timeout(timeout_s), self._hosts.reserved(self._grant.app_id) as host:
            self._seat = seat = LegSeat(host, self, self._hosts.release)
            try:
                await seat.join(lambda number: self._request(number, uid))
            except BaseException:
                self._drop_seat()
                raise

    def _request(self, number: int, uid: int) -> Join:
        grant, settings = self._grant, self._settings
        return Join(
            number,
            grant.app_id,
            grant.channel,
            grant.token,
            uid,
            self.rate_hz,
            settings.scenario,
            settings.lead_ms,
            grant.endpoint,
        )

    def _drop_seat(self, unheard_s: float = 0.0) -> None:
        """Leave the seat in the background, once the audio that waits in the SDK has been heard."""
        seat, self._seat = self._seat, None
        if seat is not None:
            leaving = self._loop.create_task(self._leave(seat, 0.0 if self._disconnected else unheard_s))
            self._releases[leaving] = seat
            leaving.add_done_callback(self._seat_left)

    async def _leave(self, seat: LegSeat, after_s: float) -> None:
        try:
            if after_s:
                await asyncio.sleep(after_s)
        finally:
            await seat.leave()

    def _seat_left(self, leaving: asyncio.Task[None]) -> None:
        self._earlier = _sum(self._earlier, self._releases.pop(leaving).counters())

    async def _rejoin(self) -> None:
        said = ""
        while True:
            await asyncio.sleep(self._backoff.wait_s())
            try:
                await self._enter(self.uid, ATTEMPT_S)
            except NotJoined as error:
                if error.reason in _PUT_OUT:
                    self._out_of_channel(LegClosed(_PUT_OUT[error.reason]))
                    return
                if error.reason in _FINAL:
                    self._out_of_channel(LegFailed(error.message))
                    return
            except (OffhookError, TimeoutError) as error:
                if (problem := describe(error)) != said:
                    _log.warning("our leg in %s could not join again: %s", self._grant.channel, problem)
                    said = problem
            else:
                self._rejoining = None
                return

    # ---- called by the seat

    def on_joined(self, uid: int) -> None:
        """The seat is in the channel, for the first time or again."""
        self.uid = self._gate.uid = uid
        self._since_s = self._clock.monotonic_s()
        if self._joined_at_s is None:
            self._joined_at_s = self._since_s
            return
        self._base = round((self._since_s - self._joined_at_s) * self.rate_hz)
        self._rejoins += 1
        self._members.rejoined()
        self._cut = self._silent = False
        self._report()

    def on_message(self, message: FromChild) -> None:
        """Take an event of the channel."""
        match message:
            case MemberJoined():
                self._members.joined(message.uid)
            case MemberPublished():
                self._members.published(message.uid)
            case MemberUnpublished():
                self._members.unpublished(message.uid)
            case MemberLeft():
                self._members.left(message.uid, LeaveReason(message.reason))
                self._heard_until.pop(message.uid, None)
            case Disconnected():
                self._cut = True
                self._report("Agora's SDK reports an interruption")
            case Reconnected():
                self._cut = False
                self._report()
            case TokenExpiring():
                self._gate.event(GrantExpiring())
            case Closed():
                self._out_of_channel(LegClosed(_PUT_OUT.get(message.reason, message.message)))
            case Failed():
                self._out_of_channel(LegFailed(message.message))
            case _:
                self._members.ignored += 1

    def on_audio(self, audio: Audio) -> None:
        """Pass a frame of a member on, at its position since we joined first."""
        position = self._base + audio.position
        if audio.uid in self._missed:
            self._missed.discard(audio.uid)
            gap_s = (position - self._heard_until[audio.uid]) / self.rate_hz if audio.uid in self._heard_until else 0.0
            self._counts["frames_lost_heard"] += max(0, round(gap_s * FRAMES_PER_S))
        frame = AudioFrame(audio.pcm, self.rate_hz, position)
        self._heard_until[audio.uid] = position + frame.samples
        self._counts["frames_received"] += 1
        self._gate.audio(audio.uid, frame)

    def on_silence(self, silent: bool) -> None:
        """The host does not answer, or answers again."""
        self._silent = silent
        self._report("Agora's SDK does not answer")

    def on_lost(self, reason: str) -> None:
        """The host has ended: rejoin in another one."""
        _log.warning("our leg in %s joins again, because Agora's SDK failed: %s", self._grant.channel, reason)
        self._drop_seat()
        self._backoff.was_up(self._clock.monotonic_s() - self._since_s)
        self._cut = True
        self._report(f"Agora's SDK failed: {reason}")
        if not self._closed:  # the handler may have called leave()
            self._rejoining = self._loop.create_task(self._rejoin())

    def _renewed(self, grant: Grant) -> None:
        self._grant = grant

    def _report(self, reason: str = "") -> None:
        """Report that the connection broke, or is back, if that is news. `reason` says why it broke."""
        down = self._cut or self._silent
        if down == self._disconnected or self._closed:
            return
        self._disconnected = down
        if down:
            self._missed.update(self._heard_until)
            self._gate.event(LegDisconnected(reason))
        else:
            self._reconnections += 1
            self._gate.event(LegReconnected())

    # ---- the end

    def _out_of_channel(self, event: LegClosed | LegFailed) -> None:
        if not self._closed:
            self._gate.event(event)
            self._close()

    def _close(self) -> None:
        if self._release_task is not None:
            return
        self._closed = True
        self._members.close()
        self._drop_seat(self._unheard.left_s(self._clock.monotonic_s()))
        self._release_task = self._loop.create_task(self._release())

    async def _release(self) -> None:
        try:
            rejoining = self._rejoining
            if rejoining is not None and not rejoining.done():
                rejoining.cancel()
                await asyncio.wait((rejoining,))
            while self._releases:
                await asyncio.wait(self._releases)
        finally:
            self._over(self)


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}
