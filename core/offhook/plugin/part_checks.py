"""Checks what plugins add to registries, and the parts that their factories return, before the core uses them."""

from __future__ import annotations

import functools
import inspect
import re
from typing import Final, cast

from offhook.arguments import discard, wrong
from offhook.plugin.isolation import contract_error
from offhook.wording import quoted

#: A valid name: like the names in specs, but with a limit on its length.
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")

#: Found in the return annotation of a plain function whose result can be awaited.
_AWAITABLE: Final = re.compile(r"Awaitable|Coroutine|Future|Task|Any")


def registration_problem(name: object, factory: object, summary: object, extra: object, needs: object) -> str:
    """What is wrong with the arguments of `Registry.add`, empty for nothing; plugins may ignore the types."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return (
            f"{quoted(str(name))} is not a valid name: use at most 64 lower-case letters, digits, _ and -, with a "
            "letter first"
        )
    if not callable(factory):
        return f"the factory of {name!r} is {type(factory).__name__}, not a function or a class"
    if inspect.iscoroutinefunction(factory):
        return f"the factory of {name!r} is async: make it a plain function"
    if not isinstance(summary, str) or not isinstance(extra, str):
        return f"summary and extra of {name!r} must be str"
    if not isinstance(needs, tuple) or not all(
        need and isinstance(need, str) for need in cast("tuple[object, ...]", needs)
    ):
        return f'needs of {name!r} must be a tuple of import names, for example needs=("acme_sdk",)'
    return ""


def interface_mismatch(part: object, interface: type, *, is_last_moment: bool = False) -> str:
    """What keeps `part` from being used as an `interface`, empty for nothing.

    Its class must be a subclass, so that Python itself requires every method.

    Args:
        part: what a factory returned or a program passed.
        interface: what it should be.
        is_last_moment: whether the callee has been rung already. Then two more things are accepted: plain methods that
            should be async, since a plain function can return an awaitable without an annotation; and a part that has
            all members but is not a subclass.
    """
    if inspect.iscoroutine(part):
        discard(part)
        return "got a coroutine: make the factory a plain function"
    if isinstance(part, type):
        return f"got the class {part.__name__}: an instance of it is needed"
    kind: type = type(part)
    if not isinstance(part, interface) and not (is_last_moment and _has_members(part, interface)):
        return f"got {kind.__name__}; expected an instance of a subclass of offhook.interfaces.{interface.__name__}"
    lacking = [name for name in inspect.get_annotations(interface) if not hasattr(part, name)]
    if lacking:
        return f"{kind.__name__} does not set {', '.join(lacking)}"
    must_be_plain, must_be_async = _methods_mismatch(kind, interface)
    if must_be_plain:
        return f"{kind.__name__} has async methods that must be plain: {', '.join(must_be_plain)}"
    if must_be_async and not is_last_moment:
        return f"{kind.__name__} has plain methods that must be async: {', '.join(must_be_async)}"
    return ""


def check_part(part: object, interface: type, name: str, wanted: str = "", guess: str = "") -> None:
    """Check a part that a program passes, before it is used.

    Args:
        part: what was passed.
        interface: what it should be.
        name: what the caller calls it.
        wanted: what else is accepted, for the message; by default, only an instance of `interface`.
        guess: what to write instead of what was passed, as a sentence.

    Raises:
        ConfigError: it is not an instance of `interface`.
        PluginError: it is one, and breaks the contract: a method is async that must be plain, or the other way round.
    """
    if isinstance(part, type) or not isinstance(part, interface):
        raise wrong(name, wanted or f"an instance of a subclass of {interface.__name__}", part, guess)
    problem = interface_mismatch(part, interface)
    if problem:
        raise contract_error(part, name.rstrip("()"), problem, interface.__name__)


def _has_members(part: object, interface: type) -> bool:
    """Whether `part` has what every subclass of `interface` must define itself."""
    names: frozenset[str] = getattr(interface, "__abstractmethods__", frozenset())
    return all(callable(getattr(part, name, None)) for name in names)


@functools.lru_cache(maxsize=256)
def _methods_mismatch(kind: type, interface: type) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the async methods of a class that must be plain, and the plain methods that must be async."""
    pairs = [
        (method, getattr(kind, name, None)) for name, method in vars(interface).items() if inspect.isfunction(method)
    ]
    must_be_plain = (wanted.__name__ for wanted, own in pairs if _is_async(own) and not _is_async(wanted))
    must_be_async = (wanted.__name__ for wanted, own in pairs if _is_async(wanted) and _is_plain(own))
    return tuple(must_be_plain), tuple(must_be_async)


def _is_plain(method: object) -> bool:
    """Whether `method` is a function whose result cannot be awaited; an annotation that says it can is believed."""
    if not inspect.isroutine(method):
        return False
    function = inspect.unwrap(method)
    returned = str(getattr(function, "__annotations__", {}).get("return", ""))
    return inspect.isroutine(function) and not _is_async(function) and not _AWAITABLE.search(returned)


def _is_async(method: object) -> bool:
    return inspect.iscoroutinefunction(method)
