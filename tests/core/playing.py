"""What the tests of playout share: a playout whose frames are taken by hand, and sources that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
from array import array
from typing import TYPE_CHECKING

from tests.core.rig import FRAME, RATE_HZ, HoldResampler, frame, ramp

from offhook.interfaces import AudioSource
from offhook.media.damage import DamageLog
from offhook.media.playout import Playout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from offhook import AudioFrame
    from offhook.errors import OffhookError


class Bench:
    """A playout whose frames are taken by hand, 20 ms apart."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self.notes: list[OffhookError] = []
        self.resamplers: list[tuple[str, int, int, HoldResampler]] = []
        self.resampler = HoldResampler
        self.doing: list[str] = []
        self.remarks: list[tuple[str, str]] = []
        self.damage = DamageLog(lambda *entry: self.remarks.append(entry))
        self.playout = Playout(RATE_HZ, self._resample, group.create_task, self._note, self.damage)

    def _note(self, error: OffhookError, doing: str = "") -> None:
        self.notes.append(error)
        self.doing.append(doing)

    def _resample(self, kind: str, from_hz: int, to_hz: int) -> HoldResampler:
        made = self.resampler(from_hz, to_hz)
        self.resamplers.append((kind, from_hz, to_hz, made))
        return made

    async def take(self, frames: int = 1) -> array[int]:
        taken = array("h")
        for _ in range(frames):
            await asyncio.sleep(0.02)
            pcm = self.playout.take()
            assert len(pcm) == 2 * FRAME
            taken.frombytes(pcm)
        return taken


@contextlib.asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    async with asyncio.TaskGroup() as group:
        made = Bench(group)
        yield made
        made.playout.close()


def samples(first: int, count: int, frames: int) -> array[int]:
    """A ramp, and silence up to `frames` frames."""
    sound = array("h", ramp(first, count))
    return sound + array("h", bytes(2 * (frames * FRAME - count)))


class Level(AudioSource):
    """`count` samples of one value, endless if None."""

    def __init__(self, value: int, count: int | None = None, *, rate_hz: int = RATE_HZ) -> None:
        self._value, self._left, self._rate_hz = value, count, rate_hz
        self.closed = False

    async def read(self) -> AudioFrame | None:
        count = FRAME if self._left is None else min(FRAME, self._left)
        if self._left is not None:
            self._left -= count
        return frame(self._value, samples=count, rate_hz=self._rate_hz) if count else None

    async def aclose(self) -> None:
        self.closed = True


class Broken(AudioSource):
    """Gives a frame and then fails."""

    def __init__(
        self, error: BaseException | None = None, *, answer: object = None, close: Exception | None = None
    ) -> None:
        self._error, self._answer, self._close = error, answer, close
        self._begun = self.closed = False

    async def read(self) -> AudioFrame | None:
        if not self._begun:
            self._begun = True
            return frame(5)
        if self._error is not None:
            raise self._error
        return self._answer  # type: ignore[return-value]

    async def aclose(self) -> None:
        self.closed = True
        if self._close is not None:
            raise self._close
