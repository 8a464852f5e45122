"""The loop: it drives the session of one call, and is the only place where a session meets the world.

It passes events to the session, does what the session asks for, arms one timer, and writes every step down before
acting on it. Everything that a call starts runs in one runner task, so a call may be entered in one task and closed in
another. Nothing of a call is left after its end, except plugin code that ignores its cancellation.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import TYPE_CHECKING, Final

from offhook.call.dialing import Dialing
from offhook.call.heartbeat import Heartbeat
from offhook.call.our_leg import OurLeg
from offhook.call.program_notes import PLAYOUT_CUT, ProgramNotes
from offhook.call.reports import ReportedCall
from offhook.call.tasks import CallTasks
from offhook.errors import OffhookError, PluginError
from offhook.interfaces.numbers import mask_all
from offhook.records.record_keeper import RecordKeeper
from offhook.secret import redact
from offhook.session.actions import CloseMedia, JoinChannel, LeaveChannel, OpenMedia, RenewGrant, StartCall
from offhook.session.events import CallAccepted, DeadlinePassed, Dialed, HangUpRequested, LegJoined
from offhook.session.machine import CallSession
from offhook.session.states import CallState

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from offhook.call.heartbeat import Pause
    from offhook.call.parts import PhoneParts
    from offhook.call.watchdog import Block
    from offhook.interfaces import CarrierReport
    from offhook.interfaces.dialing import DialRequest
    from offhook.media.call_media import CallMedia
    from offhook.media.stereo_recorder import StereoRecorder
    from offhook.records.timeline import Timeline
    from offhook.session.actions import Action
    from offhook.session.events import Event
    from offhook.session.record import CallRecord
    from offhook.session.states import LegState


_log: Final = logging.getLogger("offhook")


class Driver:
    """Drives the session of one call.

    Args:
        request: the call, whose numbers have been checked.
        parts: the parts to call with.
        recorder: takes both directions of the call, or None.
    """

    def __init__(self, request: DialRequest, parts: PhoneParts, recorder: StereoRecorder | None) -> None:
        self.request: DialRequest = request
        self._parts = parts
        self._session = CallSession(request.policy)
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._finish = asyncio.Event()
        self._releasing = False
        self._mistake: Exception | None = None
        self._mistake_logged = False
        #: Whether the call was hung up, refused or found impossible before it was dialled.
        self.given_up: bool = False
        self.runner: asyncio.Task[None] | None = None
        #: The call as reports see it; None until it is dialled.
        self._reported: ReportedCall | None = None
        self._book = RecordKeeper(
            request.number,
            request.from_number,
            request.call_id,
            parts.clock,
            parts.stores,
            parts.plugins.hooks,
            self._session,
        )
        #: What the program does to the sound.
        self.program: ProgramNotes = ProgramNotes(self.timeline.note)
        self._tasks = CallTasks(self.timeline.problem, self._own_mistake)
        self._dialing = Dialing(parts.carrier, self._book)
        self._heartbeat = Heartbeat(parts.clock, parts.watchdog, self._paused)
        self._leg = OurLeg(parts, self._session, self._book, self._tasks, self.feed, recorder, self._heartbeat.look)

    # ---- what is known

    @property
    def media(self) -> CallMedia | None:
        """None until our leg has joined."""
        return self._leg.media

    @property
    def record(self) -> CallRecord:
        return self._book.record

    @property
    def timeline(self) -> Timeline:
        return self._book.timeline

    @property
    def error(self) -> OffhookError | None:
        """The refusal or failure that ended the call, if any. Entering the `Call` raises this error."""
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

    @property
    def settled(self) -> bool:
        """Whether nothing of the call is left: its record is final, and all its tasks and parts are released."""
        return self.given_up or (self.runner is not None and self.runner.done())

    @property
    def mistake(self) -> BaseException | None:
        """An error in offhook itself that ended the runner; None while it runs."""
        runner = self.runner
        return runner.exception() if runner is not None and runner.done() and not runner.cancelled() else None

    # ---- what a call and its phone ask for

    def start(self, request: DialRequest) -> None:
        """Dial. Everything from here on happens in one task.

        Args:
            request: as it was admitted.
        """
        self.request = request
        self._book.call_from(request.from_number)
        self._book.begin()
        self._reported = ReportedCall(request, self.record, self.report)
        self._parts.reports.begin(self._reported)
        hooks, failed = self._parts.plugins.hooks, self.timeline.observer_failed
        hooks.call_created(self.record.call_id, self.record.number, failed)
        self._heartbeat.start()
        self.runner = asyncio.create_task(self._run(), name=self.record.call_id)
        if self._parts.watchdog is not None:
            self._parts.watchdog.watch(self._loop_blocked)
            self.runner.add_done_callback(self._unwatch)  # before those who wait for the end are woken
        self.runner.add_done_callback(self._wake)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until an event of the call makes `condition` true, or until the call has ended completely."""
        while not condition() and not (self.runner is not None and self.runner.done()):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                if waiter in self._waiters:  # the wait was cancelled
                    self._waiters.remove(waiter)

    def hang_up(self) -> None:
        """Ask the session to end the call. Idempotent."""
        if self._session.outcome is None:
            self._note_cut()
            self.feed(HangUpRequested())

    def _note_cut(self) -> None:
        """Note that a hang-up drops audio; a source that has nothing to say at the moment loses nothing."""
        if self.media is not None and self.media.playout.queued_ms > 0:
            sent_ms = self.media.playout.position_ms
            detail = f"{sent_ms:.0f} ms had been sent of what was playing"
            self.program.add(PLAYOUT_CUT, detail, {"sent_ms": round(sent_ms, 3)})

    async def end(self) -> None:
        """Hang up, if the call was dialled, and wait until nothing of it is left. Idempotent and bounded."""
        if self.runner is not None:
            self.hang_up()
        await self.closed()

    async def end_quietly(self) -> None:
        """As `end`; an error in offhook itself is logged once, with its traceback, and not raised."""
        try:
            await self.end()
        except Exception as error:
            if not self._mistake_logged:
                self._mistake_logged = True
                lines = mask_all(redact("".join(traceback.format_exception(error))))
                _log.error("%s: a bug in offhook, please report it\n%s", self.record.call_id, lines)

    def report(self, report: CarrierReport) -> bool:
        """Take what the carrier says about the end of this call; returns whether that ended or amended it."""
        amendments = self._book.amendments
        if self._session.outcome is not None:
            return amendments.take(report)
        self.feed(amendments.event(report))
        return self._session.outcome is not None

    async def closed(self) -> None:
        """Wait until nothing of the call is left.

        If this is cancelled, it cancels the runner, waits until the runner has released everything, and then raises
        CancelledError. Each further cancellation makes the runner skip the step that it is waiting for.
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
        """Nothing was dialled, and nothing will be: end the streams of events, and leave no empty recording behind."""
        self.given_up = True
        self._parts.admission.by_load.forget(self.record.call_id)
        self.timeline.end_streams()
        self._leg.discard_recording()
        self._wake()

    async def release_admission(self) -> None:
        """Give back the call's place in the phone and the guard's key, so that the callee can be dialled again."""
        try:
            await self._parts.admission.release(self.record.call_id, self.record.rang)
        except OffhookError as error:
            if all(entry.detail != error.message for entry in self.record.timeline):
                self.note(error)  # unless the store that is the guard has failed before, for the same reason

    def spawn(self, work: Coroutine[None, None, None], *, name: str) -> asyncio.Task[None]:
        """Start a task that ends with the call: it gets a moment to finish, and is then cancelled.

        `name` says what it does, for messages.
        `closed` also waits for a task that is started after the end because it has to close a source that was opened
        too late.
        """
        return self._tasks.spawn(work, name=name)

    def note(self, error: OffhookError, doing: str = "") -> None:
        """Write down an error that the call survives; see `RecordKeeper.note`."""
        self._book.note(error, doing)

    def _loop_blocked(self, block: Block) -> None:
        """Note that the event loop was blocked, which may explain a gap."""
        self.timeline.count("loop_blocks")
        self.timeline.count("loop_blocked_ms", round(block.took_s * 1000))
        self.timeline.note("LoopBlocked", block.detail)

    def _paused(self, pause: Pause) -> None:
        """The loop turns again after a pause: note it first if the whole process stood still, then mend the times."""
        if pause.whole_process:
            self.timeline.count("standstills")
            self.timeline.count("stood_still_ms", round(pause.took_s * 1000))
            end_s = self._book.now_s()
            start_s = max(0.0, end_s - pause.took_s)
            self.timeline.note(
                "StoodStill",
                f"the process stood still for {pause.took_s:.2f} s, from {start_s:.2f} s to {end_s:.2f} s: it was "
                "stopped or paused, got no CPU time, or the machine slept. Nothing was sent or heard in that time",
            )
        self._leg.paused(pause)
        self._arm()  # the loop's timers do not count the time in which the machine slept

    def _unwatch(self, _: object) -> None:
        assert self._parts.watchdog is not None
        self._parts.watchdog.forget(self._loop_blocked)

    # ---- the loop: events in, actions out

    def feed(self, event: Event) -> None:
        """Take an event: decide, write down, act, arm the timer, wake those who wait."""
        self._heartbeat.check()
        if self._releasing or self.state is CallState.ENDED:
            return
        due = isinstance(event, DeadlinePassed)
        at_s = self._book.reach(self._session.next_deadline()) if due else self._book.now_s()
        self._book.keep(event, self._session.handle(event, at_s), at_s)
        while (action := self._session.next_action()) is not None:
            self._act(action)
        self._leg.follow(event)
        self._arm()
        self._wake()
        if isinstance(event, LegJoined):
            self._parts.admission.by_load.dialled(self.record.call_id)
        if isinstance(event, CallAccepted):
            assert self._reported is not None  # the call was dialled
            self._parts.reports.look_again(self._reported)  # a webhook may be faster than the carrier's answer

    def _act(self, action: Action) -> None:
        match action:
            case StartCall():
                self._tasks.step(self._start_call())
            case JoinChannel():
                self._tasks.step(self._leg.join())
            case LeaveChannel():
                self._tasks.step(self._leg.leave())
            case RenewGrant():
                self._tasks.step(self._leg.renew())
            case OpenMedia():
                assert self.media is not None  # a call is active only after our leg has joined
                self._parts.admission.by_load.talks(self.record.call_id)
                self.media.open()
            case CloseMedia():
                assert self.media is not None
                self.media.close()
            case _:
                self._finish.set()

    async def _start_call(self) -> None:
        self.feed(await self._dialing.start_call(self.request))

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

    # ---- the runner

    def _own_mistake(self, error: Exception) -> None:
        """End the call in order after an error in offhook itself; `closed` raises the error."""
        self._mistake = self._mistake or error
        self._leg.lose(PluginError("offhook", "driver", f"{type(error).__name__}: {error}"))
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
        """Release everything and make the record final, whether the session has ended or this task was cancelled."""
        try:
            self._releasing = True
            self._heartbeat.stop()
            self._tasks.cancel_steps()
            await self._leg.release()
            await self._tasks.finish()
        finally:
            try:
                await self._tasks.abandon()
            finally:
                self._end_session()
                self.record.counters.update(self._parts.admission.by_load.leave(self.record.call_id))
                self.timeline.save()  # whole, and now: the process may die while a guard on a network is asked
                try:
                    await self.release_admission()
                finally:
                    self._seal()

    def _end_session(self) -> None:
        """End a session that was cut short, by hanging up and then letting its timers expire."""
        self.program.end()
        if self.state is not CallState.ENDED:
            at_s = self._book.now_s()
            self._book.keep(HangUpRequested(), self._session.handle(HangUpRequested(), at_s), at_s)
        while (deadline := self._session.next_deadline()) is not None:
            self._book.keep(DeadlinePassed(), self._session.handle(DeadlinePassed(), deadline), self._book.now_s())
        if self._timer is not None:
            self._timer.cancel()
        self._leg.discard_recording()  # still there when the leg never joined
        if not self._dialing.asked:
            self.record.rang = "no"

    def _seal(self) -> None:
        """The record is final, but for reports of the carrier."""
        self._parts.reports.end(self.record.call_id, self._book.amendments.take)
        hooks, failed = self._parts.plugins.hooks, self.timeline.observer_failed
        hooks.call_ended(self.record.call_id, self.record, failed)
        self.timeline.close()
        self._wake()
