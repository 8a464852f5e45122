"""Faults of a tenant: what goes wrong because a test wants it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from offhook.wording import quoted
from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.faces.control.operation import TENANT, ControlOperation
from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import any_object, text
from offhook_mockserver.faces.operations.shapes import FLAG, TEXT, WHOLE, a_list, about, an_object, named, nullable
from offhook_mockserver.tenants.faults import FAULT_NAMES
from offhook_mockserver.tenants.http_faults import HttpFaults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from offhook_mockserver.faces.control.operation import Asked
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.tenants.fault import Fault

_PATH: Final = f"{TENANT}/faults/{{id}}"
_ID: Final = Fields(Field("id", text(least=1, most=20), required=True, summary="The id of a fault, such as `f1`."))
#: Nothing could undo it, since that needs a connection.
_NOT_UNDONE: Final = HttpFaults.refused.__name__
#: Read as any text, because `Faults.make` says which name was meant.
_NAME: Final = replace(
    text(most=60), schema={"type": "string", "enum": [name for name in FAULT_NAMES if name != _NOT_UNDONE]}
)
_FAULT: Final[Schema] = named(
    "Fault",
    an_object(
        {
            "id": about(TEXT, "Its name among the faults of the tenant."),
            "name": about(TEXT, "Its kind."),
            "what": about(TEXT, "What it does, for people."),
            "text": about(TEXT, "The same with its limits."),
            "times": about(nullable(WHOLE), "How often it is applied at most; null for any number."),
            "channel": about(nullable(TEXT), "The channel that it applies to; null for all."),
            "count": about(WHOLE, "How often it was applied."),
            "active": about(FLAG, "Whether it may still be applied, or what it has done lasts."),
            "used_up": about(FLAG, "Whether it was applied as often as it may be, and is over."),
        }
    ),
)
_FAULTS: Final[Schema] = an_object({"faults": a_list(_FAULT)})


def operations() -> tuple[ControlOperation, ...]:
    """The operations on faults."""
    return (
        ControlOperation(
            method="GET",
            path=f"{TENANT}/faults",
            summary="List the active faults and those that are used up.",
            answer=_FAULTS,
            handle=_list,
        ),
        ControlOperation(
            method="POST",
            path=f"{TENANT}/faults",
            summary="Make a fault, active until it is removed, used up, or the tenant is removed.",
            body=Fields(
                Field("name", _NAME, required=True, summary="What goes wrong; see how-to/cause-faults.md."),
                Field(
                    "arguments",
                    any_object,
                    default={},
                    summary="The arguments of the method of that name, such as `times`, `to` and `channel`.",
                ),
                extra=False,
            ),
            answers={201: _FAULT},
            handle=_add,
        ),
        ControlOperation(
            method="GET",
            path=_PATH,
            summary="Show a fault, also one that is over.",
            parameters=_ID,
            answer=_FAULT,
            handle=_get,
        ),
        ControlOperation(
            method="DELETE", path=_PATH, summary="Undo a fault.", parameters=_ID, answer=_FAULT, handle=_remove
        ),
        ControlOperation(
            method="DELETE", path=f"{TENANT}/faults", summary="Undo all faults.", answer=_FAULTS, handle=_clear
        ),
    )


def shown_fault(fault: Fault) -> dict[str, object]:
    """A fault, for programs."""
    return {
        "id": fault.id,
        "name": fault.name,
        "what": fault.what,
        "text": str(fault),
        "times": fault.times,
        "channel": fault.channel,
        "count": fault.count,
        "active": fault.active,
        "used_up": fault.spent and not fault.active,
    }


def _list(asked: Asked) -> object:
    faults = asked.tenant.faults
    return {"faults": [shown_fault(fault) for fault in (*faults.used_up, *faults.active)]}


def _add(asked: Asked) -> Response:
    name, arguments = cast("str", asked.body["name"]), cast("Mapping[str, object]", asked.body["arguments"])
    if name == _NOT_UNDONE:
        problem = "nothing could undo this fault, since that needs a connection: stop the mock instead"
        raise ControlRefused("not_undone", problem)
    return JsonAnswer(shown_fault(asked.tenant.faults.make(name, arguments)), 201)


def _get(asked: Asked) -> object:
    id = asked.text("id")
    for fault in asked.tenant.faults.made:
        if fault.id == id:
            return shown_fault(fault)
    raise ControlRefused("no_such_fault", f"this tenant has made no fault with the id {quoted(id)}")


def _remove(asked: Asked) -> object:
    id = asked.text("id")
    fault = asked.tenant.faults.find(id)
    if fault is None:
        raise ControlRefused("no_such_fault", f"no active fault has the id {quoted(id)}")
    fault.end()
    return shown_fault(fault)


def _clear(asked: Asked) -> object:
    faults = asked.tenant.faults
    before = faults.active
    faults.end_all()
    return {"faults": [shown_fault(fault) for fault in before]}
