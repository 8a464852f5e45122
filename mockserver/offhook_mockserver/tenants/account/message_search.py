"""Finds messages: by who, when and what, in an order, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from offhook_mockserver.tenants.account.message import MESSAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

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

    def _conditions(self) -> Iterator[Callable[[Message], bool]]:
        """What a message must fulfil; a search among many messages must not hold up the loop for long."""
        if self.lines is not None:
            lines = frozenset(self.lines)
            yield lambda message: message.line in lines
        if self.number is not None:
            number = self.number
            yield lambda message: number in (message.number, message.line)
        if self.message_type not in {None, MESSAGE} or self.group_id not in {None, ""}:
            yield lambda message: False
        equal = {
            "from_number": self.from_number,
            "to_number": self.to_number,
            "line": self.sendblue_number,
            "is_outbound": self.is_outbound,
            "status": self.status,
            "service": self.service,
        }
        for name, value in equal.items():
            if value is not None:
                yield partial(_equals, attrgetter(name), value)
        for name, limits in (("created_s", self.created), ("updated_s", self.updated), ("sent_s", self.sent)):
            if limits != (None, None):
                least_ms, most_ms = map(_milliseconds, limits)
                yield partial(_is_within, attrgetter(name), least_ms, most_ms)

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
        found = list(messages)
        for fulfils in self._conditions():
            found = [message for message in found if fulfils(message)]
        found.sort(key=ORDERS[order_by])
        if descending:
            found.reverse()
        return len(found), found[offset : offset + limit]


def _equals(get: Callable[[Message], object], value: object, message: Message) -> bool:
    return get(message) == value


def _is_within(
    get: Callable[[Message], float | None], least_ms: int | None, most_ms: int | None, message: Message
) -> bool:
    at_ms = _milliseconds(get(message))
    return at_ms is not None and (least_ms is None or at_ms >= least_ms) and (most_ms is None or at_ms <= most_ms)


def _milliseconds(at_s: float | None) -> int | None:
    """A time as answers show it: seconds have errors in their last digits."""
    return None if at_s is None else round(at_s * 1000)
