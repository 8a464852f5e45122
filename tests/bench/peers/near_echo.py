"""Our bot that says what it hears: whole calls of a `Phone`, each with a program of three lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.near_offhook import RATE_HZ, Calls, number_of
from tests.bench.voice import Voice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.bench.process import Place

    from offhook import Call
    from offhook.interfaces.frame import AudioFrame


class EchoCalls(Calls):
    """Commands: those of `Calls`; `open` places calls that echo."""

    async def open(self, *, places: list[Place], timed: bool) -> None:
        """Place calls."""
        self._phone = self._phone_to(places)
        for number in range(len(places)):
            voice = Voice(RATE_HZ, timed=timed)
            self.voices.append(voice)
            call = await self._phone.dial(number_of(number)).__aenter__()
            await call.answered()
            call.play(_echo(call, voice))


async def _echo(call: Call, voice: Voice) -> AsyncIterator[AudioFrame]:
    async for frame in call.audio():
        voice.frames += 1
        yield frame
