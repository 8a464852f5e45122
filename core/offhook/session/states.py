"""The two machines of a call, as tables. Everything that can change a state is in this module or in `session.py`.

**Call** is what people mean by the call; **leg** is our own connection to the channel. They are kept apart because a
call can be ringing while our leg is long connected, and a leg can break in a call that goes on. They meet in one
table, `COUPLING`.

Rules for this module: it holds data and nothing else. Events are turned into a `Signal` by the session, which knows
the answer policy and which member of the channel is the callee; a signal that a state's row does not name changes
nothing, so late and repeated news are harmless.

Every step rests on evidence, and evidence has a grade. Sendblue documents neither ringing nor answer nor hang-up:
``RINGING`` is always assumed, and the documents only show that a callee who talks publishes audio.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from offhook.session.events import LegClosed, LegDisconnected, LegFailed, LegJoined, LegReconnected
from offhook.session.outcome import Cause, Disposition, EndedBy, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping


class CallState(Enum):
    """Where the call is."""

    #: Nothing has been asked for.
    IDLE = "idle"
    #: The carrier has been asked, or our leg is joining the channel.
    DIALING = "dialing"
    #: We are in the channel and the callee has not answered. Assumed: no ringing signal exists.
    RINGING = "ringing"
    #: The callee has answered, by the call's answer policy.
    ACTIVE = "active"
    #: It is over for the caller; our leg is on its way out of the channel.
    ENDING = "ending"
    #: Over. Nothing changes any more.
    ENDED = "ended"


class LegState(Enum):
    """Where our connection to the channel is."""

    #: Not asked for.
    NEW = "new"
    #: Joining.
    CONNECTING = "connecting"
    #: In the channel.
    CONNECTED = "connected"
    #: In the channel as far as the channel knows; the network is gone for now.
    DISCONNECTED = "disconnected"
    #: Never joined, or lost for good.
    FAILED = "failed"
    #: Out of the channel.
    CLOSED = "closed"


class Evidence(Enum):
    """What a step rests on."""

    REQUEST = "the caller asked for it"
    ACCEPTED = "accepted by the carrier"
    REFUSED = "refused by the carrier"
    ANSWER_LOST = "the carrier's answer was lost"
    LEG_JOINED = "our leg joined the channel"
    CALLEE_JOINED = "the callee joined the channel"
    CALLEE_PUBLISHED = "the callee published audio"
    AUDIO_HEARD = "the callee's first audio was heard"
    CALLEE_QUIT = "the callee left the channel"
    CALLEE_DROPPED = "the callee vanished from the channel"
    LEG_LOST = "our leg was lost"
    LEG_CHANGED = "our leg's connection changed"
    LEG_CLOSED = "our leg left the channel"
    WEBHOOK = "a webhook said so"
    TOKEN_EXPIRED = "the token had its time and no fresh one could be had"
    AUDIO_LOST = "audio stopped in one direction"
    TIMER = "a timer ran out"


class Grade(Enum):
    """How good the evidence for a state is."""

    #: The service's documentation says that it means this.
    DOCUMENTED = "documented"
    #: We see it ourselves: our own socket, our own timer, our own request.
    OBSERVED = "observed"
    #: Nobody outside the service knows; we take it to mean this.
    ASSUMED = "assumed"


class Signal(Enum):
    """What an event means to the call."""

    DIALED = "dialed"
    REFUSED = "refused"
    ANSWER_LOST = "answer lost"
    JOINED_CHANNEL = "joined channel"
    ANSWERED = "answered"
    CALLEE_QUIT = "callee quit"
    CALLEE_LOST = "callee lost"
    HANG_UP = "hang up"
    SETUP_EXPIRED = "setup expired"
    RING_EXPIRED = "ring expired"
    DURATION_EXPIRED = "duration expired"
    RELEASE_EXPIRED = "release expired"
    LEG_FAILED = "leg failed"
    LEG_CLOSED = "leg closed"
    REPORTED = "reported by webhook"
    TOKEN_EXPIRED = "token expired"
    AUDIO_LOST = "audio lost"


class Timer(Enum):
    """The timers of a session; each is finite."""

    SETUP = "setup"
    RING = "ring"
    LEG_GRACE = "leg grace"
    CALLEE_GRACE = "callee grace"
    DURATION = "duration"
    RELEASE = "release"
    RENEWAL = "renewal"
    TOKEN = "token"


#: The call's machine: state → signal → next state.
CALL_TABLE: Final[Mapping[CallState, Mapping[Signal, CallState]]] = {
    CallState.IDLE: {
        Signal.DIALED: CallState.DIALING,
        Signal.HANG_UP: CallState.ENDED,
    },
    CallState.DIALING: {
        Signal.REFUSED: CallState.ENDED,
        Signal.ANSWER_LOST: CallState.ENDED,
        Signal.JOINED_CHANNEL: CallState.RINGING,
        Signal.HANG_UP: CallState.ENDING,
        Signal.SETUP_EXPIRED: CallState.ENDING,
        Signal.REPORTED: CallState.ENDING,
        Signal.LEG_FAILED: CallState.ENDED,
        Signal.LEG_CLOSED: CallState.ENDED,
    },
    CallState.RINGING: {
        Signal.ANSWERED: CallState.ACTIVE,
        Signal.CALLEE_QUIT: CallState.ENDING,
        Signal.HANG_UP: CallState.ENDING,
        Signal.RING_EXPIRED: CallState.ENDING,
        Signal.TOKEN_EXPIRED: CallState.ENDING,
        Signal.REPORTED: CallState.ENDING,
        Signal.LEG_FAILED: CallState.ENDED,
        Signal.LEG_CLOSED: CallState.ENDED,
    },
    CallState.ACTIVE: {
        Signal.CALLEE_QUIT: CallState.ENDING,
        Signal.CALLEE_LOST: CallState.ENDING,
        Signal.HANG_UP: CallState.ENDING,
        Signal.DURATION_EXPIRED: CallState.ENDING,
        Signal.TOKEN_EXPIRED: CallState.ENDING,
        Signal.AUDIO_LOST: CallState.ENDING,
        Signal.REPORTED: CallState.ENDING,
        Signal.LEG_FAILED: CallState.ENDED,
        Signal.LEG_CLOSED: CallState.ENDED,
    },
    CallState.ENDING: {
        # The start-call request was still on its way when the caller hung up.
        Signal.REFUSED: CallState.ENDED,
        Signal.ANSWER_LOST: CallState.ENDED,
        Signal.RELEASE_EXPIRED: CallState.ENDED,
        Signal.LEG_FAILED: CallState.ENDED,
        Signal.LEG_CLOSED: CallState.ENDED,
    },
    CallState.ENDED: {},
}

#: The leg's machine: state → event → next state. Asking for the leg (NEW → CONNECTING) is the session's own doing.
LEG_TABLE: Final[Mapping[LegState, Mapping[type, LegState]]] = {
    LegState.NEW: {},
    LegState.CONNECTING: {
        LegJoined: LegState.CONNECTED,
        LegFailed: LegState.FAILED,
        LegClosed: LegState.CLOSED,
    },
    LegState.CONNECTED: {
        LegDisconnected: LegState.DISCONNECTED,
        LegFailed: LegState.FAILED,
        LegClosed: LegState.CLOSED,
    },
    LegState.DISCONNECTED: {
        LegReconnected: LegState.CONNECTED,
        LegFailed: LegState.FAILED,
        LegClosed: LegState.CLOSED,
    },
    LegState.FAILED: {},
    LegState.CLOSED: {},
}

#: Where the machines meet: a new state of the leg, and the signal it is to the call.
COUPLING: Final[Mapping[LegState, Signal]] = {
    LegState.CONNECTED: Signal.JOINED_CHANNEL,
    LegState.FAILED: Signal.LEG_FAILED,
    LegState.CLOSED: Signal.LEG_CLOSED,
}

#: The grade of each step of the call that is not simply seen by ourselves (`Grade.OBSERVED`).
GRADES: Final[Mapping[tuple[CallState, Evidence], Grade]] = {
    (CallState.RINGING, Evidence.LEG_JOINED): Grade.ASSUMED,
    (CallState.ACTIVE, Evidence.CALLEE_JOINED): Grade.ASSUMED,
    (CallState.ACTIVE, Evidence.CALLEE_PUBLISHED): Grade.DOCUMENTED,
    (CallState.ACTIVE, Evidence.AUDIO_HEARD): Grade.ASSUMED,
    (CallState.ENDING, Evidence.CALLEE_QUIT): Grade.ASSUMED,
    (CallState.ENDING, Evidence.WEBHOOK): Grade.DOCUMENTED,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a signal ends a call that was not answered, and one that was."""

    unanswered: Outcome
    answered: Outcome


def _both(disposition: Disposition, ended_by: EndedBy, cause: Cause) -> Ending:
    outcome = Outcome(disposition, ended_by, cause)
    return Ending(outcome, outcome)


#: The outcome that a signal gives, when it is the first to end the call. A refusal brings its own cause, and a webhook
#: its own disposition.
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
