"""The shapes of messages in answers: what is accepted has other fields than what is listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook_mockserver.faces.operations.shapes import (
    FLAG,
    TEXT,
    TIME,
    WHOLE,
    a_list,
    about,
    an_object,
    choice,
    nullable,
)
from offhook_mockserver.tenants.account.recipients import SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.faces.operations.kinds import Schema


#: The effects that a message can be shown with.
SEND_STYLES: Final = (
    "celebration",
    "shooting_star",
    "fireworks",
    "lasers",
    "love",
    "confetti",
    "balloons",
    "spotlight",
    "echo",
    "invisible",
    "gentle",
    "loud",
    "slam",
)
#: Every status that Sendblue documents; the mock uses five of them.
STATUSES: Final = (
    "REGISTERED",
    "PENDING",
    "SENT",
    "DELIVERED",
    "RECEIVED",
    "QUEUED",
    "ERROR",
    "DECLINED",
    "ACCEPTED",
    "SUCCESS",
)
_REPLY_TO: Final[Schema] = nullable(an_object({"message_handle": TEXT, "part_index": WHOLE}, optional=("part_index",)))
_BOTH: Final[Mapping[str, Schema]] = {
    "content": TEXT,
    "date_updated": about(TIME, "When its status last changed."),
    "error_code": nullable(WHOLE),
    "error_key": nullable(TEXT),
    "error_message": nullable(TEXT),
    "from_number": TEXT,
    "is_outbound": FLAG,
    "media_url": TEXT,
    "message_handle": about(TEXT, "Its id."),
    "message_type": choice("message"),
    "number": about(TEXT, "The contact, whatever the direction."),
    "reply_to": _REPLY_TO,
    "seat_id": nullable(TEXT),
    "send_style": nullable(TEXT),
    "sendblue_number": about(TEXT, "The line of the account."),
    "sender_email": nullable(TEXT),
    "service": choice(*SERVICES),
}
#: A message as the answer to sending it.
ACCEPTED: Final[Schema] = an_object(
    {
        **_BOTH,
        "account_email": TEXT,
        "app_card": nullable(an_object({}, more=True)),
        "date_created": TIME,
        "status": choice("QUEUED", "SENT", "DELIVERED", "ERROR"),
    }
)
#: A message as it is listed.
LISTED: Final[Schema] = an_object(
    {
        **_BOTH,
        "accountEmail": TEXT,
        "date_sent": nullable(TIME),
        "error_detail": nullable(TEXT),
        "error_reason": nullable(TEXT),
        "group_display_name": nullable(TEXT),
        "group_id": TEXT,
        "opted_out": FLAG,
        "participants": a_list(TEXT),
        "plan": TEXT,
        "status": choice("QUEUED", "SENT", "DELIVERED", "ERROR", "RECEIVED"),
        "to_number": TEXT,
        "was_downgraded": FLAG,
    }
)
