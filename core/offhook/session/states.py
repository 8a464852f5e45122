"""The two machines of a call, as tables. Everything that can change a state is in this module or in `machine.py`.

**What the machines are for.** A program that places a call wants to know one thing at a time: is it ringing, did the
callee answer, is it over and why. Nothing reports that directly. Sendblue documents no signal for ringing, for the
answer or for the hang-up; it returns a grant for a channel, and from then on all that can be seen is who is in the
channel. The session turns what can be seen into a state that a program can act on, and keeps what it saw.

**Why there are two.** The *call* is what people mean by the word; the *leg* is our own connection to the channel. They
change at different times: the call can ring while the leg has long been connected; the leg can break and come back
within a conversation that goes on; after the caller has hung up, the call is over for the program and the leg still has
to leave. One machine for both would need a state for each pair and a row for each way between pairs. Two small
machines and one table, `COUPLING`, say the same: when the leg enters a state that matters to the call, the call gets a
signal. The coupling is one way. The call affects the leg only by actions (join, leave), which the shell carries out and
reports as events.

**Events, signals, actions.** An *event* is a fact, reported by the shell, the carrier or the transport. Its *signal*
to the call depends on more than the state: on the answer policy, on which member of the channel is the callee, on
whether a timer is due. `machine.py` chooses the signal. The tables here map a state and a signal to the next state, and
hold nothing else. A signal that a state's row does not name changes nothing, so late and repeated news are harmless: no
transport has to remove duplicates, and no shell has to ask for the state before it reports. That leaves mistakes
unnoticed, so the tables in `impossible.py` name the events that no delay and no repetition explains, such as a leg that
joins before it was asked to. The session counts them, and raises `ImpossibleEvent` for them in strict mode.

**Evidence and grades.** Every step rests on *evidence*, which the timeline records with its *grade*: documented by the
service, observed by ourselves, or assumed. ``RINGING`` is always assumed: our leg is in the channel, and we suppose
that the callee's devices ring. The grade of the answer depends on the signal that the policy chooses for it. Sendblue's
documents show only that the callee publishes audio; that the callee answers by joining the channel or with the first
audio is assumed. Each signal implies the ones before it: a callee whose audio is heard has published, and a callee who
has published has joined. The first other member of the channel is the callee, and later members are not.

**The end.** The first signal that ends the call decides the outcome; what follows only releases the leg. From every
state but ``IDLE`` the timers alone lead to ``ENDED``, so no call outlives a network that stopped answering. One thing
can change the outcome afterwards: a report of the carrier, which may know more than the channel shows. The tables in
`late_reports.py` say which report changes which outcome. No state changes with it.

**Orders of events that came as a surprise.** Each of them is a test.

- *The callee is seen before we are in the channel.* A transport may report members while it is still joining. The
  sights are kept, and the call goes from ``DIALING`` through ``RINGING`` to ``ACTIVE`` in the step in which our leg
  joins.
- *Audio arrives before its member has published*, since media and signalling take different ways. The member counts as
  having published, and as having joined.
- *The grant arrives after the hang-up.* The callee may be ringing, and leaving the channel is the only way to hang up.
  So the session still joins, and leaves as soon as it is in.
- *The start of the call is refused, or its answer lost, after the hang-up.* There is no leg to release, so the call
  ends at once. The outcome stays the caller's.
- *The callee vanishes and comes back.* In a conversation, the grace timer runs, and any sight of the callee stops it.
  Before the answer, nothing runs but the ring timer; what was seen of the callee is forgotten and has to be seen again.
- *The leg breaks while the callee is away*, or the other way round. Both grace timers run, and the first to expire ends
  the call.
- *Our leg reconnects after the hang-up.* It is asked to leave once, however often it comes back.
- *The token expires while the call rings*, or expired before we had joined. The call leaves a moment before the token
  expires, so that the channel does not remove us without a reason.
- *A webhook reports no answer for a call that was answered.* What we saw ourselves stands: only ``completed`` may still
  end the call.
- *A webhook arrives after the end*, perhaps twice, or after another one that knew more. It can turn ``no_answer`` into
  ``declined`` or ``busy``, and decides the outcome of a call of which it was not known whether it rang. It never goes
  back.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from offhook.session.events import LegClosed, LegDisconnected, LegFailed, LegJoined, LegReconnected
from offhook.session.grade import Grade

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
    #: Over. The states do not change any more; a report of the carrier may still change the outcome.
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
    """What a step rests on. The values are codes, which journals and records hold; `text` says the same for people."""

    REQUEST = "request"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    ANSWER_LOST = "answer_lost"
    LEG_JOINED = "leg_joined"
    CALLEE_JOINED = "callee_joined"
    CALLEE_PUBLISHED = "callee_published"
    AUDIO_HEARD = "audio_heard"
    CALLEE_QUIT = "callee_quit"
    CALLEE_DROPPED = "callee_dropped"
    LEG_LOST = "leg_lost"
    LEG_CHANGED = "leg_changed"
    LEG_CLOSED = "leg_closed"
    WEBHOOK = "webhook"
    TOKEN_EXPIRED = "token_expired"
    AUDIO_LOST = "audio_lost"
    TIMER = "timer"

    @property
    def text(self) -> str:
        """The evidence as a sentence, without a capital and a full stop."""
        return _EVIDENCE_TEXTS[self]


_EVIDENCE_TEXTS: Final[Mapping[Evidence, str]] = {
    Evidence.REQUEST: "the caller asked for it",
    Evidence.ACCEPTED: "accepted by the carrier",
    Evidence.REFUSED: "refused by the carrier",
    Evidence.ANSWER_LOST: "the carrier's answer was lost",
    Evidence.LEG_JOINED: "our leg joined the channel",
    Evidence.CALLEE_JOINED: "the callee joined the channel",
    Evidence.CALLEE_PUBLISHED: "the callee published audio",
    Evidence.AUDIO_HEARD: "the callee's first audio was heard",
    Evidence.CALLEE_QUIT: "the callee left the channel",
    Evidence.CALLEE_DROPPED: "the callee vanished from the channel",
    Evidence.LEG_LOST: "our leg was lost",
    Evidence.LEG_CHANGED: "our leg's connection changed",
    Evidence.LEG_CLOSED: "our leg left the channel",
    Evidence.WEBHOOK: "a webhook reported it",
    Evidence.TOKEN_EXPIRED: "the token expired and was not renewed",
    Evidence.AUDIO_LOST: "audio stopped in one direction",
    Evidence.TIMER: "a timer ran out",
}


class Signal(Enum):
    """What an event means to the call. The values help when debugging; no signal is stored in a record."""

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
    """The timers of a session; each is finite. If two expire at once, the one that is listed first is handled first.

    The values are for people: no timer is written down.
    """

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

#: The leg's machine: state → event → next state. The session itself takes the step NEW → CONNECTING.
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

#: The grade of each step of the call whose grade is not `Grade.OBSERVED`.
GRADES: Final[Mapping[tuple[CallState, Evidence], Grade]] = {
    (CallState.RINGING, Evidence.LEG_JOINED): Grade.ASSUMED,
    (CallState.ACTIVE, Evidence.CALLEE_JOINED): Grade.ASSUMED,
    (CallState.ACTIVE, Evidence.CALLEE_PUBLISHED): Grade.DOCUMENTED,
    (CallState.ACTIVE, Evidence.AUDIO_HEARD): Grade.ASSUMED,
    (CallState.ENDING, Evidence.CALLEE_QUIT): Grade.ASSUMED,
    (CallState.ENDING, Evidence.WEBHOOK): Grade.DOCUMENTED,
}
