"""The clock of a tenant, which a test can move: tokens, time limits and the journal follow it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook.errors import ConfigError
from offhook.interfaces import iso_8601
from offhook_mockserver.faces.control.operation import TENANT, ControlOperation
from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import iso_8601 as a_time
from offhook_mockserver.faces.operations.kinds import number
from offhook_mockserver.faces.operations.shapes import NUMBER, TIME, about, an_object, named

if TYPE_CHECKING:
    from offhook_mockserver.faces.control.operation import Asked
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.tenants.clock import TenantClock

_CLOCK: Final[Schema] = named(
    "Clock",
    an_object(
        {
            "wall": about(TIME, "What the wall clock shows."),
            "wall_s": about(NUMBER, "The same, in seconds since 1970."),
            "ahead_s": about(NUMBER, "By how much it was moved forward, in all."),
            "wall_offset_s": about(NUMBER, "By how much the wall clock alone was set."),
        }
    ),
)


def operations() -> tuple[ControlOperation, ...]:
    """The operations on the clock."""
    return (
        ControlOperation(
            method="GET",
            path=f"{TENANT}/clock",
            summary="Read the clock.",
            answer=_CLOCK,
            handle=lambda asked: _shown(asked.tenant.clock),
        ),
        ControlOperation(
            method="POST",
            path=f"{TENANT}/clock",
            summary="Move the clock forward, or set the wall clock alone. Audio and scripts do not follow it.",
            body=Fields(
                Field("advance_s", number(), summary="By how many seconds; timers that become due are called at once."),
                Field("set_wall_s", number(), summary="What the wall clock shows then, in seconds since 1970."),
                Field("set_wall", a_time, summary="The same as a time."),
                extra=False,
            ),
            answer=_CLOCK,
            handle=_move,
        ),
    )


def _move(asked: Asked) -> object:
    clock, body = asked.tenant.clock, asked.body
    if len(body) != 1:
        raise ControlRefused("malformed", "pass one of advance_s, set_wall_s and set_wall")
    ((name, value),) = body.items()
    try:
        (clock.advance if name == "advance_s" else clock.set_wall)(cast("float", value))
    except ConfigError as error:  # which names the argument of a method
        problem = error.message.removeprefix("seconds ").removeprefix("wall_s ")
        raise ControlRefused("invalid", error.message if problem == error.message else f"{name} {problem}") from None
    return _shown(clock)


def _shown(clock: TenantClock) -> dict[str, object]:
    wall_s = clock.wall_s()
    return {
        "wall": iso_8601(wall_s),
        "wall_s": wall_s,
        "ahead_s": clock.ahead_s,
        "wall_offset_s": clock.wall_offset_s,
    }
