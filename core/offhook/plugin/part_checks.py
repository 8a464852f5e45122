"""Looks at what plugins add to registries and at the parts that it makes: whether the core can use them."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Final, cast

from offhook.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Callable


#: As the names in specs; no longer than anybody would type.
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")

#: In what a method says that it gives.
_AWAITABLE: Final = re.compile(r"Awaitable|Coroutine|Future|Task|Any")


def registration_problem(name: object, factory: object, summary: object, extra: object, needs: object) -> str:
    """What is wrong with what a plugin adds; it may give anything, whatever the types say."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return f"{quoted(str(name))} is no name: take lower-case letters, digits, _ and -, with a letter first"
    if not callable(factory):
        return f"the factory of {name!r} is {type(factory).__name__}, which cannot be called"
    if inspect.iscoroutinefunction(factory):
        return f"the factory of {name!r} is async: make it a plain function"
    if not isinstance(summary, str) or not isinstance(extra, str):
        return f"summary and extra of {name!r} must be texts"
    if not isinstance(needs, tuple) or not all(
        need and isinstance(need, str) for need in cast("tuple[object, ...]", needs)
    ):
        return f'needs of {name!r} must be a tuple of import names, for example needs=("acme_sdk",)'
    return ""


def interface_mismatch(product: object, interface: type, *, is_last_moment: bool = False) -> str:
    """What keeps `product` from being used as an `interface`; empty when it fits.

    It need not be a subclass: what has the methods and attributes will do.

    Args:
        product: the part.
        interface: what it should be.
        is_last_moment: somebody has been rung already, so what may be awaited in the end is given a try: a plain
            function can give something to await without saying so.
    """
    if inspect.iscoroutine(product):
        product.close()  # nobody will await it, and Python would warn
        return "it is a coroutine; make the factory a plain function"
    kind = type(product).__name__
    if isinstance(product, type):
        return f"{product.__name__} is a class: give an instance of it"
    wanted = vars(interface)
    names = [name for name in {**wanted, **getattr(interface, "__annotations__", {})} if not name.startswith("_")]
    lacking = [name for name in names if not _has(product, name, callable(wanted.get(name)))]
    if lacking:
        return f"{kind} is no {interface.__name__}: it lacks {', '.join(lacking)}"
    wrong = [name for name in names if _is_async(getattr(product, name)) and not _is_async(wanted.get(name))]
    if wrong:
        return f"{kind} is no {interface.__name__}: its {', '.join(wrong)} must not be async"
    if is_last_moment:
        return ""
    plain = [name for name in names if _is_async(wanted.get(name)) and _is_plain(getattr(product, name))]
    if plain:
        return f"{kind} is no {interface.__name__}: its {', '.join(plain)} must be async"
    return ""


def _has(product: object, name: str, is_method: bool) -> bool:
    return hasattr(product, name) and (not is_method or callable(getattr(product, name)))


def _is_plain(method: Callable[..., object] | object) -> bool:
    """Whether it is a function that gives nothing to await; what says that it does is believed."""
    if not inspect.isroutine(method):
        return False
    function = inspect.unwrap(method)
    given = str(getattr(function, "__annotations__", {}).get("return", ""))
    return inspect.isroutine(function) and not _is_async(function) and not _AWAITABLE.search(given)


def _is_async(method: Callable[..., object] | object) -> bool:
    return inspect.iscoroutinefunction(method)
