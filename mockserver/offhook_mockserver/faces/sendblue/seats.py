"""The seats of an account. Clients read them; tests add them, see `Seats`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook.interfaces import iso_8601
from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import text
from offhook_mockserver.faces.operations.shapes import OK, TEXT, TIME, WHOLE, a_list, about, an_object, nullable
from offhook_mockserver.faces.refusals import RequestRefused
from offhook_mockserver.faces.sendblue.bounded import NOT_FOUND, limit_field, offset_field
from offhook_mockserver.faces.sendblue.operation import Operation

if TYPE_CHECKING:
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.faces.sendblue.operation import Asked
    from offhook_mockserver.tenants.account.seats import Seat


_SDK: Final = "Python SDK 1.33.0"
#: How many seats a page has by default, and at most. Assumed.
_PAGE: Final = 100
_MOST: Final = 1_000
_SEAT: Final[Schema] = an_object(
    {
        "account": about(TEXT, "The account that it belongs to."),
        "created_at": TIME,
        "email": TEXT,
        "first_name": TEXT,
        "forwarding_number": nullable(TEXT),
        "last_name": TEXT,
        "seat_id": about(TEXT, "For `seat_id` of a message."),
    }
)
_EMAIL: Final = Field("email", text(most=254), summary="Only seats with exactly this address.")


def operations() -> tuple[Operation, ...]:
    """The operations on seats."""
    return (
        Operation(
            method="GET",
            path="/api/v2/seats",
            summary="The seats of the account, as a bare list.",
            grade=Grade.OBSERVED,
            source=_SDK,
            query=Fields(_EMAIL, limit_field(_PAGE, _MOST, "seats"), offset_field("seats")),
            answer=a_list(_SEAT),
            handle=_list,
        ),
        Operation(
            method="GET",
            path="/api/v2/seats/count",
            summary="How many seats the account has.",
            grade=Grade.OBSERVED,
            source=_SDK,
            query=Fields(_EMAIL),
            answer=an_object({"count": WHOLE}),
            handle=lambda asked: {"count": len(_found(asked))},
        ),
        Operation(
            method="GET",
            path="/api/v2/seats/{seat_id}",
            summary="One seat.",
            grade=Grade.OBSERVED,
            source=_SDK,
            parameters=Fields(
                Field("seat_id", text(least=1, most=200), required=True, summary="Its UUID, or its Firebase subject.")
            ),
            answer=an_object({"status": OK, "seat": _SEAT}),
            handle=_retrieve,
        ),
    )


def _found(asked: Asked) -> list[Seat]:
    return asked.tenant.account.seats.of(cast("str | None", asked.query.get("email")))


def _list(asked: Asked) -> object:
    offset, limit = cast("int", asked.query["offset"]), min(cast("int", asked.query["limit"]), _MOST)
    return [_listed(asked, seat) for seat in _found(asked)[offset : offset + limit]]


def _retrieve(asked: Asked) -> object:
    seats = asked.tenant.account.seats
    seat = seats.find(cast("str", asked.parameters["seat_id"]))
    if seat is None and asked.lenient:
        seat = next(iter(seats), None)
    if seat is None:
        raise RequestRefused(NOT_FOUND, "this account has no seat with that id")
    return {"status": "OK", "seat": _listed(asked, seat)}


def _listed(asked: Asked, seat: Seat) -> object:
    return {
        "account": asked.tenant.account.email,
        "created_at": iso_8601(seat.created_s),
        "email": seat.email,
        "first_name": seat.first_name,
        "forwarding_number": seat.forwarding_number,
        "last_name": seat.last_name,
        "seat_id": seat.id,
    }
