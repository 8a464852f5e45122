"""One place in a channel, over one WebSocket after another."""

from __future__ import annotations

import asyncio
import json
import logging
import struct
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from websockets.exceptions import ConnectionClosed

from acme_offhook.door import RATE_HZ, Refused, enter, say_goodbye
from offhook.errors import TokenRejected, TransportError
from offhook.interfaces import (
    PTIME_MS,
    AudioFrame,
    GrantExpiring,
    LeaveReason,
    Leg,
    LegClosed,
    LegDisconnected,
    LegFailed,
    LegReconnected,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.asyncio.client import ClientConnection

    from acme_offhook.door import Entrance
    from offhook.interfaces import Grant, LegEvent, LegHandler

_log = logging.getLogger(__name__)
#: uid and position, before the samples.
_HEADER: Final = struct.Struct("<IQ")
#: Messages that may wait to be sent: half a second. What does not fit is dropped, since late audio is of no use.
_MOST_WAITING: Final = 25
_MOST_RENEWALS: Final = 8
_RENEW_S: Final = 5.0
_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 2.0


class AcmeLeg(Leg):
    """Made by `AcmeTransport.join`, on the loop where it runs."""

    rate_hz = RATE_HZ

    def __init__(
        self,
        grant: Grant,
        handler: LegHandler,
        entrance: Entrance,
        silence_s: float,
        give_up_s: float,
        on_left: Callable[[AcmeLeg], None],
    ) -> None:
        self._grant = grant
        self._handler = handler
        self._entrance = entrance
        self._silence_s = silence_s
        self._give_up_s = give_up_s
        self._on_left = on_left
        #: The other members, and whether they publish, as the handler knows them.
        self._members: dict[int, bool] = {}
        #: The next expected position, by talker; for talkers in `_after_gap` it is not known yet how much was lost.
        self._expected: dict[int, int] = {}
        self._after_gap: set[int] = set()
        self._counters: dict[str, int] = dict.fromkeys(
            ("frames_sent", "frames_dropped", "frames_received", "frames_lost"), 0
        )
        self._waiting: asyncio.Queue[str | bytes] = asyncio.Queue(_MOST_WAITING)
        #: Answered in the order in which they were sent.
        self._renewals: deque[asyncio.Future[dict[str, Any]]] = deque()
        self._connected = True
        self._over = False
        self._leaving: asyncio.Task[None] | None = None
        self._running = asyncio.create_task(self._run())

    # ---- what the core calls

    def send(self, frame: AudioFrame) -> None:
        if frame.rate_hz != RATE_HZ or frame.duration_ms > PTIME_MS:
            raise ValueError(f"{frame!r} is not a frame of at most {PTIME_MS} ms at {RATE_HZ} Hz")
        if self._connected and not self._waiting.full():
            self._waiting.put_nowait(_HEADER.pack(0, frame.position) + frame.pcm)
            self._counters["frames_sent"] += 1
        else:
            self._counters["frames_dropped"] += 1

    def counters(self) -> dict[str, int]:
        return dict(self._counters)

    async def renew(self, grant: Grant) -> None:
        if not self._connected or self._waiting.full() or len(self._renewals) == _MOST_RENEWALS:
            raise TransportError("the token cannot be renewed now: there is no connection, or it is not keeping up")
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._renewals.append(answered)
        self._waiting.put_nowait(json.dumps({"type": "renew", "token": grant.token.reveal()}))
        try:
            async with asyncio.timeout(_RENEW_S):
                answer = await answered
        except TimeoutError:
            raise TransportError(f"the door did not answer a renewal within {_RENEW_S:g} s") from None
        if answer["type"] != "renewed":
            raise TokenRejected(f"the door refused the fresh token: {answer.get('message')}", answer.get("reason", 8))
        self._grant = grant

    async def leave(self) -> None:
        self._over = True
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._leave())
        # The caller may be cancelled; leaving goes on.
        await asyncio.shield(self._leaving)

    async def _leave(self) -> None:
        self._running.cancel()
        await asyncio.wait({self._running})
        await say_goodbye(self._entrance.websocket)
        self._on_left(self)

    # ---- one connection after another

    async def _run(self) -> None:
        try:
            self._meet(self._entrance.members)
            while (end := await self._attend() or await self._come_back()) is None:
                pass
            self._tell(end)
        finally:
            self._over = True
            self._disconnected("the leg is over")
            if self._leaving is None:
                self._entrance.websocket.transport.abort()

    async def _attend(self) -> LegEvent | None:
        """Serve a connection until it is lost; return the event that ends the leg, if any."""
        websocket = self._entrance.websocket
        sending = asyncio.create_task(self._send_waiting(websocket))
        try:
            async for message in websocket:
                if isinstance(message, bytes):
                    self._hear(message)
                elif (end := self._take(json.loads(message))) is not None:
                    return end
        except ConnectionClosed:
            pass
        except (ValueError, KeyError, TypeError, struct.error) as error:
            return LegFailed(f"the door does not keep to its protocol ({type(error).__name__})")
        finally:
            sending.cancel()
            await asyncio.wait({sending})
        return None

    async def _send_waiting(self, websocket: ClientConnection) -> None:
        try:
            while True:
                await websocket.send(await self._waiting.get())
        except ConnectionClosed:
            pass

    async def _come_back(self) -> LegEvent | None:
        """Try at growing intervals; return the event that ends the leg, or None once the door has let us in."""
        self._disconnected("the connection was lost")
        self._tell(LegDisconnected())
        wait_s = _FIRST_WAIT_S
        try:
            async with asyncio.timeout(self._give_up_s):
                while self._connected is False:
                    try:
                        self._entrance = await enter(self._grant, self._silence_s, self._entrance)
                        self._connected = True
                    except (TokenRejected, Refused) as error:
                        return LegClosed(error.message)
                    except TransportError:
                        await asyncio.sleep(wait_s)
                        wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        except TimeoutError:
            return LegFailed(f"the door at {self._grant.endpoint} could not be reached for {self._give_up_s:g} s")
        self._after_gap = set(self._expected)
        self._tell(LegReconnected())
        self._meet(self._entrance.members)
        return None

    def _disconnected(self, why: str) -> None:
        self._connected = False
        while not self._waiting.empty():
            self._waiting.get_nowait()
        while self._renewals:
            if not (renewal := self._renewals.popleft()).done():
                renewal.set_exception(TransportError(f"the token could not be renewed: {why}"))

    # ---- what the door says

    def _meet(self, members: dict[int, bool]) -> None:
        """Report what has changed since the last report to the handler."""
        for uid in [uid for uid in self._members if uid not in members]:
            self._take({"type": "left", "uid": uid, "reason": "dropped"})
        for uid, publishes in members.items():
            if uid not in self._members:
                self._take({"type": "joined", "uid": uid})
            if publishes != self._members[uid]:
                self._take({"type": "published" if publishes else "unpublished", "uid": uid})

    def _take(self, message: dict[str, Any]) -> LegEvent | None:
        match message:
            case {"type": "joined", "uid": int(uid)}:
                self._members[uid] = False
                self._tell(MemberJoined(uid))
            case {"type": "published", "uid": int(uid)}:
                self._members[uid] = True
                self._tell(MemberPublished(uid))
            case {"type": "unpublished", "uid": int(uid)}:
                self._members[uid] = False
                self._tell(MemberUnpublished(uid))
            case {"type": "left", "uid": int(uid), "reason": reason}:
                self._members.pop(uid, None)
                self._expected.pop(uid, None)
                self._tell(MemberLeft(uid, LeaveReason(reason)))
            case {"type": "token_expiring"}:
                self._tell(GrantExpiring())
            case {"type": "renewed"} | {"type": "renewal_refused"} if self._renewals:
                if not (renewal := self._renewals.popleft()).done():
                    renewal.set_result(message)
            case {"type": "kicked", "reason": str(reason)}:
                return LegClosed(reason)
            case {"type": str()}:
                _log.debug("the door says what this version does not know")
            case _:
                raise ValueError("a message has no type")
        return None

    def _hear(self, message: bytes) -> None:
        uid, position = _HEADER.unpack_from(message)
        frame = AudioFrame(message[_HEADER.size :], RATE_HZ, position)
        if uid in self._after_gap:
            self._after_gap.discard(uid)
            missing_ms = (position - self._expected.get(uid, position)) * 1000 // RATE_HZ
            self._counters["frames_lost"] += max(0, missing_ms // PTIME_MS)
        self._expected[uid] = position + frame.samples
        self._counters["frames_received"] += 1
        if not self._over:
            try:
                self._handler.on_audio(uid, frame)
            except Exception:
                _log.exception("the handler failed on audio")

    def _tell(self, event: LegEvent) -> None:
        if not self._over:
            try:
                self._handler.on_event(event)
            except Exception:
                _log.exception("the handler failed on %r", event)
