"""Runs one coroutine test on a new virtual loop, and finds what the test left behind."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import weakref
from typing import TYPE_CHECKING, cast

import pytest

from offhook.testing import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping


def run_test(function: Callable[..., object], arguments: Mapping[str, object]) -> None:
    """Run a test to its end.

    Raises:
        pytest.fail.Exception: the test passed and left something behind.
    """
    leftovers: list[str] = []
    main = cast("Coroutine[object, object, None]", function(**arguments))
    hooks = sys.get_asyncgen_hooks()
    try:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            try:
                runner.run(_watched(main, leftovers))
            except BaseException as error:
                # What is left behind may explain a failure, and must never hide it.
                for leftover in leftovers:
                    error.add_note(f"it also left behind {leftover}")
                raise
    finally:
        sys.set_asyncgen_hooks(*hooks)
    if leftovers:
        pytest.fail("\n".join(["the test left behind", *(f"  {leftover}" for leftover in leftovers)]), pytrace=False)


def run_on(runner: asyncio.Runner, function: Callable[..., object], arguments: Mapping[str, object]) -> None:
    """Run a test on the loop of a fixture, which also finds what the test left behind."""
    main = cast("Coroutine[object, object, None]", function(**arguments))
    runner.run(main, context=contextvars.copy_context())


async def _watched(main: Coroutine[object, object, None], leftovers: list[str]) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: leftovers.append(_describe(context)))
    generators = _watch_generators()
    test = asyncio.ensure_future(main)
    try:
        await asyncio.wait((test,))
    finally:
        await _end_tasks(test, leftovers)
        # Unretrieved exceptions are reported when their future is freed, and the future may be part of a cycle.
        gc.collect()
        leftovers += [f"async generator {_name(generator)}" for generator in generators if _is_open(generator)]
    test.result()


def _watch_generators() -> weakref.WeakSet[AsyncGenerator[object, object]]:
    generators: weakref.WeakSet[AsyncGenerator[object, object]] = weakref.WeakSet()
    hooks = sys.get_asyncgen_hooks()

    def begun(generator: AsyncGenerator[object, object]) -> None:
        generators.add(generator)
        if hooks.firstiter is not None:
            hooks.firstiter(generator)

    sys.set_asyncgen_hooks(firstiter=begun)
    return generators


async def _end_tasks(test: asyncio.Future[None], leftovers: list[str]) -> None:
    await asyncio.sleep(0)  # lets everything end that the test cancelled or closed in its last step
    ours = {test, asyncio.current_task()}
    left = [task for task in asyncio.all_tasks() if task not in ours]
    leftovers += sorted(f"task {task.get_name()}, running {_work_of(task)}" for task in left)
    if not test.done():  # the run was interrupted
        left.append(cast("asyncio.Task[None]", test))
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left)


def _is_open(generator: AsyncGenerator[object, object]) -> bool:
    return getattr(generator, "ag_frame", None) is not None


def _work_of(task: asyncio.Task[object]) -> str:
    return _name(cast("object", task.get_coro()))


def _name(running: object) -> str:
    """The name of a coroutine or a generator in the source."""
    return str(getattr(running, "__qualname__", None) or running)


def _describe(context: Mapping[str, object]) -> str:
    error = context.get("exception")
    problem = f": {type(error).__name__}: {error}" if error is not None else ""
    where = context.get("task") or context.get("future")
    whose = ""
    if isinstance(where, asyncio.Task):
        task = cast("asyncio.Task[object]", where)
        whose = f", of {task.get_name()}, {_work_of(task)}"
    return f"an exception that was never retrieved ({context.get('message')}{whose}){problem}"
