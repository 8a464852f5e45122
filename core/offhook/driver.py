"""The shell: it drives the session of one call, and is the only place where a session meets the world.

It feeds facts in, does what the session asks for, arms one timer, and writes every step down before acting on it.
Everything that a call starts runs in one runner task, so a call may be entered in one task and closed in another, and
nothing outlives it but what a plugin refuses to end.
"""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING

from offhook.actions import CloseMedia, JoinChannel, LeaveChannel, OpenMedia, RenewGrant, StartCall
from offhook.clock import iso_8601
from offhook.continuity import Continuity
from offhook.decisions import renewed_grant
from offhook.errors import (
    CarrierError,
    CarrierProtocolError,
    CarrierUnavailable,
    ConfigError,
    CredentialsRejected,
    OffhookError,
    PluginError,
    RateLimited,
    RecordingError,
    StartAmbiguous,
)
from offhook.events import (
    AudioHeard,
    CallAccepted,
    CallRefused,
    DeadlinePassed,
    Dialed,
    GrantRenewed,
    HangUpRequested,
    LegClosed,
    LegFailed,
    LegJoined,
    RenewalFailed,
    StartLost,
)
from offhook.grant import Grant
from offhook.interfaces import Leg
from offhook.isolation import LET_GO_S, as_plugin_error, isolated, let_go, name_of, settle
from offhook.journal import facts_of
from offhook.media import CallMedia
from offhook.numbers import mask
from offhook.outcome import Cause, Disposition
from offhook.policy import policy_document
from offhook.record import CallRecord, TimelineEntry
from offhook.secret import redact
from offhook.session import CallSession
from offhook.states import CallState, Evidence
from offhook.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from offhook.actions import Action
    from offhook.audio import AudioFrame
    from offhook.equipment import Equipment
    from offhook.events import Event, LegEvent
    from offhook.policy import CallPolicy
    from offhook.session import Step
    from offhook.states import LegState
    from offhook.stereo import StereoRecorder
    from offhook.watchdog import Block

#: How long sinks and sources may take to close when the call is over.
_CLOSE_TIMEOUT_S = 2.0
#: How long they may take to end once they are cancelled; a little more than what they wait for themselves.
_LET_GO_S = 2 * LET_GO_S
#: How long a leg may take to take a fresh token.
_RENEW_TIMEOUT_S = 10.0
#: Less than this is no time to do anything in.
_SHORTEST_S = 0.001

_CAUSES: dict[type[OffhookError], Cause] = {
    CredentialsRejected: Cause.NOT_AUTHORIZED,
    RateLimited: Cause.SWITCHING_CONGESTION,
    CarrierUnavailable: Cause.TEMPORARY_FAILURE,
    CarrierProtocolError: Cause.PROTOCOL_ERROR,
}


class Driver:
    """Drives the session of one call.

    Args:
        number: whom to call, checked already.
        equipment: the parts to call with.
        policy: the timers and the answer policy.
        recorder: takes both directions of the call, or None.
    """

    def __init__(self, number: str, equipment: Equipment, policy: CallPolicy, recorder: StereoRecorder | None) -> None:
        self._number = number
        self._equipment = equipment
        self._session = CallSession(policy)
        self._recorder = recorder
        self._dialed_at_s = 0.0
        self._latest_s = 0.0
        self._grant: Grant | None = None
        self._leg: Leg | None = None
        self._steps: set[asyncio.Task[None]] = set()
        self._others: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._heard: set[int] = set()
        self._finish = asyncio.Event()
        self._leaving_since_s: float | None = None
        self._releasing = False
        self._released = False
        self._mistake: Exception | None = None
        self._asked_carrier = False
        self._continuity: Continuity | None = None
        self._renewal_problem = ""
        #: Whether it was hung up, or found impossible, before it was dialled.
        self.given_up = False
        self.runner: asyncio.Task[None] | None = None
        #: The refusal or failure that ended it, for whoever dialled.
        self.error: OffhookError | None = None
        #: There once our leg has joined.
        self.media: CallMedia | None = None
        self.record = CallRecord(equipment.ids.call_id(), mask(number), "")
        observers = equipment.plugins.observers("offhook_call_transition")
        stores = equipment.stores.of_call(self.record.call_id)
        self.timeline = Timeline(self.record, stores, observers, self._add_entry)

    @property
    def state(self) -> CallState:
        return self._session.call_state

    @property
    def leg_state(self) -> LegState:
        return self._session.leg_state

    @property
    def callee_present(self) -> bool:
        return self._session.callee_present

    def start(self) -> None:
        """Dial. Everything from here on happens in one task."""
        self.record.dialed_at = iso_8601(self._equipment.clock.wall_s())
        self._dialed_at_s = self._equipment.clock.monotonic_s()
        created = self._equipment.plugins.observers("offhook_call_created")
        self.timeline.observe(created, call_id=self.record.call_id, number=self.record.number)
        self.runner = asyncio.create_task(self._run(), name=self.record.call_id)
        if self._equipment.watchdog is not None:
            self._equipment.watchdog.watch(self._loop_blocked)
            self.runner.add_done_callback(self._unwatch)  # before whoever waits for the end is told of it
        self.runner.add_done_callback(self._wake)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that happened to the call makes `condition` true, or nothing can happen any more."""
        while not condition() and not (self.runner is not None and self.runner.done()):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def hang_up(self) -> None:
        """Ask for the end. Idempotent."""
        if self._session.outcome is None:
            self.feed(HangUpRequested())

    async def closed(self) -> None:
        """Wait until nothing of the call is left.

        A wait that is cancelled abandons the rest, and returns only when that is done. Each further cancellation cuts
        short what the one before was still waiting for.
        """
        if self.runner is None:
            self.give_up()
            return
        cancelled: asyncio.CancelledError | None = None
        while not self.runner.done():
            try:
                await asyncio.wait({self.runner})
            except asyncio.CancelledError as error:
                cancelled = error
                self.runner.cancel()
        if cancelled is not None:
            raise cancelled
        await self._let_finish()
        if not self.runner.cancelled():
            self.runner.result()

    def give_up(self) -> None:
        """Nothing was dialled, and nothing will be: leave no empty recording behind."""
        self.given_up = True
        self._discard()
        self._wake()

    def release_admission(self) -> None:
        """Give back the place among the phone's calls, and let the callee be dialled again."""
        try:
            self._equipment.admission.release(self.record.call_id, self.record.rang)
        except OffhookError as error:
            self.note(error)

    def _discard(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.discard()

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Start a task that ends with the call: it gets a moment to finish, and is then cancelled.

        What is started after the end, to close a source that came too late, is waited for by `closed`.
        """
        return self._begin(work, self._others)

    def note(self, error: OffhookError) -> None:
        """Something broke that the call survives."""
        self.timeline.problem(error.message, type(error).__name__)

    def _loop_blocked(self, block: Block) -> None:
        """The event loop was kept from turning, by whomever: it may explain a gap."""
        self.timeline.count("loop_blocks")
        self.timeline.count("loop_blocked_ms", round(block.took_s * 1000))
        self._add_entry("LoopBlocked", block.detail)

    def _unwatch(self, _: object) -> None:
        assert self._equipment.watchdog is not None
        self._equipment.watchdog.forget(self._loop_blocked)

    # ---- the loop: facts in, actions out

    def feed(self, event: Event) -> None:
        """Take a fact: decide, write down, act, arm the timer, wake whoever waits."""
        if self._releasing or self.state is CallState.ENDED:
            return
        at_s = self._now_s()
        if isinstance(event, DeadlinePassed):  # whatever the clock's last digit says
            at_s = self._latest_s = max(at_s, self._session.next_deadline() or at_s)
        self._keep(event, self._session.handle(event, at_s), at_s)
        while (action := self._session.next_action()) is not None:
            self._act(action)
        if self._continuity is not None:
            self._continuity.follow(event)
        self._arm()
        self._wake()

    def _act(self, action: Action) -> None:
        match action:
            case StartCall():
                self._step(self._start_call())
            case JoinChannel():
                self._step(self._join())
            case LeaveChannel():
                self._step(self._leave())
            case RenewGrant():
                self._step(self._renew())
            case OpenMedia():
                assert self.media is not None  # a call is active only after our leg has joined
                self.media.open()
            case CloseMedia():
                assert self.media is not None
                self.media.close()
            case _:
                self._finish.set()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._session.next_deadline()
        if deadline is not None:
            delay_s = max(0.0, deadline - self._now_s())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self.feed, DeadlinePassed())

    def _wake(self, _: object = None) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    # ---- what is written down

    def _keep(self, event: Event, step: Step, at_s: float) -> None:
        record = self.record
        match event:
            case Dialed():
                record.rang = "unknown"  # written down before the carrier is asked, and until its answer is here
            case CallAccepted():
                record.accepted_at_s, record.rang = at_s, "assumed"
            case LegJoined():
                record.joined_at_s = at_s
            case AudioHeard(uid) if uid == self._session.callee_uid:
                record.first_heard_at_s = at_s
            case _:
                pass
        if step.call is CallState.ACTIVE and record.answered_at_s is None:
            record.answered_at_s = record.first_sent_at_s = at_s
        if record.outcome is None and self._session.outcome is not None:
            record.outcome = self._session.outcome
            if record.outcome.disposition is Disposition.FAILED:
                self.timeline.failure(self._explain(event, step.evidence))
        if step.call is CallState.ENDED:
            record.ended_at_s = at_s
        if step.changed or not isinstance(event, DeadlinePassed):
            self._add_entry(type(event).__name__, self._detail(event), step, at_s, self._facts(event))

    def _add_entry(
        self,
        event: str,
        detail: str,
        step: Step | None = None,
        at_s: float | None = None,
        facts: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        self.timeline.add(
            TimelineEntry(
                self._now_s() if at_s is None else at_s,
                event,
                self.state,
                self.leg_state,
                step is not None and step.changed,
                step.evidence if step else None,
                step.grade if step else None,
                redact(detail),
                facts,
            )
        )

    def _now_s(self) -> float:
        """Seconds since dialling: the clock of the session, of the journal and of the record. In whole microseconds,
        so that a journal that was written and read again gives the session the same times."""
        return max(self._latest_s, round(self._equipment.clock.monotonic_s() - self._dialed_at_s, 6))

    def _facts(self, event: Event) -> dict[str, object]:
        """What a journal needs beside the event's name to be replayed; the first entry holds the policy as well."""
        facts = {name: redact(value) if isinstance(value, str) else value for name, value in facts_of(event).items()}
        if isinstance(event, Dialed):
            facts["policy"] = policy_document(self._session.policy)
        return facts

    def _detail(self, event: Event) -> str:
        if isinstance(event, CallAccepted) and self._grant is not None:
            return f"channel={self._grant.channel} token_sha256={self._grant.token.fingerprint}"
        return " ".join(f"{name}={value}" for name, value in facts_of(event).items() if value is not None)

    def _explain(self, event: Event, evidence: Evidence | None) -> str:
        """One sentence for what broke."""
        policy = self._session.policy
        if self.error is not None:
            return self.error.message
        if evidence is Evidence.TOKEN_EXPIRED:
            return f"the token had its time, and there was no fresh one: {self._renewal_problem or 'none came in time'}"
        if evidence is Evidence.AUDIO_LOST:
            return f"no audio for {policy.audio_timeout_s:g} s in one direction"
        if isinstance(event, LegFailed | LegClosed):
            return f"the channel was lost: {event.reason}"
        if evidence is Evidence.LEG_LOST:
            return f"our connection to the channel broke and did not come back within {policy.grace_s:g} s"
        if evidence is Evidence.CALLEE_DROPPED:
            return f"the callee vanished from the channel and did not come back within {policy.grace_s:g} s"
        return f"not in the channel within {policy.setup_timeout_s:g} s of dialling"

    # ---- the world

    async def _start_call(self) -> None:
        carrier = self._equipment.carrier
        unwritten = self.timeline.unwritten
        if unwritten:  # no ring without a record
            self.record.rang = "no"
            self.error = RecordingError(
                f"{self.record.number} was not dialled, because the call cannot be written down: {unwritten} "
                "Mend that, or place calls without a store"
            )
            self.feed(CallRefused(Cause.TEMPORARY_FAILURE))
            return
        self._asked_carrier = True
        try:
            grant = await isolated(carrier, "start_call", lambda: carrier.start_call(self._number))
            if not isinstance(grant, Grant):  # pyright: ignore[reportUnnecessaryIsInstance] - a plugin may give anything
                raise PluginError(name_of(carrier), "start_call", f"gave {type(grant).__name__}, not a Grant")
        except OffhookError as error:
            self.error = error
            if isinstance(error, StartAmbiguous):
                self.feed(StartLost())
            else:
                if isinstance(error, CarrierError | ConfigError) and not getattr(error, "may_have_rung", False):
                    self.record.rang = "no"
                self.feed(CallRefused(_CAUSES.get(type(error), Cause.CALL_REJECTED)))
            return
        self._grant, self.record.channel = grant, grant.channel
        self.feed(CallAccepted(self._expiry(grant)))

    def _expiry(self, grant: Grant) -> float | None:
        """When a grant's token ends, on the session's clock: from here on no step of the wall clock matters."""
        if grant.expires_at_s is None:
            return None
        return round(self._now_s() + grant.expires_at_s - self._equipment.clock.wall_s(), 6)

    async def _renew(self) -> None:
        """Get a fresh grant and give it to our leg."""
        leg, grant, plugins = self._leg, self._grant, self._equipment.plugins
        assert leg is not None  # only a call that is in the channel renews
        assert grant is not None
        if not plugins.observers("offhook_renew_grant"):
            self._fail_renewal("no plugin renews grants (offhook_renew_grant)", final=True)
            return
        try:
            fresh = await renewed_grant(plugins, self.record.call_id, grant, self.note)
            await isolated(leg, "renew", lambda: leg.renew(fresh), _RENEW_TIMEOUT_S)
        except OffhookError as error:
            self._fail_renewal(error.message, final=False)
            return
        self._grant = fresh
        self.feed(GrantRenewed(self._expiry(fresh)))

    def _fail_renewal(self, reason: str, *, final: bool) -> None:
        self._renewal_problem = reason
        self.feed(RenewalFailed(reason, final))

    async def _join(self) -> None:
        transport = self._equipment.transport
        assert self._grant is not None  # JoinChannel follows CallAccepted
        grant, resample = self._grant, self._equipment.plugins.resampler
        try:
            leg = await isolated(transport, "join", lambda: transport.join(grant, _Handler(self)))
            if not isinstance(leg, Leg):  # pyright: ignore[reportUnnecessaryIsInstance] - a plugin may give anything
                raise PluginError(name_of(transport), "join", f"gave {type(leg).__name__}, not a Leg")
            self._leg = leg
            if self._releasing:  # it did not listen when it was cancelled, and nobody waits for this leg
                await self._leave_leg()
                return
            if self.state is CallState.ENDED:  # at the last moment: it will be left again, with nothing to record
                self._discard()
            try:
                self.media = CallMedia(leg, resample, self.spawn, self.note, self._lose_leg, self._recorder)
            except Exception as error:
                raise as_plugin_error(leg, "rate_hz", error) from error
        except OffhookError as error:
            self._lose_leg(error)
            return
        self._recorder = None
        self._continuity = Continuity(self._session, self.media, self.record, self.feed)
        self.feed(LegJoined())

    def _lose_leg(self, error: OffhookError) -> None:
        self.error = error
        self.feed(LegFailed(error.message))

    async def _leave(self) -> None:
        await self._leave_leg()
        self.feed(LegClosed())

    async def _leave_leg(self) -> None:
        """Leave, for no longer than the release timeout, however often it is tried."""
        leg = self._leg
        if leg is None:
            return
        now_s, limit_s = self._equipment.clock.monotonic_s(), self._session.policy.release_timeout_s
        if self._leaving_since_s is None:
            self._leaving_since_s = now_s
        left_s = limit_s - (now_s - self._leaving_since_s)
        try:
            if left_s < _SHORTEST_S:
                raise PluginError(name_of(leg), "leave", f"no answer within {limit_s:g} s")
            await isolated(leg, "leave", leg.leave, left_s)
        except OffhookError as error:
            self.note(error)
        self._leg = None
        if self.media is not None:
            try:
                self.record.counters.update(self.media.counters())
            except Exception as error:
                self.note(as_plugin_error(leg, "counters", error))

    def hear(self, uid: int, frame: AudioFrame) -> None:
        """A frame arrived from the channel."""
        media = self.media
        if media is None or self._continuity is None or self.state is CallState.ENDED:
            return
        if uid not in self._heard:
            self._heard.add(uid)
            self.feed(AudioHeard(uid))
        if uid == self._session.callee_uid:
            media.hear(uid, frame)
            self._continuity.heard()
        else:
            self.timeline.count("frames_from_others")

    # ---- the runner

    def _step(self, work: Coroutine[None, None, None]) -> None:
        """Start something that the session asked for; it is cancelled when the call is over."""
        self._begin(work, self._steps)

    def _begin(self, work: Coroutine[None, None, None], kept: set[asyncio.Task[None]]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._owned(work), name=getattr(work, "__qualname__", None))
        kept.add(task)
        task.add_done_callback(kept.discard)
        task.add_done_callback(lambda _: work.close())  # a task that is cancelled before it begins never touches it
        return task

    async def _owned(self, work: Coroutine[None, None, None]) -> None:
        """What plugins raise is caught where they are called. Anything else is our mistake: it ends the call, in order,
        and comes out of `closed`, so that no other task of the call is torn down with it."""
        try:
            await work
        except Exception as error:
            self._mistake = self._mistake or error
            self._lose_leg(PluginError("offhook", "driver", f"{type(error).__name__}: {error}"))
            self.hang_up()

    async def _run(self) -> None:
        try:
            self.feed(Dialed())
            await self._finish.wait()
        except GeneratorExit:  # the loop was closed under the call: nothing can be waited for any more
            raise
        except BaseException:
            await self._wind_up()
            raise
        await self._wind_up()
        if self._mistake is not None:
            raise self._mistake

    async def _wind_up(self) -> None:
        try:
            await self._release()
        finally:
            try:
                await self._abandon()
            finally:
                self._seal()

    async def _release(self) -> None:
        """Let go of everything, each for a bounded time, whether the session got here or we were cancelled."""
        self._releasing = True
        try:
            for task in tuple(self._steps):
                task.cancel()
            if self._continuity is not None:
                self._continuity.end()
            if self.media is not None:
                self.media.end()
            await self._leave_leg()
            await self._let_finish()
        finally:
            self._released = True

    async def _let_finish(self) -> None:
        """Give the call's other tasks a moment, then cancel them."""
        if self._others:
            _, stuck = await asyncio.wait(self._others, timeout=_CLOSE_TIMEOUT_S)
            if stuck:
                after = f"was not done {_CLOSE_TIMEOUT_S:g} s after the end of the call, and was cancelled"
                self.timeline.problem(f"a source or a sink {after}: {_names(stuck)}")
            self._leave_behind(await let_go(stuck, _LET_GO_S))

    async def _abandon(self) -> None:
        """Go on without whatever is left and does not end by being cancelled."""
        for task in self._others:  # still there when the release was cut short
            task.cancel()
        self._leave_behind(await settle(self._steps | self._others, _LET_GO_S))

    def _leave_behind(self, tasks: set[asyncio.Task[None]]) -> None:
        self._steps -= tasks
        self._others -= tasks
        if tasks:
            self.timeline.problem(f"a plugin did not end when it was cancelled, and was left behind: {_names(tasks)}")

    def _seal(self) -> None:
        """The record is final. Timers alone end any session, so one that was cut short is run to its end here."""
        if self.state is not CallState.ENDED:
            at_s = self._now_s()
            self._keep(HangUpRequested(), self._session.handle(HangUpRequested(), at_s), at_s)
        while (deadline := self._session.next_deadline()) is not None:
            self._keep(DeadlinePassed(), self._session.handle(DeadlinePassed(), deadline), self._now_s())
        if self._timer is not None:
            self._timer.cancel()
        self._discard()  # still there when the leg never joined
        if not self._asked_carrier:
            self.record.rang = "no"
        self.release_admission()
        ended = self._equipment.plugins.observers("offhook_call_ended")
        self.timeline.observe(ended, call_id=self.record.call_id, record=self.record)
        self.timeline.close()
        self._wake()


def _names(tasks: set[asyncio.Task[None]]) -> str:
    return ", ".join(sorted(task.get_name() for task in tasks))


class _Handler:
    """What the leg calls. It says nothing more once the call is over."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def on_event(self, event: LegEvent) -> None:
        self._driver.feed(event)

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        self._driver.hear(uid, frame)
