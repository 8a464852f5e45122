"""Runs the SDK in this process: takes requests, makes its calls on threads of its own, emits what happens.

Its first thread loads the SDK, initialises the service and opens connections, and says every half second that it is
alive. While a call of the SDK hangs, whichever thread made it, `Alive` is not sent: who waits for it must end this
process. Before `Ready` nothing is sent, since loading the SDK can take long on a cold disk.
"""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from offhook.interfaces import SystemClock
from offhook_agora.child.membership import Membership, answer_late
from offhook_agora.child.reasons import Refusal
from offhook_agora.child.sdk import Sdk, SdkUnusable, load
from offhook_agora.child.service import process_service
from offhook_agora.messages import (
    PROTOCOL,
    Alive,
    Audio,
    Join,
    Leave,
    Ready,
    Reason,
    Refused,
    Start,
    Stop,
    Unusable,
    sentence,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_agora.messages import FromChild, ToChild

ALIVE_S: Final = 0.5
#: A call of the SDK that takes longer has hung, as far as `Alive` is concerned.
HUNG_S: Final = 1.0
#: Connections of which the objects that native code calls are kept after their release: a late callback must find them.
_KEPT: Final = 32


class Engine:
    """Runs the SDK. `handle` does not block, and may be called from any thread.

    Args:
        start: where the SDK is.
        pid: the id of this process, for `Ready`.
        emit: called with each message and each frame of audio, from any thread; does not block.
        taken: called when a request was handled: with the leg for audio, with 0 for others.
        forget: called with a leg that is over.
        now: the time.
    """

    def __init__(
        self,
        start: Start,
        pid: int,
        emit: Callable[[FromChild | Audio], None],
        *,
        taken: Callable[[int], None] = lambda leg: None,
        forget: Callable[[int], None] = lambda leg: None,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._start = start
        self._pid = pid
        self._emit = emit
        self._taken = taken
        self._forget = forget
        self._now = now or SystemClock().monotonic_s
        self._legs: dict[int, Membership] = {}
        self._kept: deque[tuple[object, ...]] = deque(maxlen=_KEPT)
        #: None ends the thread.
        self._joins: SimpleQueue[Membership | None] = SimpleQueue()
        self._wanted: dict[int, Join] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="offhook agora engine", daemon=True)
        self._thread.start()

    def handle(self, message: ToChild | Audio) -> None:
        """Carry a request out. `Start` was an argument; another one is ignored."""
        match message:
            case Audio(leg=leg):
                membership = self._legs.get(leg)
                if membership is None or not membership.put(message):
                    self._forget(leg)
            case Join():
                self._join(message)
            case Stop() | Start():
                self._taken(0)
            case _:
                membership = self._legs.get(message.leg)
                if membership is None or not membership.put(message):
                    answer_late(message, self._emit)
                    self._taken(0)

    def stop(self, timeout_s: float) -> bool:
        """Leave all channels and end the threads; returns whether that was done in time. Blocks. Idempotent."""
        until_s = self._now() + timeout_s
        legs = list(self._legs.values())
        for membership in legs:
            membership.put(Leave(membership.leg))
        self._joins.put(None)
        done = [membership.wait(max(0.0, until_s - self._now())) for membership in legs]
        return self._ended.wait(max(0.0, until_s - self._now())) and all(done)

    def _join(self, join: Join) -> None:
        if join.leg in self._legs:
            self._emit(Refused(join.leg, Reason.REQUEST, f"leg {join.leg} is in use"))
            self._taken(0)
            return
        membership = Membership(join, self._emit, self._taken, self._over, self._now)
        self._legs[join.leg] = membership
        self._wanted[join.leg] = join
        self._joins.put(membership)

    # On the engine's thread

    def _run(self) -> None:
        try:
            self._serve()
        finally:
            self._ended.set()

    def _serve(self) -> None:
        start = self._start
        try:
            sdk = load(Path(start.package), Path(start.libraries))
        except SdkUnusable as error:
            self._emit(Unusable(PROTOCOL, error.code, error.text))
            return
        self._emit(Ready(PROTOCOL, self._pid, start.sdk))
        alive_s, number = self._now(), 0
        while True:
            if self._now() >= alive_s:
                alive_s = self._now() + ALIVE_S
                if not self._hangs():
                    number += 1
                    self._emit(Alive(number))
            try:
                membership = self._joins.get(timeout=max(0.0, alive_s - self._now()))
            except Empty:
                continue
            if membership is None:
                return
            self._open(sdk, membership)

    def _open(self, sdk: Sdk, membership: Membership) -> None:
        join = self._wanted.pop(membership.leg)
        try:
            service = process_service.get(sdk, join.app_id, self._start.folder)
            membership.open(sdk, service)
        except Refusal as refusal:
            self._emit(Refused(join.leg, refusal.reason, sentence(refusal.text)))
            membership.abandon()
        self._taken(0)

    def _hangs(self) -> bool:
        now_s = self._now()
        busy = [membership.busy_since_s for membership in list(self._legs.values())]
        return any(since_s is not None and now_s - since_s > HUNG_S for since_s in busy)

    # On a leg's thread, or the engine's

    def _over(self, membership: Membership, callbacks: tuple[object, ...]) -> None:
        self._kept.append(callbacks)
        self._legs.pop(membership.leg, None)
        self._forget(membership.leg)
