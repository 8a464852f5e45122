"""What is written to a tenant's journal of its webhooks: the outcome of each attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.session import Grade
from offhook_mockserver.tenants.entry import EntryKind
from offhook_mockserver.tenants.webhook_types import WebhookType
from offhook_mockserver.tenants.webhooks.delivery import attempts
from offhook_mockserver.tenants.webhooks.queue import Outcome

if TYPE_CHECKING:
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.journal import Journal
    from offhook_mockserver.tenants.webhooks.delivery import Delivery
    from offhook_mockserver.tenants.webhooks.queue import DeliveryQueue


#: The types whose events are about a call of the mock.
_OF_CALLS: Final = frozenset({WebhookType.CALL_LOG, WebhookType.CALL_COMPLETED})


class DeliveryNotes:
    """Notes the outcomes of attempts.

    Args:
        journal: where they are noted.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        #: Whether deliveries were dropped since less than half as many waited as may.
        self._dropping = False

    def add(self, delivery: Delivery, outcome: Outcome, pause_s: float | None, queue: DeliveryQueue) -> None:
        """Note an outcome.

        Of deliveries that are dropped only the first is noted, until half of those that wait are gone: otherwise the
        journal would hold little else.

        Args:
            delivery: the delivery.
            outcome: how the attempt ended.
            pause_s: after how many seconds the next follows, if there is one.
            queue: what waits beside it.
        """
        fields: dict[str, Json] = {
            "event": outcome.value,
            "type": delivery.type.value,
            "id": delivery.id,
            "attempt": delivery.attempts,
            "status": delivery.status,
            "about": delivery.about,
        }
        match outcome:
            case Outcome.DROPPED:
                if self._dropping:
                    return
                self._dropping = True
                fields["dropped"] = queue.dropped
                what = f"dropped, since {len(queue)} others wait, which is the limit"
            case Outcome.DELIVERED:
                what = f"the answer was {delivery.status}"
            case Outcome.FAILED:
                what = f"{delivery.problem}; the next attempt follows in {pause_s or 0:.3g} s"
            case Outcome.DEAD:
                what = f"{delivery.problem}; it is a dead letter after {attempts(delivery.attempts)}"
        if outcome is not Outcome.DROPPED and len(queue) <= queue.limit // 2:
            self._dropping = False
        self._journal.add(
            EntryKind.WEBHOOK,
            f"{delivery}: {what}",
            channel=delivery.about if delivery.type in _OF_CALLS else "",
            number=delivery.number,
            fields=fields,
            grade=Grade.ASSUMED,
        )
