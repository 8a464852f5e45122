"""The faults that a test can cause on its tenant, each a method that returns the fault.

::

    with tenant.faults.lost_answer() as fault:
        ...
    assert fault.count == 1
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError
from offhook.wording import nearest_name, no_attribute, quoted
from offhook_mockserver.tenants.channel_faults import ChannelFaults
from offhook_mockserver.tenants.fault_register import CallLimits, RequestLimits
from offhook_mockserver.tenants.http_faults import HttpFaults
from offhook_mockserver.tenants.media_faults import MediaFaults
from offhook_mockserver.tenants.webhook_faults import WebhookFaults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.tenants.fault import Fault
    from offhook_mockserver.tenants.fault_register import FaultRegister

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


class Faults(HttpFaults, ChannelFaults, MediaFaults, WebhookFaults):
    """The faults of one tenant.

    A fault is active from the call that makes it until it is undone: by the end of its `with` block, by `Fault.undo`,
    by `clear`, or when the tenant ends. All have the limits `times` (how often it is applied at most) and `to` (the
    number whose calls it applies to); those of channels, media and webhooks also have
    `channel`, those of requests `path`: without it, they happen to start-call alone; and those of webhooks `type`.

    Of the faults of a request one is applied at a time: first those with `times`, in the order in which they were made,
    so that several make a sequence; then the latest of the others.
    """

    if not TYPE_CHECKING:  # so that type checkers still report a wrong name

        def __getattr__(self, name: str) -> object:
            raise no_attribute(self, name)

    def make(self, name: str, arguments: Mapping[str, object]) -> Fault:
        """Make a fault by the name of its method, for commands.

        Args:
            name: the name, such as ``lost_answer``.
            arguments: the method's arguments by their names.

        Raises:
            ConfigError: the name or an argument is unknown, an argument is missing, or one is rejected by the method.
        """
        if name not in FAULT_NAMES:
            raise ConfigError(f"{quoted(name)} is not the name of a fault{nearest_name(name, FAULT_NAMES)}")
        known = arguments_of(name)
        for given in arguments:
            if given not in known:
                near = nearest_name(given, known)
                has = f"It has: {', '.join(known)}"
                raise ConfigError(f"the fault {name} has no argument {quoted(given)}{near or '.'} {has}")
        for argument in known.values():
            if argument.needed and argument.name not in arguments:
                raise ConfigError(f"the fault {name} needs the argument {argument.name}")
        fault: Fault = getattr(self, name)(**arguments)
        return fault


def _methods() -> tuple[str, ...]:
    parts: tuple[type[FaultRegister], ...] = (HttpFaults, ChannelFaults, MediaFaults, WebhookFaults)
    return tuple(name for part in parts for name in vars(part) if not name.startswith("_"))


#: The names of all faults.
FAULT_NAMES: Final = _methods()


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a fault.

    Attributes:
        name: its name.
        needed: whether it has no default.
        kind: its type, as in the source.
    """

    name: str
    needed: bool
    kind: str


def arguments_of(name: str) -> dict[str, Argument]:
    """The arguments of a fault, by name."""
    found: dict[str, Argument] = {}
    for parameter in list(inspect.signature(getattr(Faults, name)).parameters.values())[1:]:
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            found["times"] = Argument("times", False, "int | None")
            found["to"] = Argument("to", False, "str | None")
            if CallLimits.__name__ in str(parameter.annotation):
                found["channel"] = Argument("channel", False, "str | None")
            if RequestLimits.__name__ in str(parameter.annotation):
                found["path"] = Argument("path", False, "str | None")
        else:
            needed = parameter.default is inspect.Parameter.empty
            found[parameter.name] = Argument(parameter.name, needed, str(parameter.annotation))
    return found


def summary_of(name: str) -> str:
    """What a fault does, in a sentence."""
    return (inspect.getdoc(getattr(Faults, name)) or "").split("\n")[0]
