"""Groups of a lenient mock: each group that a request names exists, with the account's line and one contact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import either, list_of, null
from offhook_mockserver.faces.operations.shapes import OK, TEXT, TIME, a_list, an_object, choice, nullable
from offhook_mockserver.faces.sendblue.families import Family
from offhook_mockserver.faces.sendblue.lenient.messages import MESSAGE, message
from offhook_mockserver.faces.sendblue.lenient.stateless import ANY_TEXT, REPLY_TO, given, made_up, now, stateless

if TYPE_CHECKING:
    from offhook_mockserver.faces.operations.kinds import Kind, Schema
    from offhook_mockserver.faces.sendblue.operation import Asked, Operation


_TEXT_OR_NULL: Final[Kind] = either(ANY_TEXT, null)
_MODIFIED: Final[Schema] = an_object(
    {"status": OK, "group_id": TEXT, "modify_type": TEXT, "number": TEXT, "error_message": nullable(TEXT)}
)
_PHOTO: Final[Schema] = an_object({"photo_guid": TEXT, "url": TEXT})
_PARTICIPANT: Final[Schema] = an_object(
    {
        "participant_id": TEXT,
        "type": choice("contact", "seat"),
        "contact_id": nullable(TEXT),
        "seat_id": nullable(TEXT),
        "handle": TEXT,
        "phone": nullable(TEXT),
        "name": nullable(TEXT),
    }
)
_GROUP: Final[Schema] = an_object(
    {
        "status": OK,
        "data": an_object(
            {
                "group_id": TEXT,
                "group_name": nullable(TEXT),
                "group_photo": nullable(_PHOTO),
                "participants": a_list(_PARTICIPANT),
                "participant_numbers": a_list(TEXT),
                "worker_group_id": nullable(TEXT),
                "latest_message_id": nullable(TEXT),
                "latest_comm_at": nullable(TIME),
                "created_at": TIME,
                "updated_at": TIME,
            }
        ),
    }
)
_RENAMED: Final[Schema] = an_object(
    {"status": OK, "data": an_object({"group_id": TEXT, "group_name": TEXT, "from_number": nullable(TEXT)})}
)
_PHOTO_SET: Final[Schema] = an_object(
    {
        "status": OK,
        "data": an_object({"group_id": TEXT, "group_photo": nullable(_PHOTO), "from_number": nullable(TEXT)}),
    }
)
_CONTACT: Final = "+14155550123"


def operations() -> tuple[Operation, ...]:
    """The operations on groups."""
    return (
        stateless(
            "POST",
            "/api/modify-group",
            "Add a participant to a group, or remove one.",
            _modify,
            _MODIFIED,
            body=Fields(
                Field("group_id", ANY_TEXT, required=True),
                Field("modify_type", ANY_TEXT, required=True, summary="add_recipient or remove_recipient."),
                Field("number", ANY_TEXT, required=True),
                Field("from_number", ANY_TEXT),
            ),
            family=Family.MESSAGING,
        ),
        stateless(
            "POST",
            "/api/send-group-message",
            "Send a message to a group, or to several numbers.",
            _send,
            MESSAGE,
            body=Fields(
                Field("content", ANY_TEXT, required=True),
                Field("from_number", ANY_TEXT, required=True),
                Field("group_id", ANY_TEXT),
                Field("media_url", ANY_TEXT),
                Field("numbers", list_of(ANY_TEXT)),
                REPLY_TO,
                Field("seat_id", ANY_TEXT),
            ),
            family=Family.MESSAGING,
        ),
        stateless("GET", "/api/v2/groups/{group_id}", "One group.", _group, _GROUP),
        stateless(
            "POST",
            "/api/v2/groups/{group_id}/name",
            "Rename a group.",
            _rename,
            _RENAMED,
            body=Fields(
                Field("group_name", _TEXT_OR_NULL, required=True, summary="The name; null clears it."),
                Field("from_number", _TEXT_OR_NULL),
            ),
        ),
        stateless(
            "POST",
            "/api/v2/groups/{group_id}/photo",
            "Set the photo of a group.",
            _set_photo,
            _PHOTO_SET,
            body=Fields(
                Field("photo_url", _TEXT_OR_NULL, required=True, summary="Where the photo is; null clears it."),
                Field("from_number", _TEXT_OR_NULL),
            ),
        ),
    )


def _modify(asked: Asked) -> object:
    fields = {name: asked.body[name] for name in ("group_id", "modify_type", "number")}
    return {"status": "OK", **fields, "error_message": None}


def _send(asked: Asked) -> object:
    numbers = cast("list[str]", asked.body.get("numbers", []))
    about = given(asked, "group_id") or ",".join(numbers)
    return message(asked, about, message_type="group", number=numbers[0] if numbers else "")


def _group(asked: Asked) -> object:
    group_id = given(asked, "group_id")
    participant = {
        "participant_id": made_up(asked, f"{group_id}/participant"),
        "type": "contact",
        "contact_id": made_up(asked, "contact"),
        "seat_id": None,
        "handle": _CONTACT,
        "phone": _CONTACT,
        "name": None,
    }
    data = {
        "group_id": group_id,
        "group_name": None,
        "group_photo": None,
        "participants": [participant],
        "participant_numbers": [_CONTACT],
        "worker_group_id": None,
        "latest_message_id": None,
        "latest_comm_at": None,
        "created_at": now(asked),
        "updated_at": now(asked),
    }
    return {"status": "OK", "data": data}


def _rename(asked: Asked) -> object:
    names = {"group_id": given(asked, "group_id"), "group_name": given(asked, "group_name")}
    return {"status": "OK", "data": {**names, "from_number": asked.body.get("from_number")}}


def _set_photo(asked: Asked) -> object:
    url = asked.body["photo_url"]
    photo = None if url is None else {"photo_guid": made_up(asked, f"photo/{url}"), "url": url}
    data = {"group_id": given(asked, "group_id"), "group_photo": photo, "from_number": asked.body.get("from_number")}
    return {"status": "OK", "data": data}
