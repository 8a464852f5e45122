"""Carousels and updates of app cards in a lenient mock: each is queued, and that is all that becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook_mockserver.faces.operations.fields import Field, Fields, object_of
from offhook_mockserver.faces.operations.kinds import anything, flag, list_of
from offhook_mockserver.faces.operations.shapes import FLAG, TEXT, TIME, WHOLE, an_object, choice, nullable
from offhook_mockserver.faces.sendblue.families import Family
from offhook_mockserver.faces.sendblue.lenient.stateless import ANY_TEXT, REPLY_TO, given, made_up, now, stateless

if TYPE_CHECKING:
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.faces.sendblue.operation import Asked, Operation


#: A message that was queued.
MESSAGE: Final[Schema] = an_object(
    {
        "account_email": TEXT,
        "content": TEXT,
        "date_created": TIME,
        "date_updated": TIME,
        "error_code": nullable(WHOLE),
        "error_key": nullable(TEXT),
        "error_message": nullable(TEXT),
        "from_number": TEXT,
        "is_outbound": FLAG,
        "media_url": TEXT,
        "message_handle": TEXT,
        "message_type": choice("message", "group"),
        "number": TEXT,
        "status": choice("QUEUED"),
    }
)
_CAROUSEL: Final[Schema] = an_object(
    {
        "accountEmail": TEXT,
        "from_number": TEXT,
        "is_outbound": FLAG,
        "media_url": TEXT,
        "message_handle": TEXT,
        "message_type": TEXT,
        "number": TEXT,
        "status": choice("QUEUED"),
    }
)
_LAYOUT: Final = tuple(
    "caption subcaption summary imageTitle imageSubtitle imageUrl trailingCaption trailingSubcaption".split()
)


def operations() -> tuple[Operation, ...]:
    """The operations on carousels and app cards."""
    return (
        stateless(
            "POST",
            "/api/send-carousel",
            "Send pictures as a carousel.",
            _carousel,
            _CAROUSEL,
            body=Fields(
                Field("from_number", ANY_TEXT, required=True),
                Field("number", ANY_TEXT, required=True),
                Field("media_urls", list_of(ANY_TEXT, least=1, most=20), required=True),
                Field("metadata", anything),
                REPLY_TO,
                Field("seat_id", ANY_TEXT),
                Field("send_style", ANY_TEXT),
                Field("status_callback", ANY_TEXT),
            ),
            family=Family.MESSAGING,
        ),
        stateless(
            "POST",
            "/api/messages/{message_handle}/update-app-card",
            "Update an app card that was sent.",
            lambda asked: message(asked, given(asked, "message_handle"), content=given(asked, "fallback_text")),
            MESSAGE,
            body=Fields(
                Field("fallback_text", ANY_TEXT),
                Field("idempotency_key", ANY_TEXT),
                Field("interactive", flag),
                Field("layout", object_of(Fields(*(Field(name, ANY_TEXT) for name in _LAYOUT)))),
                Field("send_style", ANY_TEXT),
                Field("url", ANY_TEXT),
            ),
            family=Family.MESSAGING,
        ),
    )


def message(
    asked: Asked, about: str, *, message_type: str = "message", number: str = "", content: str | None = None
) -> dict[str, object]:
    """A queued message.

    Args:
        asked: the request for it.
        about: what its handle follows from.
        message_type: its type.
        number: whom it goes to.
        content: its text; by default, that of the request.
    """
    return {
        "account_email": asked.tenant.account.email,
        "content": given(asked, "content") if content is None else content,
        "date_created": now(asked),
        "date_updated": now(asked),
        "error_code": None,
        "error_key": None,
        "error_message": None,
        "from_number": given(asked, "from_number", asked.tenant.lines[0]),
        "is_outbound": True,
        "media_url": given(asked, "media_url"),
        "message_handle": made_up(asked, f"message/{about}"),
        "message_type": message_type,
        "number": number,
        "status": "QUEUED",
    }


def _carousel(asked: Asked) -> object:
    urls = cast("list[str]", asked.body["media_urls"])
    return {
        "accountEmail": asked.tenant.account.email,
        "from_number": given(asked, "from_number"),
        "is_outbound": True,
        "media_url": urls[0],
        "message_handle": made_up(asked, f"carousel/{','.join(urls)}"),
        "message_type": "message",
        "number": given(asked, "number"),
        "status": "QUEUED",
    }
