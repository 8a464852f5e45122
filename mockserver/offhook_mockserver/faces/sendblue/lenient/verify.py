"""Verifications of a lenient mock: each one that a request names is pending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook_mockserver.faces.operations.fields import Field, Fields, object_of
from offhook_mockserver.faces.operations.kinds import iso_8601, whole
from offhook_mockserver.faces.operations.shapes import FLAG, OK, TEXT, TIME, WHOLE, a_list, an_object, choice, nullable
from offhook_mockserver.faces.sendblue.lenient.stateless import ANY_TEXT, given, made_up, now, stateless

if TYPE_CHECKING:
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.faces.sendblue.operation import Asked, Operation


_OF_A_SERVICE: Final = "/api/v2/verify/services/{service_sid}/verifications"
#: How long a verification is pending.
_LIFE_S: Final = 600.0
_CONTACT: Final = "+14155550123"
_HOSTED: Final[Schema] = an_object({"session_id": TEXT, "url": TEXT, "component_script": TEXT, "expires_at": TIME})
_VERIFICATION: Final[Schema] = an_object(
    {
        "sid": TEXT,
        "service_sid": TEXT,
        "account_sid": TEXT,
        "channel": choice("imessage"),
        "to": nullable(TEXT),
        "status": choice("pending"),
        "url": TEXT,
        "date_created": TIME,
        "date_updated": TIME,
        "expires_at": TIME,
        "delivery_target": an_object({"code": TEXT, "pool_number": TEXT, "sms_deep_link": TEXT}),
        "hosted": _HOSTED,
    },
    optional=("hosted",),
)
_NONE_YET: Final[Schema] = an_object(
    {
        "status": OK,
        "data": a_list({}),
        "pagination": an_object({"count": WHOLE, "limit": WHOLE, "offset": WHOLE, "has_more": FLAG}),
    }
)


def operations() -> tuple[Operation, ...]:
    """The operations on verifications."""
    return (
        stateless(
            "POST",
            _OF_A_SERVICE,
            "Begin to verify a number.",
            _create,
            _VERIFICATION,
            body=Fields(
                Field("to", ANY_TEXT, required=True, summary="The number."),
                Field(
                    "hosted",
                    object_of(
                        Fields(
                            Field("parent_origin", ANY_TEXT, required=True),
                            Field("accent_color", ANY_TEXT),
                            Field("brand_name", ANY_TEXT),
                            Field("theme", ANY_TEXT),
                        )
                    ),
                    summary="What a page that shows the verification looks like.",
                ),
            ),
        ),
        stateless(
            "GET",
            f"{_OF_A_SERVICE}/{{verification_sid}}",
            "One verification.",
            lambda asked: _verification(asked, given(asked, "verification_sid"), _CONTACT),
            _VERIFICATION,
        ),
        stateless(
            "GET",
            "/api/v2/verify/verifications",
            "The account's verifications, none of which is kept.",
            _list,
            _NONE_YET,
            query=Fields(
                Field("limit", whole(least=1, most=100), default=50),
                Field("offset", whole(least=0), default=0),
                Field("updated_at_gte", iso_8601),
            ),
        ),
    )


def _create(asked: Asked) -> object:
    to = given(asked, "to")
    verification = _verification(asked, f"VR{made_up(asked, f'verification/{to}')}", to)
    if "hosted" not in asked.body:
        return verification
    session = made_up(asked, f"hosted/{to}")
    hosted = {
        "session_id": session,
        "url": f"https://verify.example.com/{session}",
        "component_script": "https://verify.example.com/component.js",
        "expires_at": verification["expires_at"],
    }
    return {**verification, "hosted": hosted}


def _verification(asked: Asked, sid: str, to: str) -> dict[str, object]:
    line = asked.tenant.lines[0]
    return {
        "sid": sid,
        "service_sid": given(asked, "service_sid"),
        "account_sid": f"AC{made_up(asked, 'account')}",
        "channel": "imessage",
        "to": to,
        "status": "pending",
        "url": f"/api/v2/verify/services/{given(asked, 'service_sid')}/verifications/{sid}",
        "date_created": now(asked),
        "date_updated": now(asked),
        "expires_at": now(asked, later_s=_LIFE_S),
        "delivery_target": {"code": "000000", "pool_number": line, "sms_deep_link": f"sms:{line}&body=000000"},
    }


def _list(asked: Asked) -> object:
    pages = {name: asked.query[name] for name in ("limit", "offset")}
    return {"status": "OK", "data": [], "pagination": {"count": 0, **pages, "has_more": False}}
