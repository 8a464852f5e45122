"""The transport ``memory``: joins a room of a mock in the same process. PCM, no codec, no threads, no sockets.

It belongs to one mock, so that two mocks in one process never meet. A mock that is passed to a phone as a plugin
registers it. The network between legs and rooms can be cut, mended and made to lose frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from offhook.arguments import check_choice, check_rate, check_seconds, wrong
from offhook.errors import JoinFailed, JoinTimeout, TokenRejected, TransportUnavailable
from offhook.interfaces import Direction, Transport, is_loopback
from offhook.wording import quoted
from offhook_mockserver.doors.limits import DETECT_S
from offhook_mockserver.doors.memory.leg import MemoryLeg
from offhook_mockserver.doors.memory.network import MemoryNetwork
from offhook_mockserver.rooms.room_error import RoomError
from offhook_wire.access_token import TokenInvalid
from offhook_wire.relay_protocol import JOIN_TIMEOUT_S

if TYPE_CHECKING:
    from offhook.interfaces import Clock, Grant, Ids, LegHandler
    from offhook_mockserver.rooms.room import Room
    from offhook_mockserver.rooms.rooms import Rooms


#: A leg whose network has been cut for this long fails for good.
GIVE_UP_S: Final = 20.0


class RoomOwner(Protocol):
    """The mock, as this transport sees it."""

    clock: Clock
    ids: Ids
    rooms: Rooms

    @property
    def port(self) -> int: ...

    @property
    def url(self) -> str: ...


class MemoryTransport(Transport):
    """Joins the rooms of one mock.

    Args:
        mock: the mock.
        rate_hz: the rate of legs, which must be the rooms' rate.
        detect_s: how long a leg takes to notice that its network is cut; it never notices a shorter cut.
        give_up_s: how long a leg tries to reconnect.

    Raises:
        ConfigError: an argument is of the wrong type or out of range.

    Attributes:
        legs: the joined legs, oldest first.
        rate_hz: see above.
    """

    def __init__(
        self, mock: RoomOwner, *, rate_hz: int = 16_000, detect_s: float = DETECT_S, give_up_s: float = GIVE_UP_S
    ) -> None:
        if isinstance(mock, type) or not all(hasattr(mock, name) for name in ("clock", "ids", "rooms", "url")):
            raise wrong("mock", "a mock, such as InProcessMock()", mock)
        self.rate_hz: int = check_rate(rate_hz)
        self.detect_s: float = check_seconds(detect_s, "detect_s", zero=True)
        self.give_up_s: float = check_seconds(give_up_s, "give_up_s", zero=True)
        self.legs: list[MemoryLeg] = []
        self._mock = mock
        self._network = MemoryNetwork(mock.ids)
        self._closed = False

    def cut(self) -> None:
        """Cut the network: frames are lost both ways and counted, events wait, joins and renewals wait. Idempotent.

        A room removes a member as dropped when its network has been cut for `Room.lost_after_s`.
        """
        self._network.cut()
        for leg in tuple(self.legs):
            leg.cut_off(self.detect_s, self.give_up_s)

    def mend(self) -> None:
        """Mend the network: legs that their rooms have kept are back with the same uid; the others fail. Idempotent."""
        self._network.mend()
        for leg in tuple(self.legs):
            leg.reconnect()

    def lose(self, direction: Direction, share: float = 1.0) -> None:
        """From now on lose a share of one direction's frames, all by default. The mock's seed decides which.

        Raises:
            ConfigError: `direction` is not a `Direction`, or `share` is not between 0 and 1.
        """
        self._network.direction(check_choice(direction, "direction", Direction)).lose(share)

    async def check(self, endpoint: str | None) -> None:
        if self._closed:
            raise TransportUnavailable("this transport is closed: create a new one")
        self._check_endpoint(endpoint)
        if not self._network.up:
            raise TransportUnavailable(f"the mock at {self._mock.url} cannot be reached: the network is cut")

    async def join(self, grant: Grant, handler: LegHandler) -> MemoryLeg:
        if self._closed:
            raise JoinFailed("this transport is closed: create a new one")
        try:
            self._check_endpoint(grant.endpoint)
        except TransportUnavailable as error:
            raise JoinFailed(error.message) from None
        await self._network.reachable(
            JOIN_TIMEOUT_S,
            lambda: JoinTimeout(f"joining at the mock {self._mock.url} took longer than {JOIN_TIMEOUT_S:g} s"),
        )
        if not self._mock.rooms.knows(grant.app_id):
            raise JoinFailed(f"the mock at {self._mock.url} has no app id {quoted(grant.app_id)}")
        room = self._mock.rooms.find(grant.app_id, grant.channel)
        if room is None:
            raise JoinFailed(f"no channel {quoted(grant.channel)} is open at {self._mock.url}")
        held = room.faults.hold_join()
        if held is not None:
            await room.until_let_in(held)
        return self._enter(room, grant, handler)

    def _enter(self, room: Room, grant: Grant, handler: LegHandler) -> MemoryLeg:
        try:
            access = room.verify(grant.token, grant.uid)
            if room.rate_hz != self.rate_hz:
                raise JoinFailed(
                    f"channel {room.channel} uses {room.rate_hz} Hz, but this transport uses {self.rate_hz} Hz"
                )
            leg = MemoryLeg(
                room,
                grant.uid,
                handler,
                self._network,
                detect_s=self.detect_s,
                give_up_s=self.give_up_s,
                over=self._forget,
            )
        except TokenInvalid as error:
            raise TokenRejected(f"channel {room.channel} refused the token: {error}", error.reason) from None
        except RoomError as error:
            raise JoinFailed(error.message) from None
        leg.watch_token(access)
        self.legs.append(leg)
        leg.begin()
        return leg

    async def aclose(self) -> None:
        self._closed = True
        for leg in tuple(self.legs):
            await leg.leave()

    def _forget(self, leg: MemoryLeg) -> None:
        if leg in self.legs:
            self.legs.remove(leg)

    def _check_endpoint(self, endpoint: str | None) -> None:
        ours = endpoint is not None and is_loopback(endpoint) and urlsplit(endpoint).port == self._mock.port
        if not ours:
            raise TransportUnavailable(
                f"the transport memory joins only the rooms of the mock at {self._mock.url}, in this process, "
                f"and not {quoted(endpoint) if endpoint else 'Agora'}"
            )
