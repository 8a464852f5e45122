"""Transport and leg: our side of the channel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from offhook.interfaces.frame import AudioFrame
    from offhook.interfaces.grant import Grant
    from offhook.session.events import LegEvent


class LegHandler(Protocol):
    """Receives the events and the audio of one leg.

    The leg calls it on the event loop on which it joined, after `Transport.join` has returned and until `Leg.leave` has
    returned.
    """

    def on_event(self, event: LegEvent) -> None:
        """Called with each event in the channel. Never raises."""
        ...

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        """Called with each frame of the member `uid`, of up to 20 ms at the leg's rate. Never raises.

        `frame.position` jumps where the talker paused.
        """
        ...


class Leg(ABC):
    """One channel that we have joined. Made by `Transport.join` only."""

    __slots__ = ()

    #: Rate of the audio in both directions, in hertz.
    rate_hz: int

    @abstractmethod
    def send(self, frame: AudioFrame) -> None:
        """Publish up to 20 ms of audio at `rate_hz` now. Never blocks, and never raises because of the network.

        `frame.position` counts samples since the leg joined; where it jumps, time passed without audio.

        Raises:
            ValueError: the frame has another rate, or is longer than 20 ms.
        """
        ...

    def flush(self) -> float:
        """Drop the audio that was sent and has not been heard yet. Returns its length in milliseconds.

        A leg that queues what it sends, as an SDK does, overrides this: it is how a barge-in stops the voice at once.
        The default, for a leg that sends in `send`, drops nothing and returns 0. Never blocks, and never raises because
        of the network.
        """
        return 0.0

    @abstractmethod
    def counters(self) -> dict[str, int]:
        """Return how much was sent, received, lost, late and concealed so far, by name. Values never fall."""
        ...

    @abstractmethod
    async def renew(self, grant: Grant) -> None:
        """Stay in the channel with the new token of `grant`, without a gap in the audio.

        Raises:
            TokenRejected: the channel rejected the token; the old one stays in use until it expires.
            TransportError: the token could not be sent to the channel, or the channel did not answer in time.
        """
        ...

    @abstractmethod
    async def leave(self) -> None:
        """Leave the channel and release everything.

        Idempotent, limited in time, safe to cancel, and independent of the network. The handler is not called after
        this returns.
        """
        ...


class Transport(ABC):
    """Joins channels."""

    #: Rate of its legs, in hertz; known before anything rings, so that a recording can be opened.
    rate_hz: int

    @abstractmethod
    async def check(self, endpoint: str | None) -> None:
        """Check, before anything rings, that a grant for `endpoint` could be joined.

        Args:
            endpoint: base URL of a relay, or None for Agora itself.

        Raises:
            TransportNotSetUp: the endpoint is of the wrong kind, or a setting or a file that it needs is wrong.
            TransportUnavailable: nothing answers there.
            MissingExtraError: a package that it needs is not installed.
        """
        ...

    @abstractmethod
    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        """Join the channel of `grant`.

        The handler is called with the members who are in the channel already, after this returns. When `join` is
        cancelled, it leaves nothing behind.

        Raises:
            TokenRejected: the channel rejected the token.
            JoinFailed: the channel refused for another reason, or media could not be set up.
            JoinTimeout: the channel did not answer in time.
        """
        ...

    @abstractmethod
    async def aclose(self) -> None:
        """Release what the legs share. Idempotent."""
        ...
