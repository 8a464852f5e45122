"""The call session: a pure machine that decides what a call is and what to do. It does no I/O and reads no clock.

Feed it facts with `handle(event, now)`, take what it wants done from `next_action()`, and wake it with a
`DeadlinePassed` when `next_deadline()` has passed. `now` is any clock that never steps back, in seconds.

The tables in `states.py` give the next state for each signal. This module decides the rest, in this order: the signal
that an event means (that needs the answer policy and the callee's uid), the timers that run, and the actions that a
step asks for. The token's timers are in `token.py`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

from offhook.arguments import check_flag
from offhook.errors import CallStateError, ImpossibleEvent
from offhook.session.actions import CloseMedia, FinishCall, JoinChannel, LeaveChannel, OpenMedia, RenewGrant, StartCall
from offhook.session.endings import ENDINGS, REPORTED_CAUSES
from offhook.session.events import (
    AudioHeard,
    AudioLost,
    CallAccepted,
    CallRefused,
    DeadlinePassed,
    Dialed,
    GrantExpiring,
    GrantRenewed,
    HangUpRequested,
    LeaveReason,
    LegFailed,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    RenewalFailed,
    StartLost,
    WebhookReported,
)
from offhook.session.grade import Grade
from offhook.session.impossible import is_impossible
from offhook.session.late_reports import LateEffect, late_effect
from offhook.session.outcome import Disposition
from offhook.session.policy import AnswerPolicy, CallPolicy, check_policy
from offhook.session.states import (
    CALL_TABLE,
    COUPLING,
    GRADES,
    LEG_TABLE,
    CallState,
    Evidence,
    LegState,
    Signal,
    Timer,
)
from offhook.session.token import TokenWatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.session.actions import Action
    from offhook.session.events import Event
    from offhook.session.outcome import Outcome


#: The signal that ends the call when a timer runs out. Two are not here: the leg's grace makes the leg fail, and the
#: renewal timer asks for a fresh grant.
_EXPIRIES: Final[Mapping[Timer, Signal]] = {
    Timer.SETUP: Signal.SETUP_EXPIRED,
    Timer.RING: Signal.RING_EXPIRED,
    Timer.DURATION: Signal.DURATION_EXPIRED,
    Timer.RELEASE: Signal.RELEASE_EXPIRED,
    Timer.CALLEE_GRACE: Signal.CALLEE_LOST,
    Timer.TOKEN: Signal.TOKEN_EXPIRED,
}

#: The evidence for a call that a timer ended, if it says more than `Evidence.TIMER`.
_EXPIRY_EVIDENCE: Final[Mapping[Timer, Evidence]] = {
    Timer.CALLEE_GRACE: Evidence.CALLEE_DROPPED,
    Timer.TOKEN: Evidence.TOKEN_EXPIRED,
}

#: The order of timers that expire at the same time.
_PRIORITIES: Final[Mapping[Timer, int]] = {timer: index for index, timer in enumerate(Timer)}

#: The evidence that each answer policy counts as the answer.
_ANSWERS: Final[Mapping[AnswerPolicy, Evidence]] = {
    AnswerPolicy.CALLEE_JOINED: Evidence.CALLEE_JOINED,
    AnswerPolicy.CALLEE_PUBLISHED: Evidence.CALLEE_PUBLISHED,
    AnswerPolicy.FIRST_AUDIO: Evidence.AUDIO_HEARD,
}


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one event: the states after it and, if one changed, the evidence and its grade.

    A report that is taken after the outcome was known has evidence and grade as well, although no state changes.
    """

    call: CallState
    leg: LegState
    changed: bool
    evidence: Evidence | None
    grade: Grade | None


class CallSession:
    """One call.

    Args:
        policy: what counts as the answer, and how long each timer runs.
        strict: whether an impossible event raises an error instead of being counted; by default `strict_by_default`.
    """

    #: Tests set this, so that all sessions are strict, including those that a phone makes.
    strict_by_default: ClassVar[bool] = False

    def __init__(self, policy: CallPolicy, *, strict: bool | None = None) -> None:
        self.policy: CallPolicy = check_policy(policy)
        if strict is not None:
            check_flag(strict, "strict")
        self._strict = self.strict_by_default if strict is None else strict
        #: How many events were impossible in the state they met, see `impossible.py`.
        self.impossible_events: int = 0
        self.call_state: CallState = CallState.IDLE
        self.leg_state: LegState = LegState.NEW
        #: The first other member of the channel, once there was one.
        self.callee_uid: int | None = None
        #: Whether the callee is in the channel, as far as the channel reports.
        self.callee_present: bool = False
        #: How it ended; set with the first step towards the end. Only a report can change it then, see
        #: `late_reports.py`.
        self.outcome: Outcome | None = None
        #: When the grant's token expires; kept for `_token`, which watches the token once our leg is in the channel.
        self._expires_at_s: float | None = None
        self._token = TokenWatch(policy.renew_before_s)
        self._answered = False
        #: Whether a report of the carrier was taken.
        self._reported = False
        self._seen: set[Evidence] = set()
        self._deadlines: dict[Timer, float] = {}
        self._actions: deque[Action] = deque()
        self._leaving = False

    # ---- what the shell calls

    def handle(self, event: Event, now: float) -> Step:
        """Take one fact. Late and repeated news change nothing.

        Raises:
            CallStateError: a second `Dialed`, which is our own program's mistake.
            ImpossibleEvent: in strict mode, an event that cannot happen in the present state; nothing has changed.
        """
        if isinstance(event, Dialed) and self.call_state is not CallState.IDLE:
            raise CallStateError("this call was dialled already: make a new one with phone.dial()")
        if is_impossible(event, self.call_state, self.leg_state):
            if self._strict:
                raise ImpossibleEvent(type(event).__name__, self.call_state.value, self.leg_state.value)
            self.impossible_events += 1
        before = self.call_state, self.leg_state
        evidence = self._take(event, now)
        changed = (self.call_state, self.leg_state) != before
        if evidence is None:
            return Step(self.call_state, self.leg_state, changed, None, None)
        moved = self.call_state is not before[0]
        grade = GRADES.get((self.call_state, evidence), Grade.OBSERVED) if moved else Grade.OBSERVED
        if isinstance(event, WebhookReported):
            grade = event.grade
        return Step(self.call_state, self.leg_state, changed, evidence, grade)

    def next_action(self) -> Action | None:
        """The oldest action that was not taken yet, or None."""
        return self._actions.popleft() if self._actions else None

    def next_deadline(self) -> float | None:
        """When to report `DeadlinePassed`, on the clock that `now` is read from; None while no timer runs."""
        return min((*self._deadlines.values(), *self._token.deadlines.values()), default=None)

    @property
    def deadlines(self) -> Mapping[Timer, float]:
        """The timers that run, with their ends, in the order in which they expire."""
        running = {**self._deadlines, **self._token.deadlines}
        in_order = sorted((at_s, _PRIORITIES[timer], timer) for timer, at_s in running.items())
        return {timer: at_s for at_s, _, timer in in_order}

    # ---- which event is which signal

    def _take(self, event: Event, now: float) -> Evidence | None:
        match event:
            case Dialed():
                return self._signal(Signal.DIALED, Evidence.REQUEST, now)
            case HangUpRequested():
                return self._signal(Signal.HANG_UP, Evidence.REQUEST, now)
            case DeadlinePassed():
                return self._expire(now)
            case CallAccepted(expires_at_s):
                return self._accept(expires_at_s)
            case CallRefused(cause):
                refused = replace(ENDINGS[Signal.REFUSED].unanswered, cause=cause)
                return self._signal(Signal.REFUSED, Evidence.REFUSED, now, refused)
            case StartLost():
                return self._signal(Signal.ANSWER_LOST, Evidence.ANSWER_LOST, now)
            case WebhookReported(disposition):
                return self._report(disposition, now)
            case MemberJoined(uid):
                return self._see(uid, Evidence.CALLEE_JOINED, now)
            case MemberPublished(uid):
                return self._see(uid, Evidence.CALLEE_PUBLISHED, now)
            case AudioHeard(uid):
                return self._see(uid, Evidence.AUDIO_HEARD, now)
            case MemberLeft(uid, reason):
                return self._lose(uid, reason, now)
            case GrantExpiring() | GrantRenewed() | RenewalFailed():
                if self._token.take(event, now):
                    self._do(RenewGrant())
                return None
            case AudioLost() if self.policy.end_on_audio_loss:
                return self._signal(Signal.AUDIO_LOST, Evidence.AUDIO_LOST, now)
            case _:
                return self._move_leg(event, now)

    def _accept(self, expires_at_s: float | None) -> Evidence | None:
        """A grant arrived. After a hang-up we still join, to leave at once: leaving may stop the ringing."""
        if self.leg_state is not LegState.NEW or self.call_state not in (CallState.DIALING, CallState.ENDING):
            return None
        self._do(JoinChannel())
        self._expires_at_s = expires_at_s
        self.leg_state = LegState.CONNECTING
        return Evidence.ACCEPTED

    def _report(self, disposition: Disposition, now: float) -> Evidence | None:
        """Take the report of a webhook: it can end an unanswered call, and an answered call only as completed.

        If the call has an outcome already, the report may change it, see `late_reports.py`.
        """
        if self._answered and disposition is not Disposition.COMPLETED:
            return None
        ending = ENDINGS[Signal.REPORTED].unanswered
        outcome = replace(ending, disposition=disposition, cause=REPORTED_CAUSES.get(disposition, ending.cause))
        if self.outcome is None:
            taken = self._signal(Signal.REPORTED, Evidence.WEBHOOK, now, outcome) is not None
        else:
            accepted = self.leg_state is not LegState.NEW
            effect = late_effect(self.outcome.disposition, disposition, accepted=accepted)
            taken = effect is LateEffect.AMENDS or (effect is LateEffect.KEPT and not self._reported)
            if effect is LateEffect.AMENDS:
                self.outcome = outcome
        self._reported = self._reported or taken
        return Evidence.WEBHOOK if taken else None

    def _see(self, uid: int, sight: Evidence, now: float) -> Evidence | None:
        """The first other member is the callee. Each sight implies the ones before it."""
        if self.callee_uid is None:
            self.callee_uid = uid
        if uid != self.callee_uid:
            return None
        self.callee_present = True
        self._deadlines.pop(Timer.CALLEE_GRACE, None)
        self._seen |= {Evidence.CALLEE_JOINED, sight}
        if sight is Evidence.AUDIO_HEARD:
            self._seen.add(Evidence.CALLEE_PUBLISHED)
        return self._answer(now)

    def _answer(self, now: float) -> Evidence | None:
        wanted = _ANSWERS[self.policy.answer]
        return self._signal(Signal.ANSWERED, wanted, now) if wanted in self._seen else None

    def _lose(self, uid: int, reason: LeaveReason, now: float) -> Evidence | None:
        """A callee who quit has hung up; one who dropped may come back.

        The grace timer limits the wait after the answer; before it, the ring timer, which is already running, does.
        """
        if uid != self.callee_uid:
            return None
        self.callee_present = False
        if reason is LeaveReason.QUIT:
            return self._signal(Signal.CALLEE_QUIT, Evidence.CALLEE_QUIT, now)
        self._seen.clear()
        if self.call_state is CallState.ACTIVE:
            self._deadlines[Timer.CALLEE_GRACE] = now + self.policy.grace_s
        return None

    def _expire(self, now: float) -> Evidence | None:
        """Expire the earliest timer that is due, if any; the shell reports `DeadlinePassed` again for the next."""
        running = self.deadlines
        timer = next(iter(running), None)
        if timer is None or running[timer] > now:
            return None
        if timer is Timer.RENEWAL:
            if self._token.ask():
                self._do(RenewGrant())
            return None
        self._deadlines.pop(timer, None)  # the token's timer stops with the call that it ends
        if timer is Timer.LEG_GRACE:
            return self._move_leg(LegFailed("the connection did not come back"), now)
        return self._signal(_EXPIRIES[timer], _EXPIRY_EVIDENCE.get(timer, Evidence.TIMER), now)

    # ---- the machines

    def _move_leg(self, event: Event, now: float) -> Evidence | None:
        after = LEG_TABLE[self.leg_state].get(type(event))
        if after is None:
            return None
        self.leg_state = after
        self._deadlines.pop(Timer.LEG_GRACE, None)
        if after is LegState.DISCONNECTED and self.call_state in (CallState.RINGING, CallState.ACTIVE):
            self._deadlines[Timer.LEG_GRACE] = now + self.policy.grace_s
        if after is LegState.CONNECTED and self.call_state is CallState.ENDING:
            self._leave()
        evidence = {
            LegState.CONNECTED: Evidence.LEG_JOINED,
            LegState.FAILED: Evidence.LEG_LOST,
            LegState.CLOSED: Evidence.LEG_CLOSED,
        }.get(after, Evidence.LEG_CHANGED)
        signal = COUPLING.get(after)
        step = self._signal(signal, evidence, now) if signal is not None else None
        return step or evidence

    def _signal(
        self, signal: Signal, evidence: Evidence, now: float, outcome: Outcome | None = None
    ) -> Evidence | None:
        """Take a step of the call's machine, if its table has one."""
        after = CALL_TABLE[self.call_state].get(signal)
        if after is None:
            return None
        before, self.call_state = self.call_state, after
        if after in (CallState.ENDING, CallState.ENDED) and self.outcome is None:
            ending = ENDINGS[signal]
            self.outcome = outcome or (ending.answered if self._answered else ending.unanswered)
        return self._enter(before, now) or evidence

    # ---- which timers run, and which actions a step asks for

    def _enter(self, before: CallState, now: float) -> Evidence | None:
        """Arm the new state's timers and ask for what it needs; returns the evidence of a further step, if any."""
        if before is CallState.ACTIVE:
            self._do(CloseMedia())
        match self.call_state:
            case CallState.DIALING:
                self._deadlines = {Timer.SETUP: now + self.policy.setup_timeout_s}
                self._do(StartCall())
            case CallState.RINGING:
                self._deadlines = {Timer.RING: now + self.policy.ring_timeout_s}
                self._token.start(self._expires_at_s, now)
                return self._answer(now)  # the callee may have been seen first
            case CallState.ACTIVE:
                self._answered = True
                self._deadlines.pop(Timer.RING)
                self._deadlines[Timer.DURATION] = now + self.policy.max_duration_s
                self._do(OpenMedia())
            case CallState.ENDING:
                self._token.stop()
                self._deadlines = {Timer.RELEASE: now + self.policy.release_timeout_s}
                if self.leg_state in (LegState.CONNECTED, LegState.DISCONNECTED):
                    self._leave()
            case _:
                self._token.stop()
                self._deadlines = {}
                assert self.outcome is not None  # every way here is in ENDINGS
                self._do(FinishCall(self.outcome))
        return None

    def _leave(self) -> None:
        if not self._leaving:
            self._leaving = True
            self._do(LeaveChannel())

    def _do(self, action: Action) -> None:
        self._actions.append(action)
