"""What is written down of a call while it lasts: its events, and entries in the journal of its tenant."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final

from offhook.interfaces import LeaveReason, MemberJoined, MemberLeft, MemberPublished, MemberUnpublished, mask
from offhook.session import Grade
from offhook_mockserver.callees.ends import CalleeEnd
from offhook_mockserver.callees.moments import MomentCode
from offhook_mockserver.tenants.call import CallEvent
from offhook_mockserver.tenants.entry import EntryKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from offhook_mockserver.callees.moments import Moment
    from offhook_mockserver.rooms.member import RoomEvent
    from offhook_mockserver.tenants.call import MockCall
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.tenant import Tenant


_log = logging.getLogger(__name__)

#: How an entry names what happened to a member, for programs and for people.
_JOINED: Final = ("joined", "joined the channel")
_PUBLISHED: Final = ("published", "publishes audio")
_UNPUBLISHED: Final = ("unpublished", "has stopped publishing audio")
_LEFT: Final = ("left", "left the channel")
_DROPPED: Final = ("dropped", "dropped out of the channel")
_REMOVED: Final = ("removed", "was removed from the channel")

#: A caller whose token has at most this much left, and who leaves, leaves because of that: a phone of offhook does so
#: a second before its token expires, and what is left is rounded up to seconds.
_EXPIRED_S: Final = 2.0
_TOKEN_EXPIRED: Final = "the caller's token expired and was not renewed"

#: Ends that the script chose: the moment of the step is their entry, so that one hang-up is one line.
_NOTED_BEFORE: Final = frozenset({end.value for end in CalleeEnd} & {code.value for code in MomentCode})


class CallNotes:
    """Writes down what happens in one call.

    Args:
        tenant: the tenant whose call it is.
        call: the call.
        on_event: called with each event of the call, for people.
    """

    def __init__(self, tenant: Tenant, call: MockCall, on_event: Callable[[CallEvent], None]) -> None:
        self._tenant = tenant
        self._call = call
        self._on_event = on_event
        #: The clients whose token was about to expire and has not been renewed since, and when it expires.
        self._expiring: dict[int, float] = {}

    def started(self) -> None:
        """The call has started."""
        call = self._call
        text = f"a call to {call.to} from {call.from_number} starts; its callee {call.callee.script.summary}"
        self._add(EntryKind.CALL, text, {"event": "started", "from_number": call.from_number}, Grade.DOCUMENTED)

    def moment(self, moment: Moment) -> None:
        """A moment of the callee. Those that are details are not events of the call."""
        if self._call.answered_wall_s is None and self._call.callee.answered:
            self._call.answered_wall_s = self._tenant.clock.wall_s()
        fields: dict[str, Json] = {"code": moment.code.value, "at_s": moment.at_s}
        if moment.code.value in _NOTED_BEFORE:
            fields["end"] = moment.code.value
        self._add(EntryKind.CALLEE, moment.text, fields, Grade.ASSUMED)
        if moment.code.is_event:
            self._event(moment.text)

    def misuse(self, what: str) -> None:
        """A program misuses Agora's SDK."""
        self._add(EntryKind.MISUSE, what, {}, Grade.OBSERVED)
        self._event(what)

    def member(self, event: RoomEvent, why: str) -> None:
        """A member has joined, published, stopped publishing or left; `why` it was removed, or an empty text."""
        match event:
            case MemberJoined(uid):
                code, text = _JOINED
            case MemberPublished(uid):
                code, text = _PUBLISHED
            case MemberUnpublished(uid):
                code, text = _UNPUBLISHED
            case MemberLeft(uid, reason):
                code, text = _REMOVED if why else _DROPPED if reason is LeaveReason.DROPPED else _LEFT
            case _:  # what only the member itself receives
                return
        is_callee = self._call.callee.has_uid(uid)
        who, name = ("callee", "the callee") if is_callee else ("caller", "a caller")
        fields: dict[str, Json] = {"event": code, "uid": uid, "who": who}
        if not is_callee:
            left = isinstance(event, MemberLeft)
            self._call.why_caller_left = _TOKEN_EXPIRED if left and self._has_expired(uid) else ""
        if why:
            text += f": {why}"
        elif isinstance(event, MemberLeft) and uid in self._expiring:
            text += "; its token was about to expire and had not been renewed"
            fields["renewed"] = False
        self._add(
            EntryKind.MEMBER,
            f"{name} (uid {uid}) {text}",
            fields,
            Grade.ASSUMED if is_callee else Grade.OBSERVED,
        )

    def token(self, uid: int, event: str, text: str, left_s: float | None) -> None:
        """The token of a caller expires soon, has expired, was renewed, or a fresh one was refused."""
        if event == "token_renewed":
            self._expiring.pop(uid, None)
        elif left_s is not None:
            self._expiring[uid] = self._tenant.clock.monotonic_s() + left_s
        fields: dict[str, Json] = {"event": event, "uid": uid, "who": "caller"}
        self._add(EntryKind.MEMBER, f"the token of a caller (uid {uid}) {text}", fields, Grade.OBSERVED)

    def callee_ended(self, end: CalleeEnd, problem: str = "") -> None:
        """The callee's part has ended; with `FAILED`, because of a problem."""
        text = f"{self._call.end_text}: {problem}" if problem else self._call.end_text
        if end.value not in _NOTED_BEFORE:
            self._add(EntryKind.CALLEE, text, {"code": end.value, "end": end.value}, Grade.ASSUMED)
        self._event(text)

    def lost(self, losses: Mapping[str, int]) -> None:
        """These counters should have stayed zero."""
        text = "lost: " + ", ".join(f"{name} {count}" for name, count in losses.items())
        self._add(EntryKind.LOSS, text, dict(losses), Grade.OBSERVED)
        self._event(text)

    def ended(self) -> None:
        """The call has ended: everyone has left, and the tenant does not list it any more."""
        call = self._call
        end = call.end or CalleeEnd.ROOM_CLOSED  # the mock ended it
        text = call.end_text or end.text
        fields: dict[str, Json] = {"event": "ended", "end": end.value, "answered": call.callee.answered}
        self._add(EntryKind.CALL, f"the call to {call.to} has ended: {text}", fields, Grade.ASSUMED)

    def _has_expired(self, uid: int) -> bool:
        """Whether the token of a caller has expired, or as good as that, without a renewal."""
        return self._expiring.get(uid, math.inf) - self._tenant.clock.monotonic_s() <= _EXPIRED_S

    def _add(self, kind: EntryKind, text: str, fields: Mapping[str, Json], grade: Grade) -> None:
        call = self._call
        self._tenant.journal.add(kind, text, channel=call.channel, number=call.to, fields=fields, grade=grade)

    def _event(self, what: str) -> None:
        call = self._call
        call.note(what)
        try:
            self._on_event(CallEvent(self._tenant.clock.wall_s(), call.channel, mask(call.to), what))
        except Exception:  # of the test or the program that watches
            _log.exception("on_event of this mock failed")
