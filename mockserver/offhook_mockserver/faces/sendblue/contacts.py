"""The contacts of an account, one by one and in bulk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import Field, Fields, object_of
from offhook_mockserver.faces.operations.kinds import contact, e164_number, flag, iso_8601, list_of, one_of, text
from offhook_mockserver.faces.operations.shapes import FLAG, OK, TEXT, WHOLE, a_list, about, an_object
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused
from offhook_mockserver.faces.sendblue.bounded import NOT_FOUND, limit_field, offset_field, within_bounds
from offhook_mockserver.faces.sendblue.contact_fields import CONTACT, FIELDS, OWN, alias_fields, parts_of
from offhook_mockserver.faces.sendblue.operation import Operation
from offhook_mockserver.faces.sendblue.own_lines import check_own_line
from offhook_mockserver.tenants.account.contacts import ORDERS

if TYPE_CHECKING:
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.faces.sendblue.operation import Asked, Handler
    from offhook_mockserver.tenants.account.contacts import Contact


_SDK: Final = "Python SDK 1.33.0"
_PATH: Final = "/api/v2/contacts"
#: How many contacts a page has by default, at most, and how many may be skipped, as the SDK says.
_PAGE: Final = 100
_MOST: Final = 1_000
_MOST_SKIPPED: Final = 10_000
EXISTS: Final = ApiRefusal(400, Grade.ASSUMED)
_NUMBERS: Final = ("number", "phone_number", "phoneNumber")
_ONE: Final[Schema] = an_object({"status": OK, "contact": CONTACT})
_BY_NUMBER: Final = Fields(Field("phone_number", contact, required=True, summary="The number of the contact."))


def operations() -> tuple[Operation, ...]:
    """The operations on contacts."""
    return (
        _operation(
            "POST",
            _PATH,
            "Create a contact.",
            _create,
            _ONE,
            body=Fields(
                *alias_fields(_NUMBERS, e164_number, "The number of the contact; needed, under this or an older name."),
                *FIELDS,
                *OWN,
                Field("update_if_exists", flag, default=False, summary="Update the contact if there is one."),
                any_of=_NUMBERS,
            ),
            check=_check_line,
        ),
        _operation(
            "GET",
            _PATH,
            "Contacts of the account, as a bare list.",
            _list,
            a_list(CONTACT),
            query=Fields(
                Field("phone_number", text(most=254), summary="Only the contact with this number."),
                Field("cid", text(most=200), summary="Only the contact with this id."),
                Field("created_at_gte", iso_8601, summary="Only contacts that were created at this time or later."),
                Field(
                    "order_by",
                    text(most=200, pattern="|".join(ORDERS), hint=f"pass one of {', '.join(ORDERS)}"),
                    default="created_at",
                    summary="What contacts are ordered by. Which names Sendblue accepts is assumed.",
                ),
                Field("order_direction", one_of("asc", "desc"), default="desc", summary="The default is assumed."),
                limit_field(_PAGE, _MOST, "contacts"),
                offset_field("contacts", f"How many contacts are skipped, at most {_MOST_SKIPPED}."),
            ),
        ),
        _operation(
            "GET",
            f"{_PATH}/count",
            "How many contacts the account has.",
            lambda asked: {"count": len(asked.tenant.account.contacts)},
            an_object({"count": WHOLE}),
        ),
        _operation(
            "POST",
            f"{_PATH}/bulk",
            "Create contacts; those that exist are updated.",
            _create_several,
            an_object({"status": OK, "contacts": a_list(CONTACT)}),
            body=Fields(
                Field(
                    "contacts",
                    list_of(object_of(Fields(Field("phone", e164_number, required=True), *FIELDS)), most=_MOST),
                    required=True,
                )
            ),
        ),
        _operation(
            "DELETE",
            _PATH,
            "Delete contacts by their numbers or ids.",
            _delete_several,
            an_object({"status": OK, "amount": about(WHOLE, "How many were deleted.")}),
            body=Fields(Field("contact_ids", list_of(text(most=254), most=_MOST), required=True)),
        ),
        _operation(
            "POST",
            f"{_PATH}/opt-out",
            "Opt a number out of messages, or in again; it need not be a contact.",
            _opt_out,
            an_object({"status": OK, "number": TEXT, "opted_out": FLAG}),
            body=Fields(Field("number", contact, required=True), Field("opted_out", flag, default=True)),
        ),
        _operation(
            "POST",
            f"{_PATH}/verify",
            "Send a message to a contact; its answer verifies it.",
            _verify,
            an_object({"status": OK}),
            body=Fields(Field("number", contact, required=True)),
        ),
        _operation(
            "GET",
            f"{_PATH}/{{phone_number}}",
            "One contact.",
            lambda asked: _answer(asked, _found(asked)),
            _ONE,
            parameters=_BY_NUMBER,
        ),
        _operation(
            "PUT",
            f"{_PATH}/{{phone_number}}",
            "Change a contact. Custom variables are merged with those that it has.",
            _update,
            _ONE,
            parameters=_BY_NUMBER,
            body=Fields(*FIELDS, *OWN, *alias_fields(("opt_out", "optOut"), flag, "Whether it has opted out.")),
            check=_check_line,
        ),
        _operation(
            "DELETE",
            f"{_PATH}/{{phone_number}}",
            "Delete a contact.",
            _delete,
            an_object({"status": OK}),
            parameters=_BY_NUMBER,
        ),
    )


def _operation(method: str, path: str, summary: str, handle: Handler, answer: Schema, **more: Any) -> Operation:
    return Operation(
        method=method,
        path=path,
        summary=summary,
        grade=Grade.OBSERVED,
        source=_SDK,
        handle=handle,
        answer=answer,
        **more,
    )


def _check_line(asked: Asked) -> None:
    line = parts_of(asked.body).get("sendblue_number")
    if line is not None:
        check_own_line(asked, line, "sendblue_number")


def _create(asked: Asked) -> object:
    phone = next((cast("str", asked.body[name]) for name in _NUMBERS if name in asked.body), "")
    existing = asked.tenant.account.contacts.get(phone)
    if existing is not None and not (asked.body["update_if_exists"] or asked.lenient):
        raise RequestRefused(EXISTS, f"{phone} is a contact already; pass update_if_exists to update it")
    return _answer(asked, _put(asked, phone, parts_of(asked.body)))


def _create_several(asked: Asked) -> object:
    contacts = asked.tenant.account.contacts
    given = cast("list[dict[str, object]]", asked.body["contacts"])
    made = [_put(asked, cast("str", each["phone"]), parts_of(each)) for each in given]
    return {"status": "OK", "contacts": [contacts.listed(each) for each in made]}


def _put(asked: Asked, phone: str, parts: dict[str, Any]) -> Contact:
    contacts = asked.tenant.account.contacts
    existing = contacts.get(phone)
    with within_bounds():
        return contacts.create(phone, **parts) if existing is None else contacts.update(existing, **parts)


def _list(asked: Asked) -> object:
    contacts, query = asked.tenant.account.contacts, asked.query
    since = cast("float | None", query.get("created_at_gte"))
    found = [
        each
        for each in contacts
        if query.get("phone_number") in {None, each.phone}
        and query.get("cid") in {None, each.id}
        and (since is None or round(each.created_s * 1000) >= round(since * 1000))
    ]
    found.sort(key=ORDERS.get(cast("str", query["order_by"]), ORDERS["created_at"]))
    if query["order_direction"] == "desc":
        found.reverse()
    offset, limit = min(cast("int", query["offset"]), _MOST_SKIPPED), min(cast("int", query["limit"]), _MOST)
    return [contacts.listed(each) for each in found[offset : offset + limit]]


def _delete_several(asked: Asked) -> object:
    contacts = asked.tenant.account.contacts
    by_id = {each.id: each.phone for each in contacts}
    names = cast("list[str]", asked.body["contact_ids"])
    return {"status": "OK", "amount": sum(contacts.delete(by_id.get(name, name)) for name in names)}


def _opt_out(asked: Asked) -> object:
    number, opted_out = cast("str", asked.body["number"]), cast("bool", asked.body["opted_out"])
    with within_bounds():
        asked.tenant.account.recipients.opt_out(number, opted_out)
    return {"status": "OK", "number": number, "opted_out": opted_out}


def _verify(asked: Asked) -> object:
    found = _found(asked, cast("str", asked.body["number"]))
    line = found.sendblue_number
    line = line if line is not None and line in asked.lines else asked.lines[0]
    asked.tenant.account.messages.send(found.phone, "Reply to this message to verify your number.", line)
    return {"status": "OK"}


def _update(asked: Asked) -> object:
    found, parts = _found(asked), parts_of(asked.body)
    opted_out = asked.body.get("opt_out", asked.body.get("optOut"))
    with within_bounds():
        changed = asked.tenant.account.contacts.update(found, **parts)
        if opted_out is not None:
            asked.tenant.account.recipients.opt_out(found.phone, cast("bool", opted_out))
    return _answer(asked, changed)


def _delete(asked: Asked) -> object:
    asked.tenant.account.contacts.delete(_found(asked).phone)
    return {"status": "OK"}


def _found(asked: Asked, phone: str | None = None) -> Contact:
    phone = cast("str", asked.parameters["phone_number"]) if phone is None else phone
    found = asked.tenant.account.contacts.get(phone)
    if found is None:
        if not asked.lenient:
            raise RequestRefused(NOT_FOUND, f"{phone} is not a contact of this account")
        return _put(asked, phone, {})
    return found


def _answer(asked: Asked, given: Contact) -> object:
    return {"status": "OK", "contact": asked.tenant.account.contacts.listed(given)}
