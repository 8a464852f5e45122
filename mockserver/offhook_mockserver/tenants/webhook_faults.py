"""Faults of webhooks: events that arrive late, never, twice, or in another order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Unpack

from offhook.arguments import check_seconds
from offhook_mockserver.tenants.effects import (
    WebhookDoubled,
    WebhookLate,
    WebhookLost,
    WebhookOvertaken,
)
from offhook_mockserver.tenants.fault_register import FaultRegister
from offhook_mockserver.tenants.webhook_types import WebhookType, check_webhook_type

if TYPE_CHECKING:
    from offhook_mockserver.tenants.fault import Fault
    from offhook_mockserver.tenants.fault_register import CallLimits

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


class WebhookFaults(FaultRegister):
    """The faults of webhooks. One is applied to a delivery, when its event happens; see `FaultRegister.take`."""

    def late_webhooks(self, *, by_s: float, type: str | None = None, **limits: Unpack[CallLimits]) -> Fault:
        """Webhooks are late; those after them do not wait for them.

        Args:
            by_s: by how many seconds, of the tenant's clock.
            type: the type of the events, for example ``call_log``; None for all.
            limits: see `CallLimits`.

        Raises:
            ConfigError: an argument is of the wrong type or out of range.
        """
        effect = WebhookLate(type=_type(type), by_s=check_seconds(by_s, "by_s"))
        return self._make("late_webhooks", f"{_which(type)} are {by_s:g} s late", effect, **limits)

    def lost_webhooks(self, *, type: str | None = None, **limits: Unpack[CallLimits]) -> Fault:
        """Webhooks are never posted.

        Args:
            type: the type of the events, for example ``call_log``; None for all.
            limits: see `CallLimits`.

        Raises:
            ConfigError: an argument is of the wrong type.
        """
        return self._make("lost_webhooks", f"{_which(type)} are lost", WebhookLost(type=_type(type)), **limits)

    def doubled_webhooks(self, *, type: str | None = None, **limits: Unpack[CallLimits]) -> Fault:
        """Webhooks are delivered twice.

        Args:
            type: the type of the events, for example ``call_log``; None for all.
            limits: see `CallLimits`.

        Raises:
            ConfigError: an argument is of the wrong type.
        """
        effect = WebhookDoubled(type=_type(type))
        return self._make("doubled_webhooks", f"{_which(type)} are delivered twice", effect, **limits)

    def reordered_webhooks(
        self, *, type: str | None = None, within_s: float = 10.0, **limits: Unpack[CallLimits]
    ) -> Fault:
        """Webhooks are delivered after the next one to the same URL, of whatever type.

        It is counted when a webhook was overtaken.

        Args:
            type: the type of the events that are overtaken, for example ``call_log``; None for all.
            within_s: how long one waits for the next, in seconds of the tenant's clock; then it is delivered.
            limits: see `CallLimits`.

        Raises:
            ConfigError: an argument is of the wrong type or out of range.
        """
        effect = WebhookOvertaken(type=_type(type), within_s=check_seconds(within_s, "within_s"))
        return self._make("reordered_webhooks", f"{_which(type)} are overtaken by the next", effect, **limits)


def _type(given: str | None) -> WebhookType | None:
    return None if given is None else check_webhook_type(given)


def _which(type: str | None) -> str:
    return "webhooks" if type is None else f"webhooks of the type {check_webhook_type(type)}"
