"""A hundred calls over aiortc, four at a time: nothing is left of any, and no call hears another (F37).

Real sockets, real DTLS, real Opus; the server is in the same process, so that what it leaves counts as well.
"""

from __future__ import annotations

import asyncio
import ctypes
import statistics
import wave
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.mockserver.soak import CallStore, channels, index_of, number_of
from tests.patience import PATIENCE_S

from offhook import AudioFrame, Phone, PlayoutEnd
from offhook.interfaces import AudioSink
from offhook.testing import Resources, check_call
from offhook_mockserver.callees.callee import CalleeEnd
from offhook_mockserver.callees.script import Answer, ListenFor, Say, Script, Sound
from offhook_mockserver.server.socket_server import MockServer, MockSettings
from offhook_wire.opus import OpusEncoder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from offhook import Call

CALLS: Final = 100
AT_A_TIME: Final = 4
RATE_HZ: Final = 16_000
SPOKEN_S: Final = 0.4
#: Bytes that a call may leave in C libraries: far less than a DTLS connection, which takes 18,000 before its handshake,
#: or an Opus encoder, which takes 30,000.
MOST_LEFT: Final = 2_048

Samples = NDArray[np.float64]


def callers_hz(index: int) -> float:
    """What a caller whistles: one of 100 tones, as far apart as 0.4 s can tell them twice over."""
    return 400.0 + 10.0 * index


def callees_hz(index: int) -> float:
    """What its callee whistles, in a band of its own."""
    return 2000.0 + 10.0 * index


def tone(hz: float) -> bytes:
    """A tone at half of full scale."""
    times = np.arange(int(SPOKEN_S * RATE_HZ)) / RATE_HZ
    return np.asarray(8000 * np.sin(2 * np.pi * hz * times), dtype="<i2").tobytes()


def write(path: Path, pcm: bytes) -> Path:
    """A WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(pcm)
    return path


def loudest_hz(samples: Samples) -> float:
    """The frequency with the most in it, to a tenth of a hertz."""
    size = RATE_HZ * 10
    assert len(samples) <= size
    return float(np.argmax(np.abs(np.fft.rfft(samples, size)))) / 10


class _Mallinfo2(ctypes.Structure):
    """glibc's ``struct mallinfo2``, mallinfo(3)."""

    _names = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    _fields_: ClassVar = [(name, ctypes.c_size_t) for name in _names]
    hblkhd: int
    uordblks: int


def held_bytes() -> int:
    """What the C libraries hold: connections, ciphers, encoders. What the process has of the system says little, since
    allocators keep what was freed.
    """
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo2
    info: _Mallinfo2 = mallinfo2()
    return info.uordblks + info.hblkhd


def growth(readings: list[tuple[float, float]]) -> float:
    """Bytes that each call leaves: the median over the last half, since a table that doubles its size is not a leak."""
    last = readings[len(readings) // 2 :]
    return statistics.median((y1 - y0) / (x1 - x0) for (x0, y0), (x1, y1) in pairwise(last))


def script_in(folder: Path) -> Callable[[str], Script]:
    """Each number has a callee with a tone of its own."""

    def script_for(number: str) -> Script:
        path = write(folder / f"{number}.wav", tone(callees_hz(index_of(number))))
        # It answers before its caller has joined the channel, and waits for it, as people do.
        return Script("whistles", (Answer(), ListenFor(Sound.SPEECH), Say(path)))

    return script_for


class Whistle(AudioSink):
    """Hears a tone to its end."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self._loud_s = 0.0

    async def write(self, frame: AudioFrame) -> None:
        if max(memoryview(frame.pcm).cast("h"), default=0) > 1000:
            self._loud_s += frame.samples / frame.rate_hz
        elif self._loud_s > SPOKEN_S / 2:
            self.over.set()

    async def aclose(self) -> None:
        pass


async def whistle(phone: Phone, index: int, folder: Path) -> Call:
    """A short call in which both sides whistle their tones."""
    mine = write(folder / f"mine-{index}.wav", tone(callers_hz(index)))
    async with phone.dial(number_of(index), record=folder / f"{index}.wav") as call:
        assert await call.answered()
        heard = Whistle()
        call.listen(heard)
        assert await call.play(f"wav:{mine}").done() is PlayoutEnd.COMPLETED
        async with asyncio.timeout(PATIENCE_S):
            await heard.over.wait()
    return call


async def check(server: MockServer, store: CallStore, index: int, call: Call, folder: Path) -> None:
    """The call was what it should be, heard its own tones alone, and what it left is taken away."""
    record = call.record
    async with asyncio.timeout(PATIENCE_S):
        while record.channel in server.tenant.calls:
            await asyncio.sleep(0.01)
    (live,) = (live for live in server.tenant.ended if live.channel == record.channel)
    server.tenant.ended.remove(live)
    assert live.end is CalleeEnd.CALLER_LEFT
    journal, saved = store.take(record.call_id)
    both, callees = folder / f"{index}.wav", folder / f"{record.channel}.callee.wav"
    check_call(record, journal=journal, saved=saved, recordings=[both, callees], tolerance_s=5)
    assert record.disposition == "completed", record.problem
    heard, there = np.asarray(channels(both)[1], dtype=np.float64), np.asarray(channels(callees)[0], dtype=np.float64)
    assert abs(loudest_hz(heard) - callees_hz(index)) < 3, f"call {index}: the caller heard another callee"
    assert abs(loudest_hz(there) - callers_hz(index)) < 3, f"call {index}: the callee heard another caller"
    for path in (both, callees, folder / f"mine-{index}.wav", folder / f"{number_of(index)}.wav"):
        path.unlink()


async def soak(folder: Path, calls: int, leak: Callable[[], object] = lambda: None) -> list[tuple[float, float]]:
    """Place the calls, four at a time; what the C libraries hold after each four."""
    store, readings = CallStore(), list[tuple[float, float]]()
    server = MockServer(MockSettings(recordings=folder), script_for=script_in(folder))
    async with server:  # only then does it know its URL
        phone = Phone(transport="aiortc", environment=server.environment, store=store)
        async with phone:
            before: Resources | None = None
            for first in range(0, calls, AT_A_TIME):
                indices = range(first, first + AT_A_TIME)
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(whistle(phone, index, folder)) for index in indices]
                for index, task in zip(indices, tasks, strict=True):
                    await check(server, store, index, task.result(), folder)
                    leak()
                del tasks, task
                after = await settled(before)
                before = before or after
                assert after == before, f"after call {first + AT_A_TIME}"
                readings.append((first, held_bytes()))
            assert len(server.rooms) == 0
            assert not server.tenant.ended
            assert not store.journals
    return readings


async def settled(expected: Resources | None) -> Resources:
    """What there is once connections that are kept for a while have been closed."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + (PATIENCE_S if expected else 0)
    while (there := Resources.now()) != expected and loop.time() < until_s:
        await asyncio.sleep(0.05)
    return there


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.fault("F37")
@pytest.mark.timeout(300)
def test_a_hundred_calls_over_aiortc_leave_nothing_and_do_not_mix(tmp_path: Path) -> None:
    async def main() -> list[tuple[float, float]]:
        await asyncio.to_thread(lambda: None)  # the loop's own thread for name look-ups stays as long as the loop
        before = Resources.now()
        readings = await soak(tmp_path, CALLS)
        assert await settled(before) == before
        return readings

    threads = Resources.now().threads
    readings = asyncio.run(main())
    assert Resources.now().threads == threads
    assert not list(tmp_path.iterdir())
    left = growth(readings)
    print(f"{left:.0f} bytes a call")
    assert left < MOST_LEFT, readings


@pytest.mark.slow
@pytest.mark.soak
def test_an_encoder_that_stays_with_each_call_would_show(tmp_path: Path) -> None:
    kept: list[OpusEncoder] = []
    readings = asyncio.run(soak(tmp_path, 24, lambda: kept.append(OpusEncoder(RATE_HZ))))
    assert growth(readings) > MOST_LEFT
    for encoder in kept:
        encoder.close()
