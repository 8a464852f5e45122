"""Our end of a linked leg: events and audio arrive at once, unless the network of a far end is cut."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from offhook.errors import TransportError
from offhook.interfaces import Leg
from offhook.interfaces.frame import PTIME_MS
from offhook.session.events import GrantExpiring, LegClosed, LegDisconnected, LegFailed, LegReconnected

if TYPE_CHECKING:
    from offhook.interfaces import LegHandler
    from offhook.interfaces.frame import AudioFrame
    from offhook.interfaces.grant import Grant
    from offhook.session.events import LegEvent


_log = logging.getLogger(__name__)

#: A token is announced as expiring this long before its end, or after half of its life if that is later.
_WARNING_S: Final = 30.0
#: At most this many events wait for the network; the newest are kept.
_MOST_WAITING: Final = 256


class FarSide(Protocol):
    """The far end, as a leg sees it."""

    async def reachable(self, otherwise: Exception) -> None:
        """Wait until the network is up; raise `otherwise` if that takes too long."""
        ...

    def verify(self, grant: Grant, uid: int) -> float:
        """Return how long the token of a grant still opens its channel to `uid`."""
        ...


class LegsTransport(Protocol):
    """The transport, as its legs see it."""

    rate_hz: int
    renew_gate: asyncio.Event
    leave_gate: asyncio.Event
    refuse_renew: Exception | None
    renewed: list[Grant]

    @property
    def far_side(self) -> FarSide | None:
        """The far end whose channels it joins; None if it has a channel of its own."""
        ...

    def forget(self, leg: LinkedLeg) -> None:
        """Forget a leg that has ended. Idempotent."""
        ...


class LegsChannel(Protocol):
    """The channel, as a leg sees it."""

    def introduction(self) -> list[LegEvent]:
        """Return the events for a new leg about members who are in the channel already."""
        ...

    def carry(self, frame: AudioFrame) -> None:
        """Pass a frame of a leg to every member."""
        ...

    def remove(self, leg: LinkedLeg) -> None:
        """Remove a leg. Idempotent."""
        ...


class LinkedLeg(Leg):
    """Our end; `LinkedTransport.join` creates it.

    Attributes:
        uid: our uid in the channel.
        channel: the channel that it is in.
        handler: receives events and audio.
        cut: whether the network is cut.
    """

    def __init__(self, transport: LegsTransport, channel: LegsChannel, uid: int, handler: LegHandler) -> None:
        self.uid = uid
        self.channel = channel
        self.handler = handler
        self.rate_hz: int = transport.rate_hz
        self.cut: bool = False
        self._transport = transport
        self._over = False
        self._introduction = channel.introduction()
        self._missed: deque[LegEvent] = deque(maxlen=_MOST_WAITING)
        self._counts: dict[str, int] = dict.fromkeys(
            ("frames_sent", "frames_received", "frames_lost_sent", "frames_lost_heard"), 0
        )
        self._token_timers: list[asyncio.TimerHandle] = []
        self._give_up_timer: asyncio.TimerHandle | None = None
        # On the next turn of the loop, so that join() has returned the leg before its handler is called.
        asyncio.get_running_loop().call_soon(self.introduce)

    # ---- what the driver calls

    def send(self, frame: AudioFrame) -> None:
        if frame.rate_hz != self.rate_hz or frame.samples * 1000 > PTIME_MS * self.rate_hz:
            raise ValueError(f"{frame!r} is not a frame of at most {PTIME_MS} ms at the leg's {self.rate_hz} Hz")
        if self._over:
            return
        self._counts["frames_sent"] += 1
        if self.cut:
            self._counts["frames_lost_sent"] += 1
        else:
            self.channel.carry(frame)

    def counters(self) -> dict[str, int]:
        return dict(self._counts)

    async def renew(self, grant: Grant) -> None:
        await self._transport.renew_gate.wait()
        if self._transport.refuse_renew is not None:
            raise self._transport.refuse_renew
        if (far_end := self._transport.far_side) is not None:
            await far_end.reachable(TransportError("the fresh token could not be sent to the channel: no network"))
            self.watch_token(far_end.verify(grant, self.uid))
        self._transport.renewed.append(grant)

    async def leave(self) -> None:
        await self._transport.leave_gate.wait()
        self.depart()

    # ---- what the channel and the network do

    def introduce(self) -> None:
        """Report the members who joined before us. Idempotent."""
        waiting, self._introduction = self._introduction, []
        for event in waiting:
            self._tell(event)

    def happened(self, event: LegEvent) -> None:
        """Report an event of the channel, at once or when the network is back."""
        if self.cut:
            self._missed.append(event)
            return
        self.introduce()
        self._tell(event)

    def hear(self, uid: int, frame: AudioFrame) -> None:
        """Receive a frame of a member."""
        if self._over:
            return
        if self.cut:
            self._counts["frames_lost_heard"] += 1
            return
        self.introduce()
        self._counts["frames_received"] += 1
        try:
            self.handler.on_audio(uid, frame)
        except Exception:
            _log.exception("the handler of leg %d failed on audio", self.uid)

    def put_out(self, reason: str) -> None:
        """The channel removes us."""
        self._end(LegClosed(reason))

    def cut_off(self, give_up_s: float) -> None:
        """The network was cut. Idempotent."""
        if not self.cut and not self._over:
            problem = f"the connection to the channel did not come back within {give_up_s:g} s"
            self._give_up_timer = asyncio.get_running_loop().call_later(give_up_s, self.give_up, problem)
            self._tell(LegDisconnected())
            self.cut = True

    def reconnect(self) -> None:
        """The network is back. Idempotent."""
        if not self.cut:
            return
        self.cut = False
        self._stop_giving_up()
        self._tell(LegReconnected())
        while self._missed:
            self.happened(self._missed.popleft())

    def give_up(self, problem: str) -> None:
        """The network did not come back in time."""
        self._end(LegFailed(problem))

    def watch_token(self, life_s: float) -> None:
        """Start the timers of the token that is valid from now on."""
        self._stop_watching()
        loop = asyncio.get_running_loop()
        warning_s = life_s - min(_WARNING_S, life_s / 2)
        self._token_timers = [
            loop.call_later(warning_s, self.happened, GrantExpiring()),
            loop.call_later(life_s, self.put_out, "token expired"),
        ]

    def depart(self) -> None:
        """Leave the channel: nothing more is reported or sent. Idempotent."""
        self._over = True
        self.cut = False
        self._stop_watching()
        self._stop_giving_up()
        self.channel.remove(self)
        self._transport.forget(self)

    # ---- inside

    def _end(self, event: LegEvent) -> None:
        self.introduce()
        self._tell(event)
        self.depart()

    def _tell(self, event: LegEvent) -> None:
        if self._over:
            return
        try:
            self.handler.on_event(event)
        except Exception:
            _log.exception("the handler of leg %d failed on %r", self.uid, event)

    def _stop_watching(self) -> None:
        for timer in self._token_timers:
            timer.cancel()
        self._token_timers = []

    def _stop_giving_up(self) -> None:
        if self._give_up_timer is not None:
            self._give_up_timer.cancel()
            self._give_up_timer = None
