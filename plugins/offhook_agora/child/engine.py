"""Runs the SDK in this process: takes requests, makes its calls on threads of its own, emits what happens.

The engine's thread loads the SDK, initialises the service and opens connections. Each leg has a thread for what it does
with its connection. One thread, the caller's or the engine's own, pushes the audio of all legs. Every half second the
engine's thread says that it is alive, but not while a call of the SDK hangs, whichever thread made it: who waits for
that must end this process. Before `Ready` it says nothing, since loading the SDK can take long on a cold disk.
"""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, TypeAlias

from offhook.interfaces import SystemClock
from offhook.secret import redact
from offhook.wording import describe
from offhook_agora.child.membership import Membership, answer_late
from offhook_agora.child.reasons import Refusal
from offhook_agora.child.sdk import Sdk, SdkUnusable, load
from offhook_agora.child.service import process_service
from offhook_agora.messages import (
    PROTOCOL,
    Alive,
    Audio,
    Flush,
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
from offhook_agora.pipe import AUDIO_WINDOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_agora.messages import FromChild, ToChild

ALIVE_S: Final = 0.5
#: A call of the SDK that takes longer has hung, as far as `Alive` is concerned.
HUNG_S: Final = 1.0
#: Connections of which the objects that native code calls are kept after their release: a late callback must find them.
_KEPT: Final = 32

_OfAudio: TypeAlias = Audio | Flush


class Engine:
    """Runs the SDK. `handle` does not block.

    Args:
        start: where the SDK is.
        pid: the id of this process, for `Ready`.
        emit: called with each message and each frame of audio, from any thread; does not block.
        taken: called when a request was handled: with the leg for audio, with 0 for others.
        forget: called with a leg that is over.
        direct: `handle` is called on one thread that may wait for the SDK, and it pushes audio itself; that thread
            calls `due` in time.
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
        direct: bool = False,
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
        #: What to open; None ends the thread.
        self._joins: SimpleQueue[tuple[Join, Membership] | None] = SimpleQueue()
        #: When audio that is held is due, by leg.
        self._due: dict[int, float] = {}
        #: Audio for a thread of our own; None ends it.
        self._audio: SimpleQueue[_OfAudio | None] | None = None if direct else SimpleQueue()
        self._threads = [threading.Thread(target=self._run, name="offhook agora engine", daemon=True)]
        if not direct:
            self._threads.append(threading.Thread(target=self._run_audio, name="offhook agora audio", daemon=True))
        for thread in self._threads:
            thread.start()

    def handle(self, message: ToChild | Audio) -> None:
        """Carry a request out. `Start` was an argument, and `Stop` is for `stop`; both are ignored."""
        match message:
            case Audio() | Flush():
                if self._audio is None:
                    self._handle_audio(message)
                else:
                    self._queue_audio(self._audio, message)
            case Join():
                self._join(message)
            case Stop() | Start():
                self._taken(0)
            case _:
                membership = self._legs.get(message.leg)
                if membership is None or not membership.put(message):
                    answer_late(message, self._emit)
                    self._taken(0)

    def due(self) -> float | None:
        """Push audio that was held long enough; returns after which time to call this again, in seconds."""
        if not self._due:
            return None
        now_s = self._now()
        for leg, due_s in list(self._due.items()):
            if due_s <= now_s:
                del self._due[leg]
                membership = self._legs.get(leg)
                if membership is not None:
                    membership.speech.due()
                    self._note_due(membership)
        return max(0.0, min(self._due.values()) - now_s) if self._due else None

    def stop(self, timeout_s: float) -> bool:
        """Leave all channels and end the threads; returns whether that was done in time. Blocks. Idempotent."""
        until_s = self._now() + timeout_s
        legs = list(self._legs.values())
        for membership in legs:
            membership.put(Leave(membership.leg))
        self._joins.put(None)
        if self._audio is not None:
            self._audio.put(None)
        done = [membership.wait(max(0.0, until_s - self._now())) for membership in legs]
        for thread in self._threads:
            thread.join(max(0.0, until_s - self._now()))
            done.append(not thread.is_alive())
        return all(done)

    def _join(self, join: Join) -> None:
        if join.leg in self._legs:
            self._emit(Refused(join.leg, Reason.REQUEST, f"leg {join.leg} is in use"))
            self._taken(0)
            return
        membership = Membership(join, self._emit, lambda: self._taken(0), self._over, self._now)
        self._legs[join.leg] = membership
        self._joins.put((join, membership))

    def _queue_audio(self, queue: SimpleQueue[_OfAudio | None], message: _OfAudio) -> None:
        # No credits bound what this process sends to itself.
        if isinstance(message, Audio) and queue.qsize() >= AUDIO_WINDOW * max(1, len(self._legs)):
            membership = self._legs.get(message.leg)
            if membership is not None:
                membership.speech.dropped += 1
            return
        queue.put(message)

    # On the audio thread

    def _handle_audio(self, message: _OfAudio) -> None:
        membership = self._legs.get(message.leg)
        if isinstance(message, Flush):
            if membership is None:
                answer_late(message, self._emit)
            else:
                membership.speech.flush()
            self._taken(0)
        elif membership is None:
            self._forget(message.leg)
        else:
            membership.speech.send(message)
            self._note_due(membership)
            self._taken(message.leg)

    def _note_due(self, membership: Membership) -> None:
        deadline_s = membership.speech.outgoing.deadline_s()
        if deadline_s is not None:
            self._due[membership.leg] = deadline_s

    def _run_audio(self) -> None:
        assert self._audio is not None
        while True:
            try:
                message = self._audio.get(timeout=self.due())
            except Empty:
                continue
            if message is None:
                return
            self._handle_audio(message)

    # On the engine's thread

    def _run(self) -> None:
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
                wanted = self._joins.get(timeout=max(0.0, alive_s - self._now()))
            except Empty:
                continue
            if wanted is None:
                return
            self._open(sdk, *wanted)

    def _open(self, sdk: Sdk, join: Join, membership: Membership) -> None:
        try:
            service = process_service.get(sdk, join.app_id)
            membership.open(sdk, service)
        except Refusal as refusal:
            self._refuse(membership, refusal)
        except BaseException as error:  # upstream may call sys.exit; the other legs of this engine go on
            self._refuse(membership, Refusal(Reason.SDK, f"Agora's SDK failed: {redact(describe(error))}"))
        self._taken(0)

    def _refuse(self, membership: Membership, refusal: Refusal) -> None:
        self._emit(Refused(membership.leg, refusal.reason, sentence(refusal.text)))
        membership.abandon()

    def _hangs(self) -> bool:
        return any(membership.hangs(HUNG_S) for membership in list(self._legs.values()))

    # On a leg's thread, or the engine's

    def _over(self, membership: Membership, callbacks: tuple[object, ...]) -> None:
        self._kept.append(callbacks)
        self._legs.pop(membership.leg, None)
        self._forget(membership.leg)
