"""Carriers of the last version, with `start_call(self, to)` or `line(self)`: they work for one more version, and warn.

Each class is checked once, when it is made, so that the warning points at the class.
"""

from __future__ import annotations

import inspect
import warnings
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Self

    from offhook.interfaces.dialing import DialRequest
    from offhook.interfaces.grant import Grant

#: Names of a parameter for a number; a parameter with another name takes a request, unless it is annotated as text.
_NUMBERS: Final = ("to", "number", "phone_number")


def keep_old_members(kind: type) -> None:
    """Add the members of this version to a carrier class that has members of the last version; they call those.

    Args:
        kind: the class, just made.
    """
    own = vars(kind)
    if inspect.isfunction(own.get("start_call")) and _takes_a_number(own["start_call"]):
        _warn(kind, "start_call(self, to)", "start_call(self, request), with request.number for the number")
        type.__setattr__(kind, "start_call", _start_call_of(own["start_call"]))
    if "line" in own and "line_id" not in own and inspect.iscoroutinefunction(own["line"]):
        _warn(kind, "line(self)", "line_id(self, from_number=None)")
        type.__setattr__(kind, "line_id", _line_id_of(own["line"]))


def line_id_for_line(kind: type, base: type) -> Callable[[object], Awaitable[str]]:
    """The `line_id` that `Carrier.line` calls: the first one behind all classes that define `line` themselves.

    A class that defines `line` may call `super().line()` in it, and its own `line_id` may call its `line` again.

    Args:
        kind: the class of the carrier.
        base: the class `Carrier`.
    """
    warnings.warn(
        "Carrier.line() is of the last version of offhook: write line_id(). The next version ends the old form",
        DeprecationWarning,
        stacklevel=3,  # past this function and `Carrier.line`
    )
    order = kind.__mro__
    first = max((place + 1 for place in range(order.index(base)) if "line" in vars(order[place])), default=0)
    found: Callable[[object], Awaitable[str]] = next(
        vars(item)["line_id"] for item in order[first:] if "line_id" in vars(item)
    )
    return found


class _NumberWithRequest(str):
    """The number for an old `start_call`, with the request's attributes in case it is passed on to a new carrier."""

    __slots__ = ("_request",)

    _request: DialRequest

    def __new__(cls, request: DialRequest) -> Self:
        made = super().__new__(cls, request.number)
        made._request = request
        return made

    def __getattr__(self, name: str) -> object:
        return getattr(self._request, name)


def _takes_a_number(method: Callable[..., object]) -> bool:
    parameters = list(inspect.signature(method).parameters.values())[1:2]
    return any(item.name in _NUMBERS or item.annotation in (str, "str") for item in parameters)


def _start_call_of(old: Callable[[object, str], Awaitable[Grant]]) -> Callable[[object, DialRequest], Awaitable[Grant]]:
    async def start_call(self: object, request: DialRequest) -> Grant:
        _refuse_choice(self, request.from_number)
        return await old(self, _NumberWithRequest(request))

    return start_call


def _line_id_of(old: Callable[[object], Awaitable[str]]) -> Callable[[object, str | None], Awaitable[str]]:
    async def line_id(self: object, from_number: str | None = None) -> str:
        _refuse_choice(self, from_number)
        return await old(self)

    return line_id


def _refuse_choice(carrier: object, from_number: str | None) -> None:
    if from_number is not None:
        raise ConfigError(
            f"{type(carrier).__name__} cannot call from a chosen line: it was written for an older version of offhook. "
            "Dial without from_number (--from)"
        )


def _warn(kind: type, old: str, new: str) -> None:
    warnings.warn(
        f"{kind.__name__}.{old} is of the last version of offhook: write {new}. The next version ends the old form",
        DeprecationWarning,
        stacklevel=5,  # past this module, `Carrier.__init_subclass__` and `ABCMeta`, to the class statement
    )
