"""The events of calls: ``call_log``, ``call_completed`` and ``inbound_call``.

All of them are assumed: Sendblue documents only that such events exist, and of a call log the fields `disposition` and
`transcript`; its client library says that ``call_completed`` is sent once per call and is known by its `call_id`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.interfaces import Ids, e164, iso_8601
from offhook.session import Grade
from offhook_mockserver.callees.ends import CalleeEnd
from offhook_mockserver.callees.moments import MomentCode
from offhook_mockserver.tenants.entry import EntryKind
from offhook_mockserver.tenants.webhook_types import WebhookType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.tenants.call import MockCall
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.tenant import Tenant
    from offhook_mockserver.tenants.webhooks.delivery import Delivery

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

#: The documented values of `disposition`.
_CONNECTED: Final = "connected"
_NOT_ANSWERED: Final = "not_answered"
_VOICEMAIL: Final = "voicemail"
#: Further values, which only a setting allows.
_REASONS: Final[Mapping[CalleeEnd, str]] = {CalleeEnd.DECLINED: "declined", CalleeEnd.BUSY: "busy"}
#: What a test that looks for such a value needs to know.
CALL_LOG_HINT: Final = "TenantSettings(call_log_reasons=True) makes the mock say declined or busy: assumed"


def has_reason(disposition: object) -> bool:
    """Whether only a setting allows this value of `disposition`."""
    return disposition in _REASONS.values()


def call_ended(tenant: Tenant, call: MockCall) -> None:
    """Send the events of a call that has ended. It returns at once, and does not raise."""
    webhooks = tenant.webhooks
    if tenant.settings.call_log or webhooks.wants(WebhookType.CALL_LOG):
        event = _call_log(tenant, call)
        tenant.journal.add(
            EntryKind.CALL_LOG,
            _entry_text(call, event["disposition"]),
            channel=call.channel,
            number=call.to,
            fields=event,
            grade=Grade.ASSUMED,
        )
        webhooks.send(WebhookType.CALL_LOG, event, line=call.from_number, about=call.channel, number=call.to)
    if webhooks.wants(WebhookType.CALL_COMPLETED):
        event = _call_completed(tenant, call)
        webhooks.send(WebhookType.CALL_COMPLETED, event, line=call.from_number, about=call.channel, number=call.to)


def inbound_call(tenant: Tenant, from_number: str, line: str | None = None) -> tuple[Delivery, ...]:
    """Send the event of a call that arrives at a line. There is no call: Sendblue documents none of its kind.

    Args:
        tenant: whose line it is.
        from_number: the number that calls.
        line: the line; by default, the tenant's first.

    Returns:
        Its deliveries; empty if no webhook wants the event.

    Raises:
        NumberRejected: a number is not E.164.
    """
    from_number = e164(from_number, "from_number")
    line = tenant.lines[0] if line is None else e164(line, "line")
    tenant.inbound_calls += 1
    call_id = f"in_call_{Ids(f'{tenant.seed}/inbound call/{tenant.inbound_calls}').hex(16)}"
    event: dict[str, Json] = {
        **_numbers(tenant, WebhookType.INBOUND_CALL, call_id, from_number, line, line),
        "date_started": iso_8601(tenant.clock.wall_s()),
    }
    return tenant.webhooks.send(WebhookType.INBOUND_CALL, event, line=line, about=call_id, number=from_number)


def _call_log(tenant: Tenant, call: MockCall) -> dict[str, Json]:
    return {
        **_outbound(tenant, call, WebhookType.CALL_LOG),
        "disposition": _disposition(tenant, call),
        **_times(tenant, call),
        "transcript": None,
    }


def _call_completed(tenant: Tenant, call: MockCall) -> dict[str, Json]:
    return {
        **_outbound(tenant, call, WebhookType.CALL_COMPLETED),
        **_times(tenant, call),
        "recording_url": None,
        "transcript": None,
    }


def _entry_text(call: MockCall, disposition: Json) -> str:
    text = f"call_log: {disposition}"
    if call.end is not None and call.end in _REASONS and disposition == _NOT_ANSWERED:
        text += f", though the {call.end.text} ({CALL_LOG_HINT})"
    return text


def _disposition(tenant: Tenant, call: MockCall) -> str:
    if any(moment.code is MomentCode.VOICEMAIL for moment in call.callee.history):
        return _VOICEMAIL
    if call.answered_wall_s is not None:
        return _CONNECTED
    reason = None if call.end is None else _REASONS.get(call.end)
    return reason if reason is not None and tenant.settings.call_log_reasons else _NOT_ANSWERED


def _outbound(tenant: Tenant, call: MockCall, type: WebhookType) -> dict[str, Json]:
    return _numbers(tenant, type, call.channel, call.from_number, call.to, call.from_number)


def _numbers(
    tenant: Tenant, type: WebhookType, call_id: str, from_number: str, to_number: str, line: str
) -> dict[str, Json]:
    return {
        "event_type": type.value,
        "accountEmail": tenant.account.email,
        "call_id": call_id,
        "direction": "outbound" if from_number == line else "inbound",
        "from_number": from_number,
        "to_number": to_number,
        "sendblue_number": line,
    }


def _times(tenant: Tenant, call: MockCall) -> dict[str, Json]:
    now_s, answered_s = tenant.clock.wall_s(), call.answered_wall_s
    return {
        "date_started": iso_8601(call.started_wall_s),
        "date_answered": None if answered_s is None else iso_8601(answered_s),
        "date_ended": iso_8601(now_s),
        "duration": 0 if answered_s is None else max(0, round(now_s - answered_s)),
    }
