"""How a call ends: the outcome for each signal that can end it, before and after the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.session.outcome import Cause, Disposition, EndedBy, Outcome
from offhook.session.states import Signal

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Ending:
    """How a signal ends an unanswered call, and how it ends an answered call."""

    unanswered: Outcome
    answered: Outcome


def _both(disposition: Disposition, ended_by: EndedBy, cause: Cause) -> Ending:
    outcome = Outcome(disposition, ended_by, cause)
    return Ending(outcome, outcome)


#: The outcome of a call, by the first signal that ends it. A refusal has its own cause, and a webhook its own
#: disposition.
ENDINGS: Final[Mapping[Signal, Ending]] = {
    Signal.HANG_UP: Ending(
        Outcome(Disposition.CANCELED, EndedBy.CALLER, Cause.NORMAL_CLEARING),
        Outcome(Disposition.COMPLETED, EndedBy.CALLER, Cause.NORMAL_CLEARING),
    ),
    Signal.CALLEE_QUIT: Ending(
        Outcome(Disposition.NO_ANSWER, EndedBy.CALLEE, Cause.NORMAL_UNSPECIFIED),
        Outcome(Disposition.COMPLETED, EndedBy.CALLEE, Cause.NORMAL_CLEARING),
    ),
    Signal.RING_EXPIRED: _both(Disposition.NO_ANSWER, EndedBy.TIMER, Cause.NO_ANSWER),
    Signal.DURATION_EXPIRED: _both(Disposition.COMPLETED, EndedBy.TIMER, Cause.NORMAL_CLEARING),
    Signal.SETUP_EXPIRED: _both(Disposition.FAILED, EndedBy.TIMER, Cause.TIMER_EXPIRY),
    Signal.CALLEE_LOST: _both(Disposition.FAILED, EndedBy.NETWORK, Cause.TEMPORARY_FAILURE),
    Signal.LEG_FAILED: _both(Disposition.FAILED, EndedBy.NETWORK, Cause.NETWORK_OUT_OF_ORDER),
    Signal.LEG_CLOSED: _both(Disposition.FAILED, EndedBy.NETWORK, Cause.TEMPORARY_FAILURE),
    Signal.REFUSED: _both(Disposition.FAILED, EndedBy.CARRIER, Cause.CALL_REJECTED),
    Signal.ANSWER_LOST: _both(Disposition.FAILED, EndedBy.NETWORK, Cause.TEMPORARY_FAILURE),
    Signal.REPORTED: _both(Disposition.NO_ANSWER, EndedBy.CALLEE, Cause.NO_ANSWER),
    Signal.TOKEN_EXPIRED: _both(Disposition.FAILED, EndedBy.TIMER, Cause.NOT_AUTHORIZED),
    Signal.AUDIO_LOST: _both(Disposition.FAILED, EndedBy.NETWORK, Cause.TEMPORARY_FAILURE),
}

#: The cause that goes with a disposition that a webhook reported; others keep the one in `ENDINGS`.
REPORTED_CAUSES: Final[Mapping[Disposition, Cause]] = {
    Disposition.COMPLETED: Cause.NORMAL_CLEARING,
    Disposition.DECLINED: Cause.CALL_REJECTED,
    Disposition.BUSY: Cause.USER_BUSY,
}
