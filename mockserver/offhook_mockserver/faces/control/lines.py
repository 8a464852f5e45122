"""The lines of a tenant's account: their health, and what a test lets happen to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook_mockserver.faces.control.operation import TENANT, ControlOperation
from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import e164_number, flag, one_of
from offhook_mockserver.faces.operations.shapes import FLAG, TEXT, a_list, about, an_object, choice, named, nullable
from offhook_mockserver.tenants.account.lines import Assignment, LineStatus

if TYPE_CHECKING:
    from offhook_mockserver.faces.control.operation import Asked
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.tenants.tenant import Tenant

_PATH: Final = f"{TENANT}/lines/{{line}}"
_PARAMETERS: Final = Fields(Field("line", e164_number, required=True, summary="The number of a line."))
_STATUSES: Final = tuple(status.value for status in LineStatus)
_ASSIGNMENTS: Final = tuple(assignment.value for assignment in Assignment)
_LINE: Final[Schema] = named(
    "Line",
    an_object(
        {
            "line": about(TEXT, "Its number."),
            "status": about(choice(*_STATUSES), "Its health."),
            "assignment": about(choice(*_ASSIGNMENTS), "What it is to the account."),
            "blocked": about(FLAG, "Whether messages from it fail."),
            "forwarding": about(nullable(TEXT), "The number that calls to it are forwarded to."),
        }
    ),
)
_LINES: Final[Schema] = an_object({"lines": a_list(_LINE)})


def operations() -> tuple[ControlOperation, ...]:
    """The operations on lines."""
    return (
        ControlOperation(
            method="GET",
            path=f"{TENANT}/lines",
            summary="List the lines.",
            answer=_LINES,
            handle=lambda asked: _all(asked.tenant),
        ),
        ControlOperation(
            method="PUT",
            path=_PATH,
            summary="Assign a further line to the account: clients get `line.assigned` and a webhook.",
            parameters=_PARAMETERS,
            body=Fields(extra=False),
            answer=_LINES,
            handle=_assign,
        ),
        ControlOperation(
            method="PATCH",
            path=_PATH,
            summary="Change a line: clients get its events.",
            parameters=_PARAMETERS,
            body=Fields(
                Field("status", one_of(*_STATUSES), summary="Its health."),
                Field("assignment", one_of(*_ASSIGNMENTS), summary="What it is to the account."),
                Field("blocked", flag, summary="True blocks it, which cannot be undone."),
                extra=False,
            ),
            answer=_LINES,
            handle=_change,
        ),
        ControlOperation(
            method="DELETE",
            path=_PATH,
            summary="Take a line from the account: clients get `line.unassigned`.",
            parameters=_PARAMETERS,
            answer=_LINES,
            handle=_unassign,
        ),
    )


def _all(tenant: Tenant) -> dict[str, object]:
    states = map(tenant.account.lines.of, tenant.lines)
    return {
        "lines": [
            {
                "line": state.line,
                "status": state.status,
                "assignment": state.assignment,
                "blocked": state.blocked,
                "forwarding": state.forwarding,
            }
            for state in states
        ]
    }


def _assign(asked: Asked) -> object:
    if asked.text("line") not in asked.tenant.lines:  # as often as it is sent
        asked.tenant.account.lines.assign(asked.text("line"))
    return _all(asked.tenant)


def _change(asked: Asked) -> object:
    lines, line, body = asked.tenant.account.lines, _own(asked), asked.body
    if body.get("blocked") is False and lines.of(line).blocked:
        raise ControlRefused("state", f"{line} was blocked, which cannot be undone: assign another line")
    if "assignment" in body:
        lines.set_assignment(line, str(body["assignment"]))
    if "status" in body:
        lines.set_status(line, str(body["status"]))
    if body.get("blocked"):
        lines.block(line)
    return _all(asked.tenant)


def _unassign(asked: Asked) -> object:
    asked.tenant.account.lines.unassign(_own(asked))
    return _all(asked.tenant)


def _own(asked: Asked) -> str:
    line = asked.text("line")
    if line not in asked.tenant.lines:
        raise ControlRefused("no_such_line", f"{line} is not a line of this tenant: {', '.join(asked.tenant.lines)}")
    return line
