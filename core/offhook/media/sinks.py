"""Sinks made from what a program has: a function of frames. And the check of what a program passes as a sink."""

from __future__ import annotations

import asyncio
import inspect
import io
import os
from typing import TYPE_CHECKING, TypeAlias, cast

from offhook.arguments import check_function, check_path, shown, wrong
from offhook.errors import PluginError
from offhook.interfaces import AudioSink
from offhook.plugin.part_checks import check_part
from offhook.plugin.user_code import StandIn, name_in_code

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook.interfaces.frame import AudioFrame

#: A function of the program that is called with each frame; what it returns is awaited if it can be.
FrameFunction: TypeAlias = "Callable[[AudioFrame], Awaitable[object] | object]"
#: What can be listened with, besides specs and files.
Sink: TypeAlias = "AudioSink | FrameFunction"


class FunctionSink(StandIn, AudioSink):
    """Calls a function with each frame, and awaits what it returns if that can be awaited.

    Args:
        function: a function, a method, or any other object that can be called with one frame.

    Raises:
        ConfigError: it cannot be called with one frame.
    """

    def __init__(self, function: FrameFunction) -> None:
        check_function(function, "the sink", ("one AudioFrame",), may_be_async=True)
        self._function = function
        self.stands_for: str = name_in_code(function)

    async def write(self, frame: AudioFrame) -> None:
        """Call the function; a frame without samples only marks a position, and is left out."""
        if not frame.samples:
            return
        result = self._function(frame)
        if inspect.isawaitable(result):
            await result
        elif inspect.isgenerator(result) or inspect.isasyncgen(result):
            problem = f"returned {shown(result)}, and nothing runs that: use a function without yield"
            raise PluginError(self.stands_for, "write", problem)
        else:
            await asyncio.sleep(0)  # a function that lags behind must not keep the loop from turning

    async def aclose(self) -> None:
        """Nothing is held."""


def check_sink(what: object, name: str, files: str) -> None:
    """Check what a program passes as a sink, before anything is opened.

    Args:
        what: what was passed.
        name: what the caller calls it.
        files: how specs or files are passed, for the message.

    Raises:
        ConfigError: it is not a sink, a function of one frame, text or a path.
        PluginError: it is an `AudioSink` with plain methods that must be async, or the other way round.
    """
    if isinstance(what, str):
        return
    if isinstance(what, os.PathLike):
        check_path(cast("object", what), name, "heard.wav")
        return
    if not isinstance(what, AudioSink) and callable(what) and not isinstance(what, type):
        check_function(what, name, ("one AudioFrame",), may_be_async=True)
        return
    if not isinstance(what, AudioSink):
        raise wrong(name, f"{files}, an AudioSink or a function of one AudioFrame", what, _guess(what))
    check_part(what, AudioSink, name)


def _guess(what: object) -> str:
    """What the caller of something that is not a sink probably means."""
    if isinstance(what, type) or inspect.iscoroutine(what):
        return ""
    for method, use in (("put_nowait", "its put_nowait"), ("append", "its append")):
        if callable(getattr(what, method, None)):
            return f"Pass {use}: listen(x.{method})"
    if isinstance(what, io.IOBase):
        return "Pass the path of the file as a pathlib.Path"
    if callable(getattr(what, "write", None)):
        return "Derive its class from offhook.AudioSink, or pass a function of one AudioFrame"
    return ""
