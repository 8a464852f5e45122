"""The far end of linked legs: channels in memory that verify tokens, and a network that can be cut."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_choice, check_number, check_seconds, check_text, check_whole
from offhook.errors import TokenRejected
from offhook.interfaces.environment import Environment
from offhook.interfaces.far_end import ChannelFarEnd, TokenFault
from offhook.interfaces.grant import Grant
from offhook.interfaces.ids import Ids
from offhook.secret import Secret
from offhook.testing.linked.channel import MOST_UID, LinkedChannel
from offhook.testing.linked.transport import LinkedTransport
from offhook.testing.virtual_time import LoopClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.testing.linked.channel import LinkedMember


_APP_ID: Final = "0" * 32
#: Agora's reasons for refusing a token.
_INVALID: Final = 8
_EXPIRED: Final = 9
#: How long join() and renew() wait for the network.
_REACHABLE_S: Final = 10.0
#: How long a leg waits for the network before it fails.
GIVE_UP_S: Final = 20.0


class LinkedFarEnd(ChannelFarEnd):
    """Channels in memory. Tokens expire, and are announced as expiring, in loop time.

    Args:
        give_up_s: how long a leg waits for the network before it fails.

    Raises:
        ConfigError: here and in its methods: an argument is of the wrong type or out of range.
    """

    virtual_time = True

    def __init__(self, *, give_up_s: float = GIVE_UP_S) -> None:
        self._give_up_s = check_seconds(give_up_s, "give_up_s")
        self._ids = Ids("linked")
        self._environment = Environment({}, clock=LoopClock(), ids=self._ids)
        self._channels: dict[str, LinkedChannel] = {}
        #: For each token the channel that it opens, the uid that may use it (0 for any), and its expiry.
        self._tokens: dict[str, tuple[str, int, float]] = {}
        self._up = asyncio.Event()
        self._up.set()

    @property
    def environment(self) -> Environment:
        return self._environment

    async def start(self) -> None:
        pass

    async def aclose(self) -> None:
        for channel in self._channels.values():
            for leg in tuple(channel.legs):
                leg.put_out("channel closed")

    @property
    def endpoint(self) -> str | None:
        return None

    def grant(self, channel: str, *, uid: int = 0, life_s: float = 600.0, fault: TokenFault | None = None) -> Grant:
        check_number(life_s, "life_s", unit="seconds")
        check_whole(uid, "uid", least=0, most=MOST_UID)
        if fault is not None:
            check_choice(fault, "fault", TokenFault)
        self.channel(channel)
        token = f"007{self._ids.hex(40)}"
        opens = f"{channel}_other" if fault is TokenFault.OTHER_CHANNEL else channel
        life_s = -1.0 if fault is TokenFault.EXPIRED else life_s
        if fault is not TokenFault.FORGED:
            self._tokens[token] = (opens, uid, _now_s() + life_s)
        return Grant(_APP_ID, channel, Secret(token), uid, self.endpoint, self._environment.clock.wall_s() + life_s)

    def uids(self, channel: str) -> Sequence[int]:
        return self.channel(channel).uids

    def member(self, channel: str, uid: int) -> LinkedMember:
        return self.channel(channel).member(uid)

    def put_out(self, channel: str, uid: int, reason: str) -> None:
        check_whole(uid, "uid", least=0, most=MOST_UID)
        check_text(reason, "reason")
        for leg in tuple(self.channel(channel).legs):
            if leg.uid == uid:
                leg.put_out(reason)

    def cut(self) -> None:
        self._up.clear()
        for channel in self._channels.values():
            for leg in tuple(channel.legs):
                leg.cut_off(self._give_up_s)

    def mend(self) -> None:
        self._up.set()
        for channel in self._channels.values():
            for leg in tuple(channel.legs):
                leg.reconnect()

    # ---- for linked legs

    def channel(self, name: str) -> LinkedChannel:
        """Return the channel of that name, created on first use."""
        return self._channels.setdefault(check_text(name, "channel"), LinkedChannel(name, guarded=True))

    def transport(self) -> LinkedTransport:
        """Return a new transport for these channels."""
        return LinkedTransport(far_end=self)

    def verify(self, grant: Grant, uid: int) -> float:
        """Return for how many more seconds the token of a grant lets `uid` into its channel.

        Raises:
            TokenRejected: the token does not let `uid` into the channel.
        """
        opens, made_out_to, ends_s = self._tokens.get(grant.token.reveal(), ("", 0, 0.0))
        if opens != grant.channel or made_out_to not in {0, uid}:
            raise TokenRejected(
                f"channel {grant.channel} rejected the token: it is not valid for this channel and uid", _INVALID
            )
        life_s = ends_s - _now_s()
        if life_s <= 0:
            raise TokenRejected(f"channel {grant.channel} rejected the token: it has expired", _EXPIRED)
        return life_s

    async def reachable(self, otherwise: Exception) -> None:
        """Wait until the network is up; raise `otherwise` if that takes too long."""
        try:
            async with asyncio.timeout(_REACHABLE_S):
                await self._up.wait()
        except TimeoutError:
            raise otherwise from None


def _now_s() -> float:
    return asyncio.get_running_loop().time()
