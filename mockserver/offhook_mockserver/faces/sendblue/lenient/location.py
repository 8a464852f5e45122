"""Locations of a lenient mock: no contact shares its location, and a watch ends at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.shapes import OK, TEXT, a_list, an_object, choice, nullable
from offhook_mockserver.faces.sendblue.lenient.stateless import ANY_TEXT, given, made_up, stateless

if TYPE_CHECKING:
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.faces.sendblue.operation import Asked, Operation


_NOT_SHARED: Final = "not_shared"
#: Where a contact is, which is never known here.
_NOWHERE: Final[Schema] = {"type": "null"}
_STATE: Final[Schema] = choice(_NOT_SHARED)
_ONE: Final[Schema] = an_object(
    {"status": OK, "number": TEXT, "from_number": TEXT, "state": _STATE, "location": _NOWHERE}
)
_ALL: Final[Schema] = an_object(
    {
        "status": OK,
        "from_number": TEXT,
        "locations": a_list(an_object({"number": TEXT, "state": _STATE, "location": _NOWHERE})),
    }
)
_REQUESTED: Final[Schema] = an_object(
    {"status": choice("QUEUED"), "message": nullable(TEXT), "message_handle": TEXT, "number": TEXT, "uuid": TEXT}
)
#: One event of the stream. OpenAPI 3.1 cannot describe a stream, and tools take its schema as that of each event.
_EVENT: Final[Schema] = an_object({"event": choice("ready", "location", "complete"), "data": TEXT})
_LINE: Final[Field] = Field("from_number", ANY_TEXT, required=True, summary="The line of the account.")


def operations() -> tuple[Operation, ...]:
    """The operations on locations."""
    return (
        stateless("GET", "/api/location", "All shared locations.", _list, _ALL, query=Fields(_LINE)),
        stateless("GET", "/api/location/{number}", "Where a contact is.", _retrieve, _ONE, query=Fields(_LINE)),
        stateless(
            "GET",
            "/api/location/{number}/watch",
            "Where a contact is, as a stream of events.",
            _watch,
            _EVENT,
            query=Fields(_LINE),
            media_type="text/event-stream",
        ),
        stateless(
            "POST",
            "/api/request-location",
            "Ask a contact to share its location.",
            _request,
            _REQUESTED,
            body=Fields(_LINE, Field("number", ANY_TEXT, required=True, summary="The contact.")),
        ),
    )


def _list(asked: Asked) -> object:
    return {"status": "OK", "from_number": given(asked, "from_number"), "locations": []}


def _retrieve(asked: Asked) -> object:
    return {"status": "OK", **_contact(asked), "state": _NOT_SHARED, "location": None}


def _watch(asked: Asked) -> Response:
    ready = {"status": "OK", **_contact(asked)}
    location = {**ready, "state": _NOT_SHARED, "location": None}
    complete = {**ready, "reason": "watch_ended"}
    events = {"ready": ready, "location": location, "complete": complete}
    stream = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events.items())
    return Response(stream, media_type="text/event-stream", headers={"cache-control": "no-store"})


def _request(asked: Asked) -> object:
    uuid = made_up(asked, f"request-location/{given(asked, 'number')}")
    number = given(asked, "number")
    return {"status": "QUEUED", "message": None, "message_handle": uuid, "number": number, "uuid": uuid}


def _contact(asked: Asked) -> dict[str, str]:
    return {"number": given(asked, "number"), "from_number": given(asked, "from_number")}
