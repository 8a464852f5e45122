"""Webhooks of a tenant: what is registered, what was sent, what was not delivered; and events that a test sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook.wording import quoted
from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.faces.control.operation import TENANT, ControlOperation
from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import any_object, e164_number, list_of, one_of, text, url, whole
from offhook_mockserver.faces.operations.shapes import (
    ANYTHING,
    TEXT,
    TIME,
    WHOLE,
    a_list,
    a_map,
    about,
    an_object,
    choice,
    named,
    nullable,
)
from offhook_mockserver.tenants.call_events import inbound_call
from offhook_mockserver.tenants.webhook_types import WebhookType
from offhook_mockserver.tenants.webhooks.delivery import DeliveryState
from offhook_mockserver.tenants.webhooks.hooks import MOST_SECRET, Hook, webhook_secret
from offhook_mockserver.tenants.webhooks.webhooks import MOST_KEPT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.responses import Response

    from offhook_mockserver.faces.control.operation import Asked
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.webhooks.delivery import Delivery

_PATH: Final = f"{TENANT}/webhooks"
_DELIVERY_PATH: Final = f"{_PATH}/deliveries/{{id}}"
_TYPES: Final = tuple(type.value for type in WebhookType)
_STATES: Final = tuple(state.value for state in DeliveryState)
_MOST_LINES: Final = 100
_TYPE: Final = Field("type", one_of(*_TYPES), required=True, summary="The type of the events.")
_ID: Final = Fields(Field("id", text(least=1, most=40), required=True, summary="The id of a delivery, such as `wh_1`."))
_HOOKS: Final[Schema] = named(
    "Webhooks",
    an_object(
        {
            "webhooks": about(a_map(a_list(ANYTHING)), "What is registered for each type, without secrets."),
            "waiting": about(WHOLE, "Deliveries that wait for an attempt, or are under way."),
            "dropped": about(WHOLE, "Deliveries that were dropped because too many were waiting."),
        }
    ),
)
_DELIVERY: Final[Schema] = named(
    "Delivery",
    an_object(
        {
            "id": about(TEXT, "Its name among the deliveries of the tenant."),
            "type": about(choice(*_TYPES), "The type of the event."),
            "url": about(TEXT, "The webhook that it is for, without what may be secret in its URL."),
            "about": about(TEXT, "What the event is about: events about the same arrive in order."),
            "line": about(TEXT, "The line that the event belongs to, or empty."),
            "sent_at": about(TIME, "When the event happened, by the clock of the tenant."),
            "state": about(choice(*_STATES), "What has become of it."),
            "attempts": about(WHOLE, "How often it was posted."),
            "status": about(nullable(WHOLE), "The HTTP status of the last answer; null if there was none."),
            "problem": about(TEXT, "Why the last attempt failed; empty if it did not."),
            "fault": about(TEXT, "The fault that happened to it, or empty."),
            "replay_of": about(TEXT, "The delivery that it repeats, or empty."),
            "event": about({"type": "object"}, "What is posted."),
        }
    ),
)
_DELIVERIES: Final[Schema] = an_object({"deliveries": a_list(_DELIVERY)})


def operations() -> tuple[ControlOperation, ...]:
    """The operations on webhooks."""
    return (
        ControlOperation(
            method="GET",
            path=_PATH,
            summary="List the registered webhooks, also those of an application that used Sendblue's API.",
            answer=_HOOKS,
            handle=_list,
        ),
        ControlOperation(
            method="POST",
            path=_PATH,
            summary="Register a webhook, in place of one with the same type and URL.",
            body=Fields(
                _TYPE,
                Field(
                    "url",
                    url,
                    required=True,
                    summary="Where its events are posted: loopback, unless more is allowed.",
                ),
                Field("secret", text(least=1, most=MOST_SECRET), summary="What the header sb-signing-secret holds."),
                Field(
                    "lines",
                    list_of(e164_number, most=_MOST_LINES),
                    summary="For inbound messages, the lines it is for.",
                ),
                extra=False,
            ),
            answers={201: _HOOKS},
            handle=_add,
        ),
        ControlOperation(
            method="DELETE",
            path=_PATH,
            summary="Remove a webhook by its type and URL; or all of them.",
            query=Fields(
                Field("type", one_of(*_TYPES), summary="The type; with `url`."),
                Field("url", text(most=2_048), summary="The URL; with `type`."),
                extra=False,
            ),
            answer=_HOOKS,
            handle=_remove,
        ),
        ControlOperation(
            method="GET",
            path=f"{_PATH}/deliveries",
            summary="List the deliveries, oldest first; those in the state `dead` are the dead letters.",
            query=Fields(
                Field("type", one_of(*_TYPES), summary="Only those of this type."),
                Field("state", one_of(*_STATES), summary="Only those in this state."),
                Field("about", text(most=200), summary="Only those about this, for example the channel of a call."),
                Field("limit", whole(least=1, most=MOST_KEPT), default=100, summary="The latest ones, at most."),
                extra=False,
            ),
            answer=_DELIVERIES,
            handle=_deliveries,
        ),
        ControlOperation(
            method="GET", path=_DELIVERY_PATH, summary="Show a delivery.", parameters=_ID, answer=_DELIVERY, handle=_get
        ),
        ControlOperation(
            method="POST",
            path=f"{_DELIVERY_PATH}/replay",
            summary="Send an event once more to the same webhook; a dead letter is one no more.",
            parameters=_ID,
            body=Fields(extra=False),
            answers={201: _DELIVERY},
            handle=_replay,
        ),
        ControlOperation(
            method="POST",
            path=f"{_PATH}/send",
            summary="Send any event to the webhooks of a type.",
            body=Fields(
                _TYPE,
                Field("event", any_object, required=True, summary="What is posted."),
                Field("line", e164_number, summary="The line that the event belongs to."),
                Field("about", text(most=200), summary="What it is about: events about the same arrive in order."),
                extra=False,
            ),
            answers={201: _DELIVERIES},
            handle=_send,
        ),
        ControlOperation(
            method="POST",
            path=f"{TENANT}/inbound-calls",
            summary="Send the event of a call that arrives at a line. No call begins, which is assumed.",
            body=Fields(
                Field("from_number", e164_number, required=True, summary="The number that calls."),
                Field("line", e164_number, summary="The line; by default, the first one."),
                extra=False,
            ),
            answers={201: _DELIVERIES},
            handle=_inbound_call,
        ),
    )


def _list(asked: Asked) -> dict[str, object]:
    webhooks = asked.tenant.webhooks
    return {
        "webhooks": webhooks.registrations.to_json(with_secrets=False),
        "waiting": len(webhooks.waiting),
        "dropped": webhooks.dropped,
    }


def _add(asked: Asked) -> Response:
    body = asked.body
    secret = webhook_secret(body["secret"]) if "secret" in body else None
    lines = tuple(cast("list[str]", body.get("lines", ())))
    hook = Hook(str(body["url"]), secret, lines)
    asked.tenant.webhooks.registrations.add(str(body["type"]), [hook])
    return JsonAnswer(_list(asked), 201)


def _remove(asked: Asked) -> object:
    type, url = asked.query.get("type"), asked.query.get("url")
    if (type is None) is not (url is None):
        raise ControlRefused("malformed", "pass both type and url for one webhook, or none of them for all")
    registrations = asked.tenant.webhooks.registrations
    if type is None:
        registrations.replace({})
    elif not registrations.remove(str(type), {str(url)}):
        raise ControlRefused("no_such_webhook", f"no webhook of the type {type} has the URL {quoted(str(url))}")
    return _list(asked)


def _deliveries(asked: Asked) -> object:
    query, webhooks = asked.query, asked.tenant.webhooks
    state = query.get("state")
    # Dead letters are kept longer than other deliveries.
    known = webhooks.dead if state == DeliveryState.DEAD else webhooks.deliveries
    found = [
        delivery
        for delivery in known
        if query.get("type") in {None, delivery.type.value}
        and state in {None, delivery.state.value}
        and query.get("about") in {None, delivery.about}
    ]
    return _shown(found[-cast("int", query["limit"]) :])


def _get(asked: Asked) -> object:
    return _find(asked).to_json()


def _replay(asked: Asked) -> Response:
    return JsonAnswer(asked.tenant.webhooks.replay(_find(asked).id).to_json(), 201)


def _send(asked: Asked) -> Response:
    body = asked.body
    sent = asked.tenant.webhooks.send(
        str(body["type"]),
        cast("Mapping[str, Json]", body["event"]),
        line=str(body.get("line", "")),
        about=str(body.get("about", "")),
    )
    return JsonAnswer(_shown(sent), 201)


def _inbound_call(asked: Asked) -> Response:
    line = cast("str | None", asked.body.get("line"))
    if line is not None and line not in asked.tenant.lines:
        raise ControlRefused("invalid", f"line {line} is not a line of this tenant: {', '.join(asked.tenant.lines)}")
    return JsonAnswer(_shown(inbound_call(asked.tenant, str(asked.body["from_number"]), line)), 201)


def _find(asked: Asked) -> Delivery:
    webhooks = asked.tenant.webhooks
    for delivery in (*webhooks.deliveries, *webhooks.dead):
        if delivery.id == asked.text("id"):
            return delivery
    raise ControlRefused("no_such_delivery", f"the tenant has no delivery with the id {quoted(asked.text('id'))}")


def _shown(deliveries: Iterable[Delivery]) -> dict[str, object]:
    return {"deliveries": [delivery.to_json() for delivery in deliveries]}
