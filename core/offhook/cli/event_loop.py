"""The event loop of commands: uvloop's where the extra `fast` is installed, else asyncio's own.

Programs choose their loop themselves, and tests have a loop of their own: only commands look here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

#: The package, and the extra that installs it.
PACKAGE: Final = "uvloop"
EXTRA: Final = "offhook[fast]"


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the loop of a command; None for asyncio's own."""
    return _look()[0]


def describe_loop() -> str:
    """Which loop commands use, as a sentence."""
    return _look()[1]


def _look() -> tuple[Callable[[], asyncio.AbstractEventLoop] | None, str]:
    try:
        module = import_module(PACKAGE)
        factory = cast("Callable[[], asyncio.AbstractEventLoop]", module.new_event_loop)
    except ModuleNotFoundError:
        return None, f'asyncio\'s own; commands cost less CPU with {PACKAGE}: pip install "{EXTRA}"'
    except Exception as error:  # built for another machine, or something else of that name
        return None, f"asyncio's own, because {PACKAGE} cannot be used ({type(error).__name__})"
    return factory, f"{PACKAGE} {module.__version__}, in commands"
