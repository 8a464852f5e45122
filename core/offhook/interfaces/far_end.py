"""The far end of a transport or of a carrier: what a conformance kit has on the other side.

It is registered through the hook `offhook_far_end`, under the name of the transport or carrier that it is for.
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
    """Something on the other side; entered with ``async with`` on the loop of the clause that uses it.

    Attributes:
        virtual_time: whether it works on virtual time.
        not_claimed: capabilities that cannot be shown against it, each with the reason.
        plugins: what to load beside the installed plugins, so that a part that is given by name is one that leads here.
    """

    virtual_time: bool = False
    not_claimed: Mapping[str, str] = {}
    plugins: Sequence[object] = ()

    @property
    @abstractmethod
    def environment(self) -> Environment:
        """What the plugin is made in: the settings that lead it here, the clock, the ids."""
        ...

    @abstractmethod
    async def start(self) -> None:
        """Get ready."""
        ...

    @abstractmethod
    async def aclose(self) -> None:
        """Stop and let go of everything. Idempotent."""
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

    #: Nobody who could make tokens made it.
    FORGED = "forged"
    #: It has had its time.
    EXPIRED = "expired"
    #: It opens another channel.
    OTHER_CHANNEL = "other channel"


class FarMember(ABC):
    """Somebody else in a channel, who does what a test says.

    Args:
        uid: who they are.

    Attributes:
        uid: see above.
        heard: what our leg sent while they were in the channel, oldest first.
        heard_at_s: when each of these came, by the loop's time.
    """

    def __init__(self, uid: int) -> None:
        self.uid = uid
        self.heard: list[AudioFrame] = []
        self.heard_at_s: list[float] = []

    def hear(self, frame: AudioFrame) -> None:
        """Keep what our leg sent; for whoever makes a far end."""
        self.heard.append(frame)
        self.heard_at_s.append(asyncio.get_running_loop().time())

    @abstractmethod
    def join(self) -> None:
        """Come into the channel."""
        ...

    @abstractmethod
    def publish(self) -> None:
        """Begin to publish audio."""
        ...

    @abstractmethod
    def unpublish(self) -> None:
        """Stop publishing audio: muted."""
        ...

    @abstractmethod
    def say(self, frame: AudioFrame) -> None:
        """Send up to 20 ms of audio at the channel's rate, now. Nobody hears it of a member who does not publish."""
        ...

    @abstractmethod
    def leave(self, reason: LeaveReason = LeaveReason.QUIT) -> None:
        """Go, or vanish."""
        ...


class ChannelFarEnd(FarEnd):
    """The far end of a transport: channels, the tokens that open them, members, and the network in between."""

    @property
    @abstractmethod
    def endpoint(self) -> str | None:
        """Where the transport joins; None for Agora itself."""
        ...

    @abstractmethod
    def grant(self, channel: str, *, uid: int = 0, life_s: float = 600.0, fault: TokenFault | None = None) -> Grant:
        """A grant for a channel, which is there from now on.

        Args:
            channel: its name: letters, digits and ``_``.
            uid: as whom; 0 lets the channel choose.
            life_s: how long its token opens the channel.
            fault: what is wrong with its token.
        """
        ...

    @abstractmethod
    def uids(self, channel: str) -> Sequence[int]:
        """Who is in a channel, as the channel sees it."""
        ...

    @abstractmethod
    def member(self, channel: str, uid: int) -> FarMember:
        """Somebody who may join a channel, which is there from now on."""
        ...

    @abstractmethod
    def put_out(self, channel: str, uid: int, reason: str) -> None:
        """Put somebody out of a channel."""
        ...

    @abstractmethod
    def cut(self) -> None:
        """Cut the network between legs and channels, both ways, without a word to either side. Idempotent."""
        ...

    @abstractmethod
    def mend(self) -> None:
        """Mend it. Idempotent."""
        ...


class ServiceAnswer(Enum):
    """What the service behind a carrier does with the next requests to ring somebody."""

    #: It rings and gives a grant.
    ACCEPT = "accept"
    #: It does not accept the keys.
    REJECT_KEYS = "reject keys"
    #: It understands and refuses.
    REFUSE = "refuse"
    #: It asks for fewer requests.
    RATE_LIMIT = "rate limit"
    #: It is failing.
    FAIL = "fail"
    #: It answers with something that is not its answer.
    NONSENSE = "nonsense"
    #: It rings, and the answer is lost on the way.
    LOSE = "lose"
    #: It takes the request and never answers.
    HANG = "hang"
    #: Nothing listens where it should be.
    UNREACHABLE = "unreachable"


class ServiceFarEnd(FarEnd):
    """The far end of a carrier: the service that rings people.

    Attributes:
        number: whom it may be asked to ring.
    """

    number: str = "+14155550123"

    @property
    @abstractmethod
    def auth(self) -> Auth:
        """The keys that it accepts."""
        ...

    @property
    def other_line(self) -> Environment | None:
        """As `environment`, for another line that calls are placed from; None where there is but one."""
        return None

    @property
    @abstractmethod
    def rung(self) -> Sequence[str]:
        """The numbers that it was asked to ring, each as often as it was, refused ones included."""
        ...

    @abstractmethod
    def answer(self, answer: ServiceAnswer) -> None:
        """From now on, do this."""
        ...
