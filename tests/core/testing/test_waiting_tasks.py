"""A hung test names, for each task that waits, the line of the test or the program where it waits."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import NUMBER, rig

from offhook import PushSource
from offhook.testing import NothingScheduledError, VirtualLoop, run_virtual, users_wait, where_task_waits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Generator

HERE = Path(__file__).relative_to(Path.cwd())


def hung(main: Coroutine[object, object, object]) -> list[str]:
    """The lines of the message of a test that hangs."""

    async def named() -> None:
        asyncio.current_task().set_name("main")  # type: ignore[union-attr]
        await main

    with pytest.raises(NothingScheduledError, match=r"would hang for ever\. The tasks wait in:") as raised:
        run_virtual(named())
    return [line.strip() for line in str(raised.value).splitlines()[1:]]


def line(function: Callable[..., object], text: str) -> str:
    """Where `text` stands in a function."""
    lines, first = inspect.getsourcelines(function)
    index = next(index for index, one in enumerate(lines) if text in one)
    return f"{HERE}:{first + index} in {function.__qualname__}"


async def sounds(event: asyncio.Event) -> AsyncIterator[int]:
    yield 1
    await event.wait()
    yield 2


class Bot:
    async def listen(self, event: asyncio.Event) -> None:
        async for _ in sounds(event):
            pass


class Odd:
    """An awaitable of the program's own."""

    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    def __await__(self) -> Generator[object, object, object]:
        return (yield from self._event.wait().__await__())


async def waits_for_a_call() -> None:
    made = rig()
    async with made.phone.dial(NUMBER) as call:
        call._driver._timer.cancel()  # type: ignore[union-attr]
        await call.answered()


async def main() -> None:
    event = asyncio.Event()
    source = PushSource()
    works: list[Coroutine[object, object, object]] = [Bot().listen(event), awaits(Odd(event)), event.wait()]
    works.append(source.read())
    tasks = [asyncio.create_task(work, name=f"work {index}") for index, work in enumerate(works)]
    await asyncio.wait(tasks)


async def awaits(odd: Odd) -> None:
    await odd


def test_each_task_is_named_with_the_users_innermost_line() -> None:
    lines = hung(main())
    assert lines[:3] == sorted(
        [
            f"{line(sounds, 'await')}, which awaits Event.wait (task 'work 0')",
            f"{line(Odd.__await__, 'yield')}, which awaits Event.wait (task 'work 1')",
            f"{line(main, 'asyncio.wait(')}, which awaits wait (task 'main')",
        ]
    )
    assert [text.partition(" in ")[2] for text in lines[3:]] == [
        "Event.wait (task 'work 2', no line of yours)",
        "PushSource.read, which awaits Event.wait (task 'work 3', no line of yours)",
    ]


def test_a_call_of_ours_is_named_where_the_test_made_it() -> None:
    lines = hung(waits_for_a_call())
    assert lines[0] == f"{line(waits_for_a_call, 'call.answered')}, which awaits Call.answered (task 'main')"
    assert all("no line of yours" in text for text in lines[1:])


def test_many_tasks_are_counted_and_a_future_is_named_as_one() -> None:
    async def many() -> None:
        await asyncio.gather(*(asyncio.Event().wait() for _ in range(30)))

    lines = hung(many())
    assert len(lines) == 21
    assert lines[0].startswith(line(many, "gather"))
    assert lines[-1] == "and 11 more"

    loop = VirtualLoop()
    try:
        with pytest.raises(NothingScheduledError, match="no task: a future is waited for"):
            loop.run_until_complete(loop.create_future())
    finally:
        loop.close()


def test_an_installed_library_comes_after_the_users_code_and_before_ours() -> None:
    library = compile("async def fetch(future):\n    await future\n", "/x/site-packages/lib.py", "exec")
    names: dict[str, object] = {"__name__": "lib"}
    exec(library, names)

    async def alone() -> None:
        fetch: Callable[..., Coroutine[object, object, None]] = names["fetch"]  # type: ignore[assignment]
        work = fetch(asyncio.get_running_loop().create_future())
        await asyncio.wait([asyncio.create_task(work, name="fetching")])

    lines = hung(alone())
    assert lines[0].startswith(str(HERE))
    assert lines[1:] == ["/x/site-packages/lib.py:2 in fetch (task 'fetching')"]


def test_one_task_is_asked_where_it_waits() -> None:
    async def look() -> None:
        task = asyncio.create_task(awaits(Odd(asyncio.Event())))
        await asyncio.sleep(0)
        assert where_task_waits(task) == f"{line(Odd.__await__, 'yield')}, which awaits Event.wait"
        task.cancel()
        await asyncio.wait([task])
        assert where_task_waits(task) == ""

    run_virtual(look())


def test_tasks_that_wait_in_the_users_code_are_listed_with_their_frames() -> None:
    async def look() -> None:
        event = asyncio.Event()
        works = [Bot().listen(event), event.wait()]
        tasks = [asyncio.create_task(work, name=f"work {index}") for index, work in enumerate(works)]
        await asyncio.sleep(0)
        found = {task: users_wait(task) for task in asyncio.all_tasks()}
        own = found[tasks[0]]
        assert own is not None
        assert own.text == f"{line(sounds, 'await')}, which awaits Event.wait (task 'work 0')"
        assert [frame.f_code.co_name for frame in own.frames] == ["listen", "sounds"]
        assert found[tasks[1]] is None, "no line of the user's"
        event.set()
        await asyncio.wait(tasks)
        assert users_wait(tasks[0]) is None

    run_virtual(look())
