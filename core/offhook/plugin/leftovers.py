"""Tasks that an installed plugin leaves running when its part of a phone has been closed.

They cannot be told from those of another phone that uses the same plugin, nor be ended by us: they are named in the
log, and the conformance kits are where a plugin is held to leaving none.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from offhook.plugin.isolation import distribution_of, name_of

if TYPE_CHECKING:
    from types import FrameType


async def left_running(part: object) -> str:
    """A sentence about the tasks of the running loop whose code is in the package of `part`; empty for none.

    Tasks that have been cancelled are about to end, and do not count. Of what is no installed plugin nothing is said:
    a program's own tasks may be in one package with its own transport.
    """
    module = type(part).__module__
    if not distribution_of(module):
        return ""
    package = module.partition(".")[0]
    await asyncio.sleep(0)  # what ends by itself in the next turn, may
    names = sorted(_where(frame) for frame in _frames() if _package(frame) == package)
    if not names:
        return ""
    return (
        f"{name_of(part)} was closed, and {len(names)} of its tasks still run ({', '.join(names[:3])}): "
        "it leaks them, unless another phone uses it"
    )


def _frames() -> list[FrameType]:
    """Where the tasks of the running loop were begun that nobody has cancelled yet."""
    tasks = (task for task in asyncio.all_tasks() if not task.cancelling())
    frames = (getattr(task.get_coro(), "cr_frame", None) for task in tasks)
    return [frame for frame in frames if frame is not None]


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _where(frame: FrameType) -> str:
    return f"{frame.f_code.co_qualname}, {frame.f_globals.get('__name__', '')}:{frame.f_lineno}"
