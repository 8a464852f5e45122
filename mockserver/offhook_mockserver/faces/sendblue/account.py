"""The account and its lines: what clients look at first, to check their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.session import Grade
from offhook_mockserver.faces.operations.shapes import OK, TEXT, a_list, about, an_object
from offhook_mockserver.faces.sendblue.operation import Operation, Scoped

if TYPE_CHECKING:
    from offhook_mockserver.faces.sendblue.operation import Asked


def operations() -> tuple[Operation, ...]:
    """The operations on the account itself."""
    return (
        Operation(
            method="GET",
            path="/account",
            summary="The account that the credentials belong to.",
            grade=Grade.OBSERVED,
            source="Sendblue's command-line client 0.10.0",
            answer=an_object(
                {
                    "status": about(OK, grade=Grade.ASSUMED),
                    "email": about(TEXT, "The address of the account."),
                    "plan": about(TEXT, "The plan of the account; Sendblue does not document which there are."),
                }
            ),
            handle=_account,
        ),
        Operation(
            method="GET",
            path="/api/lines",
            summary="The numbers of the account's lines.",
            grade=Grade.OBSERVED,
            source="Sendblue's command-line client 0.10.0",
            answer=an_object(
                {
                    "status": about(OK, grade=Grade.ASSUMED),
                    "numbers": about(a_list(TEXT), "The lines, as E.164 numbers."),
                }
            ),
            scoped=Scoped.LINES,
            handle=_lines,
        ),
    )


def _account(asked: Asked) -> object:
    return {"status": "OK", "email": asked.tenant.account.email, "plan": "dedicated"}


def _lines(asked: Asked) -> object:
    return {"status": "OK", "numbers": asked.lines}
