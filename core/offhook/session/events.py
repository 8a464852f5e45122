"""What happens to a call, as facts in the past tense. Pure: no I/O, no clock.

A transport reports a `LegEvent`; the shell that drives the session reports the others, on behalf of the caller and of
the carrier. Transports make leg events, so the fields of leg events are public interface.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, TypeAlias

from offhook.session.grade import Grade

if TYPE_CHECKING:
    from offhook.session.outcome import Cause, Disposition


class LeaveReason(Enum):
    """How a member left, as Agora's SDKs report it (user-left / user-offline reasons)."""

    #: The member left; a callee who leaves has hung up.
    QUIT = "quit"
    #: The member vanished without leaving, and may come back.
    DROPPED = "dropped"


class Direction(StrEnum):
    """Which way audio goes, seen from us."""

    #: From us to the callee.
    SENT = "sent"
    #: From the callee to us.
    HEARD = "heard"


# From the caller


@dataclass(frozen=True, slots=True)
class Dialed:
    """The caller asked for the call."""


@dataclass(frozen=True, slots=True)
class HangUpRequested:
    """The caller asked to end the call."""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """`next_deadline()` has passed."""


# From the carrier


@dataclass(frozen=True, slots=True)
class CallAccepted:
    """The carrier returned a grant. That says nothing about ringing.

    `expires_at_s` is when the grant's token stops opening the channel, on the session's clock; None when that is not
    known.
    """

    expires_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class CallRefused:
    """The carrier refused, so the callee was not rung. `cause` is the reason, as a Q.850 cause."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class StartLost:
    """The request left and its answer never arrived: the callee may or may not have been rung."""


@dataclass(frozen=True, slots=True)
class WebhookReported:
    """A webhook of the carrier reported how the call ended.

    `grade` says how sure it is that the carrier said this, and said it of this call. `text` is for people; events are
    equal whatever their texts.
    """

    disposition: Disposition
    grade: Grade = Grade.DOCUMENTED
    text: str = field(default="", compare=False)


# From the shell, which has grants renewed


@dataclass(frozen=True, slots=True)
class GrantRenewed:
    """A fresh grant is in use; `expires_at_s` as in `CallAccepted`."""

    expires_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class RenewalFailed:
    """No fresh grant could be had, or the channel rejected it. `reason` is for people.

    With `final`, asking again is of no use: no plugin renews grants.
    """

    reason: str
    final: bool = False


# From the leg


@dataclass(frozen=True, slots=True)
class LegJoined:
    """Our leg is in the channel; media can flow."""


@dataclass(frozen=True, slots=True)
class LegDisconnected:
    """Our connection to the channel broke; the transport is trying to get it back.

    `reason` is for people; empty if none is known. Events are equal whatever their reasons.
    """

    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class LegReconnected:
    """Our connection to the channel is back."""


@dataclass(frozen=True, slots=True)
class LegFailed:
    """We have no leg: it never joined, or the transport gave up. `reason` is for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class LegClosed:
    """Our leg is out of the channel: we left, or the channel removed us. `reason` is for people."""

    reason: str = "left"


@dataclass(frozen=True, slots=True)
class MemberJoined:
    """Another member is in the channel."""

    uid: int


@dataclass(frozen=True, slots=True)
class MemberPublished:
    """A member began to publish audio."""

    uid: int


@dataclass(frozen=True, slots=True)
class MemberUnpublished:
    """A member stopped publishing audio; a callee who does so has muted."""

    uid: int


@dataclass(frozen=True, slots=True)
class MemberLeft:
    """A member is no longer in the channel."""

    uid: int
    reason: LeaveReason


@dataclass(frozen=True, slots=True)
class AudioHeard:
    """The first audio of a member arrived."""

    uid: int


@dataclass(frozen=True, slots=True)
class GrantExpiring:
    """The channel reports that our token will soon expire (Agora's SDKs do so 30 s before)."""


@dataclass(frozen=True, slots=True)
class AudioLost:
    """No audio arrived from a callee who publishes, or ours did not arrive, for as long as the call's audio timeout."""

    direction: Direction


@dataclass(frozen=True, slots=True)
class AudioReturned:
    """Audio flows again in `direction`."""

    direction: Direction


LegEvent: TypeAlias = (
    LegDisconnected
    | LegReconnected
    | LegFailed
    | LegClosed
    | MemberJoined
    | MemberPublished
    | MemberUnpublished
    | MemberLeft
    | GrantExpiring
    | AudioLost
    | AudioReturned
)

Event: TypeAlias = (
    Dialed
    | HangUpRequested
    | DeadlinePassed
    | CallAccepted
    | CallRefused
    | StartLost
    | WebhookReported
    | GrantRenewed
    | RenewalFailed
    | LegJoined
    | AudioHeard
    | LegEvent
)
