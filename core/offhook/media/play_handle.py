"""One item of playout: how it is played, how it ended, and the handle that a program holds."""

from __future__ import annotations

import asyncio
from enum import Enum, StrEnum
from typing import TYPE_CHECKING

from offhook.interfaces.loops import LoopAffinity, within
from offhook.interfaces.samples import UNDAMAGED, Damage
from offhook.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.errors import OffhookError
    from offhook.interfaces import AudioSource
    from offhook.media.mixing import Gain


def label_of(what: object) -> str:
    """What is played, for messages: a spec, or the name of a generator or a class."""
    if isinstance(what, str):
        return quoted(what)
    name: object = getattr(what, "__name__", None)  # of a generator
    kind = type(what).__name__
    return f"{kind} {name}" if isinstance(name, str) else kind


class PlayMode(StrEnum):
    """What happens to the audio that is playing when another item is played."""

    #: It goes on; the new item follows everything in the queue, without a gap.
    QUEUE = "queue"
    #: It ends at once, with everything that is queued or mixed in; the new item takes its place.
    REPLACE = "replace"
    #: It goes on; the new item is mixed into it from the next frame on.
    MIX = "mix"


class PlayoutEnd(Enum):
    """How the playout of one item ended."""

    #: All of it was sent.
    COMPLETED = "completed"
    #: `Call.clear()` dropped the rest: the callee barged in.
    CLEARED = "cleared"
    #: An item that was played with `PlayMode.REPLACE` took its place.
    REPLACED = "replaced"
    #: `PlayHandle.cancel()` dropped the rest.
    CANCELED = "canceled"
    #: The call ended first.
    CALL_ENDED = "call_ended"
    #: Its source failed, or stalled while its end was waited for; `PlayHandle.problem` is the error.
    FAILED = "failed"


class PlayHandle:
    """One item of playout; returned by `Call.play()`.

    Its methods raise `CallStateError` when they are called from another thread or event loop than the call's; its
    properties can be read anywhere. Other threads use `ThreadsafeCall.wait` and `ThreadsafeCall.cancel`.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_affinity",
        "_drop",
        "_end",
        "_problem",
        "_rate_hz",
        "buffered_bytes",
        "damage",
        "dropped",
        "failure",
        "gain",
        "held_back",
        "label",
        "read_to_end",
        "samples_read",
        "samples_sent",
        "source",
        "underruns",
        "waiters",
    )

    def __init__(
        self,
        source: AudioSource,
        rate_hz: int,
        drop: Callable[[PlayHandle, PlayoutEnd], None],
        gain: Gain | None = None,
        label: str = "",
    ) -> None:
        self._affinity = LoopAffinity("this playout")
        self._rate_hz = rate_hz
        self._drop = drop
        self._end: asyncio.Future[PlayoutEnd] = asyncio.get_running_loop().create_future()
        self._problem: OffhookError | None = None
        self.source: AudioSource = source
        #: What is played, for messages.
        self.label: str = label or type(source).__name__
        #: How many tasks wait in `done`.
        self.waiters: int = 0
        self.gain: Gain | None = gain
        self.samples_sent: int = 0
        #: How many of its samples do not have their true value: clipped, NaN, cancelled out.
        self.damage: Damage = UNDAMAGED
        #: Frames that were filled up with silence because its source was late.
        self.underruns: int = 0
        # The state that the queue keeps in this item.
        self.buffered_bytes: int = 0
        self.samples_read: int = 0
        self.read_to_end: bool = False
        self.held_back: bool = False
        #: The error of its source; the item ends with this error once the audio before the error was sent.
        self.failure: OffhookError | None = None
        self.dropped: bool = False

    async def done(self, *, timeout_s: float | None = None) -> PlayoutEnd:
        """Wait until all of it was sent, or the rest was dropped. A failed playout raises no error.

        The wait ends at the latest with the call. While it lasts, the source must not stall: when the item's turn has
        come and its source yields no audio for the call's `stall_timeout_s`, the item ends as `PlayoutEnd.FAILED` and
        `problem` is a `SourceStalled`. While nothing waits for its end, a source may pause for any time.

        Args:
            timeout_s: how long to wait at most; None for no limit of its own. The item goes on after that.

        Returns:
            How it ended.

        Raises:
            WaitTimeout: it was not over within `timeout_s`.
            ConfigError: `timeout_s` is not a finite number of seconds from 0 up.
            CallStateError: this was called on another event loop than the call's.
        """
        self._affinity.check()
        self.waiters += 1
        try:
            return await within("done", timeout_s, lambda: asyncio.shield(self._end))
        finally:
            self.waiters -= 1

    @property
    def position_ms(self) -> float:
        """How much of the item has been sent, in milliseconds."""
        return self.samples_sent * 1000 / self._rate_hz

    @property
    def ended(self) -> PlayoutEnd | None:
        """How it ended, or None while it is waiting or playing."""
        return self._end.result() if self._end.done() else None

    @property
    def problem(self) -> OffhookError | None:
        """What went wrong, when it ended as `PlayoutEnd.FAILED`."""
        return self._problem

    def __repr__(self) -> str:
        state = self.ended.value if self.ended else "waiting or playing"
        return f"PlayHandle({self.label}, {self.position_ms:.0f} ms sent, {state})"

    def cancel(self) -> float:
        """Drop the rest of this item; the items queued behind it go on. Returns the milliseconds that were sent.

        Raises:
            CallStateError: this was called from another thread or event loop than the call's.
        """
        self._affinity.check()
        self._drop(self, PlayoutEnd.CANCELED)
        return self.position_ms

    def finish(self, end: PlayoutEnd, problem: OffhookError | None = None) -> None:
        """Set how it ended; calls after the first change nothing."""
        self._affinity.check()
        if not self._end.done():
            self._problem = problem
            self._end.set_result(end)
