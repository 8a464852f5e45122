"""Watches whether audio flows. While our connection is lost, it holds playout and records the gap. While our connection
is up, it reports when no audio arrives from a callee who should be heard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.session.events import (
    AudioHeard,
    LegDisconnected,
    LegReconnected,
    MemberPublished,
    MemberUnpublished,
)
from offhook.session.record import Gap
from offhook.session.states import CallState, LegState

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from offhook.call.heartbeat import Pause
    from offhook.media.call_media import CallMedia
    from offhook.session.events import Event
    from offhook.session.machine import CallSession
    from offhook.session.record import CallRecord


class AudioFlow:
    """Made when the leg has joined.

    Args:
        session: the session of the call, which is only read.
        media: the call's media, whose playout is held while the connection is lost.
        record: where gaps are kept.
        timer: runs while the callee should be heard; media calls its `heard` for each frame.
    """

    def __init__(self, session: CallSession, media: CallMedia, record: CallRecord, timer: SilenceTimer) -> None:
        self._session = session
        self._media = media
        self._gaps = record.gaps
        self._callee_muted = False
        self._timer = timer

    def follow(self, event: Event) -> None:
        """The session has taken an event."""
        session, media = self._session, self._media
        match event:
            case LegDisconnected() if session.leg_state is LegState.DISCONNECTED and not self._in_gap:
                self._gaps.append(Gap(media.position / media.rate_hz))
                media.hold()
            case LegReconnected() if session.leg_state is LegState.CONNECTED and self._in_gap:
                self._gaps[-1].end_s = media.position / media.rate_hz
                media.resume()
            case MemberPublished(uid) | MemberUnpublished(uid) | AudioHeard(uid) if uid == session.callee_uid:
                self._callee_muted = isinstance(event, MemberUnpublished)
            case _:
                pass
        self._timer.expect(
            session.call_state is CallState.ACTIVE
            and session.leg_state is LegState.CONNECTED
            and session.callee_present
            and not self._callee_muted
        )

    def paused(self, pause: Pause) -> None:
        """The event loop turns again. If the whole process stood still, that is a gap like any other."""
        media = self._media
        media.slept(pause.slept_s)
        self._timer.restart()  # what arrived meanwhile is still to be read
        end = media.position
        start = max(0, end - round(pause.took_s * media.rate_hz))
        if pause.whole_process:
            if not self._in_gap:
                self._gaps.append(Gap(start / media.rate_hz, end / media.rate_hz))
            media.drop_between(start, end)

    def end(self) -> None:
        """The call is over. Idempotent."""
        self._timer.expect(False)

    @property
    def _in_gap(self) -> bool:
        return bool(self._gaps) and self._gaps[-1].end_s is None


class SilenceTimer:
    """Watches one direction.

    Args:
        loop: the event loop, whose clock is the time.
        timeout_s: how long audio may be missing.
        lost: called once when it has been missing for `timeout_s`.
        returned: called once when it is there again.
    """

    __slots__ = ("_loop", "_lost", "_returned", "_since_s", "_timeout_s", "_timer", "missing")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        timeout_s: float,
        lost: Callable[[], None],
        returned: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._timeout_s = timeout_s
        self._lost = lost
        self._returned = returned
        self._since_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        #: Whether audio was found missing and has not returned.
        self.missing: bool = False

    def expect(self, expected: bool) -> None:
        """Set whether audio should arrive from now on. Calling it again with the same value changes nothing."""
        if expected and self._timer is None and not self.missing:
            self._since_s = self._loop.time()
            self._arm()
        elif not expected:
            self.missing = False
            self._stop()

    def heard(self, now_s: float) -> None:
        """A frame arrived now."""
        self._since_s = now_s
        if self.missing:
            self.missing = False
            self._arm()
            self._returned()

    def restart(self) -> None:
        """Begin anew to wait for audio, because none could arrive until now."""
        self._since_s = self._loop.time()

    def _arm(self) -> None:
        self._timer = self._loop.call_at(self._since_s + self._timeout_s, self._check)

    def _check(self) -> None:
        if self._loop.time() < self._since_s + self._timeout_s:
            self._arm()
            return
        self._timer = None
        self.missing = True
        self._lost()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
