"""Where the SDK runs, as legs see it: a child process, or this process. Several legs of one app id share a host."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, Protocol

from offhook.errors import TransportNotSetUp, TransportUnavailable
from offhook_agora.messages import Alive, Ready, Unusable
from offhook_wire.liveness import LivenessTimer

if TYPE_CHECKING:
    from offhook_agora.messages import Audio, FromChild, ToChild

#: How long the SDK may take to load: less than a transport has to join.
START_S: Final = 9.0
#: After this time without a sign of life of the engine, its legs are disconnected.
SILENT_S: Final = 2.5
#: After this time, it has hung for good.
HUNG_S: Final = 5.0


class Seat(Protocol):
    """One membership of a leg in a host."""

    def on_message(self, message: FromChild) -> None:
        """Called with each message about it."""
        ...

    def on_audio(self, audio: Audio) -> None:
        """Called with each frame of a member."""
        ...

    def on_silence(self, silent: bool) -> None:
        """The host has not answered for a while, or answers again."""
        ...

    def on_lost(self, reason: str) -> None:
        """The host has ended. Called once, and nothing follows it."""
        ...


class Host(ABC):
    """Runs the SDK.

    Args:
        start_s, silent_s, hung_s: see `START_S`, `SILENT_S` and `HUNG_S`.

    Attributes:
        app_id: the app id of its legs; None while it had none.
        seats: its legs, by number.
        reserved: the number of legs that are about to join.
        problem: why it has ended, or cannot be used; empty while it can.
    """

    def __init__(self, start_s: float = START_S, silent_s: float = SILENT_S, hung_s: float = HUNG_S) -> None:
        self._loop = asyncio.get_running_loop()
        self._alive = 0
        self._watches = (
            LivenessTimer(lambda: self._alive, silent_s, self._silence),
            LivenessTimer(lambda: self._alive, hung_s, self._on_hung),
        )
        self._hung_s = hung_s
        self._start_timer = self._loop.call_later(
            start_s, lambda: self.hung(f"it did not load the SDK within {start_s:g} s")
        )
        self.app_id: str | None = None
        self.seats: dict[int, Seat] = {}
        self.reserved: int = 0
        self.problem: str = ""
        self._numbers = 0
        self._ready: asyncio.Future[None] = self._loop.create_future()
        # Its error is for those who wait for it, and may have none.
        self._ready.add_done_callback(lambda ready: ready.cancelled() or ready.exception())

    async def ready(self) -> None:
        """Wait until legs can join.

        Raises:
            TransportUnavailable: the SDK cannot be used.
        """
        await asyncio.shield(self._ready)

    def add(self, seat: Seat) -> int:
        """Add a leg and return its number."""
        self._numbers += 1
        self.seats[self._numbers] = seat
        return self._numbers

    def remove(self, number: int) -> None:
        """Remove a leg, which is called with nothing from now on. Idempotent."""
        self.seats.pop(number, None)

    @property
    def idle(self) -> bool:
        """Whether no leg is in it or about to join."""
        return not self.seats and not self.reserved

    @abstractmethod
    def post(self, message: ToChild) -> None:
        """Send a message to the engine. Never blocks; after the end it does nothing."""
        ...

    @abstractmethod
    def send(self, audio: Audio) -> None:
        """Send a frame of a leg to the engine, as `post` does. Frames with which it does not keep up are dropped."""
        ...

    @abstractmethod
    def lost(self, number: int) -> int:
        """Return how many frames of a leg were dropped because the engine did not keep up."""
        ...

    @abstractmethod
    def hung(self, reason: str) -> None:
        """The engine does not work any more: end it."""
        ...

    def stuck(self, reason: str) -> None:
        """The engine does not do what a leg asked it to: end it if that harms no other leg."""
        if len(self.seats) <= 1:
            self.hung(reason)

    @abstractmethod
    async def aclose(self) -> None:
        """End the host, within about 2 s. Idempotent."""
        ...

    # ---- what the engine says

    def received(self, message: FromChild) -> None:
        """Take a message of the engine."""
        match message:
            case Ready():
                if not self._ready.done():
                    self._ready.set_result(None)
                    self._start_timer.cancel()
                    for watch in self._watches:
                        watch.start()
            case Unusable():
                self.end(message.message, TransportNotSetUp)
            case Alive():
                self._alive += 1
            case _:
                seat = self.seats.get(message.leg)
                if seat is not None:
                    seat.on_message(message)

    def heard(self, audio: Audio) -> None:
        """Take a frame of the engine."""
        seat = self.seats.get(audio.leg)
        if seat is not None:
            seat.on_audio(audio)

    def end(self, problem: str, kind: type[TransportUnavailable] = TransportUnavailable) -> None:
        """The host is of no more use, and its legs are out. Idempotent.

        Args:
            problem: why, for people.
            kind: the error of those who wait until it is ready.
        """
        if self.problem:
            return
        self.problem = problem
        self._start_timer.cancel()
        for watch in self._watches:
            watch.stop()
        if not self._ready.done():
            self._ready.set_exception(kind(f"Agora's SDK cannot be used: {problem}"))
        seats, self.seats = self.seats, {}
        for seat in seats.values():
            seat.on_lost(problem)

    def _silence(self, silent: bool) -> None:
        for seat in tuple(self.seats.values()):
            seat.on_silence(silent)

    def _on_hung(self, hung: bool) -> None:
        if hung:
            self.hung(f"it did not answer for {self._hung_s:g} s")
