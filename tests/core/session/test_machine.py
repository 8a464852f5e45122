"""The session: the walks people care about one by one, then every joint state there is."""

from __future__ import annotations

import copy
from collections import deque

import pytest

from offhook.errors import CallStateError
from offhook.session.actions import CloseMedia, FinishCall, JoinChannel, LeaveChannel, OpenMedia, RenewGrant, StartCall
from offhook.session.endings import ENDINGS
from offhook.session.events import (
    AudioHeard,
    AudioLost,
    AudioReturned,
    CallAccepted,
    CallRefused,
    DeadlinePassed,
    Dialed,
    Direction,
    Event,
    GrantExpiring,
    GrantRenewed,
    HangUpRequested,
    LeaveReason,
    LegClosed,
    LegDisconnected,
    LegFailed,
    LegJoined,
    LegReconnected,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
    RenewalFailed,
    StartLost,
    WebhookReported,
)
from offhook.session.grade import Grade
from offhook.session.machine import CallSession
from offhook.session.outcome import Cause, Disposition, EndedBy, Outcome
from offhook.session.policy import AnswerPolicy, CallPolicy
from offhook.session.states import CALL_TABLE, CallState, Evidence, LegState, Signal, Timer

POLICY = CallPolicy(setup_timeout_s=10, ring_timeout_s=30, grace_s=5, max_duration_s=600, release_timeout_s=2)
RINGING = (Dialed(), CallAccepted(), LegJoined())
ACTIVE = (*RINGING, MemberJoined(2), MemberPublished(2))


def walk(*events: Event, policy: CallPolicy = POLICY, now: float = 100.0, strict: bool = True) -> CallSession:
    session = CallSession(policy, strict=strict)
    for event in events:
        session.handle(event, now)
    return session


def actions(session: CallSession) -> list[object]:
    taken: list[object] = []
    while (action := session.next_action()) is not None:
        taken.append(action)
    return taken


def outcome(session: CallSession) -> tuple[Disposition, EndedBy, Cause]:
    assert session.outcome is not None
    return session.outcome.disposition, session.outcome.ended_by, session.outcome.cause


def test_a_whole_call() -> None:
    session = walk(*ACTIVE)
    assert session.call_state is CallState.ACTIVE
    assert actions(session) == [StartCall(), JoinChannel(), OpenMedia()]
    session.handle(MemberLeft(2, LeaveReason.QUIT), 160)
    assert (session.call_state, session.leg_state) == (CallState.ENDING, LegState.CONNECTED)
    session.handle(LegClosed(), 160)
    assert session.call_state is CallState.ENDED
    end = Outcome(Disposition.COMPLETED, EndedBy.CALLEE, Cause.NORMAL_CLEARING)
    assert actions(session) == [CloseMedia(), LeaveChannel(), FinishCall(end)]
    assert session.next_deadline() is None


def test_each_step_says_what_it_rests_on() -> None:
    session = CallSession(POLICY)
    steps = [session.handle(event, 0) for event in (*ACTIVE, HangUpRequested(), LegClosed())]
    assert [(step.call, step.evidence, step.grade) for step in steps if step.changed] == [
        (CallState.DIALING, Evidence.REQUEST, Grade.OBSERVED),
        (CallState.DIALING, Evidence.ACCEPTED, Grade.OBSERVED),
        (CallState.RINGING, Evidence.LEG_JOINED, Grade.ASSUMED),
        (CallState.ACTIVE, Evidence.CALLEE_PUBLISHED, Grade.DOCUMENTED),
        (CallState.ENDING, Evidence.REQUEST, Grade.OBSERVED),
        (CallState.ENDED, Evidence.LEG_CLOSED, Grade.OBSERVED),
    ]


@pytest.mark.parametrize(
    ("answer", "sights", "evidence"),
    [
        (AnswerPolicy.CALLEE_JOINED, [MemberJoined(2)], Evidence.CALLEE_JOINED),
        (AnswerPolicy.CALLEE_PUBLISHED, [MemberJoined(2), MemberPublished(2)], Evidence.CALLEE_PUBLISHED),
        (AnswerPolicy.FIRST_AUDIO, [MemberJoined(2), MemberPublished(2), AudioHeard(2)], Evidence.AUDIO_HEARD),
        (AnswerPolicy.CALLEE_PUBLISHED, [AudioHeard(2)], Evidence.CALLEE_PUBLISHED),
    ],
)
def test_the_policy_decides_what_counts_as_the_answer(
    answer: AnswerPolicy, sights: list[Event], evidence: Evidence
) -> None:
    session = walk(*RINGING, policy=CallPolicy(answer=answer))
    for sight in sights[:-1]:
        session.handle(sight, 100)
        assert session.call_state is CallState.RINGING
    step = session.handle(sights[-1], 100)
    assert (step.call, step.evidence) == (CallState.ACTIVE, evidence)


def test_a_callee_seen_before_we_are_in_the_channel_answers_when_we_are() -> None:
    session = walk(Dialed(), CallAccepted(), MemberPublished(2))
    assert session.call_state is CallState.DIALING
    step = session.handle(LegJoined(), 100)
    assert (step.call, step.evidence) == (CallState.ACTIVE, Evidence.CALLEE_PUBLISHED)


def test_only_the_first_other_member_is_the_callee() -> None:
    session = walk(*ACTIVE, MemberJoined(3), MemberLeft(3, LeaveReason.QUIT))
    assert session.call_state is CallState.ACTIVE
    assert session.callee_uid == 2


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((HangUpRequested(),), (Disposition.CANCELED, EndedBy.CALLER, Cause.NORMAL_CLEARING)),
        ((Dialed(), CallRefused(Cause.NOT_AUTHORIZED)), (Disposition.FAILED, EndedBy.CARRIER, Cause.NOT_AUTHORIZED)),
        ((Dialed(), StartLost()), (Disposition.FAILED, EndedBy.NETWORK, Cause.TEMPORARY_FAILURE)),
        (
            (Dialed(), CallAccepted(), LegFailed("token")),
            (Disposition.FAILED, EndedBy.NETWORK, Cause.NETWORK_OUT_OF_ORDER),
        ),
        ((*RINGING, HangUpRequested()), (Disposition.CANCELED, EndedBy.CALLER, Cause.NORMAL_CLEARING)),
        (
            (*RINGING, MemberJoined(2), MemberLeft(2, LeaveReason.QUIT)),
            (Disposition.NO_ANSWER, EndedBy.CALLEE, Cause.NORMAL_UNSPECIFIED),
        ),
        (
            (*RINGING, WebhookReported(Disposition.DECLINED)),
            (Disposition.DECLINED, EndedBy.CALLEE, Cause.CALL_REJECTED),
        ),
        ((*RINGING, WebhookReported(Disposition.BUSY)), (Disposition.BUSY, EndedBy.CALLEE, Cause.USER_BUSY)),
        ((*RINGING, WebhookReported(Disposition.NO_ANSWER)), (Disposition.NO_ANSWER, EndedBy.CALLEE, Cause.NO_ANSWER)),
        ((*ACTIVE, HangUpRequested()), (Disposition.COMPLETED, EndedBy.CALLER, Cause.NORMAL_CLEARING)),
        (
            (*ACTIVE, WebhookReported(Disposition.COMPLETED)),
            (Disposition.COMPLETED, EndedBy.CALLEE, Cause.NORMAL_CLEARING),
        ),
        ((*ACTIVE, LegClosed("kicked")), (Disposition.FAILED, EndedBy.NETWORK, Cause.TEMPORARY_FAILURE)),
    ],
)
def test_how_it_ended(events: tuple[Event, ...], expected: tuple[Disposition, EndedBy, Cause]) -> None:
    assert outcome(walk(*events)) == expected


def test_a_webhook_cannot_unanswer_a_call() -> None:
    session = walk(*ACTIVE, WebhookReported(Disposition.BUSY))
    assert (session.call_state, session.outcome) == (CallState.ACTIVE, None)


@pytest.mark.parametrize(
    ("events", "deadline", "expected"),
    [
        ((Dialed(),), 110, (Disposition.FAILED, EndedBy.TIMER, Cause.TIMER_EXPIRY)),
        (RINGING, 130, (Disposition.NO_ANSWER, EndedBy.TIMER, Cause.NO_ANSWER)),
        (ACTIVE, 700, (Disposition.COMPLETED, EndedBy.TIMER, Cause.NORMAL_CLEARING)),
        (
            (*ACTIVE, MemberLeft(2, LeaveReason.DROPPED)),
            105,
            (Disposition.FAILED, EndedBy.NETWORK, Cause.TEMPORARY_FAILURE),
        ),
        ((*ACTIVE, LegDisconnected()), 105, (Disposition.FAILED, EndedBy.NETWORK, Cause.NETWORK_OUT_OF_ORDER)),
    ],
)
def test_each_timer_ends_the_call(
    events: tuple[Event, ...], deadline: float, expected: tuple[Disposition, EndedBy, Cause]
) -> None:
    session = walk(*events)
    assert session.next_deadline() == deadline
    assert not session.handle(DeadlinePassed(), deadline - 0.001).changed
    assert session.handle(DeadlinePassed(), deadline).changed
    assert outcome(session) == expected


def test_a_callee_who_dropped_may_come_back() -> None:
    session = walk(*ACTIVE, MemberLeft(2, LeaveReason.DROPPED), MemberJoined(2))
    assert session.next_deadline() == 700
    assert session.call_state is CallState.ACTIVE


def test_a_callee_who_drops_while_ringing_leaves_it_to_the_ring_timer() -> None:
    session = walk(*RINGING, MemberJoined(2), MemberLeft(2, LeaveReason.DROPPED))
    assert (session.call_state, session.next_deadline()) == (CallState.RINGING, 130)


def test_a_leg_that_comes_back_in_time_changes_nothing_for_the_call() -> None:
    session = walk(*ACTIVE, LegDisconnected(), LegReconnected())
    assert (session.call_state, session.leg_state, session.next_deadline()) == (
        CallState.ACTIVE,
        LegState.CONNECTED,
        700,
    )


def test_a_grant_after_the_hang_up_is_joined_and_left_at_once() -> None:
    session = walk(Dialed(), HangUpRequested(), CallAccepted())
    assert actions(session) == [StartCall(), JoinChannel()]
    session.handle(LegJoined(), 101)
    assert actions(session) == [LeaveChannel()]
    session.handle(LegClosed(), 101)
    assert (session.call_state, outcome(session)[0]) == (CallState.ENDED, Disposition.CANCELED)


def test_hanging_up_twice_leaves_once() -> None:
    session = walk(*ACTIVE, HangUpRequested(), HangUpRequested(), LegReconnected(), LegJoined())
    assert actions(session).count(LeaveChannel()) == 1


def test_a_release_that_hangs_ends_by_its_timer_and_keeps_the_first_outcome() -> None:
    session = walk(*ACTIVE, HangUpRequested())
    session.handle(DeadlinePassed(), 102)
    assert session.call_state is CallState.ENDED
    assert outcome(session)[1] is EndedBy.CALLER


def test_dialling_twice_is_refused_and_changes_nothing() -> None:
    session = walk(*RINGING)
    with pytest.raises(CallStateError, match="dialled already"):
        session.handle(Dialed(), 100)
    assert session.call_state is CallState.RINGING


def test_audio_before_its_member_has_published_counts_as_published() -> None:
    session = walk(*RINGING, MemberJoined(2), AudioHeard(2))
    assert session.call_state is CallState.ACTIVE
    assert not session.handle(MemberPublished(2), 101).changed


@pytest.mark.parametrize("event", [CallRefused(Cause.CALL_REJECTED), StartLost()])
def test_a_start_that_fails_after_the_hang_up_ends_the_call_at_once_as_the_caller_s(event: Event) -> None:
    session = walk(Dialed(), HangUpRequested(), event)
    assert session.call_state is CallState.ENDED
    assert outcome(session) == (Disposition.CANCELED, EndedBy.CALLER, Cause.NORMAL_CLEARING)


def test_a_callee_who_dropped_before_the_answer_has_to_be_seen_again() -> None:
    policy = CallPolicy(answer=AnswerPolicy.FIRST_AUDIO)
    session = walk(*RINGING, MemberPublished(2), MemberLeft(2, LeaveReason.DROPPED), MemberJoined(2), policy=policy)
    assert session.call_state is CallState.RINGING
    early = walk(Dialed(), CallAccepted(), MemberPublished(2), MemberLeft(2, LeaveReason.DROPPED), LegJoined())
    assert early.call_state is CallState.RINGING, "it is not there any more when we join"


@pytest.mark.parametrize(
    ("first", "second", "cause"),
    [
        (LegDisconnected(), MemberLeft(2, LeaveReason.DROPPED), Cause.NETWORK_OUT_OF_ORDER),
        (MemberLeft(2, LeaveReason.DROPPED), LegDisconnected(), Cause.TEMPORARY_FAILURE),
    ],
)
def test_when_leg_and_callee_are_both_away_the_first_grace_to_expire_ends_the_call(
    first: Event, second: Event, cause: Cause
) -> None:
    session = walk(*ACTIVE)
    session.handle(first, 100)
    session.handle(second, 101)
    assert session.next_deadline() == 105
    session.handle(DeadlinePassed(), 105)
    assert outcome(session)[2] is cause


def test_timers_that_end_at_once_have_an_order() -> None:
    policy = CallPolicy(ring_timeout_s=59, max_duration_s=59)
    session = walk(Dialed(), CallAccepted(160), LegJoined(), policy=policy)
    assert list(session.deadlines.items())[-2:] == [(Timer.RING, 159), (Timer.TOKEN, 159)]
    session.handle(DeadlinePassed(), 130)
    session.handle(DeadlinePassed(), 159)
    assert outcome(session)[2] is Cause.NO_ANSWER


# ---- every joint state

ALPHABET: tuple[Event, ...] = (
    HangUpRequested(),
    DeadlinePassed(),
    CallAccepted(),
    CallRefused(Cause.CALL_REJECTED),
    StartLost(),
    AudioLost(Direction.SENT),
    WebhookReported(Disposition.BUSY),
    WebhookReported(Disposition.COMPLETED),
    WebhookReported(Disposition.NO_ANSWER),
    LegJoined(),
    LegDisconnected(),
    LegReconnected(),
    LegFailed("x"),
    LegClosed("x"),
    MemberJoined(2),
    MemberPublished(2),
    MemberUnpublished(2),
    AudioHeard(2),
    MemberLeft(2, LeaveReason.QUIT),
    MemberLeft(2, LeaveReason.DROPPED),
    MemberJoined(3),
    MemberLeft(3, LeaveReason.QUIT),
)
#: What happens to a token multiplies the states, so it is explored with fewer other events.
TOKEN_ALPHABET: tuple[Event, ...] = (
    HangUpRequested(),
    DeadlinePassed(),
    CallAccepted(40.0),
    GrantExpiring(),
    GrantRenewed(),
    GrantRenewed(80.0),
    RenewalFailed("x"),
    RenewalFailed("x", final=True),
    LegJoined(),
    LegDisconnected(),
    LegReconnected(),
    LegClosed("x"),
    MemberPublished(2),
)


def key(session: CallSession) -> tuple[object, ...]:
    """Everything that decides what the session does next, with deadlines reduced to their order."""
    state = dict(vars(session))
    del state["_deadlines"], state["impossible_events"]
    deadlines = session.deadlines
    token = vars(state.pop("_token")).copy()
    del token["_deadlines"]
    pending = state.pop("_actions")
    assert not pending
    state["_seen"] = frozenset(state["_seen"])
    return (*state.items(), *token.items(), tuple(sorted(deadlines, key=lambda timer: (deadlines[timer], timer.value))))


def clone(session: CallSession) -> CallSession:
    """An independent copy. Much quicker than deepcopy: `key` shows that all but these three is hashable."""
    other = copy.copy(session)
    for name in ("_deadlines", "_actions", "_seen"):
        setattr(other, name, copy.copy(getattr(session, name)))
    return other


def timers_alone_end(session: CallSession) -> bool:
    session = clone(session)
    for _ in range(12):
        deadline = session.next_deadline()
        if deadline is None:
            break
        session.handle(DeadlinePassed(), deadline)
    return session.call_state is CallState.ENDED


@pytest.mark.parametrize(
    ("answer", "alphabet"),
    [*((answer, ALPHABET) for answer in AnswerPolicy), (AnswerPolicy.CALLEE_PUBLISHED, TOKEN_ALPHABET)],
    ids=[*(answer.value for answer in AnswerPolicy), "token"],
)
def test_every_joint_state(answer: AnswerPolicy, alphabet: tuple[Event, ...]) -> None:
    """Explores all that can happen in any order and asserts what must hold in each state and across each step."""
    policy = CallPolicy(answer=answer)
    start = CallSession(policy, strict=False)
    start.handle(Dialed(), 0)
    assert start.next_action() == StartCall()
    queue = deque([(start, 0.0, frozenset[type]({StartCall}))])
    met = {(key(start), frozenset[type]({StartCall}))}
    joint: set[tuple[CallState, LegState]] = set()
    while queue:
        session, now, done = queue.popleft()
        joint.add((session.call_state, session.leg_state))
        assert timers_alone_end(session)
        assert (session.outcome is not None) == (session.call_state in (CallState.ENDING, CallState.ENDED))
        assert (session.next_deadline() is None) == (session.call_state is CallState.ENDED)
        if session.leg_state in (LegState.FAILED, LegState.CLOSED):
            assert session.call_state is CallState.ENDED
        for event in alphabet:
            after, later, new = clone(session), now + 1, set(done)
            if isinstance(event, DeadlinePassed):
                later = max(later, session.next_deadline() or later)
            after.handle(event, later)
            while (action := after.next_action()) is not None:
                assert type(action) not in new or action == RenewGrant(), f"{action} came twice"
                assert not isinstance(action, StartCall)
                assert not isinstance(action, LeaveChannel | OpenMedia) or JoinChannel in new
                assert not isinstance(action, CloseMedia) or OpenMedia in new
                assert FinishCall not in new, "nothing is asked for after the end"
                new.add(type(action))
            if session.call_state is CallState.ENDED:
                assert after.call_state is CallState.ENDED
            if session.outcome is not None and after.outcome != session.outcome:
                assert isinstance(event, WebhookReported), "the first outcome is final, but for reports"
                assert session.outcome.disposition in (Disposition.NO_ANSWER, Disposition.FAILED)
                assert after.outcome is not None
                assert after.outcome.disposition is event.disposition
                assert (after.call_state, after.leg_state) == (session.call_state, session.leg_state)
            if after.call_state is CallState.ENDED:
                assert FinishCall in new
                assert (OpenMedia in new) == (CloseMedia in new)
            mark = (key(after), frozenset(new))
            if mark not in met:
                met.add(mark)
                queue.append((after, later, frozenset(new)))
    if alphabet is TOKEN_ALPHABET:
        return
    assert joint == {
        (CallState.DIALING, LegState.NEW),
        (CallState.DIALING, LegState.CONNECTING),
        (CallState.RINGING, LegState.CONNECTED),
        (CallState.RINGING, LegState.DISCONNECTED),
        (CallState.ACTIVE, LegState.CONNECTED),
        (CallState.ACTIVE, LegState.DISCONNECTED),
        *((CallState.ENDING, leg) for leg in LegState if leg not in (LegState.FAILED, LegState.CLOSED)),
        *((CallState.ENDED, leg) for leg in LegState),
    }


def test_every_signal_that_ends_a_call_has_an_outcome() -> None:
    ending = {
        signal
        for row in CALL_TABLE.values()
        for signal, after in row.items()
        if after in (CallState.ENDING, CallState.ENDED)
    }
    assert ending - {Signal.RELEASE_EXPIRED} == set(ENDINGS)


# ---- the token


def expiring(at: float, *events: Event, policy: CallPolicy = POLICY) -> CallSession:
    """A call whose token ends at that time, taken as far as RINGING and the given events, at the time 100."""
    return walk(Dialed(), CallAccepted(at), LegJoined(), *events, policy=policy)


@pytest.mark.fault("F15")
def test_a_fresh_grant_is_asked_for_before_the_token_ends() -> None:
    session = expiring(160, MemberPublished(2))
    actions(session)
    assert session.next_deadline() == 130
    step = session.handle(DeadlinePassed(), 130)
    assert not step.changed
    assert actions(session) == [RenewGrant()]
    assert session.next_deadline() == 159
    session.handle(GrantRenewed(220), 131)
    assert session.next_deadline() == 190
    session.handle(DeadlinePassed(), 190)
    assert actions(session) == [RenewGrant()]
    session.handle(GrantRenewed(None), 191)
    assert session.next_deadline() == 700, "only the longest duration is left"


@pytest.mark.fault("F16")
def test_a_token_that_is_not_renewed_ends_the_call_just_before_its_own_end() -> None:
    session = expiring(160, MemberPublished(2))
    session.handle(DeadlinePassed(), 130)
    step = session.handle(DeadlinePassed(), 159)
    assert (step.call, step.evidence, step.grade) == (CallState.ENDING, Evidence.TOKEN_EXPIRED, Grade.OBSERVED)
    assert outcome(session) == (Disposition.FAILED, EndedBy.TIMER, Cause.NOT_AUTHORIZED)
    assert LeaveChannel() in actions(session)


@pytest.mark.fault("F16")
def test_a_renewal_that_failed_is_tried_again_while_there_is_time() -> None:
    session = expiring(160, MemberPublished(2))
    asked: list[float] = []
    while session.call_state is CallState.ACTIVE:
        deadline = session.next_deadline()
        assert deadline is not None
        session.handle(DeadlinePassed(), deadline)
        if RenewGrant() in actions(session):
            asked.append(deadline)
            session.handle(RenewalFailed("no"), deadline + 0.5)
    assert asked == [130, 135.5, 141, 146.5, 152, 157.5]
    assert outcome(session)[2] is Cause.NOT_AUTHORIZED


def test_when_no_plugin_renews_it_is_asked_for_only_once() -> None:
    session = expiring(160, MemberPublished(2))
    session.handle(DeadlinePassed(), 130)
    assert RenewGrant() in actions(session)
    session.handle(RenewalFailed("no plugin renews", final=True), 130)
    session.handle(GrantExpiring(), 135)
    assert session.next_deadline() == 159
    assert actions(session) == []


def test_a_renewal_that_was_ruled_out_before_its_time_is_not_asked_for() -> None:
    session = expiring(160, MemberPublished(2))
    actions(session)
    session.handle(RenewalFailed("no plugin renews", final=True), 110)
    assert session.next_deadline() == 130
    session.handle(DeadlinePassed(), 130)
    assert actions(session) == []
    assert session.next_deadline() == 159


def test_the_channel_can_ask_for_a_fresh_grant_too_but_not_twice() -> None:
    session = walk(*ACTIVE)
    actions(session)
    session.handle(GrantExpiring(), 105)
    session.handle(GrantExpiring(), 106)
    assert actions(session) == [RenewGrant()]
    session.handle(RenewalFailed("no"), 106)
    assert session.next_deadline() == 111, "when the token ends is not known, so it is tried again"
    session.handle(DeadlinePassed(), 111)
    assert actions(session) == [RenewGrant()]
    session.handle(RenewalFailed("no plugin renews", final=True), 112)
    assert session.next_deadline() == 700
    for before in (walk(Dialed(), strict=False), walk(*ACTIVE, HangUpRequested())):
        actions(before)
        before.handle(GrantExpiring(), 105)
        before.handle(GrantRenewed(110), 105)
        assert actions(before) == []
        assert before.call_state in (CallState.DIALING, CallState.ENDING)


@pytest.mark.parametrize("life_s", [0.0, 0.01, 1, 2, 10, 59])
def test_a_short_lived_token_is_not_renewed_without_end(life_s: float) -> None:
    """Each renewal comes no earlier than half of the token's life."""
    session = expiring(100 + life_s, MemberPublished(2))
    actions(session)
    now = 100.0
    for _ in range(20):
        deadline = session.next_deadline()
        assert deadline is not None
        assert deadline >= now + min(life_s / 2, 30)
        now = deadline
        session.handle(DeadlinePassed(), now)
        if RenewGrant() not in actions(session):
            break
        assert session.next_deadline() is not None
        session.handle(GrantRenewed(now + life_s), now)
    else:
        return
    assert life_s == 0


def test_a_token_that_was_over_before_we_were_in_ends_the_call_by_its_timer() -> None:
    session = expiring(50)
    assert session.next_deadline() == 50
    session.handle(DeadlinePassed(), 100)
    session.handle(DeadlinePassed(), 100)
    assert outcome(session)[2] is Cause.NOT_AUTHORIZED


# ---- one-way audio


@pytest.mark.fault("F25")
def test_lost_audio_is_noted_and_ends_the_call_only_if_that_was_asked_for() -> None:
    session = walk(*ACTIVE)
    assert not session.handle(AudioLost(Direction.HEARD), 110).changed
    assert not session.handle(AudioReturned(Direction.HEARD), 111).changed
    strict = walk(*ACTIVE, policy=CallPolicy(end_on_audio_loss=True))
    step = strict.handle(AudioLost(Direction.SENT), 110)
    assert (step.call, step.evidence) == (CallState.ENDING, Evidence.AUDIO_LOST)
    assert outcome(strict) == (Disposition.FAILED, EndedBy.NETWORK, Cause.TEMPORARY_FAILURE)
    ringing = walk(*RINGING, AudioLost(Direction.HEARD), policy=CallPolicy(end_on_audio_loss=True))
    assert ringing.call_state is CallState.RINGING
