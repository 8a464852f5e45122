"""Looks at the parts that plugins give: whether each is what the core will use it as."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def misfit(product: object, interface: type) -> str:
    """What keeps `product` from being used as an `interface`; empty when it fits.

    It need not be a subclass: what has the methods and attributes will do.
    """
    if inspect.iscoroutine(product):
        product.close()  # nobody will await it, and Python would warn
        return "the factory is async: make it a plain function"
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
    return ""


def _has(product: object, name: str, is_method: bool) -> bool:
    return hasattr(product, name) and (not is_method or callable(getattr(product, name)))


def _is_async(method: Callable[..., object] | object) -> bool:
    return inspect.iscoroutinefunction(method)
