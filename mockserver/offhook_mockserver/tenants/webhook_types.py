"""The types of events that Sendblue sends to webhooks."""

from __future__ import annotations

from enum import StrEnum

from offhook.arguments import check_choice


class WebhookType(StrEnum):
    """What an event is about. The values are those of Sendblue's API."""

    #: A message has arrived.
    RECEIVE = "receive"
    #: The status of a sent message has changed.
    OUTBOUND = "outbound"
    #: A contact has begun or ended to type.
    TYPING_INDICATOR = "typing_indicator"
    #: There is a log of a call.
    CALL_LOG = "call_log"
    #: A line was blocked.
    LINE_BLOCKED = "line_blocked"
    #: A line was assigned.
    LINE_ASSIGNED = "line_assigned"
    #: A contact was created.
    CONTACT_CREATED = "contact_created"
    #: A call arrives.
    INBOUND_CALL = "inbound_call"
    #: The publication of a contact's profile has ended.
    CONTACT_PROFILE = "contact_profile"
    #: A call has ended, and its recording and its transcript are final.
    CALL_COMPLETED = "call_completed"


def check_webhook_type(given: object, name: str = "type") -> WebhookType:
    """Check a type of events, or its value as text.

    Raises:
        ConfigError: it is neither.
    """
    return check_choice(given, name, WebhookType)
