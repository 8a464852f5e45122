"""A leg of the memory transport: a PCM member of a room, behind a network that can be cut."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from offhook.errors import TokenRejected, TransportError
from offhook.interfaces import (
    PTIME_MS,
    SAMPLE_BYTES,
    AudioLost,
    AudioReturned,
    Direction,
    GrantExpiring,
    Leg,
    LegClosed,
    LegDisconnected,
    LegFailed,
    LegReconnected,
    MemberJoined,
    frames_in,
    samples_per_frame,
)
from offhook_mockserver.rooms.client_path import ClientPath
from offhook_mockserver.rooms.token_life import TokenLife
from offhook_wire.access_token import TokenInvalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import AudioFrame, Grant, LegEvent, LegHandler
    from offhook_mockserver.doors.memory.network import MemoryNetwork
    from offhook_mockserver.rooms.member import RoomEvent
    from offhook_mockserver.rooms.room import Room
    from offhook_wire.access_token import AccessToken
    from offhook_wire.impaired_line import ImpairedLine


_log = logging.getLogger(__name__)

#: How long a renewal waits for the network.
RENEW_TIMEOUT_S: Final = 5.0
#: After this many lost frames in a row, the leg reports that its audio is lost, as a real channel reports it.
_LOST_FRAMES: Final = frames_in(3.0)
#: Events that may wait for the network; a leg that misses more does not know the state of the channel, and fails.
_MOST_WAITING: Final = 256


class MemoryLeg(Leg):
    """Created by `MemoryTransport.join`.

    Args:
        room: the room that it joins at once.
        uid: its uid there; 0 lets the room choose one.
        handler: called with events and audio.
        network: the network to the room.
        detect_s: how long it takes to notice that a fault has cut the path to the room.
        give_up_s: how long it tries to reconnect.
        over: called once, when the leg has left the room.

    Raises:
        RoomError: the room is closed.
    """

    __slots__ = (
        "__dict__",
        "_cut",
        "_detect_s",
        "_frames_received",
        "_frames_sent",
        "_give_up_s",
        "_handler",
        "_heard_line",
        "_lost_heard",
        "_lost_on_end",
        "_lost_sent",
        "_member",
        "_most_bytes",
        "_network",
        "_noticed",
        "_on_over",
        "_over",
        "_path",
        "_room",
        "_sent_line",
        "_timers",
        "_token",
        "_waiting",
        "rate_hz",
    )

    def __init__(
        self,
        room: Room,
        uid: int,
        handler: LegHandler,
        network: MemoryNetwork,
        *,
        detect_s: float,
        give_up_s: float,
        over: Callable[[MemoryLeg], None],
    ) -> None:
        self.rate_hz: int = room.rate_hz
        self._room = room
        self._handler = handler
        self._network = network
        self._on_over = over
        self._most_bytes = samples_per_frame(room.rate_hz) * SAMPLE_BYTES
        self._over = False
        self._cut = False
        self._noticed = False
        self._timers: list[asyncio.TimerHandle] = []
        self._waiting: deque[LegEvent] = deque()
        self._frames_sent = self._lost_sent = self._lost_on_end = 0
        self._frames_received = self._lost_heard = 0
        self._detect_s, self._give_up_s = detect_s, give_up_s
        self._member = room.join_pcm(uid, self)
        self._path = ClientPath(lambda reason: room.kick(self._member, reason), self._path_changed)
        #: Those of the path, nearer to the frame path.
        self._sent_line: ImpairedLine | None = None
        self._heard_line: ImpairedLine | None = None
        self._token = TokenLife(
            room.clock,
            self._token_expires,
            lambda: room.token_expired(self._member),
        )

    @property
    def uid(self) -> int:
        """Our uid in the channel."""
        return self._member.uid

    def watch_token(self, access: AccessToken) -> None:
        """Watch the life of the token that the leg joined with."""
        self._token.verified(access)
        self._token.start()

    def begin(self) -> None:
        """Let faults have their effect from now on."""
        self._room.faults.entered(self.uid, self._path)

    # ---- what the driver calls

    def send(self, frame: AudioFrame) -> None:
        """See `Leg.send`. The first frame that is not lost also publishes our audio.

        Raises:
            ValueError: the frame has another rate, or is longer than 20 ms.
        """
        if frame.rate_hz != self.rate_hz or len(frame.pcm) > self._most_bytes:
            raise ValueError(f"{frame!r} is not a frame of at most {PTIME_MS} ms at the leg's {self.rate_hz} Hz")
        if self._over:
            return
        self._frames_sent += 1
        line = self._sent_line
        sent = self._network.sent
        if not (sent.perfect or sent.passes()) or (
            line is not None and not self._path.carry_pcm(line, 0, frame, self._speak)
        ):
            self._lost_sent += 1
            self._lost_on_end += 1
            if self._lost_on_end == _LOST_FRAMES:
                self._report(AudioLost(Direction.SENT))
            return
        if self._lost_on_end:
            lost, self._lost_on_end = self._lost_on_end, 0
            if lost >= _LOST_FRAMES:
                self._report(AudioReturned(Direction.SENT))
        if line is None:  # the frame path: no further call
            if not self._member.published:
                self._member.publish()
            self._member.send(frame)

    def counters(self) -> dict[str, int]:
        """See `Leg.counters`; the losses are those on the network of this transport."""
        return {
            "frames_sent": self._frames_sent,
            "frames_received": self._frames_received,
            "frames_lost_sent": self._lost_sent,
            "frames_lost_heard": self._lost_heard,
        }

    async def renew(self, grant: Grant) -> None:
        await self._network.reachable(
            RENEW_TIMEOUT_S,
            lambda: TransportError("the fresh token could not reach the channel: the network is down"),
        )
        if self._path.cut:
            raise TransportError("the fresh token could not reach the channel: the network is down")
        if self._over:
            raise TransportError("we are not in the channel any more, so there is nothing to renew")
        try:
            access = self._room.verify_renewal(grant.token, self._member.uid)
        except TokenInvalid as error:
            message = f"channel {self._room.channel} refused the fresh token: {error}"
            raise TokenRejected(message, error.reason) from None
        self.watch_token(access)

    async def leave(self) -> None:
        """See `Leg.leave`. While the network is cut, the room notices by itself that we are gone."""
        if not self._over:
            self._end()
            if not self._cut:
                self._member.leave()

    # ---- what the room calls

    def on_event(self, event: RoomEvent) -> None:
        """Pass an event of the room to the handler, when the network is up."""
        if isinstance(event, MemberJoined):
            self._path.restarted(event.uid)
        self._happened(event)

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        """Pass audio of another member to the handler, unless the network loses it."""
        if self._over:
            return
        heard = self._network.heard
        if not (heard.perfect or heard.passes()):
            self._lost_heard += 1
            return
        line = self._heard_line
        if line is None:
            self._frames_received += 1
            self._handler.on_audio(uid, frame)
        elif not self._path.carry_pcm(line, uid, frame, lambda late: self._hear(uid, late)):
            self._lost_heard += 1

    # ---- what the network does

    def cut_off(self, detect_s: float, give_up_s: float) -> None:
        """The network is cut: the leg reports it after `detect_s`, and fails after `give_up_s`."""
        if self._over or self._cut:
            return
        self._cut = True
        self._member.lose()
        loop = asyncio.get_running_loop()
        problem = f"the connection to the channel did not come back within {give_up_s:g} s"
        self._timers.append(loop.call_later(give_up_s, self._fail, problem))
        if detect_s > 0:
            self._timers.append(loop.call_later(detect_s, self._notice))
        else:
            self._notice()

    def reconnect(self) -> None:
        """The network is mended, or a fault of the path to the room has ended: if all is well now, go on."""
        if self._over or not self._cut or self._path.cut or not self._network.up:
            return
        self._cut = False
        self._stop_timers()
        waiting, self._waiting = self._waiting, deque()
        if self._member.present:
            self._member.recover()
            noticed, self._noticed = self._noticed, False
            if noticed:
                self._notify(LegReconnected())
        elif not any(isinstance(event, LegClosed) for event in waiting):
            self._fail("the channel removed us while the network was cut")
        for event in waiting:
            self._happened(event)

    # ---- inside

    def _speak(self, frame: AudioFrame) -> None:
        if not self._over:
            if not self._member.published:
                self._member.publish()
            self._member.send(frame)

    def _hear(self, uid: int, frame: AudioFrame) -> None:
        if not self._over:
            self._frames_received += 1
            self._handler.on_audio(uid, frame)

    def _token_expires(self, in_s: int) -> None:
        self._room.token_expires(self.uid, in_s)
        self._happened(GrantExpiring())

    def _path_changed(self) -> None:
        self._sent_line, self._heard_line = self._path.sent, self._path.heard
        if self._path.cut:
            self.cut_off(self._detect_s, self._give_up_s)
        else:
            self.reconnect()

    def _notice(self) -> None:
        self._noticed = True
        self._notify(LegDisconnected())

    def _happened(self, event: LegEvent) -> None:
        """Pass an event of the channel on now, or when the network is back."""
        if self._over:
            return
        if self._cut:
            if len(self._waiting) == _MOST_WAITING:
                self._fail(f"the channel had more than {_MOST_WAITING} events while the network was cut")
                return
            self._waiting.append(event)
            return
        if isinstance(event, LegClosed):
            self._end()
        self._pass(event)

    def _fail(self, reason: str) -> None:
        if not self._over:
            self._end()
            self._pass(LegFailed(reason))

    def _report(self, event: LegEvent) -> None:
        """Report what the leg notices by itself, but not while the network is cut: `LegDisconnected` covers that."""
        if not self._cut:
            self._pass(event)

    def _notify(self, event: LegEvent) -> None:
        if not self._over:
            self._pass(event)

    def _pass(self, event: LegEvent) -> None:
        try:
            self._handler.on_event(event)
        except Exception:
            _log.exception("the handler of leg %d failed on %r", self.uid, event)

    def _end(self) -> None:
        """End the leg: it sends nothing more, and its handler gets at most one more event, the one that says why."""
        self._over = True
        self._room.faults.left(self._path)
        self._token.stop()
        self._stop_timers()
        self._waiting.clear()
        self._on_over(self)

    def _stop_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = []
