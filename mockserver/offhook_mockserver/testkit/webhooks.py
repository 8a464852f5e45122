"""The webhooks of a test's tenant: registered, delivered to an application of the test, looked at and waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypedDict, Unpack, cast

from offhook.arguments import check_choice, check_function, check_seconds, check_several, check_text, check_whole, wrong
from offhook.errors import ConfigError
from offhook.interfaces import e164
from offhook.wording import nearest_name, no_attribute, quoted
from offhook_mockserver.tenants import call_events
from offhook_mockserver.tenants.entry import clean
from offhook_mockserver.tenants.journal import NotSeen
from offhook_mockserver.tenants.webhook_types import check_webhook_type
from offhook_mockserver.tenants.webhooks.delivery import Delivery, DeliveryState, attempts
from offhook_mockserver.tenants.webhooks.hooks import Hook, webhook_secret
from offhook_mockserver.tenants.webhooks.targets import NotDelivered, target_of
from offhook_mockserver.testkit.webhook_app import WebhookApp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import ASGIApp

    from offhook.secret import Secret
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.webhook_types import WebhookType
    from offhook_mockserver.testkit.scene import Scene

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

#: Deliveries that the message about a wait in vain shows.
_MOST_SHOWN: Final = 5


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


class WebhooksHandle:
    """The webhooks of one tenant, from any thread in real time."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._webhooks = scene.tenant.webhooks

    if not TYPE_CHECKING:  # so that type checkers still report a wrong name

        def __getattr__(self, name: str) -> object:
            raise no_attribute(self, name)

    def register(
        self, url: str, *, type: WebhookType | str, secret: str | Secret | None = None, lines: Sequence[str] = ()
    ) -> None:
        """Register a webhook, as an application does over the API.

        Args:
            url: where its events are posted: at this machine, or a URL that was passed to `deliver_to`.
            type: the type of its events, for example ``call_log``.
            secret: what each post shows in the header ``sb-signing-secret``.
            lines: for inbound messages, the lines whose messages it wants; by default, all.

        Raises:
            ConfigError: an argument is of the wrong type, or nothing can be posted to the URL.
            NumberRejected: a line is not E.164.
        """
        numbers = check_several(lines, "lines", "a list of E.164 numbers")
        hook = Hook(
            _check_url(url),
            None if secret is None else webhook_secret(secret),
            tuple(e164(check_text(number, "lines"), "line") for number in numbers),
        )
        type = check_webhook_type(type)
        self._scene.bridge.call(lambda: self._webhooks.registrations.add(type, (hook,)))

    def deliver_to(self, app: ASGIApp, url: str) -> None:
        """Have an ASGI application called with what is posted to `url`, in place of a post over the network.

        In virtual time it runs on the test's loop. In real time it runs on the loop of the coroutine that calls this,
        or else on that of the applications which the test starts. Its lifespan is not started.

        Args:
            app: the application, for example one of Starlette.
            url: the URL, with any host.

        Raises:
            ConfigError: `app` is not an ASGI application, or `url` is not an http or https URL.
        """
        check_function(app, "app", ("scope", "receive", "send"), may_be_async=True)
        post = WebhookApp(app, self._scene.applications.loop())
        url = _check_url(url)
        self._scene.bridge.call(lambda: self._webhooks.apps.update({url: post}))

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """The latest 1,000 deliveries, in the order in which their events happened."""
        return self._scene.bridge.call(lambda: self._webhooks.deliveries)

    @property
    def dead(self) -> tuple[Delivery, ...]:
        """The deliveries whose every attempt has failed, oldest first; at most 1,000."""
        return self._scene.bridge.call(lambda: self._webhooks.dead)

    @property
    def waiting(self) -> tuple[Delivery, ...]:
        """The deliveries that wait for an attempt, or are under way, oldest first."""
        return self._scene.bridge.call(lambda: self._webhooks.waiting)

    def replay(self, delivery: Delivery | str) -> Delivery:
        """Send an event once more to the same webhook.

        Args:
            delivery: the delivery or its id; a dead letter is one no more.

        Returns:
            The new delivery.

        Raises:
            ConfigError: it is not a delivery that is kept.
        """
        id = delivery.id if isinstance(delivery, Delivery) else delivery
        return self._scene.bridge.call(lambda: self._webhooks.replay(id))

    def send(
        self, type: WebhookType | str, event: Mapping[str, Json], *, about: str = "", line: str = ""
    ) -> tuple[Delivery, ...]:
        """Have an event of the test's own delivered, for example one that is wrong, to every webhook that wants it.

        Raises:
            ConfigError: an argument is of the wrong type, or the event is not JSON.
        """
        return self._scene.bridge.call(lambda: self._webhooks.send(type, event, about=about, line=line))

    def inbound_call(self, from_number: str, line: str | None = None) -> tuple[Delivery, ...]:
        """Have the event ``inbound_call`` delivered, as if `from_number` called a line. There is no call.

        Args:
            from_number: the number that calls.
            line: the line; by default, the first of the test.

        Raises:
            NumberRejected: a number is not E.164.
        """
        return self._scene.bridge.call(lambda: call_events.inbound_call(self._scene.tenant, from_number, line))

    def wait_for(self, timeout_s: float | None = None, *, count: int = 1, **search: Unpack[WebhookSearch]) -> Delivery:
        """Wait until webhooks were delivered, and return the last of these. Earlier deliveries already count.

        Args:
            timeout_s: how long to wait, in seconds; None for the limit of `MockOptions`.
            count: how many must match.
            search: what they must fulfil, for example ``type="call_log"``.

        Raises:
            NotSeen: fewer matched in time; the message shows the latest deliveries.
            CallStateError: an event loop runs on this thread; use `await_for`.
            ConfigError: an argument is of the wrong type.
        """
        limit_s, matches = self._checked(timeout_s, count, search)
        found = self._scene.bridge.wait("offhook_mock.webhooks.wait_for", lambda: self._until(limit_s, count, matches))
        return self._seen(found, limit_s, count, search)

    async def await_for(
        self, timeout_s: float | None = None, *, count: int = 1, **search: Unpack[WebhookSearch]
    ) -> Delivery:
        """As `wait_for`, for coroutines."""
        limit_s, matches = self._checked(timeout_s, count, search)
        found = await self._scene.bridge.awaited(lambda: self._until(limit_s, count, matches))
        return self._seen(found, limit_s, count, search)

    async def _until(self, limit_s: float, count: int, matches: Callable[[Delivery], bool]) -> list[Delivery]:
        def found() -> list[Delivery]:
            return [delivery for delivery in self._webhooks.deliveries if matches(delivery)]

        try:
            async with asyncio.timeout(limit_s):
                await self._scene.changes.until(lambda: len(found()) >= count)
        except TimeoutError:
            pass
        return found()

    def _checked(
        self, timeout_s: float | None, count: int, search: WebhookSearch
    ) -> tuple[float, Callable[[Delivery], bool]]:
        """Check the arguments of a wait here, where the test's line is the last of the traceback."""
        check_whole(count, "count", least=1)
        limit_s = self._scene.options.timeout_s
        if timeout_s is not None:
            limit_s = check_seconds(timeout_s, "timeout_s", zero=True)
        return limit_s, _matcher(search)

    def _seen(self, found: list[Delivery], limit_s: float, count: int, search: WebhookSearch) -> Delivery:
        if len(found) >= count:
            return found[count - 1]
        wanted = ", ".join(f"{name} {value!r}" for name, value in search.items())
        lines = [
            f"{len(found)} of {count} webhooks{f' with {wanted}' if wanted else ''} were delivered within {limit_s:g} s"
        ]
        latest = self.deliveries[-_MOST_SHOWN:]
        if latest:
            lines[0] += ". The latest deliveries:"
            lines += [f"  {described(delivery)}" for delivery in latest]
        else:
            lines[0] += ". No event was sent: webhooks get only events of their type, from when they are registered"
        raise NotSeen("\n".join(lines))


def described(delivery: Delivery) -> str:
    """A delivery and what has become of it, in words."""
    after = f" after {attempts(delivery.attempts)}" if delivery.attempts else ""
    why = f": {delivery.problem}" if delivery.problem else ""
    fault = f" (the fault {delivery.by_fault} happened to it)" if delivery.by_fault else ""
    return f"{delivery} is {delivery.state}{after}{fault}{why}"


def _matcher(search: WebhookSearch) -> Callable[[Delivery], bool]:
    for name in search:
        if name not in WebhookSearch.__annotations__:
            near = nearest_name(name, WebhookSearch.__annotations__)
            raise ConfigError(f"there is no criterion {quoted(name)}{near}: write where={{...}} to look for a field")
    type, state, where = search.get("type"), search.get("state", DeliveryState.DELIVERED), search.get("where")
    type = None if type is None else check_webhook_type(type)
    state = None if state is None else check_choice(state, "state", DeliveryState)
    if callable(where):
        check_function(where, "where", ("an event",))
    elif where is not None:
        _check_fields(where)
    wanted = {"type": type, "state": state}
    for name in ("url", "about"):
        value = search.get(name)
        wanted[name] = None if value is None else check_text(value, name)  # type: ignore[assignment]

    def matches(delivery: Delivery) -> bool:
        if any(value is not None and getattr(delivery, name) != value for name, value in wanted.items()):
            return False
        if where is None or callable(where):
            return where is None or bool(where(delivery.event))
        event = delivery.event
        return all(name in event and event[name] == value for name, value in where.items())

    return matches


def _check_fields(given: object) -> None:
    if not isinstance(given, Mapping):
        raise wrong("where", "fields with their values, or a function that can be called with an event", given)
    clean(cast("Mapping[str, Json]", given))  # which checks names and values


def _check_url(given: object) -> str:
    url = check_text(given, "url", "http://app.example/webhooks")
    try:
        target_of(url)
    except NotDelivered as error:
        raise wrong("url", f"an http or https URL ({error.problem})", url) from None
    return url
