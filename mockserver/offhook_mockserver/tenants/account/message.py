"""One message, and how clients see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.interfaces import iso_8601

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.tenants.entry import Json


QUEUED: Final = "QUEUED"
SENT: Final = "SENT"
DELIVERED: Final = "DELIVERED"
ERROR: Final = "ERROR"
RECEIVED: Final = "RECEIVED"
#: The type of all messages here: the mock has no group messages with state.
MESSAGE: Final = "message"
#: The statuses after which nothing more becomes of a message.
FINAL: Final = frozenset({DELIVERED, ERROR, RECEIVED})
#: The longest text of a message, in characters. Assumed; a webhook with it stays below its own limit.
MOST_CONTENT: Final = 18_996
#: What Sendblue calls the plan of an account is not documented.
_PLAN: Final = "dedicated"


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """A message.

    Attributes:
        handle: its id.
        is_outbound: whether the account has sent it.
        number: the other side: a number or an e-mail address.
        line: the line of the account.
        content: its text.
        created_s: when it was made, in seconds since 1970.
        updated_s: when its status last changed.
        sent_s: when it was sent; None if it was not.
        status: its status.
        service: iMessage, SMS or RCS.
        media_url: what is attached.
        send_style: the effect that it is shown with.
        opted_out: whether the other side has opted out.
        error_code: why it could not be sent; None if it could.
        error_message: the same in words.
        seat_id: the seat that has sent it.
        sender_email: the address of that seat.
        reply_to: the handle of the message that it answers.
        reply_part: the part of that message.
        app_card: the app card in it.
        status_callback: a URL where changes of its status are posted.
    """

    handle: str
    is_outbound: bool
    number: str
    line: str
    content: str
    created_s: float
    updated_s: float
    sent_s: float | None = None
    status: str = QUEUED
    service: str = "iMessage"
    media_url: str = ""
    send_style: str = ""
    opted_out: bool = False
    error_code: int | None = None
    error_message: str = ""
    seat_id: str | None = None
    sender_email: str | None = None
    reply_to: str | None = None
    reply_part: int | None = None
    app_card: Mapping[str, Json] | None = None
    status_callback: str = ""

    @property
    def from_number(self) -> str:
        """Who has sent it."""
        return self.line if self.is_outbound else self.number

    @property
    def to_number(self) -> str:
        """Who receives it."""
        return self.number if self.is_outbound else self.line

    @property
    def was_downgraded(self) -> bool:
        """Whether it was sent as SMS or RCS because the other side does not use iMessage."""
        return self.is_outbound and self.service != "iMessage"

    def reply(self) -> Json:
        """What it answers, as clients see it."""
        if self.reply_to is None:
            return None
        return {"message_handle": self.reply_to, **({} if self.reply_part is None else {"part_index": self.reply_part})}

    def listed(self, email: str) -> dict[str, Json]:
        """The message as it is listed, and as webhooks have it.

        Args:
            email: the address of the account.
        """
        return {
            "accountEmail": email,
            "content": self.content,
            "date_sent": None if self.sent_s is None else iso_8601(self.sent_s),
            "date_updated": iso_8601(self.updated_s),
            "error_code": self.error_code,
            "error_detail": None,
            "error_key": None,
            "error_message": self.error_message or None,
            "error_reason": None,
            "from_number": self.from_number,
            "group_display_name": None,
            "group_id": "",
            "is_outbound": self.is_outbound,
            "media_url": self.media_url,
            "message_handle": self.handle,
            "message_type": MESSAGE,
            "number": self.number,
            "opted_out": self.opted_out,
            "participants": [],
            "plan": _PLAN,
            "reply_to": self.reply(),
            "seat_id": self.seat_id,
            "send_style": self.send_style or None,
            "sendblue_number": self.line,
            "sender_email": self.sender_email,
            "service": self.service,
            "status": self.status,
            "to_number": self.to_number,
            "was_downgraded": self.was_downgraded,
        }

    def accepted(self, email: str) -> dict[str, Json]:
        """The message as the answer to sending it has it, and its status.

        Args:
            email: the address of the account.
        """
        return {
            "account_email": email,
            "app_card": self.app_card,
            "content": self.content,
            "date_created": iso_8601(self.created_s),
            "date_updated": iso_8601(self.updated_s),
            "error_code": self.error_code,
            "error_key": None,
            "error_message": self.error_message or None,
            "from_number": self.from_number,
            "is_outbound": self.is_outbound,
            "media_url": self.media_url,
            "message_handle": self.handle,
            "message_type": MESSAGE,
            "number": self.number,
            "reply_to": self.reply(),
            "seat_id": self.seat_id,
            "send_style": self.send_style or None,
            "sendblue_number": self.line,
            "sender_email": self.sender_email,
            "service": self.service,
            "status": self.status,
        }
