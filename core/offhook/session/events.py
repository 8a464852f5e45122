"""What happens to a call, as facts in the past tense. Pure: no I/O, no clock.

A `LegEvent` comes from a transport; the others from the shell that drives the session, which speaks for the caller
and for the carrier. Transports make them, so their fields are public interface.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from offhook.session.outcome import Cause, Disposition


class LeaveReason(Enum):
    """How a member went, as Agora's SDKs tell it (user-left / user-offline reasons)."""

    #: They left: for a callee, they hung up.
    QUIT = "quit"
    #: They vanished without leaving; they may come back.
    DROPPED = "dropped"


class Direction(Enum):
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
    """The caller asked for its end."""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The time that `next_deadline()` named has come."""


# From the carrier


@dataclass(frozen=True, slots=True)
class CallAccepted:
    """The carrier gave a grant. It says nothing about ringing.

    `expires_at_s` is when the grant's token stops opening the channel, on the clock that the session is fed; None when
    that is not known.
    """

    expires_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class CallRefused:
    """The carrier refused, so nobody was rung. `cause` says why in Q.850's words."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class StartLost:
    """The request left and its answer never came: nobody knows whether it rang."""


@dataclass(frozen=True, slots=True)
class WebhookReported:
    """A webhook of the carrier told how the call ended."""

    disposition: Disposition


# From whoever renews grants


@dataclass(frozen=True, slots=True)
class GrantRenewed:
    """A fresh grant is in use; `expires_at_s` as in `CallAccepted`."""

    expires_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class RenewalFailed:
    """There is no fresh grant, or the channel did not take it. `reason` is for people.

    With `final`, asking again is of no use: nobody renews grants.
    """

    reason: str
    final: bool = False


# From the leg


@dataclass(frozen=True, slots=True)
class LegJoined:
    """Our leg is in the channel; media can flow."""


@dataclass(frozen=True, slots=True)
class LegDisconnected:
    """Our connection to the channel broke; the transport is trying to get it back."""


@dataclass(frozen=True, slots=True)
class LegReconnected:
    """It is back."""


@dataclass(frozen=True, slots=True)
class LegFailed:
    """Our leg cannot be had: it never joined, or the transport gave up. `reason` is for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class LegClosed:
    """Our leg is out of the channel, because we left or because the channel put us out. `reason` is for people."""

    reason: str = "left"


@dataclass(frozen=True, slots=True)
class MemberJoined:
    """Somebody else is in the channel."""

    uid: int


@dataclass(frozen=True, slots=True)
class MemberPublished:
    """A member began to publish audio."""

    uid: int


@dataclass(frozen=True, slots=True)
class MemberUnpublished:
    """A member stopped publishing audio: muted, for a callee."""

    uid: int


@dataclass(frozen=True, slots=True)
class MemberLeft:
    """A member is gone."""

    uid: int
    reason: LeaveReason


@dataclass(frozen=True, slots=True)
class AudioHeard:
    """The first audio of a member arrived."""

    uid: int


@dataclass(frozen=True, slots=True)
class GrantExpiring:
    """The channel says that our token will soon have had its time (Agora's SDKs tell it 30 s before)."""


@dataclass(frozen=True, slots=True)
class AudioLost:
    """For the call's audio timeout no audio has come from a callee who publishes, or none of ours has arrived."""

    direction: Direction


@dataclass(frozen=True, slots=True)
class AudioReturned:
    """It flows again."""

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
