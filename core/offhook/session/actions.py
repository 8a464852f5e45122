"""What the session wants done, as imperatives. The shell carries them out and reports the results as events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from offhook.session.outcome import Outcome


@dataclass(frozen=True, slots=True)
class StartCall:
    """Ask the carrier to ring the callee. Once per call."""


@dataclass(frozen=True, slots=True)
class JoinChannel:
    """Join with the carrier's grant. At most once per call."""


@dataclass(frozen=True, slots=True)
class RenewGrant:
    """Get a fresh grant and pass it to the leg; asked for again only after `GrantRenewed` or `RenewalFailed`."""


@dataclass(frozen=True, slots=True)
class OpenMedia:
    """The callee has answered: begin to send."""


@dataclass(frozen=True, slots=True)
class CloseMedia:
    """Stop sending; what is queued will not be heard."""


@dataclass(frozen=True, slots=True)
class LeaveChannel:
    """Leave. On Sendblue this is the only way to hang up."""


@dataclass(frozen=True, slots=True)
class FinishCall:
    """The call is over: abandon what is still in progress, close everything, complete the record."""

    outcome: Outcome


Action: TypeAlias = StartCall | JoinChannel | RenewGrant | OpenMedia | CloseMedia | LeaveChannel | FinishCall
