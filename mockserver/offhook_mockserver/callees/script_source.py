"""Gets the script for a number from the function of a test, and reports a mistake in that function as such."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, cast

from offhook.arguments import discard
from offhook.interfaces import mask, mask_all
from offhook.plugin import line_of, line_shown
from offhook.wording import describe, quoted_path
from offhook_mockserver.callees.script import Script, ScriptError

if TYPE_CHECKING:
    from collections.abc import Callable


def script_from(script_for: Callable[[str], Script], number: str) -> Script:
    """The script for `number`, whose audio files exist.

    Raises:
        ScriptError: `script_for` raised an error, returned something else, or named a file that does not exist; the
            message holds the file and the line.
    """
    try:
        script = cast("object", script_for(number))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also CancelledError, and what pytest.fail raises: the call has not rung
        where = line_of(error) or _home(script_for)
        raise ScriptError(
            f"script_for({mask(number)!r}) of the mock raised {mask_all(describe(error))}{_at(where)}"
        ) from error
    discard(script)
    if not isinstance(script, Script):
        returned = f"returned {type(script).__name__}; expected a Script"
        raise ScriptError(f"script_for({mask(number)!r}) of the mock {returned}{_at(_home(script_for))}")
    for speech in script.speeches:
        if speech.path is not None and not speech.path.is_file():
            missing = f"returned a script with Say({quoted_path(speech.path)}), a file that does not exist"
            raise ScriptError(f"script_for({mask(number)!r}) of the mock {missing}{_at(_home(script_for))}")
    return script


def _at(where: str) -> str:
    return f" ({where})" if where else ""


def _home(function: object) -> str:
    """Where a function is defined; empty if Python does not know."""
    found = inspect.unwrap(function) if callable(function) else function
    if not hasattr(found, "__code__"):  # an object that can be called
        found = inspect.getattr_static(type(function), "__call__", None)
    code = getattr(found, "__code__", None)
    return line_shown(code, code.co_firstlineno) if inspect.iscode(code) else ""
