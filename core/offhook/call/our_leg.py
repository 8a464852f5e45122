"""Our leg in the channel: joining, renewing and leaving, each isolated and bounded, with the media that needs it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from offhook.call.audio_flow import AudioFlow, SilenceTimer
from offhook.call.leg_handler import SafeLegHandler
from offhook.errors import OffhookError, PluginError
from offhook.interfaces import Leg
from offhook.media.call_media import CallMedia
from offhook.plugin.isolation import as_plugin_error, contract_error, isolated, name_of
from offhook.plugin.part_checks import interface_mismatch
from offhook.session.events import (
    AudioHeard,
    AudioLost,
    AudioReturned,
    Direction,
    GrantRenewed,
    LegClosed,
    LegFailed,
    LegJoined,
    RenewalFailed,
)
from offhook.session.states import CallState

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.call.heartbeat import Pause
    from offhook.call.parts import PhoneParts
    from offhook.call.tasks import CallTasks
    from offhook.media.stereo_recorder import StereoRecorder
    from offhook.records.record_keeper import RecordKeeper
    from offhook.session.events import Event
    from offhook.session.machine import CallSession


#: How long a leg may take to accept a fresh token.
_RENEW_TIMEOUT_S: Final = 10.0
#: If less time than this is left, in seconds, leaving is not tried.
_SHORTEST_S: Final = 0.001


class OurLeg:
    """The leg of one call. Made with the call, before there is a channel to join.

    Args:
        parts: the transport to join with, and the plugins that renew grants and convert audio.
        session: the session of the call, which is only read.
        book: has the grant, and takes what goes wrong and the counters.
        tasks: run the sources of the call.
        feed: takes events.
        recorder: takes both directions of the call, or None.
        check_pause: called before a frame of the callee is used, so that a pause of the loop is known; None where
            that is not looked at.
    """

    def __init__(
        self,
        parts: PhoneParts,
        session: CallSession,
        book: RecordKeeper,
        tasks: CallTasks,
        feed: Callable[[Event], None],
        recorder: StereoRecorder | None,
        check_pause: Callable[[], None] | None,
    ) -> None:
        self._parts = parts
        self._session = session
        self._book = book
        self._tasks = tasks
        self._feed = feed
        self._recorder = recorder
        self._check_pause = check_pause
        self._leg: Leg | None = None
        self._handler: SafeLegHandler | None = None
        self._flow: AudioFlow | None = None
        self._leaving_since_s: float | None = None
        self._releasing = False
        #: None until our leg has joined.
        self.media: CallMedia | None = None

    # ---- steps that the session asks for

    async def join(self) -> None:
        """Join the channel of the grant, and make the media."""
        parts, grant, timeline = self._parts, self._book.grant, self._book.timeline
        assert grant is not None  # JoinChannel follows CallAccepted
        handler = self._handler = SafeLegHandler(
            name_of(parts.transport), self._feed, timeline.count, timeline.problem, timeline.remark
        )
        try:
            leg = await isolated(parts.transport, "join", lambda: parts.transport.join(grant, handler))
            try:
                # To leave it, whatever else it lacks.
                self._leg = leg if callable(getattr(leg, "leave", None)) else None
                problem = interface_mismatch(leg, Leg, is_last_moment=True)
            except BaseException as error:  # an attribute of the leg raised
                raise as_plugin_error(parts.transport, "join", error) from error
            if problem:
                raise contract_error(parts.transport, "join", f"returned what cannot be used: {problem}", "Leg")
            if self._releasing:  # the join ignored its cancellation, and the call does not wait for this leg
                await self._leave()
                return
            if self._session.call_state is CallState.ENDED:  # the leg will leave at once, with nothing to record
                self.discard_recording()
            self._open(leg, handler)
        except OffhookError as error:
            self.lose(error)
            return
        self._feed(LegJoined())

    async def renew(self) -> None:
        """Get a fresh grant and pass it to the leg."""
        leg, grant, hooks = self._leg, self._book.grant, self._parts.plugins.hooks
        assert leg is not None  # only a call that is in the channel renews
        assert grant is not None
        if not hooks.can_renew:
            self._fail_renewal("no plugin renews grants (offhook_renew_grant)", final=True)
            return
        try:
            fresh = await hooks.renew_grant(self._book.record.call_id, grant, self._note)
            await isolated(leg, "renew", lambda: leg.renew(fresh), _RENEW_TIMEOUT_S)
        except OffhookError as error:
            self._fail_renewal(error.message, final=False)
            return
        self._book.grant = fresh
        self._feed(GrantRenewed(self._book.expiry_s(fresh)))

    async def leave(self) -> None:
        """Leave the channel."""
        await self._leave()
        self._feed(LegClosed())

    # ---- what the driver calls

    def follow(self, event: Event) -> None:
        """The session has taken an event: media has to know the callee, and whether audio should flow."""
        if self.media is not None and self._flow is not None:
            self.media.callee_uid = self._session.callee_uid
            self._flow.follow(event)

    def paused(self, pause: Pause) -> None:
        """The event loop turns again."""
        if self._flow is not None:
            self._flow.paused(pause)

    def lose(self, error: OffhookError) -> None:
        """Our leg is broken, or never joined."""
        self._book.error = error
        if self.media is not None:  # before that, entering the call raises the error
            self._book.timeline.warn(error.message)
        self._feed(LegFailed(error.message))

    async def release(self) -> None:
        """The call is over, or is abandoned: release everything, each step within a time limit."""
        self._releasing = True
        if self._flow is not None:
            self._flow.end()
        if self.media is not None:
            self.media.end()
        await self._leave()
        if self._handler is not None:
            self._handler.close()  # still open if the join never returned a leg

    def discard_recording(self) -> None:
        """Remove the recording, if no leg has joined to fill it."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.discard()

    # ---- inside

    def _open(self, leg: Leg, handler: SafeLegHandler) -> None:
        lost, returned = AudioLost(Direction.HEARD), AudioReturned(Direction.HEARD)
        timer = SilenceTimer(
            asyncio.get_running_loop(),
            self._session.policy.audio_timeout_s,
            lambda: self._feed(lost),
            lambda: self._feed(returned),
        )
        try:
            media = self.media = CallMedia(
                leg,
                self._parts.plugins.resampler,
                self._tasks.spawn,
                self._note,
                self.lose,
                self._recorder,
                remark=self._book.timeline.note,
                check_pause=self._check_pause,
                first_audio=lambda uid: self._feed(AudioHeard(uid)),
                callee_audio=timer.heard,
                stall_timeout_s=self._session.policy.stall_timeout_s,
            )
        except BaseException as error:
            raise as_plugin_error(leg, "rate_hz", error) from error
        self._recorder = None
        self._flow = AudioFlow(self._session, media, self._book.record, timer)
        handler.open(media.rate_hz, media.hear)

    def _fail_renewal(self, reason: str, *, final: bool) -> None:
        self._book.renewal_problem = reason
        self._feed(RenewalFailed(reason, final))

    async def _leave(self) -> None:
        """Leave the channel. All attempts together take at most the release timeout."""
        leg = self._leg
        if leg is None:
            return
        now_s, limit_s = self._parts.clock.monotonic_s(), self._session.policy.release_timeout_s
        if self._leaving_since_s is None:
            self._leaving_since_s = now_s
        left_s = limit_s - (now_s - self._leaving_since_s)
        try:
            if left_s < _SHORTEST_S:
                raise PluginError(name_of(leg), "leave", f"no answer within {limit_s:g} s")
            await isolated(leg, "leave", lambda: leg.leave(), left_s)
        except OffhookError as error:
            self._note(error)
        self._leg = None
        assert self._handler is not None  # made before the leg
        self._handler.close()
        if self.media is not None:
            try:
                self._book.record.counters.update(self.media.counters())
            except BaseException as error:
                self._note(as_plugin_error(leg, "counters", error))

    def _note(self, error: OffhookError, doing: str = "") -> None:
        self._book.note(error, doing)
