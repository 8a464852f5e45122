"""Does audio flow? While the connection is gone what is said waits, and the gap is written down; while it is there, a
callee who should be heard and is not is noted.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from offhook.audio_watch import AudioWatch
from offhook.events import (
    AudioHeard,
    AudioLost,
    AudioReturned,
    Direction,
    LegDisconnected,
    LegReconnected,
    MemberPublished,
    MemberUnpublished,
)
from offhook.record import Gap
from offhook.states import CallState, LegState

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.events import Event
    from offhook.media import CallMedia
    from offhook.record import CallRecord
    from offhook.session import CallSession


class Continuity:
    """Made when the leg has joined.

    Args:
        session: the call's.
        media: is held while the connection is gone.
        record: where gaps are kept.
        feed: takes `AudioLost` and `AudioReturned`.
    """

    def __init__(
        self, session: CallSession, media: CallMedia, record: CallRecord, feed: Callable[[Event], None]
    ) -> None:
        self._session = session
        self._media = media
        self._gaps = record.gaps
        self._callee_muted = False
        lost, returned = AudioLost(Direction.HEARD), AudioReturned(Direction.HEARD)
        self._watch = AudioWatch(
            asyncio.get_running_loop(), session.policy.audio_timeout_s, lambda: feed(lost), lambda: feed(returned)
        )

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
        self._watch.expect(
            session.call_state is CallState.ACTIVE
            and session.leg_state is LegState.CONNECTED
            and session.callee_present
            and not self._callee_muted
        )

    def heard(self) -> None:
        """A frame of the callee came."""
        self._watch.heard()

    def end(self) -> None:
        """The call is over. Idempotent."""
        self._watch.expect(False)

    @property
    def _in_gap(self) -> bool:
        return bool(self._gaps) and self._gaps[-1].end_s is None
