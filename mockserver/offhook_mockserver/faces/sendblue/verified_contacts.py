"""The contacts of an account's shared line, which are verified once they have sent it a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook.interfaces import iso_8601
from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import phone_number
from offhook_mockserver.faces.operations.shapes import FLAG, TEXT, TIME, a_list, about, an_object, choice, nullable
from offhook_mockserver.faces.refusals import RequestRefused
from offhook_mockserver.faces.sendblue.bounded import NOT_FOUND, within_bounds
from offhook_mockserver.faces.sendblue.families import Family
from offhook_mockserver.faces.sendblue.operation import Operation

if TYPE_CHECKING:
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.faces.sendblue.operation import Asked
    from offhook_mockserver.tenants.account.verified_contacts import VerifiedContact


_PATH: Final = "/v3/verified-contacts"
_SDK: Final = "Python SDK 1.33.0"
_CONTACT: Final[Schema] = an_object(
    {
        "phone_number": TEXT,
        "created_at": TIME,
        "updated_at": TIME,
        "verification_status": choice("pending", "verified"),
        "verified": FLAG,
    }
)
_LINE: Final[Schema] = an_object({"phone_number": TEXT, "type": choice("shared")})


def operations() -> tuple[Operation, ...]:
    """The operations on verified contacts."""
    number = Field("phone_number", phone_number, required=True, summary="The number of the contact.")
    return (
        Operation(
            method="POST",
            path=_PATH,
            summary="Make a contact of the shared line, or return the one with this number.",
            grade=Grade.OBSERVED,
            source=_SDK,
            body=Fields(number),
            answer=_data(
                {
                    "contact": _CONTACT,
                    "line": _LINE,
                    "verification_instructions": about(nullable(TEXT), "Null if the contact is verified."),
                }
            ),
            family=Family.V3,
            handle=_create,
        ),
        Operation(
            method="GET",
            path=_PATH,
            summary="The contacts of the shared line.",
            grade=Grade.OBSERVED,
            source=_SDK,
            answer=_data({"contacts": a_list(_CONTACT), "line": _LINE}),
            family=Family.V3,
            handle=_list,
        ),
        Operation(
            method="GET",
            path=f"{_PATH}/{{phone_number}}",
            summary="One contact of the shared line.",
            grade=Grade.OBSERVED,
            source=_SDK,
            parameters=Fields(number),
            answer=_data({"contact": _CONTACT, "line": _LINE}),
            family=Family.V3,
            handle=_retrieve,
        ),
    )


def _data(members: dict[str, Schema]) -> Schema:
    return an_object({"data": an_object(members)})


def _create(asked: Asked) -> object:
    contact, line = _made(asked, cast("str", asked.body["phone_number"])), asked.tenant.account.verified_contacts.line
    instructions = None if contact.verified else f"Send a message from {contact.phone_number} to {line}"
    return {
        "data": {"contact": _listed(contact), "line": _line(asked), "verification_instructions": instructions},
    }


def _list(asked: Asked) -> object:
    contacts = asked.tenant.account.verified_contacts
    return {"data": {"contacts": [_listed(contact) for contact in contacts], "line": _line(asked)}}


def _retrieve(asked: Asked) -> object:
    number = cast("str", asked.parameters["phone_number"])
    contact = asked.tenant.account.verified_contacts.get(number)
    if contact is None:
        if not asked.lenient:
            raise RequestRefused(NOT_FOUND, f"{number} is not a contact of the shared line")
        contact = _made(asked, number)
    return {"data": {"contact": _listed(contact), "line": _line(asked)}}


def _made(asked: Asked, number: str) -> VerifiedContact:
    with within_bounds():
        return asked.tenant.account.verified_contacts.create(number)


def _line(asked: Asked) -> object:
    return {"phone_number": asked.tenant.account.verified_contacts.line, "type": "shared"}


def _listed(contact: VerifiedContact) -> object:
    return {
        "phone_number": contact.phone_number,
        "created_at": iso_8601(contact.created_s),
        "updated_at": iso_8601(contact.updated_s),
        "verification_status": "verified" if contact.verified else "pending",
        "verified": contact.verified,
    }
