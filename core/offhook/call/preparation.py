"""Imports what playing audio needs, before anything rings.

Parts import their libraries when they are made, so that a phone is light until it dials. numpy, soundfile and PyAV take
a tenth of a second to a second. On the event loop, after the answer, that would delay the greeting.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook.plugin.manager import Plugins


_log = logging.getLogger(__name__)

#: How long the imports are waited for. They go on after that, and the part that needs them waits for their end.
_PATIENCE_S: Final = 10.0


async def prepare_audio(plugins: Plugins) -> None:
    """Import, in a thread, what the installed audio sources and resamplers need and what is not yet imported.

    A module that cannot be imported is left to the part that needs it, which raises the error when it is made.
    """
    names = list(dict.fromkeys(_absent(plugins)))
    if not names:
        return
    # A thread of its own: one of the loop's executor would stay until the loop is closed.
    thread = ThreadPoolExecutor(1, "offhook-import")
    try:
        importing = asyncio.get_running_loop().run_in_executor(thread, _import, names)
        await asyncio.wait((importing,), timeout=_PATIENCE_S)
    finally:
        thread.shutdown(wait=False)


def _absent(plugins: Plugins) -> Iterator[str]:
    for registry in (plugins.sources, plugins.resamplers):
        for item in registry:
            absent = [name for name in item.needs if name not in sys.modules]
            if absent and not item.missing:
                yield from absent


def _import(names: list[str]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as error:  # an import runs foreign code, and a call that plays nothing can do without it
            _log.debug("%s could not be imported: %s", name, type(error).__name__)
