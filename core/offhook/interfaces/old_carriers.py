"""Carriers of the last version, with `start_call(self, to)` or `line(self)`: they work for one more, and warn.

It is decided once for each class, when the class is made, so that the warning points at the class.
"""

from __future__ import annotations

import inspect
import warnings
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook.interfaces.dialing import DialRequest
    from offhook.interfaces.grant import Grant

#: Names that a parameter for a number has; anything else is taken for a request, unless it is annotated as text.
_NUMBERS: Final = ("to", "number", "phone_number")


def keep_old_members(kind: type) -> None:
    """Add the members of this version to a class of carriers, made of those of the last one.

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


def _takes_a_number(method: Callable[..., object]) -> bool:
    parameters = list(inspect.signature(method).parameters.values())[1:2]
    return any(item.name in _NUMBERS or item.annotation in (str, "str") for item in parameters)


def _start_call_of(old: Callable[[object, str], Awaitable[Grant]]) -> Callable[[object, DialRequest], Awaitable[Grant]]:
    async def start_call(self: object, request: DialRequest) -> Grant:
        _refuse_choice(self, request.from_number)
        return await old(self, request.number)

    return start_call


def _line_id_of(old: Callable[[object], Awaitable[str]]) -> Callable[[object, str | None], Awaitable[str]]:
    async def line_id(self: object, from_number: str | None = None) -> str:
        _refuse_choice(self, from_number)
        return await old(self)

    return line_id


def _refuse_choice(carrier: object, from_number: str | None) -> None:
    if from_number is not None:
        raise ConfigError(
            f"{type(carrier).__name__} cannot call from a chosen line: it was written for the last version of offhook. "
            "Dial without from_number (--from)"
        )


def _warn(kind: type, old: str, new: str) -> None:
    warnings.warn(
        f"{kind.__name__}.{old} is of the last version of offhook: write {new}. The next version ends the old form",
        DeprecationWarning,
        stacklevel=5,  # past this module, `Carrier.__init_subclass__` and `ABCMeta`, to the class statement
    )
