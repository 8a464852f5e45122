"""One event on its way to one webhook."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, cast

from offhook.interfaces import iso_8601
from offhook_mockserver.tenants.webhooks.targets import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.secret import Secret
    from offhook_mockserver.rooms.timers import Timer
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.webhook_types import WebhookType

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


def attempts(count: int) -> str:
    """A number of attempts, in words."""
    return "1 attempt" if count == 1 else f"{count} attempts"


class DeliveryState(StrEnum):
    """What has become of a delivery."""

    #: It waits for its first or its next attempt, or an attempt is under way.
    WAITING = "waiting"
    #: The receiver has answered with 2xx.
    DELIVERED = "delivered"
    #: Every attempt has failed: it is a dead letter, which can be sent again.
    DEAD = "dead"
    #: Too many were waiting.
    DROPPED = "dropped"
    #: A fault of the test has lost it.
    LOST = "lost"


@dataclass(slots=True, eq=False, kw_only=True)
class Delivery:
    """One event on its way to one webhook.

    Attributes:
        id: its name among the deliveries of the tenant.
        type: the type of the event.
        url: the URL of the webhook.
        about: what the event is about, for example the channel of a call; events about the same arrive in order.
        line: the line that the event belongs to, or "".
        number: the number of the other side, or "".
        body: what is posted.
        sent_wall_s: when the event happened, in seconds since 1970 by the tenant's clock.
        state: what has become of it.
        attempts: how often it was posted.
        status: the HTTP status of the last answer; None if there was none.
        problem: why the last attempt failed; "" if it did not.
        late: whether the last attempt failed because time had run out.
        by_fault: the fault of the test that happened to it, or "".
        replay_of: the id of the delivery that it repeats, or "".
        secret: what the post shows.
        deadline_s: until when attempts are made, in seconds of the tenant's monotonic clock.
        ordered: whether it waits for those before it that are about the same.
        flying: whether an attempt is under way.
        timer: what begins its next attempt; None if nothing does.
    """

    id: str
    type: WebhookType
    url: str
    about: str
    line: str
    number: str
    body: bytes = field(repr=False)
    sent_wall_s: float
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    status: int | None = None
    problem: str = ""
    late: bool = False
    by_fault: str = ""
    replay_of: str = ""
    secret: Secret | None = field(repr=False)
    deadline_s: float = field(repr=False)
    ordered: bool = field(default=True, repr=False)
    flying: bool = field(default=False, repr=False)
    timer: Timer | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"webhook {self.type} {self.id} to {shown(self.url)}"

    @property
    def event(self) -> Mapping[str, Json]:
        """The event."""
        return cast("Mapping[str, Json]", json.loads(self.body))

    @property
    def lane(self) -> str:
        """Deliveries to one webhook with the same lane are made one after the other."""
        return self.about if self.ordered and self.about else f"\0{self.id}"

    def to_json(self) -> dict[str, Json]:
        """The delivery as an object of JSON, with its event. It holds no secret."""
        return {
            "id": self.id,
            "type": self.type.value,
            "url": shown(self.url),
            "about": self.about,
            "line": self.line,
            "sent_at": iso_8601(self.sent_wall_s),
            "state": self.state.value,
            "attempts": self.attempts,
            "status": self.status,
            "problem": self.problem,
            "fault": self.by_fault,
            "replay_of": self.replay_of,
            "event": self.event,
        }
