"""What a program passes as a sink: a function becomes a sink, and what is neither is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import frame

from offhook.errors import ConfigError, PluginError
from offhook.media.listening import LISTENER_MS, SINK_MS, waiting_ms
from offhook.media.sinks import FunctionSink, check_sink
from offhook.testing import ListSink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from offhook import AudioFrame


def test_a_function_gets_frames_with_samples_only() -> None:
    async def main() -> None:
        frames = ListSink()
        sink = FunctionSink(frames.write)
        await sink.write(frame(samples=0))
        await sink.write(frame())
        await sink.aclose()
        await sink.aclose()
        assert len(frames.frames) == 1
        assert sink.stands_for == "offhook.testing.doubles.ListSink.write"

    asyncio.run(main())


def test_a_function_that_returns_a_generator_fails_since_nothing_runs_it() -> None:
    async def asynchronous(item: AudioFrame) -> AsyncIterator[int]:
        yield item.samples

    async def main() -> None:
        for function in (lambda item: (sample for sample in item.pcm), lambda item: asynchronous(item)):
            with pytest.raises(PluginError, match=r"lambda.*returned the .*generator .*, and nothing runs that"):
                await FunctionSink(function).write(frame())

    asyncio.run(main())


def test_an_object_is_named_by_its_class() -> None:
    class Ear:
        def __call__(self, frame: object) -> None: ...

    assert FunctionSink(Ear()).stands_for.endswith("test_an_object_is_named_by_its_class.<locals>.Ear")


def test_a_function_of_something_else_is_no_sink() -> None:
    with pytest.raises(ConfigError, match="the sink must be a function that can be called with one AudioFrame, got"):
        FunctionSink(lambda: None)  # type: ignore[arg-type, misc]


def test_a_function_waits_for_less_than_a_file() -> None:
    assert waiting_ms(FunctionSink(print)) == LISTENER_MS < SINK_MS == waiting_ms(ListSink())


@pytest.mark.parametrize("what", ["recorder:a.wav", Path("a.wav"), ListSink(), print, ListSink().write])
def test_sinks_specs_paths_and_functions_pass(what: object) -> None:
    check_sink(what, "listen()", "a spec")


class OddPath(type(Path())):  # type: ignore[misc]
    def __fspath__(self) -> str:
        return ""


@pytest.mark.parametrize(
    "what", [5, None, object(), ListSink, [], lambda: None, OddPath("x")], ids=lambda what: type(what).__name__
)
def test_others_are_refused(what: object) -> None:
    with pytest.raises(ConfigError, match=r"listen\(\) must be "):
        check_sink(what, "listen()", "a spec")
