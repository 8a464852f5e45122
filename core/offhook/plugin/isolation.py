"""Calls into plugins: an exception becomes a `PluginError` that names the plugin, and a call that hangs is abandoned.

A plugin may raise anything: `SystemExit` in an SDK, or a class that does not derive from `Exception`, as panics of
native code are. None of these may end the event loop. Only ctrl-C is not a plugin's mistake, and is passed on.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import traceback
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from offhook.errors import FrameError, OffhookError, PluginError
from offhook.interfaces.numbers import mask_all
from offhook.plugin.report import INTERFACES_PAGE
from offhook.plugin.user_code import StandIn, is_pythons
from offhook.secret import redact
from offhook.wording import describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable
    from typing import Protocol

    class AsyncCloseable(Protocol):
        """A part that is closed with `aclose`."""

        def aclose(self) -> Awaitable[None]: ...

    class Note(Protocol):
        """Writes down an error that the call survives.

        Args:
            error: the error.
            doing: what failed because of it, for people; empty if the error's message says that.
        """

        def __call__(self, error: OffhookError, doing: str = "") -> None: ...


_T = TypeVar("_T")

#: Problems of plugins have a logger of their own, since the command line prints them itself.
PLUGINS_LOGGER: Final = "offhook.plugins"
_log: Final = logging.getLogger(PLUGINS_LOGGER)

#: How long a plugin may take to close what it has open.
CLOSE_TIMEOUT_S: Final = 5.0
#: How long a plugin's task may take to end once it is cancelled; after that it is left behind.
LET_GO_S: Final = 0.25

#: The distribution of each module that holds the hooks of an installed plugin, for messages.
_distributions: Final[dict[str, str]] = {}
#: The problem in the error about a plugin that raises a CancelledError of its own.
_CANCELLED: Final = "raised CancelledError, although its caller did not cancel it"

#: Tasks that ignored their cancellation: held here, since the event loop only holds its tasks weakly.
_left_behind: Final[set[asyncio.Task[Any]]] = set()


def remember_distribution(module: str, distribution: str) -> None:
    """Make `name_of` add `distribution` to the names of classes that are defined in `module` or below it."""
    _distributions[module] = distribution


def name_of(plugin: object) -> str:
    """The dotted name of an object's class, with its distribution if that is known; a str is returned unchanged.

    For a `StandIn`, it is the name of what it stands for.
    """
    if isinstance(plugin, str):
        return plugin
    if isinstance(plugin, StandIn):
        return plugin.stands_for
    module = package = type(plugin).__module__
    while package and package not in _distributions:
        package = package.rpartition(".")[0]
    distribution = f" ({_distributions[package]})" if package else ""
    return f"{module}.{type(plugin).__qualname__}{distribution}"


def as_plugin_error(plugin: object, hook: str, error: BaseException, doing: str = "") -> OffhookError:
    """Returns `error` itself if it is an `OffhookError`, else a `PluginError` that names the plugin and the line.

    A group of one `OffhookError`, as task groups raise it, counts as that error.

    The whole traceback is logged at DEBUG. An `OffhookError` of a plugin's own class whose message cannot be read is
    wrapped as well.

    Args:
        plugin: the plugin's name, or an object that it made.
        hook: the hook or method that was called.
        error: what it raised.
        doing: text to put before the description of the error.

    Raises:
        KeyboardInterrupt: `error` is this one, which is not a mistake of a plugin.
    """
    if isinstance(error, KeyboardInterrupt):
        raise error
    error = _alone(error)
    # A frame is made by the plugin itself, so a FrameError is its mistake.
    if isinstance(error, OffhookError) and not isinstance(error, FrameError) and _has_message(error):
        return error
    line = author_line(error)
    wrapped = PluginError(name_of(plugin), hook, f"{doing}{describe(error)}" + (f" ({line})" if line else ""))
    wrapped.__cause__ = error  # its author needs the traceback
    if _log.isEnabledFor(logging.DEBUG):
        text = "plugin %r failed in %s"
        record = _log.makeRecord(_log.name, logging.DEBUG, __file__, 0, text, (wrapped.plugin, hook), None)
        record.exc_text = mask_all(redact("".join(traceback.format_exception(error)))).rstrip()
        _log.handle(record)
    return wrapped


def _alone(error: BaseException) -> BaseException:
    """The `OffhookError` that is alone in an exception group; any other error unchanged."""
    alone = error
    while isinstance(alone, BaseExceptionGroup):
        errors = list(cast("BaseExceptionGroup[BaseException]", alone).exceptions)
        if len(errors) > 1:
            return error
        alone = errors[0]
    return alone if isinstance(alone, OffhookError) else error


def _has_message(error: OffhookError) -> bool:
    """Whether the message of an error can be read: a plugin may have broken it in a class of its own."""
    try:
        error.message.strip()
    except Exception:
        return False
    return True


def author_line(error: BaseException) -> str:
    """``chirp.py:31``: the innermost line of a traceback that is neither the core's nor Python's; empty for none."""
    line = ""
    for frame, number in traceback.walk_tb(error.__traceback__):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        file = frame.f_code.co_filename
        if package != "offhook" and not is_pythons(file):
            line = f"{PurePath(file).name}:{number}"
    return line


def contract_error(plugin: object, hook: str, problem: str, interface: str) -> PluginError:
    """The error for a part that breaks the contract of its `interface`; names the section about that interface."""
    return PluginError(name_of(plugin), hook, problem, see=f"{INTERFACES_PAGE}#{interface.lower()}")


async def isolated(
    plugin: object, hook: str, method: Callable[[], Awaitable[_T]], timeout_s: float | None = None
) -> _T:
    """Call a plugin's method and await what it returns. If the call itself raises, that is isolated as well.

    Args:
        plugin: the plugin's name, or an object that it made.
        hook: the hook or method that is called, for messages.
        method: the call.
        timeout_s: the time limit, or None for no limit. A task that ignores its cancellation is left behind, so that
            this function returns in any case.

    Raises:
        PluginError: the plugin raised something that is not an `OffhookError`, did not return an awaitable, or took
            longer than `timeout_s`.
        OffhookError: as the plugin raised it.
    """
    if timeout_s is None:
        return await _uncancelled(plugin, hook, method)
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    # A task of its own, so that we can go on without it. It says itself that it is over: that takes a turn of the loop
    # less than `asyncio.wait`, and every call makes ten of these.
    work = loop.create_task(_telling(over, _typed(plugin, hook, method)))
    timer = loop.call_later(timeout_s, _set, over)
    try:
        await over
    except asyncio.CancelledError:
        await cancel_and_wait({work})
        raise
    finally:
        timer.cancel()
    if not work.done():
        await cancel_and_wait({work})
        raise PluginError(name_of(plugin), hook, f"no answer within {timeout_s:g} s")
    if work.cancelled():  # we did not cancel it: the plugin raised it
        raise PluginError(name_of(plugin), hook, _CANCELLED)
    return work.result()


async def _telling(over: asyncio.Future[None], work: Coroutine[object, object, _T]) -> _T:
    try:
        return await work
    finally:
        _set(over)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done() and not future.get_loop().is_closed():
        future.set_result(None)


async def close_isolated(part: AsyncCloseable, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
    """Close a part; see `isolated`. The method is looked up inside the isolation, since the part may not have it.

    Raises:
        PluginError, OffhookError: see `isolated`.
    """
    await isolated(part, "aclose", lambda: part.aclose(), timeout_s)


async def _uncancelled(plugin: object, hook: str, method: Callable[[], Awaitable[_T]]) -> _T:
    """Await in this task, and distinguish a CancelledError that the plugin raises from a cancellation of the task."""
    try:
        return await _typed(plugin, hook, method)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise PluginError(name_of(plugin), hook, _CANCELLED) from None


async def _typed(plugin: object, hook: str, method: Callable[[], Awaitable[_T]]) -> _T:
    """Await what a plugin returns, and convert exceptions inside the task: a SystemExit that left it ends the loop."""
    task = asyncio.current_task()
    try:
        returned = method()
        if problem := _not_awaitable(returned):
            raise PluginError(name_of(plugin), hook, problem)
        return await returned
    except asyncio.CancelledError:
        raise
    except GeneratorExit as error:
        if not is_running(task):
            raise  # the loop was closed, and this coroutine with it
        raise as_plugin_error(plugin, hook, error) from error
    except BaseException as error:
        typed = as_plugin_error(plugin, hook, error)
        if typed is error:
            raise
        raise typed from error


def _not_awaitable(returned: object) -> str:
    """What is wrong with a result that cannot be awaited; empty if it can."""
    if inspect.isawaitable(returned):
        return ""
    return f"returned {type(returned).__name__}; expected an awaitable, as from an async def"


def is_running(task: asyncio.Task[Any] | None) -> bool:
    """Whether `task` is the one that runs now.

    This distinguishes a GeneratorExit that a plugin raises from that of a coroutine which Python closes because its
    loop is gone.
    """
    try:
        return task is not None and asyncio.current_task() is task
    except RuntimeError:  # no loop runs
        return False


async def cancel_and_wait(tasks: Iterable[asyncio.Task[_T]], within_s: float = LET_GO_S) -> set[asyncio.Task[_T]]:
    """Cancel tasks and wait until they have ended, for at most `within_s`; see `wait_cancelled`."""
    tasks = set(tasks)
    for task in tasks:
        task.cancel()
    return await wait_cancelled(tasks, within_s)


async def wait_cancelled(tasks: set[asyncio.Task[_T]], within_s: float) -> set[asyncio.Task[_T]]:
    """Wait until tasks that were cancelled have ended; returns those that have not, which nothing can end any more.

    The limit holds even when this is cancelled meanwhile: the tasks are cancelled once more, and CancelledError is
    raised at the end.
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
        task.exception()  # retrieved, or asyncio would log it
