"""Calls into plugins: what they raise becomes a `PluginError` with their name, what hangs is given up.

A plugin may raise anything: `sys.exit()` in an SDK, and classes of its own beside `Exception`, as panics of native code
are. None of it may end the event loop. Only a person's ctrl-C is nobody's mistake, and passes.
"""

from __future__ import annotations

import asyncio
import logging
import sysconfig
import traceback
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, TypeVar

from offhook.errors import OffhookError, PluginError
from offhook.interfaces.numbers import mask_all
from offhook.plugin.report import INTERFACES_PAGE
from offhook.secret import redact
from offhook.wording import describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable


_T = TypeVar("_T")

#: What went wrong with plugins is told to a logger of its own: the command line tells it itself.
PLUGINS_LOGGER: Final = "offhook.plugins"
_log: Final = logging.getLogger(PLUGINS_LOGGER)

#: How long a plugin may take to close what it has open.
CLOSE_TIMEOUT_S: Final = 5.0
#: How long a plugin's task may take to end once it is cancelled; it is then left behind.
LET_GO_S: Final = 0.25

#: The distributions that modules of plugins belong to, as far as plugins were loaded from them; for messages.
_distributions: Final[dict[str, str]] = {}
#: Tasks that did not listen to their cancellation: held, since the loop itself only knows its tasks weakly.
_left_behind: Final[set[asyncio.Task[Any]]] = set()


def remember_distribution(module: str, distribution: str) -> None:
    """From now on `name_of` says that what is in `module`, or below it, is from `distribution`."""
    _distributions[module] = distribution


def name_of(plugin: object) -> str:
    """The dotted name of a plugin object's class and where it is from, for messages; a text is a name already."""
    if isinstance(plugin, str):
        return plugin
    module = type(plugin).__module__
    distribution = distribution_of(module)
    return f"{module}.{type(plugin).__qualname__}" + (f" ({distribution})" if distribution else "")


def distribution_of(module: str) -> str:
    """The distribution of the plugin that `module` is of; empty where it is of no installed one."""
    while module and module not in _distributions:
        module = module.rpartition(".")[0]
    return _distributions.get(module, "")


def as_plugin_error(plugin: object, hook: str, error: BaseException, doing: str = "") -> OffhookError:
    """`error` itself if it is one of ours, else a `PluginError` that names the plugin, the method and the line.

    The whole traceback is logged at DEBUG.

    Args:
        plugin: the plugin's name, or an object of its.
        hook: what of it was called.
        error: what came out.
        doing: what that means, as the beginning of a sentence.

    Raises:
        KeyboardInterrupt, GeneratorExit: `error` is that, and no plugin is to blame.
    """
    if isinstance(error, KeyboardInterrupt | GeneratorExit):
        raise error
    if isinstance(error, OffhookError):
        return error
    packages = {name.partition(".")[0] for name in _distributions}
    if not isinstance(plugin, str) and not is_ours(package := type(plugin).__module__.partition(".")[0]):
        packages.add(package)
    line = author_line(error, packages)
    wrapped = PluginError(name_of(plugin), hook, f"{doing}{describe(error)}" + (f" ({line})" if line else ""))
    wrapped.__cause__ = error  # its author needs the traceback
    if _log.isEnabledFor(logging.DEBUG):
        lines = mask_all(redact("".join(traceback.format_exception(error))))
        _log.debug("plugin %r failed in %s\n%s", wrapped.plugin, hook, lines)
    return wrapped


def contract_error(plugin: object, hook: str, problem: str, interface: str) -> PluginError:
    """The error for what a part does otherwise than its `interface` says; it names the section that says it."""
    return PluginError(name_of(plugin), hook, problem, see=f"{INTERFACES_PAGE}#{interface.lower()}")


async def isolated(
    plugin: object, hook: str, method: Callable[[], Awaitable[_T]], timeout_s: float | None = None
) -> _T:
    """Call a plugin's method and await what it gives. One that raises before it gives anything is isolated as well.

    With a time limit it is bounded in every case: what does not even end when it is cancelled is left behind.

    Raises:
        PluginError: it raised something that is not an `OffhookError`, gave nothing to await, or took longer than
            `timeout_s`.
        OffhookError: as the plugin raised it.
    """
    if timeout_s is None:
        return await _uncancelled(plugin, hook, method)
    work = asyncio.create_task(_typed(plugin, hook, method))  # of its own, so that we can go on without it
    try:
        await asyncio.wait({work}, timeout=timeout_s)
    except asyncio.CancelledError:
        await cancel_and_wait({work})
        raise
    if not work.done():
        await cancel_and_wait({work})
        raise PluginError(name_of(plugin), hook, f"no answer within {timeout_s:g} s")
    if work.cancelled():  # nobody cancelled us: it is what the plugin raised
        raise PluginError(name_of(plugin), hook, "it was cancelled, and not by its caller")
    return work.result()


async def _uncancelled(plugin: object, hook: str, method: Callable[[], Awaitable[_T]]) -> _T:
    """Await in this task, and tell a cancellation that the plugin raises from one that is meant for the task."""
    try:
        return await _typed(plugin, hook, method)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise PluginError(name_of(plugin), hook, "it was cancelled, and not by its caller") from None


async def _typed(plugin: object, hook: str, method: Callable[[], Awaitable[_T]]) -> _T:
    """Await what a plugin gives. It must happen in here: a SystemExit that leaves its task ends the event loop."""
    try:
        return await method()
    except (OffhookError, asyncio.CancelledError):
        raise
    except BaseException as error:
        raise as_plugin_error(plugin, hook, error) from error


async def cancel_and_wait(tasks: Iterable[asyncio.Task[_T]], within_s: float = LET_GO_S) -> set[asyncio.Task[_T]]:
    """Cancel tasks and wait until they have ended, but not longer than that; as `settle`."""
    tasks = set(tasks)
    for task in tasks:
        task.cancel()
    return await wait_cancelled(tasks, within_s)


async def wait_cancelled(tasks: set[asyncio.Task[_T]], within_s: float) -> set[asyncio.Task[_T]]:
    """Wait until tasks that were cancelled have ended; gives those that have not, which nothing can end any more.

    It is bounded even when it is cancelled meanwhile: that cancels the tasks once more, and is passed on at the end.
    """
    loop = asyncio.get_running_loop()
    end_s = loop.time() + within_s
    cancelled: asyncio.CancelledError | None = None
    left: set[asyncio.Task[_T]] = {task for task in tasks if not task.done()}
    while left and (rest_s := end_s - loop.time()) > 0:
        try:
            _, left = await asyncio.wait(left, timeout=rest_s)
        except asyncio.CancelledError as error:
            cancelled = error
            left = {task for task in left if not task.done()}
            for task in left:
                task.cancel()
    for task in tasks - left:
        _ended(task)
    for task in left:
        _left_behind.add(task)
        task.add_done_callback(_ended)
    if cancelled is not None:
        raise cancelled
    return left


def _ended(task: asyncio.Task[Any]) -> None:
    _left_behind.discard(task)
    if not task.cancelled():
        task.exception()  # nobody else will ask for it


#: Python's own modules. Those of plugins may be below it as well, in ``site-packages``.
_STANDARD_LIBRARY: Final = f"{sysconfig.get_path('stdlib')}/"
_FROZEN: Final = "<frozen "
_OTHERS: Final = ("/site-packages/", "/dist-packages/")


def author_line(error: BaseException, packages: Collection[str]) -> str:
    """``chirp.py:31``, the innermost line of an error's traceback that is its author's; empty where there is none.

    Args:
        error: with its traceback.
        packages: the import names of plugins. Where no line is in one of them, it is the innermost that is neither
            offhook's nor Python's own.
    """
    theirs = found = ""
    step = error.__traceback__
    while step is not None:
        package = str(step.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        file = step.tb_frame.f_code.co_filename
        if (package in packages or not is_ours(package)) and not _is_pythons(file):
            found = f"{PurePath(file).name}:{step.tb_lineno}"
            theirs = found if package in packages else theirs
        step = step.tb_next
    return theirs or found


def is_ours(package: str) -> bool:
    """Whether the import name `package` is of the kind that offhook's own have; a plugin's may be as well."""
    return package == "offhook" or package.startswith("offhook_")


def _is_pythons(file: str) -> bool:
    return file.startswith(_FROZEN) or (
        file.startswith(_STANDARD_LIBRARY) and not any(folder in file for folder in _OTHERS)
    )
