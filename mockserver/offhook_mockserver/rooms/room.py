"""A room: who is in a channel, and who hears whom. It forwards packets and does not transcode.

RTP members exchange Opus packets unchanged. PCM members share one decoder per talker and one encoder per source, which
exist only while they are needed; audio between PCM members is not encoded. Rooms use neither HTTP nor sockets.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, TypeAlias

from offhook.interfaces import LeaveReason, MemberJoined, MemberLeft, MemberPublished
from offhook.wording import printable
from offhook_mockserver.rooms.member import RoomCounters
from offhook_mockserver.rooms.pcm_member import PcmMember
from offhook_mockserver.rooms.room_error import RoomError
from offhook_mockserver.rooms.room_faults import NoFaults
from offhook_mockserver.rooms.rtp_member import RtpMember
from offhook_wire.access_token import AccessToken, TokenInvalid, TokenReason, verify
from offhook_wire.reception import Reception

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import AudioFrame, Clock, Ids
    from offhook.secret import Secret
    from offhook_mockserver.rooms.member import PcmHandler, Reservation, RoomEvent, RoomMember
    from offhook_mockserver.rooms.room_faults import RoomFaults
    from offhook_wire.rtp import RtpPacket


_log = logging.getLogger(__name__)

Member: TypeAlias = PcmMember | RtpMember

#: Members of one room. FaceTime takes 32, and the relay's messages list up to 512; but every frame of every talker goes
#: to every member, 50 times a second, and with several hundred members one process cannot keep up: joins then take
#: seconds, in the other rooms too.
MAX_ROOM_MEMBERS: Final = 128
#: Different uids that may join a room in its life: each leaves an SSRC with everyone who hears it, in case it returns.
MOST_UIDS: Final = 1024
#: Different misuses that are reported of one room.
MOST_MISUSES: Final = 32
#: Uids are 32 bits and 0 means "choose one for me".
_UID_LIMIT: Final = 2**32


class Room:
    """One channel.

    Args:
        channel: its name.
        app_id: the application that it belongs to, 32 hex digits.
        certificate: that application's certificate, with which tokens are signed.
        clock: the time.
        ids: random numbers for uids and SSRCs.
        rate_hz: the rate of PCM members' audio, one of Opus's rates.
        lost_after_s: how long a member whose connection is lost is kept, before it counts as dropped.

    Attributes:
        clock: see above.
        on_misuse: called once for each name of a misuse, with a line for people.
        on_member: called with each event that members receive about one another, and with the reason for which a member
            was removed, or an empty text. It must not raise.
        on_token: called with a client's uid when its token expires soon, has expired or was renewed, or a fresh one was
            refused: the code of that, and a text for people that follows "the token". It must not raise.
        check_more: called when a further member wants to join; raises `RoomError` if that is too many.
        faults: the faults of a test in this room; by default, none.
    """

    __slots__ = (
        "_calling_watchers",
        "_certificate",
        "_closed",
        "_concealed_before",
        "_expected",
        "_ids",
        "_members",
        "_misuses",
        "_receptions",
        "_uids",
        "_watchers",
        "app_id",
        "channel",
        "check_more",
        "clock",
        "counters",
        "faults",
        "lost_after_s",
        "on_member",
        "on_misuse",
        "on_token",
        "pcm_members",
        "rate_hz",
        "reservations",
        "rtp_members",
        "visited",
    )

    def __init__(
        self,
        channel: str,
        app_id: str,
        certificate: Secret,
        *,
        clock: Clock,
        ids: Ids,
        rate_hz: int = 16_000,
        lost_after_s: float = 10.0,
    ) -> None:
        self.channel: str = channel
        self.app_id: str = app_id
        self.rate_hz: int = rate_hz
        self.lost_after_s: float = lost_after_s
        self._certificate = certificate
        self.clock: Clock = clock
        self._ids = ids
        self._members: dict[int, Member] = {}
        self._expected: list[RtpMember] = []
        self._receptions: dict[int, Reception] = {}
        self._watchers: list[Callable[[], None]] = []
        self._calling_watchers = False
        self._closed = False
        #: Whether any member has been in, even for less than a turn of the loop.
        self.visited: bool = False
        self._concealed_before = 0
        self.on_misuse: Callable[[str], None] = lambda what: None
        self.on_member: Callable[[RoomEvent, str], None] = lambda event, why: None
        self.on_token: Callable[[int, str, str, float | None], None] = lambda uid, event, text, left_s: None
        self.check_more: Callable[[], None] = lambda: None
        self.faults: RoomFaults = NoFaults()
        self._misuses: set[str] = set()
        #: The uids that have been in.
        self._uids: set[int] = set()
        self.counters: RoomCounters = RoomCounters()
        #: By uid, what is kept of its last member, so that a member that comes back is heard, and hears, as before.
        self.reservations: dict[int, Reservation] = {}
        #: Snapshots for the frame path: replaced at each change, never modified.
        self.pcm_members: tuple[PcmMember, ...] = ()
        self.rtp_members: tuple[RtpMember, ...] = ()

    @property
    def closed(self) -> bool:
        """Whether the room is closed."""
        return self._closed

    @property
    def members(self) -> tuple[Member, ...]:
        """The members in the room, in the order of joining."""
        return tuple(self._members.values())

    @property
    def decoders(self) -> int:
        """Decoders in use: at most one per RTP talker, and zero while no PCM member listens."""
        return len(self._receptions)

    @property
    def encoders(self) -> int:
        """Encoders in use: at most one per PCM member, and zero while no RTP member listens."""
        return sum(member.encodes for member in self.pcm_members)

    @property
    def frames_concealed(self) -> int:
        """Frames that decoders made up for packets that did not arrive, since the room was opened."""
        return self._concealed_before + sum(reception.concealed for reception in self._receptions.values())

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Have `changed` called on the next turn of the loop after a member joined or left, or the room was closed.

        Changes within one turn cause one call, so that a member that is replaced never seems to be away.

        Args:
            changed: called without arguments; must not raise.

        Returns:
            A function that ends the calls. Idempotent.
        """
        self._watchers.append(changed)

        def stop() -> None:
            if changed in self._watchers:
                self._watchers.remove(changed)

        return stop

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` is true; it is checked now, and after each change of the room."""
        changed = asyncio.Event()
        stop = self.watch(changed.set)
        try:
            while not condition():
                changed.clear()
                await changed.wait()
        finally:
            stop()

    def verify(self, token: Secret, uid: int) -> AccessToken:
        """Verify a token for this room.

        Raises:
            TokenInvalid: with Agora's reason, 8 invalid or 9 expired.
        """
        return verify(
            token,
            app_id=self.app_id,
            certificate=self._certificate,
            channel=self.channel,
            uid=uid,
            now_s=self.clock.wall_s(),
        )

    def verify_renewal(self, token: Secret, uid: int) -> AccessToken:
        """Verify the fresh token of a member.

        Raises:
            TokenInvalid: as `verify`, or because of a fault.
        """
        try:
            access = self.verify(token, uid)
            if self.faults.refuses_renewal():
                raise TokenInvalid(TokenReason.INVALID, "a fault of the test refuses renewals")
        except TokenInvalid as error:
            self.on_token(uid, "token_refused", f"was not renewed: {error}", None)
            raise
        left_s = access.expires_at_s - self.clock.wall_s()
        self.on_token(uid, "token_renewed", f"was renewed, for {left_s:.0f} s", left_s)
        return access

    def token_expires(self, uid: int, in_s: float) -> None:
        """Note that the token of a client expires soon."""
        self.on_token(uid, "token_expiring", f"expires in {in_s:g} s", in_s)

    def token_expired(self, member: Member) -> None:
        """Remove a client whose token has expired."""
        self.on_token(member.uid, "token_expired", "has expired", 0.0)
        self.kick(member, "token expired")

    async def until_let_in(self, held: Callable[[], bool]) -> None:
        """Wait for the end of what `RoomFaults.hold_join` returned, or until the room is closed."""
        await self.until(lambda: self._closed or not held())

    def look_again(self) -> None:
        """Have those who wait or watch look at the room again, because a fault has ended."""
        self._changed()

    def check_space(self, uid: int) -> None:
        """Check that there is space for a further member, or that `uid` is a member, which would be replaced.

        Doors call it; a callee joins whether there is space or not.

        Raises:
            RoomError: the room is full.
        """
        if uid in self._members:
            return
        if len(self._members) + len(self._expected) >= MAX_ROOM_MEMBERS:
            raise RoomError(f"channel {self.channel} has {MAX_ROOM_MEMBERS} members, which is the limit")
        self.check_more()

    def join_pcm(self, uid: int, handler: PcmHandler) -> PcmMember:
        """Join as a member that speaks and hears PCM.

        On the next turn of the loop, the handler is called with the members that are there already. A member with the
        same uid is removed ("replaced").

        Args:
            uid: the uid to join as; 0 lets the room choose one.
            handler: called with events and audio.

        Raises:
            RoomError: the room is closed, or has had too many members.
        """
        self._check_open()
        member = PcmMember(self, uid or self.free_uid(), handler, self._ids)
        self._check_uid(member.uid)
        self._replace(member.uid)
        for event in self._introduction():
            member.notify(event)
        self._add(member)
        asyncio.get_running_loop().call_soon(member.introduce)
        return member

    def expect(self, member: RtpMember) -> None:
        """Notify `member` of events from now on, although it is not in the room before `admit`.

        Raises:
            RoomError: the room is closed or full.
        """
        self._check_open()
        self.check_space(member.uid)
        self._expected.append(member)

    def admit(self, member: RtpMember) -> None:
        """Let an expected member into the room, because its media works, and notify the others.

        Raises:
            RoomError: the room is closed or has had too many members, or the member has left in the meantime.
        """
        self._check_open()
        if member not in self._expected:
            raise RoomError(f"member {member.uid} left channel {self.channel} before it was admitted")
        self._check_uid(member.uid)
        self._expected.remove(member)
        self._replace(member.uid)
        member.admitted()
        self._add(member)

    def remove(self, member: RoomMember, reason: LeaveReason, *, kicked: str | None = None) -> None:
        """Remove a member and notify the others. Idempotent.

        Args:
            member: the member.
            reason: the reason in the others' `MemberLeft`.
            kicked: the reason in the member's own `LegClosed`; None if it left by itself.
        """
        if any(expected is member for expected in self._expected):
            self._expected = [expected for expected in self._expected if expected is not member]
            member.put_out(kicked)
        if self._members.get(member.uid) is not member:
            return
        reception = self._receptions.get(member.uid)
        if reception is not None:
            reception.flush()
            # A handler that received this audio may have removed the member already.
            if self._members.get(member.uid) is not member:
                return
        del self._members[member.uid]
        self._snapshot()
        self._close_reception(member.uid)
        member.put_out(kicked)
        for other in self.rtp_members:
            other.talker_left(member.uid)
        self.notify(MemberLeft(member.uid, reason), why=kicked or "")

    def kick(self, member: Member, reason: str) -> None:
        """Remove a member: it receives `LegClosed(reason)`, and the others see it as dropped. Idempotent."""
        self.remove(member, LeaveReason.DROPPED, kicked=reason)

    def close(self, reason: str = "channel closed") -> None:
        """Remove all members. Idempotent."""
        self._closed = True
        self._changed()
        for member in (*self._expected, *self.members):
            self.kick(member, reason)

    def report_misuse(self, uid: int, name: str, detail: str) -> None:
        """Pass on that a member's program misuses its SDK: once for each name, and 32 names at most.

        Args:
            uid: the member.
            name: the name of the misuse.
            detail: what the program did.
        """
        if name in self._misuses or len(self._misuses) >= MOST_MISUSES:
            return
        self._misuses.add(name)
        what = f"misuse: {printable(name)}: {printable(detail)}"
        _log.warning("uid %d in channel %s: %s", uid, self.channel, what)
        self.on_misuse(what)

    def free_uid(self) -> int:
        """A uid that no member has."""
        taken = {0, *self._members, *(member.uid for member in self._expected)}
        uid = 0
        while uid in taken:
            uid = self._ids.below(_UID_LIMIT)
        return uid

    # What members call

    def notify(self, event: RoomEvent, *, but: int = 0, why: str = "") -> None:
        """Pass an event to all members except the member `but`; `why` is the reason for which one was removed."""
        self.on_member(event, why)
        for member in (*self._expected, *self._members.values()):
            if member.uid != but:
                member.notify(event)

    def pass_on(self, talker: RoomMember, packet: RtpPacket) -> None:
        """The frame path: forward a packet of an RTP member; it is decoded once if any other member hears PCM."""
        for member in self.rtp_members:
            if member is not talker:
                member.forward(talker.uid, (talker, packet.ssrc), packet)
        if self.pcm_members:
            reception = self._receptions.get(talker.uid)
            if reception is None:
                reception = self._receptions[talker.uid] = self._make_reception(talker.uid)
            reception.add(packet)

    # Inside

    def _check_open(self) -> None:
        if self._closed:
            raise RoomError(f"channel {self.channel} is closed")

    def _check_uid(self, uid: int) -> None:
        if uid not in self._uids and len(self._uids) >= MOST_UIDS:
            raise RoomError(
                f"channel {self.channel} has had {MOST_UIDS} different members, which is the limit: dial again"
            )

    def _introduction(self) -> list[RoomEvent]:
        events: list[RoomEvent] = []
        for member in self._members.values():
            events.append(MemberJoined(member.uid))
            if member.published:
                events.append(MemberPublished(member.uid))
        return events

    def _replace(self, uid: int) -> None:
        if (old := self._members.get(uid)) is not None:
            self.kick(old, "replaced")

    def _add(self, member: Member) -> None:
        self._members[member.uid] = member
        self._uids.add(member.uid)
        self.visited = True
        self._snapshot()
        self.notify(MemberJoined(member.uid), but=member.uid)

    def _changed(self) -> None:
        if self._watchers and not self._calling_watchers:
            self._calling_watchers = True
            asyncio.get_running_loop().call_soon(self._call_watchers)

    def _call_watchers(self) -> None:
        self._calling_watchers = False
        for changed in tuple(self._watchers):
            changed()

    def _snapshot(self) -> None:
        self._changed()
        self.pcm_members = tuple(member for member in self._members.values() if isinstance(member, PcmMember))
        self.rtp_members = tuple(member for member in self._members.values() if isinstance(member, RtpMember))
        if not self.pcm_members:
            for uid in tuple(self._receptions):
                self._close_reception(uid)
        if not self.rtp_members:
            for member in self.pcm_members:
                member.release_encoder()

    def _make_reception(self, uid: int) -> Reception:
        def deliver(frame: AudioFrame) -> None:
            for member in self.pcm_members:
                member.hear(uid, frame)

        return Reception(deliver, self.rate_hz, asyncio.get_running_loop(), counts=self.counters)

    def _close_reception(self, uid: int) -> None:
        reception = self._receptions.pop(uid, None)
        if reception is not None:
            self._concealed_before += reception.concealed
            reception.close()
