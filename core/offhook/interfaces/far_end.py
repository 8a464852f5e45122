"""The far end of a transport or a carrier: the other side, as conformance kits need it.

A far end is registered through the hook `offhook_far_end`, under the name of its transport or carrier.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from enum import Enum
from typing import TYPE_CHECKING

from offhook.session.events import LeaveReason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from offhook.interfaces import Auth
    from offhook.interfaces.environment import Environment
    from offhook.interfaces.frame import AudioFrame
    from offhook.interfaces.grant import Grant


class FarEnd(ABC):
    """The other side of a part; entered with ``async with`` on the event loop of the clause that uses it.

    Attributes:
        virtual_time: whether it works on virtual time.
        not_claimed: capabilities that cannot be tested with this far end, each with the reason.
        plugins: plugins to load besides the installed ones, so that parts chosen by name connect to it.
    """

    virtual_time: bool = False
    not_claimed: Mapping[str, str] = {}
    plugins: Sequence[object] = ()

    @property
    @abstractmethod
    def environment(self) -> Environment:
        """The environment to make the part in: the settings that connect it to this far end, the clock, the ids."""
        ...

    @abstractmethod
    async def start(self) -> None:
        """Start it."""
        ...

    @abstractmethod
    async def aclose(self) -> None:
        """Stop it and release everything. Idempotent."""
        ...

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


class TokenFault(Enum):
    """What is wrong with a token."""

    #: It was made without the secret that tokens are made with.
    FORGED = "forged"
    #: It has expired.
    EXPIRED = "expired"
    #: It is for another channel.
    OTHER_CHANNEL = "other channel"


class FarMember(ABC):
    """Another member of a channel, controlled by a test.

    Args:
        uid: the uid of the member.

    Attributes:
        uid: see above.
        heard: the frames that our leg sent while the member was in the channel, oldest first.
        heard_at_s: when each of them arrived, in seconds of the loop's time.
    """

    def __init__(self, uid: int) -> None:
        self.uid = uid
        self.heard: list[AudioFrame] = []
        self.heard_at_s: list[float] = []

    def hear(self, frame: AudioFrame) -> None:
        """Keep a frame that our leg sent; called by the far end."""
        self.heard.append(frame)
        self.heard_at_s.append(asyncio.get_running_loop().time())

    @abstractmethod
    def join(self) -> None:
        """Join the channel."""
        ...

    @abstractmethod
    def publish(self) -> None:
        """Start to publish audio."""
        ...

    @abstractmethod
    def unpublish(self) -> None:
        """Stop publishing audio: mute."""
        ...

    @abstractmethod
    def say(self, frame: AudioFrame) -> None:
        """Send up to 20 ms of audio at the channel's rate, now. If the member does not publish, no member hears it."""
        ...

    @abstractmethod
    def leave(self, reason: LeaveReason = LeaveReason.QUIT) -> None:
        """Leave the channel, or vanish from it without leaving (`LeaveReason.DROPPED`)."""
        ...


class ChannelFarEnd(FarEnd):
    """The far end of a transport: channels, the tokens that open them, their members, and the network in between."""

    @property
    @abstractmethod
    def endpoint(self) -> str | None:
        """The endpoint at which the transport joins; None for Agora itself."""
        ...

    @abstractmethod
    def grant(self, channel: str, *, uid: int = 0, life_s: float = 600.0, fault: TokenFault | None = None) -> Grant:
        """Return a grant for a channel, creating the channel if it does not exist.

        Args:
            channel: its name: letters, digits and ``_``.
            uid: the uid to join with; 0 lets the channel choose one.
            life_s: how long its token opens the channel, in seconds.
            fault: what is wrong with its token; None for a valid one.
        """
        ...

    @abstractmethod
    def uids(self, channel: str) -> Sequence[int]:
        """The uids of the members of a channel, as the channel sees them."""
        ...

    @abstractmethod
    def member(self, channel: str, uid: int) -> FarMember:
        """Return a member who can join a channel, creating the channel if it does not exist."""
        ...

    @abstractmethod
    def put_out(self, channel: str, uid: int, reason: str) -> None:
        """Remove a member from a channel."""
        ...

    @abstractmethod
    def cut(self) -> None:
        """Cut the network between legs and channels, in both directions, without notice to either side. Idempotent."""
        ...

    @abstractmethod
    def mend(self) -> None:
        """Restore the network. Idempotent."""
        ...


class ServiceAnswer(Enum):
    """How the service behind a carrier answers the next requests to place a call."""

    #: It rings the number and returns a grant.
    ACCEPT = "accept"
    #: It rejects the keys.
    REJECT_KEYS = "reject keys"
    #: It understands the request and refuses it.
    REFUSE = "refuse"
    #: It asks for fewer requests.
    RATE_LIMIT = "rate limit"
    #: It reports a failure of its own.
    FAIL = "fail"
    #: It returns something that is not a valid answer.
    NONSENSE = "nonsense"
    #: It rings the number, and the answer is lost on the way.
    LOSE = "lose"
    #: It accepts the request and never answers.
    HANG = "hang"
    #: Nothing listens at its address.
    UNREACHABLE = "unreachable"
    #: It redirects the request, each time with another status, to another host, another port or another path.
    REDIRECT = "redirect"


class ServiceFarEnd(FarEnd):
    """The far end of a carrier: the service that places calls.

    Attributes:
        number: the number that tests may ask it to ring.
        host: the host that keys must be requested for; empty if carriers send it no keys.
    """

    number: str = "+14155550123"
    host: str = ""

    @property
    @abstractmethod
    def auth(self) -> Auth:
        """The keys that it accepts."""
        ...

    @property
    def other_line(self) -> Environment | None:
        """As `environment`, for another line from which calls are placed; None if there is only one."""
        return None

    @property
    @abstractmethod
    def rung(self) -> Sequence[str]:
        """The numbers that it was asked to ring, one entry for each request, refused requests included."""
        ...

    @property
    def strayed(self) -> Sequence[str]:
        """The requests that followed a redirect, each as the place where it arrived.

        A far end that does not support `ServiceAnswer.REDIRECT` has the capability ``redirect`` in `not_claimed`.
        """
        return ()

    @abstractmethod
    def answer(self, answer: ServiceAnswer) -> None:
        """Set how it answers from now on."""
        ...
