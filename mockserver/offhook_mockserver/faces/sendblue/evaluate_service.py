"""Whether a number or an e-mail address uses iMessage. This says nothing about FaceTime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import either, email, phone_number
from offhook_mockserver.faces.operations.shapes import TEXT, an_object, choice
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused
from offhook_mockserver.faces.sendblue.operation import Operation, Scoped

if TYPE_CHECKING:
    from offhook_mockserver.faces.sendblue.operation import Asked


#: Sendblue says that clients may ask again.
INCONCLUSIVE: Final = ApiRefusal(503, Grade.ASSUMED)


def operations() -> tuple[Operation, ...]:
    """The look-up."""
    return (
        Operation(
            method="GET",
            path="/api/evaluate-service",
            summary="The service that messages to a number or an e-mail address use.",
            grade=Grade.OBSERVED,
            source="Python SDK 1.33.0",
            query=Fields(
                Field("number", either(phone_number, email), required=True, summary="The number or the address.")
            ),
            answer=an_object({"number": TEXT, "service": choice("iMessage", "SMS")}),
            scoped=Scoped.LINES,
            handle=_service,
        ),
    )


def _service(asked: Asked) -> object:
    number = cast("str", asked.query["number"])
    service = asked.tenant.account.recipients.of(number).service
    if not service:
        raise RequestRefused(INCONCLUSIVE, "the look-up was inconclusive: try again later")
    return {"number": number, "service": "iMessage" if service == "iMessage" else "SMS"}
