"""The shell: it drives the session of one call, and is the only place where a session meets the world.

It feeds facts in, does what the session asks for, arms one timer, and writes every step down before acting on it.
Everything that a call starts runs in one runner task, so a call may be entered in one task and closed in another, and
nothing outlives it but what a plugin refuses to end.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from offhook.call.audio_flow import AudioFlow
from offhook.call.leg_handler import SafeLegHandler
from offhook.call.tasks import CallTasks
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
from offhook.interfaces import Leg
from offhook.interfaces.grant import Grant
from offhook.media.call_media import CallMedia
from offhook.plugin.hooks import renewed_grant
from offhook.plugin.isolation import as_plugin_error, contract_error, isolated, name_of
from offhook.plugin.part_checks import interface_mismatch
from offhook.records.record_keeper import RecordKeeper
from offhook.session.actions import CloseMedia, JoinChannel, LeaveChannel, OpenMedia, RenewGrant, StartCall
from offhook.session.events import (
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
    WebhookReported,
)
from offhook.session.machine import CallSession
from offhook.session.outcome import Cause
from offhook.session.states import CallState

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from offhook.call.parts import PhoneParts
    from offhook.call.watchdog import Block
    from offhook.interfaces import CarrierReport
    from offhook.interfaces.dialing import DialRequest
    from offhook.interfaces.frame import AudioFrame
    from offhook.media.stereo_recorder import StereoRecorder
    from offhook.records.timeline import Timeline
    from offhook.session.actions import Action
    from offhook.session.events import Event
    from offhook.session.record import CallRecord
    from offhook.session.states import LegState


#: How long a leg may take to take a fresh token.
_RENEW_TIMEOUT_S = 10.0
#: Less than this is no time to do anything in.
_SHORTEST_S = 0.001

_CAUSES: Final[Mapping[type[OffhookError], Cause]] = {
    CredentialsRejected: Cause.NOT_AUTHORIZED,
    RateLimited: Cause.SWITCHING_CONGESTION,
    CarrierUnavailable: Cause.TEMPORARY_FAILURE,
    CarrierProtocolError: Cause.PROTOCOL_ERROR,
}


class Driver:
    """Drives the session of one call.

    Args:
        request: the call, whose numbers have been checked.
        equipment: the parts to call with.
        recorder: takes both directions of the call, or None.
    """

    def __init__(self, request: DialRequest, equipment: PhoneParts, recorder: StereoRecorder | None) -> None:
        self._request = request
        self._equipment = equipment
        self._session = CallSession(request.policy)
        self._recorder = recorder
        self._leg: Leg | None = None
        self._fence: SafeLegHandler | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._heard: set[int] = set()
        self._finish = asyncio.Event()
        self._leaving_since_s: float | None = None
        self._releasing = False
        self._mistake: Exception | None = None
        self._asked_carrier = False
        self._continuity: AudioFlow | None = None
        #: Whether it was hung up, or found impossible, before it was dialled.
        self.given_up: bool = False
        self.runner: asyncio.Task[None] | None = None
        #: There once our leg has joined.
        self.media: CallMedia | None = None
        self._book = RecordKeeper(
            request.number,
            request.call_id,
            equipment.clock,
            equipment.stores,
            equipment.plugins.observers("offhook_call_transition"),
            self._session,
        )
        self._tasks = CallTasks(self.timeline.problem, self._own_mistake)

    @property
    def record(self) -> CallRecord:
        return self._book.record

    @property
    def timeline(self) -> Timeline:
        return self._book.timeline

    @property
    def error(self) -> OffhookError | None:
        """The refusal or failure that ended it, for whoever dialled."""
        return self._book.error

    @property
    def state(self) -> CallState:
        return self._session.call_state

    @property
    def leg_state(self) -> LegState:
        return self._session.leg_state

    @property
    def callee_present(self) -> bool:
        return self._session.callee_present

    def start(self, request: DialRequest) -> None:
        """Dial. Everything from here on happens in one task.

        Args:
            request: as it was admitted.
        """
        self._request = request
        self._book.begin()
        created = self._equipment.plugins.observers("offhook_call_created")
        self.timeline.observe("offhook_call_created", created, call_id=self.record.call_id, number=self.record.number)
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

    def report(self, report: CarrierReport) -> bool:
        """Take what the carrier says about the end of a call; returns whether that ended this one.

        A call that was not dialled, or whose end is known, is left alone.
        """
        ours = report.call_id == self.record.call_id or (report.channel and report.channel == self.record.channel)
        if not ours or self.runner is None or self._session.outcome is not None:
            return False
        self.feed(WebhookReported(report.disposition))
        return self._session.outcome is not None

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
        await self._tasks.finish()
        if not self.runner.cancelled():
            self.runner.result()

    def give_up(self) -> None:
        """Nothing was dialled, and nothing will be: leave no empty recording behind."""
        self.given_up = True
        self._discard()
        self._wake()

    async def release_admission(self) -> None:
        """Give back the place among the phone's calls, and let the callee be dialled again."""
        try:
            await self._equipment.admission.release(self.record.call_id, self.record.rang)
        except OffhookError as error:
            if all(entry.detail != error.message for entry in self.record.timeline):
                self.note(error)  # unless the store that is the guard has failed before, for the same reason

    def _discard(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.discard()

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Start a task that ends with the call: it gets a moment to finish, and is then cancelled.

        What is started after the end, to close a source that came too late, is waited for by `closed`.
        """
        return self._tasks.spawn(work)

    def note(self, error: OffhookError) -> None:
        """Something broke that the call survives."""
        self.timeline.problem(error.message, type(error).__name__)

    def _loop_blocked(self, block: Block) -> None:
        """The event loop was kept from turning, by whomever: it may explain a gap."""
        self.timeline.count("loop_blocks")
        self.timeline.count("loop_blocked_ms", round(block.took_s * 1000))
        self._book.add_entry("LoopBlocked", block.detail)

    def _unwatch(self, _: object) -> None:
        assert self._equipment.watchdog is not None
        self._equipment.watchdog.forget(self._loop_blocked)

    # ---- the loop: facts in, actions out

    def feed(self, event: Event) -> None:
        """Take a fact: decide, write down, act, arm the timer, wake whoever waits."""
        if self._releasing or self.state is CallState.ENDED:
            return
        due = isinstance(event, DeadlinePassed)
        at_s = self._book.reach(self._session.next_deadline()) if due else self._book.now_s()
        self._book.keep(event, self._session.handle(event, at_s), at_s)
        while (action := self._session.next_action()) is not None:
            self._act(action)
        if self._continuity is not None:
            self._continuity.follow(event)
        self._arm()
        self._wake()

    def _act(self, action: Action) -> None:
        match action:
            case StartCall():
                self._tasks.step(self._start_call())
            case JoinChannel():
                self._tasks.step(self._join())
            case LeaveChannel():
                self._tasks.step(self._leave())
            case RenewGrant():
                self._tasks.step(self._renew())
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
            delay_s = max(0.0, deadline - self._book.now_s())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self.feed, DeadlinePassed())

    def _wake(self, _: object = None) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    # ---- the world

    async def _start_call(self) -> None:
        carrier = self._equipment.carrier
        unwritten = self.timeline.unwritten
        if unwritten:  # no ring without a record
            self.record.rang = "no"
            self._book.error = RecordingError(
                f"{self.record.number} was not dialled, because the call cannot be written down: {unwritten} "
                "Mend that, or place calls without a store"
            )
            self.feed(CallRefused(Cause.TEMPORARY_FAILURE))
            return
        self._asked_carrier = True
        try:
            grant = await isolated(carrier, "start_call", lambda: carrier.start_call(self._request))
            if not isinstance(grant, Grant):  # pyright: ignore[reportUnnecessaryIsInstance] - a plugin may give anything
                raise contract_error(carrier, "start_call", f"gave {type(grant).__name__}, not a Grant", "Carrier")
        except OffhookError as error:
            self._book.error = error
            if isinstance(error, StartAmbiguous):
                self.feed(StartLost())
            else:
                if isinstance(error, CarrierError | ConfigError) and not getattr(error, "may_have_rung", False):
                    self.record.rang = "no"
                self.feed(CallRefused(_CAUSES.get(type(error), Cause.CALL_REJECTED)))
            return
        self._book.grant, self.record.channel = grant, grant.channel
        self.feed(CallAccepted(self._book.expiry_s(grant)))

    async def _renew(self) -> None:
        """Get a fresh grant and give it to our leg."""
        leg, grant, plugins = self._leg, self._book.grant, self._equipment.plugins
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
        self._book.grant = fresh
        self.feed(GrantRenewed(self._book.expiry_s(fresh)))

    def _fail_renewal(self, reason: str, *, final: bool) -> None:
        self._book.renewal_problem = reason
        self.feed(RenewalFailed(reason, final))

    async def _join(self) -> None:
        transport = self._equipment.transport
        assert self._book.grant is not None  # JoinChannel follows CallAccepted
        grant, resample = self._book.grant, self._equipment.plugins.resampler
        fence = self._fence = SafeLegHandler(name_of(transport), self.feed, self.hear, self.timeline)
        try:
            leg = await isolated(transport, "join", lambda: transport.join(grant, fence))
            problem = interface_mismatch(leg, Leg, is_last_moment=True)
            self._leg = leg if callable(getattr(leg, "leave", None)) else None  # left again, whatever it lacks
            if problem:
                raise contract_error(transport, "join", f"gave what cannot be used: {problem}", "Leg")
            if self._releasing:  # it did not listen when it was cancelled, and nobody waits for this leg
                await self._leave_leg()
                return
            if self.state is CallState.ENDED:  # at the last moment: it will be left again, with nothing to record
                self._discard()
            try:
                self.media = CallMedia(leg, resample, self._tasks.spawn, self.note, self._lose_leg, self._recorder)
            except BaseException as error:
                raise as_plugin_error(leg, "rate_hz", error) from error
        except OffhookError as error:
            self._lose_leg(error)
            return
        self._recorder = None
        fence.open(self.media.rate_hz)
        self._continuity = AudioFlow(self._session, self.media, self.record, self.feed)
        self.feed(LegJoined())

    def _lose_leg(self, error: OffhookError) -> None:
        self._book.error = error
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
        self._close_fence()
        if self.media is not None:
            try:
                self.record.counters.update(self.media.counters())
            except BaseException as error:
                self.note(as_plugin_error(leg, "counters", error))

    def _close_fence(self) -> None:
        if self._fence is not None:
            self._fence.close()

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

    def _own_mistake(self, error: Exception) -> None:
        """What no plugin is to blame for ends the call, in order, and comes out of `closed`."""
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
                await self._tasks.abandon()
            finally:
                self._end_session()
                try:
                    await self.release_admission()
                finally:
                    self._seal()

    async def _release(self) -> None:
        """Let go of everything, each for a bounded time, whether the session got here or we were cancelled."""
        self._releasing = True
        self._tasks.cancel_steps()
        if self._continuity is not None:
            self._continuity.end()
        if self.media is not None:
            self.media.end()
        await self._leave_leg()
        self._close_fence()  # of a join that never gave a leg
        await self._tasks.finish()

    def _end_session(self) -> None:
        """Timers alone end any session, so one that was cut short is run to its end here."""
        if self.state is not CallState.ENDED:
            at_s = self._book.now_s()
            self._book.keep(HangUpRequested(), self._session.handle(HangUpRequested(), at_s), at_s)
        while (deadline := self._session.next_deadline()) is not None:
            self._book.keep(DeadlinePassed(), self._session.handle(DeadlinePassed(), deadline), self._book.now_s())
        if self._timer is not None:
            self._timer.cancel()
        self._discard()  # still there when the leg never joined
        if not self._asked_carrier:
            self.record.rang = "no"

    def _seal(self) -> None:
        """The record is final."""
        ended = self._equipment.plugins.observers("offhook_call_ended")
        self.timeline.observe("offhook_call_ended", ended, call_id=self.record.call_id, record=self.record)
        self.timeline.close()
        self._wake()
