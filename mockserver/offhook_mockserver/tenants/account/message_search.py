"""Finds messages: by who, when and what, in an order, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from offhook_mockserver.tenants.account.message import Message


#: What messages can be ordered by. Those that were not sent are as old as can be.
ORDERS: Final[Mapping[str, Callable[[Message], float]]] = {
    "createdAt": lambda message: message.created_s,
    "updatedAt": lambda message: message.updated_s,
    "sentAt": lambda message: message.sent_s or 0.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSearch:
    """What is looked for. What is None does not matter.

    Attributes:
        number: the sender or the receiver.
        from_number: the sender.
        to_number: the receiver.
        sendblue_number: the line of the account.
        lines: the lines that may be seen.
        is_outbound: the direction.
        status: the status.
        service: the service.
        message_type: `message` or `group`.
        group_id: the group.
        created, updated, sent: from when to when, in seconds since 1970, both included.
    """

    number: str | None = None
    from_number: str | None = None
    to_number: str | None = None
    sendblue_number: str | None = None
    lines: Collection[str] | None = None
    is_outbound: bool | None = None
    status: str | None = None
    service: str | None = None
    message_type: str | None = None
    group_id: str | None = None
    created: tuple[float | None, float | None] = (None, None)
    updated: tuple[float | None, float | None] = (None, None)
    sent: tuple[float | None, float | None] = (None, None)

    def matches(self, message: Message) -> bool:
        """Whether a message is one of those that are looked for."""
        return (
            (self.lines is None or message.line in self.lines)
            and (self.number is None or self.number in {message.number, message.line})
            and self.from_number in {None, message.from_number}
            and self.to_number in {None, message.to_number}
            and self.sendblue_number in {None, message.line}
            and self.is_outbound in {None, message.is_outbound}
            and self.status in {None, message.status}
            and self.service in {None, message.service}
            and self.message_type in {None, "message"}
            and self.group_id in {None, ""}
            and _within(message.created_s, self.created)
            and _within(message.updated_s, self.updated)
            and _within(message.sent_s, self.sent)
        )

    def page(
        self, messages: Iterable[Message], *, order_by: str, descending: bool, offset: int, limit: int
    ) -> tuple[int, list[Message]]:
        """Some of the messages that match.

        Args:
            messages: all messages, oldest first.
            order_by: a key of `ORDERS`.
            descending: whether the latest are first.
            offset: how many are skipped.
            limit: how many are returned at most.

        Returns:
            How many match, and those of the page. Messages of the same time are in the order in which they were made.
        """
        found = [message for message in messages if self.matches(message)]
        found.sort(key=ORDERS[order_by])
        if descending:
            found.reverse()
        return len(found), found[offset : offset + limit]


def _within(at_s: float | None, limits: tuple[float | None, float | None]) -> bool:
    least, most = limits
    if least is None and most is None:
        return True
    if at_s is None:
        return False
    at_ms = _milliseconds(at_s)
    return (least is None or at_ms >= _milliseconds(least)) and (most is None or at_ms <= _milliseconds(most))


def _milliseconds(at_s: float) -> int:
    """A time as answers show it: seconds have errors in their last digits."""
    return round(at_s * 1000)
