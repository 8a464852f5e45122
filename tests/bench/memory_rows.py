"""A scripted 60-second call in memory, on the virtual loop: its time with linked legs (G9) and through the whole mock
(G9m), and the hook calls made per audio frame (G10), which is an exact number.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING, Final

from tests.bench.calibration import calibration_s
from tests.bench.table import Row
from tests.bench.voice import FRAMES_PER_S, PERIOD_FRAMES, table

from offhook import Phone
from offhook.interfaces import AudioSource
from offhook.interfaces.frame import AudioFrame
from offhook.interfaces.ids import Ids
from offhook.media.pacer import Pacer
from offhook.plugin.hookspecs import hookimpl
from offhook.plugin.manager import DISABLE_VARIABLE, Plugins
from offhook.testing import LinkedTransport, LoopClock, ScriptedCarrier, run_virtual
from offhook_mockserver.callees.script import Answer, Echo, Ring, Script
from offhook_mockserver.server.in_process import InProcessMock

if TYPE_CHECKING:
    from offhook import Call
    from offhook.session.record import CallRecord, TimelineEntry

_RATE_HZ: Final = 16_000
_RINGING_S: Final = 2
_TALK_S: Final = 60
_HALF_FRAME_S: Final = 0.01
_RUNS_PER_TURN: Final = 2
#: The core by itself, whatever is installed beside it.
_ALONE: Final = {DISABLE_VARIABLE: "sendblue,agora,aiortc,audio,jsonl,sqlite,mockserver"}


class _Counter:
    """A plugin that counts how often it is told something."""

    def __init__(self) -> None:
        self.calls = 0

    @hookimpl
    def offhook_call_created(self, call_id: str, number: str) -> None:
        self.calls += 1

    @hookimpl
    def offhook_call_transition(self, call_id: str, entry: TimelineEntry) -> None:
        self.calls += 1

    @hookimpl
    def offhook_call_ended(self, call_id: str, record: CallRecord) -> None:
        self.calls += 1


class _Tone(AudioSource):
    def __init__(self) -> None:
        self._index = 0

    async def read(self) -> AudioFrame | None:
        self._index += 1
        return AudioFrame(table(_RATE_HZ)[self._index % PERIOD_FRAMES], _RATE_HZ)

    async def aclose(self) -> None:
        pass


async def _call() -> tuple[int, int]:
    """Two seconds of ringing, a minute of both talking; the frames there were, and the hook calls meanwhile."""
    counter = _Counter()
    transport = LinkedTransport(_RATE_HZ)
    callee = transport.member()
    loop = asyncio.get_running_loop()
    heard = 0

    async def listen(call: Call) -> None:
        nonlocal heard
        async for _ in call.audio():
            heard += 1

    async with (
        Phone(
            carrier=ScriptedCarrier(),
            transport=transport,
            plugins=Plugins.load([counter], _ALONE),
            clock=LoopClock(),
            ids=Ids(1),
        ) as phone,
        phone.dial("+14155550123") as call,
    ):
        loop.call_later(_RINGING_S, callee.join)
        loop.call_later(_RINGING_S, callee.publish)
        await call.answered()
        call.play(_Tone())
        listener = asyncio.create_task(listen(call))
        talking = Pacer(
            loop,
            lambda index: callee.say(
                AudioFrame(table(_RATE_HZ)[index % PERIOD_FRAMES], _RATE_HZ, index * _RATE_HZ // FRAMES_PER_S)
            ),
        )
        talking.start()
        await asyncio.sleep(_HALF_FRAME_S)  # the first audio is an event of its own: media is up now
        hooks_before = counter.calls
        await asyncio.sleep(_TALK_S - 2 * _HALF_FRAME_S)
        hooks = counter.calls - hooks_before
        talking.stop()
    await listener
    if counter.calls == 0:
        raise RuntimeError("no hook was called at all: the count means nothing")
    return heard + len(callee.heard), hooks


async def _call_through_the_mock() -> int:
    """The same call placed over HTTP to the in-process mock, with a scripted callee in a room of it, who echoes."""
    script = Script("echoes", (Ring(_RINGING_S), Answer(), Echo()))
    heard = 0

    async def listen(call: Call) -> None:
        nonlocal heard
        async for _ in call.audio():
            heard += 1

    async with (
        InProcessMock(clock=LoopClock(), ids=Ids(1), script_for=lambda number: script) as mock,
        mock.phone() as phone,
        phone.dial("+14155550123") as call,
    ):
        await call.answered()
        call.play(_Tone())
        listener = asyncio.create_task(listen(call))
        await asyncio.sleep(_TALK_S)
        (live,) = mock.tenant.calls.values()
    await listener
    assert live.callee.ear is not None
    return heard + live.callee.ear.frames_heard


async def measure(turns: int) -> list[Row]:
    """G9 and G10 from the same runs, two for each turn. They have loops of their own, so they get a thread."""
    return await asyncio.to_thread(_measure, turns * _RUNS_PER_TURN)


def _measure(runs: int) -> list[Row]:
    spent_ms: list[float] = []
    speed_ms: list[float] = []
    per_frame: list[float] = []
    mock_ms: list[float] = []
    frames = mock_frames = 0
    run_virtual(_call())  # the first loads things
    run_virtual(_call_through_the_mock())
    for _ in range(runs):
        speed_ms.append(calibration_s() * 1000)
        spent_s = time.thread_time()
        frames, hooks = run_virtual(_call())
        spent_ms.append((time.thread_time() - spent_s) * 1000)
        per_frame.append(hooks / frames)
        spent_s = time.thread_time()
        mock_frames = run_virtual(_call_through_the_mock())
        mock_ms.append((time.thread_time() - spent_s) * 1000)
    ratios = [spent / speed for spent, speed in zip(spent_ms, speed_ms, strict=True)]
    mock_ratios = [spent / speed for spent, speed in zip(mock_ms, speed_ms, strict=True)]
    return [
        Row(
            id="G9",
            what=f"a scripted {_TALK_S} s call in memory, on the virtual loop / a fixed piece of Python",
            value=statistics.median(ratios),
            floor=2,
            goal=1.2,
            turns=ratios,
            note=(
                f"{statistics.median(spent_ms):.0f} ms of CPU time, and the piece {statistics.median(speed_ms):.0f} ms;"
                f" a whole call of a Phone, {frames} frames in both directions, no codec"
            ),
        ),
        Row(
            id="G9m",
            what=f"the same through the in-process mock: HTTP, guard, room, scripted callee, {_TALK_S} s",
            value=statistics.median(mock_ratios),
            floor=4,
            goal=2,
            turns=mock_ratios,
            note=(
                f"{statistics.median(mock_ms):.0f} ms of CPU time, {mock_frames} frames;"
                " beside the call itself this is the callee: its voice, and its hearing"
                " with a level for each frame, which is the larger part"
            ),
        ),
        Row(
            id="G10",
            what="hook calls per audio frame while media is up",
            value=max(per_frame),
            unit="calls",
            floor=0,
            goal=0,
            turns=per_frame,
            note="an exact count, of a plugin with every observer hook",
        ),
    ]
