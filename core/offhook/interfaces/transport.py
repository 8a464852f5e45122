"""Transport and leg: our side of the channel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from offhook.interfaces.frame import AudioFrame
    from offhook.interfaces.grant import Grant
    from offhook.session.events import LegEvent


class LegHandler(Protocol):
    """What a leg calls, on the event loop it was joined on, between `Transport.join` and the end of `Leg.leave`."""

    def on_event(self, event: LegEvent) -> None:
        """Something happened in the channel. Never raises."""
        ...

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        """Audio of the member `uid` arrived, at the leg's rate; `frame.position` jumps where the talker paused."""
        ...


class Leg(ABC):
    """One joined channel. Made by `Transport.join`, never by hand."""

    #: Rate of the audio in both directions, in hertz.
    rate_hz: int

    @abstractmethod
    def send(self, frame: AudioFrame) -> None:
        """Publish 20 ms of audio at `rate_hz` now. Never blocks, never raises for the network's sake.

        `frame.position` counts samples since the leg was joined; where it jumps, time passed without audio.
        """
        ...

    @abstractmethod
    def counters(self) -> dict[str, int]:
        """What was sent, received, lost, late, concealed, so far; every value only grows."""
        ...

    @abstractmethod
    async def renew(self, grant: Grant) -> None:
        """Stay in the channel on a fresh token, without a gap in the audio.

        Raises:
            TokenRejected: the channel refused it; the old one goes on until it expires.
            TransportError: it could not be told to the channel, or nothing came back in time.
        """
        ...

    @abstractmethod
    async def leave(self) -> None:
        """Leave the channel and let go of everything. Idempotent, bounded, safe to cancel and without a network.

        No callback comes after it returns.
        """
        ...


class Transport(ABC):
    """A way into channels."""

    #: Rate of the legs that it joins, in hertz; known before anything rings, so that a recording can be opened.
    rate_hz: int

    @abstractmethod
    async def check(self, endpoint: str | None) -> None:
        """Find out, before anything rings, whether a grant for `endpoint` could be joined.

        Args:
            endpoint: base URL of a relay, or None for Agora itself.

        Raises:
            TransportUnavailable: wrong kind of endpoint, or nothing there.
            MissingExtraError: the package it needs is not installed.
        """
        ...

    @abstractmethod
    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        """Join the channel of `grant`. Members who are there already are told to the handler after this returns.

        Cancelling it leaves nothing behind.

        Raises:
            TokenRejected: the channel refused the token.
            JoinFailed: the channel refused for another reason, or media could not be set up.
            JoinTimeout: no answer in time.
        """
        ...

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of what legs share. Idempotent."""
        ...
