"""Which deliveries of webhooks a test waits for, and why one is not what it waits for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypedDict, cast

from offhook.arguments import check_choice, check_function, check_text, wrong
from offhook.errors import ConfigError
from offhook.wording import nearest_name, quoted
from offhook_mockserver.tenants.call_events import CALL_LOG_HINT, has_reason
from offhook_mockserver.tenants.entry import clean, cut
from offhook_mockserver.tenants.webhook_types import WebhookType, check_webhook_type
from offhook_mockserver.tenants.webhooks.delivery import DeliveryState, attempts

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.webhooks.delivery import Delivery

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


class WebhookSearch(TypedDict, total=False):
    """What a delivery must fulfil; all of it.

    Attributes:
        type: the type of its event.
        url: the URL that it is posted to.
        about: what the event is about, for example the channel of a call.
        state: what has become of it; by default, it was delivered. None for anything.
        where: fields of its event, or a function that is called with the event and returns whether it counts.
    """

    type: WebhookType | str | None
    url: str | None
    about: str | None
    state: DeliveryState | str | None
    where: Mapping[str, Json] | Callable[[Mapping[str, Json]], object] | None


class WebhookCriteria:
    """What a test waits for, checked.

    Args:
        search: the criteria.

    Raises:
        ConfigError: one is unknown, or of the wrong type.

    Attributes:
        state: the state of the deliveries; None for any.
    """

    def __init__(self, search: WebhookSearch) -> None:
        for name in search:
            if name not in WebhookSearch.__annotations__:
                near = nearest_name(name, WebhookSearch.__annotations__)
                raise ConfigError(f"{quoted(name)} is not a criterion{near}: write where={{...}} to look for a field")
        type, state, where = search.get("type"), search.get("state", DeliveryState.DELIVERED), search.get("where")
        self._type = None if type is None else check_webhook_type(type)
        self.state: DeliveryState | None = None if state is None else check_choice(state, "state", DeliveryState)
        if callable(where):
            check_function(where, "where", ("an event",))
        elif where is not None:
            _check_fields(where)
        self._where = where
        self._texts = {
            name: check_text(value, name) for name in ("url", "about") if (value := search.get(name)) is not None
        }
        self._shown = ", ".join(f"{name} {value!r}" for name, value in search.items())

    def __str__(self) -> str:
        return self._shown

    def matches(self, delivery: Delivery) -> bool:
        """Whether a delivery fulfils all of them."""
        return self.state in {None, delivery.state} and self.is_about(delivery)

    def is_about(self, delivery: Delivery) -> bool:
        """Whether a delivery fulfils all of them, whatever has become of it."""
        return self._type in {None, delivery.type} and not self.missed(delivery)

    def missed(self, delivery: Delivery) -> list[str]:
        """For each criterion that a delivery does not fulfil, a clause that says why; type and state are left out."""
        missed = [
            f"its {name} is {quoted(str(getattr(delivery, name)))}"
            for name, wanted in self._texts.items()
            if getattr(delivery, name) != wanted
        ]
        where = self._where
        if callable(where):
            if not where(delivery.event):
                missed.append(f"{getattr(where, '__name__', type(where).__name__)} returned a false value")
        elif where is not None:
            event = delivery.event
            for name, wanted in where.items():
                if name not in event:
                    missed.append(f"its event has no field {quoted(name)}{nearest_name(name, event)}")
                elif event[name] != wanted:
                    missed.append(f"its field {name} is {cut(repr(event[name]))}{_hint(delivery, name, wanted)}")
        return missed


def described(delivery: Delivery) -> str:
    """A delivery and what has become of it, in words."""
    after = f" after {attempts(delivery.attempts)}" if delivery.attempts else ""
    why = f": {delivery.problem}" if delivery.problem else ""
    fault = f" (the fault {delivery.by_fault} happened to it)" if delivery.by_fault else ""
    return f"{delivery} is {delivery.state}{after}{fault}{why}"


def _hint(delivery: Delivery, name: str, wanted: object) -> str:
    about_reason = delivery.type is WebhookType.CALL_LOG and name == "disposition" and has_reason(wanted)
    return f" ({CALL_LOG_HINT})" if about_reason else ""


def _check_fields(given: object) -> None:
    if not isinstance(given, Mapping):
        raise wrong("where", "fields with their values, or a function that can be called with an event", given)
    clean(cast("Mapping[str, Json]", given))  # which checks names and values
