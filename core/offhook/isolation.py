"""Calls into plugins: what they raise becomes a `PluginError` with their name, what hangs is given up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from offhook.errors import OffhookError, PluginError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_T = TypeVar("_T")

#: How long a plugin may take to close what it has open.
CLOSE_TIMEOUT_S: Final = 5.0


def name_of(plugin: object) -> str:
    """The dotted name of a plugin object's class, for messages."""
    return f"{type(plugin).__module__}.{type(plugin).__qualname__}"


def as_plugin_error(plugin: object, hook: str, error: BaseException) -> OffhookError:
    """`error` itself if it is one of ours, else a `PluginError` that names the plugin and the method."""
    if isinstance(error, OffhookError):
        return error
    wrapped = PluginError(name_of(plugin), hook, f"{type(error).__name__}: {error}")
    wrapped.__cause__ = error  # its author needs the traceback
    return wrapped


async def isolated(
    plugin: object, hook: str, method: Callable[[], Awaitable[_T]], timeout_s: float | None = None
) -> _T:
    """Call a plugin's method and await what it gives. One that raises before it gives anything is isolated as well.

    Raises:
        PluginError: it raised something that is not an `OffhookError`, gave nothing to await, or took longer than
            `timeout_s`.
        OffhookError: as the plugin raised it.
    """
    limit = asyncio.timeout(timeout_s)
    try:
        async with limit:
            return await method()
    except TimeoutError as error:
        if limit.expired():
            raise PluginError(name_of(plugin), hook, f"no answer within {timeout_s:g} s") from None
        raise as_plugin_error(plugin, hook, error) from error
    except OffhookError:
        raise
    except Exception as error:
        raise as_plugin_error(plugin, hook, error) from error
