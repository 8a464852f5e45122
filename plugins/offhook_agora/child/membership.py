"""One leg: a connection of the SDK, and the thread that makes its calls.

All calls for a leg but those of `Speech` are made by one thread, one after the other: none is made in a callback, none
while a lock is held, and none after the release. So a hung call stops one leg, and `hangs` shows it.
"""

from __future__ import annotations

import contextlib
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, TypeAlias

from offhook_agora.child.calls import Calls
from offhook_agora.child.opening import connect, new_connection
from offhook_agora.child.presence import Note, Presence
from offhook_agora.child.reasons import Meaning, ending, meaning
from offhook_agora.child.renewal import Renewals
from offhook_agora.child.sdk import callbacks_of
from offhook_agora.child.speech import Speech
from offhook_agora.messages import (
    Counts,
    Flush,
    Flushed,
    Leave,
    Left,
    Reason,
    Renew,
    RenewalRefused,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_agora.child.sdk import Connection, Sdk, Service
    from offhook_agora.messages import Audio, FromChild, Join

#: How long the SDK may take to confirm that we left, before the connection is released all the same.
GONE_S: Final = 2.0
#: The same for a connection that was never up, has failed, or does not disconnect: there may be nothing to confirm.
_FAILED_S: Final = 0.5
#: How long a push may take before the connection is taken away. One that takes longer has hung: then nothing is
#: released, and the process is ended by those who watch it.
_PUSH_S: Final = 2.0
#: How long after its expiry a token may be renewed; the SDK closes the connection by itself, sooner or later.
_EXPIRED_S: Final = 2.0
_COUNTS_S: Final = 1.0

Request: TypeAlias = Renew | Leave


class Membership:
    """Made for a `Join`. `open` and the leg's thread make the calls of the SDK.

    Args:
        join: the request.
        emit: called with each message; does not block.
        taken: called when a request was handled.
        over: called at the end of the thread with what native code might still call; it is to be kept for a while.
        now: the time.

    Attributes:
        leg: the leg's number.
        speech: our audio.
    """

    def __init__(
        self,
        join: Join,
        emit: Callable[[FromChild | Audio], None],
        taken: Callable[[], None],
        over: Callable[[Membership, tuple[object, ...]], None],
        now: Callable[[], float],
    ) -> None:
        self.leg: Final = join.leg
        self._calls = Calls(now)
        self._audio_calls = Calls(now)
        self.speech: Final = Speech(join.leg, join.rate_hz, join.lead_ms, self._audio_calls, emit, now)
        self._join = join
        self._emit = emit
        self._taken = taken
        self._over = over
        self._now = now
        self._requests: SimpleQueue[Request | Note] = SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._done = threading.Event()
        self._presence = Presence(join.leg, join.rate_hz, emit, self._requests.put, now)
        self._connection: Connection | None = None
        self._callbacks: tuple[object, ...] = ()
        self._leave_asked = False
        self._ended = False
        self._gone_s = GONE_S
        self._renewals = Renewals(self._calls, emit, now)
        self._expired_at_s: float | None = None
        self._counts_at_s = now() + _COUNTS_S
        self._last_counts = Counts(join.leg)
        self._thread = threading.Thread(target=self._run, name=f"offhook agora leg {join.leg}", daemon=True)

    def put(self, request: Request) -> bool:
        """Have the leg's thread handle a request; returns False if the leg is over."""
        with self._gate:
            if not self._closed:
                self._requests.put(request)
            return not self._closed

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end of the leg; returns whether it has ended."""
        return self._done.wait(timeout_s)

    def hangs(self, limit_s: float) -> bool:
        """Whether a call of the SDK has been running for longer than this."""
        return self._calls.hangs(limit_s) or self._audio_calls.hangs(limit_s)

    # On the engine's thread

    def open(self, sdk: Sdk, service: Service) -> None:
        """Begin to join, and start the leg's thread.

        Raises:
            Refusal: it cannot be joined; `abandon` ends what is there of it.
        """
        connection, user = new_connection(self._join, sdk, service, self._calls)
        self._connection = connection
        connect(self._join, sdk, connection, user, self._presence, self._calls)
        self._callbacks = callbacks_of(connection)
        self._thread.start()

    def abandon(self) -> None:
        """End a leg that `open` has refused."""
        self._presence.fence()
        if self._connection is not None:
            self._calls.make(self._connection.release)
            self._connection = None
        self._finish()

    # On the leg's thread

    def _run(self) -> None:
        while not self._ended:
            request: Request | Note | None = None
            with contextlib.suppress(Empty):
                request = self._requests.get(timeout=self._wait_s())
            if isinstance(request, Note):
                self._act(request)
            elif request is not None:
                self._handle(request)
                self._taken()
            self._tick()
        self._tear_down()

    def _wait_s(self) -> float:
        deadlines = [self._counts_at_s, self._expired_at_s, self._renewals.deadline_s]
        return max(0.0, min(it for it in deadlines if it is not None) - self._now())

    def _tick(self) -> None:
        now_s = self._now()
        self._renewals.due(now_s)
        if self._expired_at_s is not None and now_s >= self._expired_at_s:
            self._expired_at_s = None
            if not self._presence.fenced:
                self._presence.end(ending(self.leg, self._presence.joined, meaning(9)))
        if now_s >= self._counts_at_s:
            self._counts_at_s = now_s + _COUNTS_S
            self._count()

    def _act(self, note: Note) -> None:
        if note is Note.ENDED:
            self._ended, self._gone_s = True, _FAILED_S
        elif note is Note.JOINED:
            self._publish()
        elif note is Note.TOKEN_EXPIRED:
            if self._renewals.deadline_s is None:
                self._expired_at_s = self._now() + _EXPIRED_S
        elif note is Note.TOKEN_ACCEPTED:
            self._renewals.confirmed()
        else:
            self._renewals.invalid(expired=note is Note.TOKEN_TOO_OLD)

    def _handle(self, request: Request) -> None:
        match request:
            case Renew():
                if self._connection is not None and self._renewals.ask(request, self._connection):
                    self._expired_at_s = None
            case Leave():
                self._leave_asked = self._ended = True

    def _publish(self) -> None:
        connection = self._connection
        if connection is None:
            return
        result = self._calls.make(connection.publish_audio)
        if result == 0:
            self.speech.open(connection, self._calls)
            return
        returned = "failed" if result is None else f"returned {result}"
        what = Meaning(Reason.SDK, f"Agora's SDK does not publish our audio: publish_audio {returned}")
        self._presence.end(ending(self.leg, self._presence.joined, what))

    # The end

    def _tear_down(self) -> None:
        connection, self._connection = self._connection, None
        self._presence.fence()
        if not self.speech.shut(_PUSH_S):
            connection = None
        if connection is not None:
            left = self._calls.make(connection.disconnect) == 0
            self._presence.gone.wait(self._gone_s if left and self._presence.joined else _FAILED_S)
        self._count()
        if self._leave_asked:
            self._emit(Left(self.leg))  # before the release, which can take as long as the SDK likes
        if connection is not None:
            self._calls.make(connection.release)
        self._finish()

    def _finish(self) -> None:
        with self._gate:
            self._closed = True
        while not self._requests.empty():
            request = self._requests.get()
            if not isinstance(request, Note):
                answer_late(request, self._emit)
                self._taken()
        self._over(self, self._callbacks)
        self._done.set()

    def _count(self) -> None:
        presence, speech, outgoing = self._presence, self.speech, self.speech.outgoing
        counts = Counts(
            self.leg,
            frames_sent=speech.sent - outgoing.dropped,
            frames_dropped=speech.dropped + outgoing.dropped,
            frames_flushed=outgoing.flushed,
            frames_refused=speech.refused,
            underruns=outgoing.underruns,
            frames_heard=presence.incoming.frames,
            frames_malformed=presence.incoming.malformed,
            callbacks_late=presence.callbacks_late,
            callbacks_failed=presence.callbacks_failed,
            errors=presence.sdk_errors + self._calls.failed + self._audio_calls.failed,
        )
        if counts != self._last_counts:
            self._last_counts = counts
            self._emit(counts)


def answer_late(request: Request | Flush, emit: Callable[[FromChild | Audio], None]) -> None:
    """Answer a request to a leg that is over, or never was."""
    match request:
        case Leave(leg):
            emit(Left(leg))
        case Flush(leg):
            emit(Flushed(leg, 0))
        case Renew(leg, number):
            emit(RenewalRefused(leg, number, Reason.LEFT, "the leg has left the channel"))
