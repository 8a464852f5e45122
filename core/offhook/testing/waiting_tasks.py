"""Where the tasks of a loop wait: for each, the line of the user's code that waits."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from offhook.plugin.user_code import is_installed, line_shown, package_of, users_frame

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType


#: The task that runs a marked test, and waits for it, is part of the pytest plugin.
_RUNNER: Final = "offhook_pytest"
#: How many tasks a message lists.
_MOST_LISTED: Final = 20
#: For each kind of object that runs code and can be suspended: its frame, and what it awaits.
_SUSPENDED: Final = (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await"))


@dataclass(frozen=True, slots=True)
class UsersWait:
    """A task that waits in the user's code.

    Attributes:
        text: its line, what it awaits there and its name, for people.
        frames: the frames of the user's code, the outermost first.
    """

    text: str
    frames: Sequence[FrameType]


def users_wait(task: asyncio.Task[Any]) -> UsersWait | None:
    """Where a task waits in the user's code; None if it has ended, or runs only installed code and Python's."""
    stack = _stack(task)
    users = [frame for frame in stack if _is_users(frame)]
    return UsersWait(_line(task, stack)[1], users) if users else None


def where_tasks_wait(loop: asyncio.AbstractEventLoop) -> list[str]:
    """One line for each task that waits, those that wait in the user's code first; at most 20, and the rest counted."""
    found = sorted(
        _line(task, stack)
        for task in asyncio.all_tasks(loop)
        if (stack := _stack(task)) and package_of(stack[0]) != _RUNNER
    )
    lines = [text for _, text in found]
    if len(lines) > _MOST_LISTED:
        lines[_MOST_LISTED:] = [f"and {len(lines) - _MOST_LISTED} more"]
    return lines


def where_task_waits(task: asyncio.Task[Any]) -> str:
    """The line of the user's code where a task waits, and what it awaits there; empty if it has ended.

    Where the task runs only our code and Python's, the line is that of our outermost public call.
    """
    stack = _stack(task)
    return _place(stack)[1] if stack else ""


def _is_users(frame: FrameType) -> bool:
    return users_frame([frame]) is not None and not is_installed(frame.f_code.co_filename)


def _line(task: asyncio.Task[object], stack: Sequence[FrameType]) -> tuple[int, str]:
    """The rank of a task, which is lowest for the user's code, and its line."""
    rank, place, rest = _place(stack)
    return rank, f"{place} (task {task.get_name()!r}{rest})"


def _place(stack: Sequence[FrameType]) -> tuple[int, str, str]:
    """The rank of a stack, which is lowest for the user's code, its line, and what a message adds to that."""
    index, rank, rest = users_frame(stack), 0, ""
    if index is not None:
        rank = int(is_installed(stack[index].f_code.co_filename))
    else:
        rank, rest = 2, ", no line of yours"
        public = (place for place, frame in enumerate(stack) if not frame.f_code.co_name.startswith("_"))
        index = next(public, 0)
    inner = f", which awaits {stack[index + 1].f_code.co_qualname}" if index + 1 < len(stack) else ""
    line = line_shown(stack[index].f_code, stack[index].f_lineno)
    return rank, f"{line}{inner}", rest


def _stack(task: asyncio.Task[object]) -> list[FrameType]:
    """The frames of a task that is suspended, the outermost first; `Task.get_stack` returns only that one."""
    frames: list[FrameType] = []
    running: object = task.get_coro()
    while running is not None:
        found = _suspended(running)
        if found is None:
            # What `async for` awaits, for example, only refers to its generator.
            running = next((thing for thing in gc.get_referents(running) if _suspended(thing) is not None), None)
            continue
        frame, running = found
        frames.append(frame)
    return frames


def _suspended(running: object) -> tuple[FrameType, object] | None:
    """The frame of an object that runs code, and what it awaits; None for any other object."""
    for frame_name, await_name in _SUSPENDED:
        frame: FrameType | None = getattr(running, frame_name, None)
        if frame is not None:
            return frame, getattr(running, await_name)
    return None
