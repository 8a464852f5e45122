"""The messages of an account: sent, delivered step by step, and received from a test."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from offhook.arguments import check_flag, check_text, wrong
from offhook.errors import ConfigError
from offhook.interfaces import Ids, e164, iso_8601
from offhook_mockserver.tenants.account.documents import documents_of, each, from_document
from offhook_mockserver.tenants.account.message import (
    DELIVERED,
    ERROR,
    FINAL,
    MOST_CONTENT,
    QUEUED,
    RECEIVED,
    SENT,
    Message,
)
from offhook_mockserver.tenants.account.owner import now_s
from offhook_mockserver.tenants.account.recipients import SEND_FAILED, SERVICES
from offhook_mockserver.tenants.account.table import Table
from offhook_mockserver.tenants.webhook_types import WebhookType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from offhook_mockserver.tenants.account.activity import Activity
    from offhook_mockserver.tenants.account.events import AccountEvents
    from offhook_mockserver.tenants.account.lines import Lines
    from offhook_mockserver.tenants.account.owner import AccountOwner
    from offhook_mockserver.tenants.account.recipients import Recipients
    from offhook_mockserver.tenants.entry import Json

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

#: What becomes of a message, and of that.
_NEXT: Final[Mapping[str, str]] = {QUEUED: SENT, SENT: DELIVERED}


class _Timer(Protocol):
    def cancel(self) -> None: ...


class Messages:
    """The messages of one account; the oldest are dropped if there are too many.

    Args:
        owner: whose account it is.
        email: the address of the account.
        events: where changes are reported.
        lines: the lines of the account.
        recipients: what is known of the other sides.
        activity: who is known on which line.
        on_message: called with each message before it is reported.
    """

    def __init__(
        self,
        owner: AccountOwner,
        email: str,
        events: AccountEvents,
        lines: Lines,
        recipients: Recipients,
        activity: Activity,
        on_message: Callable[[Message], object],
    ) -> None:
        self._owner = owner
        self._email = email
        self._events = events
        self._lines = lines
        self._recipients = recipients
        self._activity = activity
        self._on_message = on_message
        self._kept: Table[Message] = Table("messages", owner.bounds)
        self._timers: dict[str, _Timer] = {}
        self._made = 0
        self._closed = False

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._kept)

    @property
    def dropped(self) -> int:
        """How many messages were dropped for newer ones."""
        return self._kept.dropped

    def get(self, handle: str) -> Message | None:
        """The message with this handle, or None."""
        return self._kept.get(handle)

    def send(
        self,
        number: str,
        content: str,
        line: str,
        *,
        media_url: str = "",
        send_style: str = "",
        seat_id: str | None = None,
        sender_email: str | None = None,
        reply_to: str | None = None,
        reply_part: int | None = None,
        app_card: Mapping[str, Json] | None = None,
        status_callback: str = "",
        handle: str = "",
    ) -> Message:
        """Queue a message. It is sent after `message_step_s` of the tenant's settings, and delivered after another.

        Clients get its events, and webhooks of the type ``outbound`` when its status changes.

        Raises:
            ConfigError: `content` is longer than a message may be.
        """
        _check_content(content)
        at_s = now_s(self._owner)
        service = self._recipients.of(number).service or SERVICES[0]
        message = Message(
            handle=handle or self._handle(),
            is_outbound=True,
            number=number,
            line=line,
            content=content,
            created_s=at_s,
            updated_s=at_s,
            service=service,
            media_url=media_url,
            send_style=send_style,
            seat_id=seat_id,
            sender_email=sender_email,
            reply_to=reply_to,
            reply_part=reply_part,
            app_card=app_card,
            status_callback=status_callback,
        )
        self._keep(message, "message.created")
        self._later(message)
        return message

    def receive(
        self,
        from_number: str,
        content: str,
        *,
        line: str | None = None,
        media_url: str = "",
        service: str = SERVICES[0],
    ) -> Message:
        """Let a message arrive, as a test wants it: clients get its event, and webhooks of the type ``receive``.

        A message that is nothing but STOP opts its sender out; START opts it in again.

        Args:
            from_number: who sends it: an E.164 number, or an e-mail address.
            content: its text.
            line: the line that it arrives at; by default, the first of the account.
            media_url: what is attached.
            service: iMessage, SMS or RCS.

        Raises:
            ConfigError: an argument is not valid, or the account does not have the line; `NumberRejected` if
                `from_number` is not a number that may be dialled.
        """
        number, line = _sender(from_number), self._own(line)
        check_text(media_url, "media_url")
        _check_content(content)
        if service not in SERVICES:
            raise wrong("service", f"one of {', '.join(SERVICES)}", service)
        self._recipients.heard(number, content)
        at_s = now_s(self._owner)
        message = Message(
            handle=self._handle(),
            is_outbound=False,
            number=number,
            line=line,
            content=content,
            created_s=at_s,
            updated_s=at_s,
            sent_s=at_s,
            status=RECEIVED,
            service=service,
            media_url=media_url,
            opted_out=self._recipients.of(number).opted_out,
        )
        self._keep(message, "message.received")
        self._webhook(WebhookType.RECEIVE, message.listed(self._email), message.number, message.line, message.handle)
        return message

    def typing(self, from_number: str, is_typing: bool = True, *, line: str | None = None) -> None:
        """Let a contact begin or stop to type, as a test wants it: clients get ``typing.changed`` and a webhook.

        Raises:
            ConfigError: an argument is not valid, or the account does not have the line; `NumberRejected` likewise.
        """
        number, line = _sender(from_number), self._own(line)
        data: dict[str, Json] = {
            "number": number,
            "sendblue_number": line,
            "is_typing": check_flag(is_typing, "is_typing"),
        }
        self._events.emit("typing.changed", data)
        event: dict[str, Json] = {"accountEmail": self._email, **data, "timestamp": iso_8601(now_s(self._owner))}
        self._webhook(WebhookType.TYPING_INDICATOR, event, number, line, number)

    def close(self) -> None:
        """Let nothing more become of any message. Idempotent."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def to_json(self) -> dict[str, Json]:
        """The messages as an object of JSON."""
        return {"made": self._made, "items": documents_of(self._kept)}

    def restore(self, made: int, items: object) -> None:
        """Take the parts of what `to_json` returned. Messages that were under way stay there until `resume`.

        Raises:
            ConfigError: they are not valid.
        """
        self._made = made
        for item in each(items, "messages"):
            message = from_document(Message, item, "a message")
            self._kept.push(message.handle, message)

    def resume(self) -> None:
        """Deliver the restored messages that were under way. Without a running loop, they stay there."""
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop()
            for message in self._kept:
                self._later(message)

    def _own(self, line: str | None) -> str:
        if line is None:
            return self._owner.lines[0]
        if line not in self._owner.lines:
            raise ConfigError(f"{line} is not a line of the account; use {' or '.join(self._owner.lines)}")
        return line

    def _handle(self) -> str:
        self._made += 1
        return Ids(f"{self._owner.seed}/message/{self._made}").hex(32).upper()

    def _keep(self, message: Message, event: str) -> None:
        for old in self._kept.push(message.handle, message):
            self._forget(old.handle)
        self._activity.note(message.line, message.number, sent=message.is_outbound)
        self._on_message(message)
        self._report(event, message)

    def _later(self, message: Message) -> None:
        if message.status not in FINAL and not self._closed:
            step_s = self._owner.settings.message_step_s
            self._timers[message.handle] = self._owner.clock.call_later(step_s, partial(self._step, message))

    def _step(self, message: Message) -> None:
        self._timers.pop(message.handle, None)
        # Two changes of a message have two times, by which clients tell their events apart.
        message.updated_s = max(now_s(self._owner), round(message.updated_s + 0.001, 3))
        recipient = self._recipients.of(message.number)
        if self._lines.of(message.line).blocked:
            message.status, message.error_code, message.error_message = ERROR, SEND_FAILED, "the line is blocked"
        elif recipient.error_code is not None:
            message.status, message.error_code = ERROR, recipient.error_code
            message.error_message = recipient.error_message
        else:
            message.status = _NEXT[message.status]
        if message.status == SENT:
            message.sent_s = message.updated_s
        self._later(message)
        self._report("message.updated", message)
        event = message.listed(self._email)
        self._webhook(WebhookType.OUTBOUND, event, message.number, message.line, message.handle)
        if message.status_callback:
            about = {"line": message.line, "about": message.handle, "number": message.number}
            self._owner.webhooks.send_to(message.status_callback, WebhookType.OUTBOUND, event, **about)

    def _report(self, type: str, message: Message) -> None:
        listed = message.listed(self._email)
        self._events.emit(
            type, {"message_id": message.handle, "updated_at": listed["date_updated"], **listed}, line=message.line
        )

    def _webhook(self, type: WebhookType, event: Mapping[str, Json], number: str, line: str, about: str) -> None:
        self._owner.webhooks.send(type, event, line=line, about=about, number=number)

    def _forget(self, handle: str) -> None:
        timer = self._timers.pop(handle, None)
        if timer is not None:
            timer.cancel()


def _check_content(given: object) -> None:
    if len(check_text(given, "content")) > MOST_CONTENT:
        raise wrong("content", f"text of at most {MOST_CONTENT} characters", given)


def _sender(given: object) -> str:
    number = check_text(given, "from_number", "+14155550123")
    return number if "@" in number else e164(number, "from_number")
