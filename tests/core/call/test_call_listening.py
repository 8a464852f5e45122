"""Listening with a function or a path. A function is called once for each frame, and never costs the call."""

from __future__ import annotations

import asyncio
import io
import queue
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import FRAME, NUMBER, AudioKit, frame, later, load, rig, run

from offhook import AudioFrame, AudioSink, Disposition
from offhook.errors import ConfigError, PluginError
from offhook.testing import ListSink, VirtualLoop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


class Ear:
    """Things that can be called with a frame, all of which put it into `frames`."""

    def __init__(self) -> None:
        self.frames: list[AudioFrame] = []

    def plain(self, frame: AudioFrame) -> None:
        self.frames.append(frame)

    async def later(self, frame: AudioFrame) -> None:
        await asyncio.sleep(0.001)
        self.frames.append(frame)

    def awaitable(self, frame: AudioFrame) -> asyncio.Future[None]:
        return asyncio.ensure_future(self.later(frame))

    def __call__(self, frame: AudioFrame) -> None:
        self.plain(frame)

    def with_more(self, prefix: str, frame: AudioFrame, more: int = 0) -> None:
        self.plain(frame)


@pytest.mark.parametrize(
    "function",
    [
        lambda ear: ear.plain,
        lambda ear: ear.later,
        lambda ear: ear.awaitable,
        lambda ear: ear,
        lambda ear: partial(ear.with_more, "x"),
        lambda ear: ear.frames.append,
        lambda ear: lambda frame: ear.plain(frame),
        lambda ear: lambda frame: ear.later(frame),
    ],
    ids=["method", "async", "awaitable", "object", "partial", "built-in", "lambda", "lambda of async"],
)
def test_a_function_is_called_once_for_each_frame(function: Callable[[Ear], Callable[[AudioFrame], object]]) -> None:
    async def main() -> None:
        r, ear = rig(), Ear()
        r.answer(1)
        r.talk(2, 1)
        later(4, r.callee.leave)
        async with r.phone.dial(NUMBER) as call:
            call.listen(function(ear))
            await call.ended()
        assert [item.samples for item in ear.frames] == [FRAME] * 50  # and no marks, which are without samples
        assert call.record.problem == ""
        assert call.record.counters["frames_dropped_by_listeners"] == 0

    run(main())


def test_a_slow_function_loses_frames_which_are_counted() -> None:
    async def main() -> None:
        r, heard = rig(), list[AudioFrame]()
        r.answer(1)
        r.talk(2, 10)
        later(12.5, r.callee.leave)

        async def slow(frame: AudioFrame) -> None:
            heard.append(frame)
            await asyncio.sleep(1)

        async with r.phone.dial(NUMBER) as call:
            call.listen(slow)
            await call.ended()
        # Of the 500 frames in 10 s, it took one a second; it had no time for most of the 100 that were waiting then.
        assert call.record.counters["frames_dropped_by_listeners"] == 500 - len(heard)
        assert len(heard) == 10 + 3
        assert [item.position for item in heard] == sorted(item.position for item in heard)
        assert call.record.disposition is Disposition.COMPLETED
        name = f"{__name__}.test_a_slow_function_loses_frames_which_are_counted.<locals>.main.<locals>.slow"
        assert f"after the end of the call, and was cancelled: listening with {name}" in call.record.problem

    run(main())


def test_a_function_that_blocks_lets_the_loop_turn_between_two_frames() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        r, turns = rig(), list[str]()
        r.answer(1)

        def blocks(frame: AudioFrame) -> None:
            loop.block(0.1)
            turns.append("function")

        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            call.listen(blocks)
            for index in range(3):
                r.callee.say(frame(1, index * FRAME))
            for _ in range(6):
                await asyncio.sleep(0)
                turns.append("loop")
        first = turns.index("function")
        assert turns[first : first + 5] == ["function", "loop", "function", "loop", "function"]

    run(main())


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_function_that_raises_is_a_failed_sink_and_the_call_goes_on(asynchronous: bool) -> None:
    async def main() -> None:
        r, calls, other = rig(), list[AudioFrame](), ListSink()
        r.answer(1)
        r.talk(2, 1)

        def mistake(frame: AudioFrame) -> None:
            calls.append(frame)
            raise KeyError("turn")

        async def async_mistake(frame: AudioFrame) -> None:
            mistake(frame)

        async with r.phone.dial(NUMBER) as call:
            call.listen(async_mistake if asynchronous else mistake)
            call.listen(other)
            await asyncio.sleep(4)
            assert not call.over
        assert len(calls) == 1
        assert len([item for item in other.frames if item.samples]) == 50
        assert "mistake' failed in write: KeyError: 'turn' (test_call_listening.py:" in call.record.problem
        assert call.record.disposition is Disposition.COMPLETED

    run(main())


def test_a_function_that_hangs_does_not_hold_up_the_end() -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        r.talk(2, 1)
        started = asyncio.Event()

        async def hangs(frame: AudioFrame) -> None:
            started.set()
            await asyncio.Event().wait()

        async with r.phone.dial(NUMBER) as call:
            call.listen(hangs)
            await started.wait()
            hung_up_at = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - hung_up_at < 5
        assert call.record.disposition is Disposition.COMPLETED

    run(main())


def test_a_function_records_for_a_while_and_its_error_is_the_callers() -> None:
    async def main() -> None:
        r, ear = rig(), Ear()
        r.answer(1)
        r.talk(1.5, 0.3)
        r.talk(2.7, 0.2)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            assert await call.record_for(1, ear.plain) == 1
            assert [item.samples for item in ear.frames] == [FRAME] * 15
            with pytest.raises(PluginError, match=r"failed in write: ZeroDivisionError: .*test_call_listening\.py:\d+"):
                await call.record_for(1, lambda frame: 1 / 0)

    run(main())


def _generator(frame: AudioFrame) -> Iterator[int]:
    yield frame.samples


async def _async_generator(frame: AudioFrame) -> AsyncIterator[int]:
    yield frame.samples


class Duck:
    """Has the methods of a sink, and is not one."""

    async def write(self, frame: AudioFrame) -> None: ...

    async def aclose(self) -> None: ...


class Half(AudioSink):
    """Its methods must be async."""

    def write(self, frame: AudioFrame) -> None:  # type: ignore[override]
        ...

    def aclose(self) -> None:  # type: ignore[override]
        ...


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (ListSink, r"got the class ListSink\. Did you forget the parentheses\? Write ListSink\(\.\.\.\)"),
        (lambda: None, r"must be a function that can be called with one AudioFrame, .*Its parameters differ"),
        (lambda one, two: None, "Its parameters differ"),
        (_generator, "It has a yield, so calling it runs nothing"),
        (_async_generator, "It has a yield, so calling it runs nothing"),
        (asyncio.Queue(), r"got Queue\. Pass its put_nowait: listen\(x\.put_nowait\)"),
        (queue.Queue(), r"got Queue\. Pass its put_nowait"),
        ([], r"got list\. Pass its append: listen\(x\.append\)"),
        (Duck(), r"got Duck\. Derive its class from offhook\.AudioSink, or pass a function"),
        (io.BytesIO(), r"got BytesIO\. Pass the path of the file as a pathlib\.Path"),
        (5, "or a function of one AudioFrame, got 5"),
        (None, "got None"),
        (asyncio, "got the module asyncio"),
    ],
)
def test_what_cannot_be_listened_with_is_refused_there(what: object, says: str) -> None:
    async def main() -> None:
        r = rig(plugins=load(AudioKit()))
        r.answer(1)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            with pytest.raises(ConfigError, match=says):
                call.listen(what)  # type: ignore[arg-type]
            with pytest.raises(ConfigError, match=says):
                await call.record_for(1, what)  # type: ignore[arg-type]
            assert not call.over
        assert call.record.problem == ""
        assert call.record.disposition is Disposition.COMPLETED

    run(main())


def test_a_sink_with_plain_methods_is_refused_as_its_authors_mistake() -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        async with r.phone.dial(NUMBER) as call:
            with pytest.raises(PluginError, match="failed in listen: Half has plain methods that must be async"):
                call.listen(Half())
        assert call.record.disposition is not Disposition.FAILED

    run(main())


def test_a_path_is_the_name_of_a_recording() -> None:
    async def main() -> None:
        kit = AudioKit()
        r = rig(plugins=load(kit))
        r.answer(1)
        async with r.phone.dial(NUMBER) as call:
            call.listen(Path("a.wav"))
            call.listen("recorder:b.wav")
            await call.answered()
            await call.record_for(1, Path("c.wav"))
            await call.record_for(1, "d.wav")
            await call.record_for(1, r.phone.sink(Path("e.wav")))
        assert list(kit.sinks) == ["a.wav", "b.wav", "c.wav", "d.wav", "e.wav"]
        assert all(sink.closed for sink in kit.sinks.values())

    run(main())


@pytest.mark.parametrize("name", ["recorder:heard.wav", "recorder"])
def test_a_spec_is_not_the_name_of_a_file(name: str, tmp_path: Path) -> None:
    async def main() -> None:
        r = rig(plugins=load(AudioKit()))
        r.answer(1)
        says = r"must be a file's name or a path, not a spec, got .* Write ('heard\.wav'|phone\.sink\('recorder'\))"
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            with pytest.raises(ConfigError, match=says):
                await call.record_for(1, name)
        with pytest.raises(ConfigError, match=says):
            r.phone.dial(NUMBER, record=name)

    run(main())


def test_after_the_end_nothing_is_opened_and_a_sink_is_closed() -> None:
    async def main() -> None:
        kit, ear, sink, other = AudioKit(), Ear(), ListSink(), ListSink()
        r = rig(plugins=load(kit))
        r.answer(1)
        later(2, r.callee.leave)
        async with r.phone.dial(NUMBER) as call:
            await call.ended()
            for what in ("recorder:a.wav", Path("b.wav"), ear.plain, sink):
                call.listen(what)
            assert await call.record_for(5, other) == 0
            assert await call.record_for(5, "c.wav") == 0
            assert await call.record_for(5, Path("d.wav")) == 0
            assert await call.record_for(5, ear.later) == 0
            with pytest.raises(ConfigError):
                call.listen(5)  # type: ignore[arg-type]
        assert not kit.sinks
        assert not ear.frames
        assert (sink.closed, other.closed) == (1, 1)
        assert not sink.frames + other.frames, "not even a mark, so that a recorder leaves no file"

    run(main())
