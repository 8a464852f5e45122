"""The webhooks of a test's tenant: registered, delivered to an application of the test, looked at and waited for."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Unpack

from offhook.arguments import (
    check_function,
    check_seconds,
    check_several,
    check_text,
    check_whole,
    corrects_arguments,
    wrong,
)
from offhook.interfaces import e164
from offhook.wording import no_attribute
from offhook_mockserver.tenants import call_events
from offhook_mockserver.tenants.journal import NotSeen
from offhook_mockserver.tenants.webhook_types import check_webhook_type
from offhook_mockserver.tenants.webhooks.delivery import Delivery, DeliveryState
from offhook_mockserver.tenants.webhooks.hooks import Hook, webhook_secret
from offhook_mockserver.tenants.webhooks.targets import NotDelivered, target_of
from offhook_mockserver.testkit.webhook_app import WebhookApp
from offhook_mockserver.testkit.webhook_search import WebhookCriteria, described

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.types import ASGIApp

    from offhook.secret import Secret
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.webhook_types import WebhookType
    from offhook_mockserver.testkit.scene import Scene
    from offhook_mockserver.testkit.webhook_search import WebhookSearch

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

#: Deliveries that the message about a wait in vain shows.
_MOST_SHOWN: Final = 5
#: For how long a wait goes on, in seconds, after what it waits for was given up: a test may send it once more.
_SOON_S: Final = 2.0
#: What is never attempted again. What a fault has lost is not among them: the test wants that, and may want more.
_GIVEN_UP: Final = frozenset({DeliveryState.DEAD, DeliveryState.DROPPED})


@corrects_arguments()
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

        It ends early, 2 s after what it waits for has become a dead letter or was dropped, if no call goes on.

        Args:
            timeout_s: how long to wait, in seconds; None for the limit of `MockOptions`.
            count: how many must match.
            search: what they must fulfil, for example ``type="call_log"``.

        Raises:
            NotSeen: fewer matched in time, or can still match; the message shows the latest deliveries, and why.
            CallStateError: an event loop runs on this thread; use `await_for`.
            ConfigError: an argument is of the wrong type.
        """
        limit_s, criteria = self._checked(timeout_s, count, search)
        found = self._scene.bridge.wait("offhook_mock.webhooks.wait_for", lambda: self._until(limit_s, count, criteria))
        return self._seen(found, limit_s, count, criteria)

    async def await_for(
        self, timeout_s: float | None = None, *, count: int = 1, **search: Unpack[WebhookSearch]
    ) -> Delivery:
        """As `wait_for`, for coroutines."""
        limit_s, criteria = self._checked(timeout_s, count, search)
        found = await self._scene.bridge.awaited(lambda: self._until(limit_s, count, criteria))
        return self._seen(found, limit_s, count, criteria)

    async def _until(self, limit_s: float, count: int, criteria: WebhookCriteria) -> list[Delivery]:
        """The deliveries that match, after a wait that ends early if those that are missing were given up."""

        def found() -> list[Delivery]:
            return [delivery for delivery in self._webhooks.deliveries if criteria.matches(delivery)]

        def missing() -> bool:
            return len(found()) < count

        def hopeless() -> bool:
            given_up = len(self._given_up(criteria))
            to_come = [each for each in self._webhooks.waiting if criteria.is_about(each)]
            return not self._scene.tenant.calls and not to_come and 0 < count - len(found()) <= given_up

        try:
            async with asyncio.timeout(limit_s):
                while missing():
                    await self._scene.changes.until(lambda: not missing() or hopeless())
                    soon = asyncio.timeout(_SOON_S)
                    with contextlib.suppress(TimeoutError):
                        async with soon:
                            await self._scene.changes.until(lambda: not hopeless())
                    if soon.expired():
                        break
        except TimeoutError:
            pass
        return found()

    def _given_up(self, criteria: WebhookCriteria) -> list[Delivery]:
        """What a test waits for, and what will not be delivered."""
        if criteria.state is not DeliveryState.DELIVERED:
            return []
        replayed = {delivery.replay_of for delivery in self._webhooks.deliveries}
        return [
            delivery
            for delivery in self._webhooks.deliveries
            if delivery.state in _GIVEN_UP and delivery.id not in replayed and criteria.is_about(delivery)
        ]

    def _checked(self, timeout_s: float | None, count: int, search: WebhookSearch) -> tuple[float, WebhookCriteria]:
        """Check the arguments of a wait here, where the test's line is the last of the traceback."""
        check_whole(count, "count", least=1)
        limit_s = self._scene.options.timeout_s
        if timeout_s is not None:
            limit_s = check_seconds(timeout_s, "timeout_s", zero=True)
        return limit_s, WebhookCriteria(search)

    def _seen(self, found: list[Delivery], limit_s: float, count: int, criteria: WebhookCriteria) -> Delivery:
        if len(found) >= count:
            return found[count - 1]
        given_up = self._scene.bridge.call(lambda: self._given_up(criteria))
        wanted = f"{len(found)} of {count} webhooks{f' with {criteria}' if str(criteria) else ''} were delivered"
        if len(found) + len(given_up) >= count:
            lines = [f"{wanted}, and the mock makes no further attempts"]
        else:
            lines = [f"{wanted} within {limit_s:g} s"]
        latest = self.deliveries[-_MOST_SHOWN:]
        latest = (*(delivery for delivery in given_up[-_MOST_SHOWN:] if delivery not in latest), *latest)
        if latest:
            lines[0] += ". The latest deliveries:"
            for delivery in latest:
                missed = criteria.missed(delivery)
                lines += [f"  {described(delivery)}", *([f"    but {' and '.join(missed)}"] if missed else ())]
        else:
            lines[0] += ". No event was sent: webhooks get only events of their type, from when they are registered"
        raise NotSeen("\n".join(lines), about_time=all(delivery.late for delivery in given_up))


def _check_url(given: object) -> str:
    url = check_text(given, "url", "http://app.example/webhooks")
    try:
        target_of(url)
    except NotDelivered as error:
        raise wrong("url", f"an http or https URL ({error.problem})", url) from None
    return url
