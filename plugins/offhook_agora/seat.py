"""One membership of a leg: its number in a host, what it asks the engine and what the engine answers."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import fields
from typing import TYPE_CHECKING, Final, Protocol

from offhook.errors import JoinFailed, TokenRejected, TransportError
from offhook_agora.host import Seat
from offhook_agora.messages import (
    Closed,
    Counts,
    Failed,
    Flush,
    Flushed,
    Joined,
    Leave,
    Left,
    Reason,
    Refused,
    Renew,
    RenewalRefused,
    Renewed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from offhook.interfaces import Grant
    from offhook_agora.host import Host
    from offhook_agora.messages import Audio, FromChild, Join

#: How long the engine may take to leave a channel.
LEAVE_S: Final = 1.0
#: How long it may take to answer a renewal; a later answer still counts.
RENEW_S: Final = 5.0

#: Agora's numbers for tokens that do not open a channel.
_TOKEN_REASONS: Final[Mapping[Reason, int]] = {Reason.TOKEN: 8, Reason.TOKEN_EXPIRED: 9}


class NotJoined(JoinFailed):
    """The channel refused us.

    Args:
        reason: the engine's.
        message: for people.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason

    def for_caller(self) -> JoinFailed:
        """The error that `Transport.join` raises."""
        number = _TOKEN_REASONS.get(self.reason)
        return JoinFailed(self.message) if number is None else TokenRejected(self.message, number)


class Owner(Protocol):
    """The leg, as its seat sees it."""

    def on_joined(self, uid: int) -> None:
        """The seat is in the channel, as `uid`; called before anything else that it reports."""
        ...

    def on_message(self, message: FromChild) -> None:
        """The engine said something about the channel or its members."""
        ...

    def on_audio(self, audio: Audio) -> None:
        """A frame of a member arrived."""
        ...

    def on_silence(self, silent: bool) -> None:
        """The host does not answer, or answers again."""
        ...

    def on_lost(self, reason: str) -> None:
        """The host has ended while the seat was in the channel."""
        ...


class LegSeat(Seat):
    """Made for each join; it is left once and for all.

    Args:
        host: where the engine runs.
        owner: the leg; called until `leave`.
        released: called once the host is not used any more.
    """

    def __init__(self, host: Host, owner: Owner, released: Callable[[Host], None]) -> None:
        loop = asyncio.get_running_loop()
        self._host = host
        self._owner = owner
        self._released = released
        self.number: int = host.add(self)
        self._joined: asyncio.Future[None] = loop.create_future()
        # Its error is for the task that joins, which may have been cancelled.
        self._joined.add_done_callback(lambda joined: joined.cancelled() or joined.exception())
        self._left = asyncio.Event()
        self._in_channel = False
        self._numbers = itertools.count(1)
        self._renewals: dict[int, tuple[asyncio.Future[None], Callable[[], None]]] = {}
        self._counts: Counts | None = None
        self._flushed_ms = 0
        self._lost = 0
        self._leaving = False

    async def join(self, request: Callable[[int], Join]) -> None:
        """Join the channel.

        Args:
            request: makes the message, of the seat's number; it holds the token.

        Raises:
            NotJoined: the channel refused us.
            JoinFailed: the host ended.
        """
        self._host.post(request(self.number))
        await asyncio.shield(self._joined)

    def send(self, audio: Audio) -> None:
        """Send a frame."""
        self._host.send(audio)

    def flush(self) -> None:
        """Drop what was sent and has not been heard."""
        self._host.post(Flush(self.number))

    async def renew(self, grant: Grant, renewed: Callable[[Grant], None]) -> None:
        """Use the token of `grant` from now on.

        Args:
            grant: the new grant.
            renewed: called with it once the channel has accepted it, even after this method gave up.

        Raises:
            TokenRejected: the channel rejected the token.
            TransportError: no answer arrived in time, or the host ended.
        """
        number = next(self._numbers)
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Its error is for the task that renews, which may have been cancelled; a late answer is used as well.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._renewals[number] = (answer, lambda: renewed(grant))
        self._host.post(Renew(self.number, number, grant.token))
        try:
            async with asyncio.timeout(RENEW_S):
                await asyncio.shield(answer)
        except TimeoutError:
            raise TransportError(f"Agora's SDK did not answer the renewal of the token within {RENEW_S:g} s") from None

    async def leave(self) -> None:
        """Leave the channel and give the number up, within about 1 s. Its owner is not called any more."""
        if self._leaving:
            return
        self._leaving = True
        try:
            if not self._left.is_set():
                self._host.post(Leave(self.number))
                async with asyncio.timeout(LEAVE_S):
                    await self._left.wait()
        except TimeoutError:
            self._host.stuck(f"it did not leave a channel within {LEAVE_S:g} s")
        finally:
            self._fail_renewals("we left the channel")
            self._host.remove(self.number)
            self._released(self._host)

    def counters(self) -> dict[str, int]:
        """The engine's counts so far, by name."""
        counts = self._counts or Counts(self.number)
        self._lost = max(self._lost, self._host.lost(self.number))  # the host forgets it with the seat
        return {
            **{f"sdk_{item.name}": getattr(counts, item.name) for item in fields(counts) if item.name != "leg"},
            "sdk_frames_dropped_on_the_way": self._lost,
            "sdk_ms_flushed": self._flushed_ms,
        }

    # ---- called by the host

    def on_message(self, message: FromChild) -> None:
        """Take a message about this seat."""
        match message:
            case Joined():
                if not self._in_channel and not self._leaving:
                    self._in_channel = True
                    self._owner.on_joined(message.uid)
                    self._finish_join(None)
            case Refused():
                self._left.set()
                self._finish_join(NotJoined(message.reason, message.message))
            case Renewed() | RenewalRefused():
                self._answer_renewal(message)
            case Left():
                self._left.set()
            case Counts():
                self._counts = message
            case Flushed():
                self._flushed_ms += message.dropped_ms
            case _:
                if isinstance(message, Closed | Failed):
                    self._left.set()
                if not self._leaving:
                    self._owner.on_message(message)

    def on_audio(self, audio: Audio) -> None:
        """Take a frame of a member."""
        if self._in_channel and not self._leaving:
            self._owner.on_audio(audio)

    def on_silence(self, silent: bool) -> None:
        """Pass on that the host does not answer, or answers again."""
        if self._in_channel and not self._leaving:
            self._owner.on_silence(silent)

    def on_lost(self, reason: str) -> None:
        """The host has ended."""
        over = self._left.is_set()
        self._left.set()
        self._finish_join(JoinFailed(f"Agora's SDK failed: {reason}"))
        self._fail_renewals(f"Agora's SDK failed: {reason}")
        if self._in_channel and not over and not self._leaving:
            self._owner.on_lost(reason)

    # ---- inside

    def _finish_join(self, error: JoinFailed | None) -> None:
        if self._joined.done():
            return
        if error is None:
            self._joined.set_result(None)
        else:
            self._joined.set_exception(error)

    def _answer_renewal(self, message: Renewed | RenewalRefused) -> None:
        if message.number not in self._renewals:
            return
        answer, accept = self._renewals.pop(message.number)
        if isinstance(message, Renewed):
            accept()
            answer.set_result(None)
            return
        number = _TOKEN_REASONS.get(message.reason)
        error = TransportError(message.message) if number is None else TokenRejected(message.message, number)
        answer.set_exception(error)

    def _fail_renewals(self, problem: str) -> None:
        renewals, self._renewals = self._renewals, {}
        for answer, _ in renewals.values():
            answer.set_exception(TransportError(f"the token was not renewed: {problem}"))
