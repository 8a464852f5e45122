"""The webhooks of one tenant: what is registered, what was sent, and what was not delivered."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from offhook.arguments import check_text, wrong
from offhook.errors import ConfigError
from offhook.wording import quoted
from offhook_mockserver.tenants.effects import (
    WebhookDoubled,
    WebhookEffect,
    WebhookLate,
    WebhookLost,
    WebhookOvertaken,
)
from offhook_mockserver.tenants.webhook_types import WebhookType, check_webhook_type
from offhook_mockserver.tenants.webhooks.delivery import Delivery, DeliveryState
from offhook_mockserver.tenants.webhooks.delivery_notes import DeliveryNotes
from offhook_mockserver.tenants.webhooks.hooks import Hook, Hooks
from offhook_mockserver.tenants.webhooks.queue import DeliveryQueue, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.secret import Secret
    from offhook_mockserver.tenants.clock import TenantClock
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.fault import Fault
    from offhook_mockserver.tenants.fault_register import FaultRegister
    from offhook_mockserver.tenants.journal import Journal
    from offhook_mockserver.tenants.settings import TenantBounds, TenantSettings
    from offhook_mockserver.tenants.webhooks.dispatcher import Dispatcher, Post
    from offhook_mockserver.tenants.webhooks.post_answer import PostAnswer

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

#: Deliveries that are kept, the latest ones, whatever has become of them; and dead letters.
MOST_KEPT: Final = 1_000
#: The largest event.
MOST_EVENT_BYTES: Final = 256 * 1024
#: The header with the secret, as it is.
SECRET_HEADER: Final = "sb-signing-secret"
#: The header with a signature, which other products than webhooks of accounts may have.
SIGNATURE_HEADER: Final = "X-Sendblue-Signature"


class Webhooks:
    """The webhooks of one tenant.

    Args:
        seed: everything random of them follows from it.
        clock: the tenant's time.
        journal: notes each attempt.
        faults: what goes wrong, because a test wants it.
        settings: returns the tenant's settings.
        bounds: how much the tenant may use.
        dispatcher: makes the attempts.

    Attributes:
        registrations: the registered webhooks.
        apps: what is called, by URL, in place of a post over the network.
    """

    def __init__(
        self,
        *,
        seed: str,
        clock: TenantClock,
        journal: Journal,
        faults: FaultRegister,
        settings: Callable[[], TenantSettings],
        bounds: TenantBounds,
        dispatcher: Dispatcher,
    ) -> None:
        self._clock = clock
        self._notes = DeliveryNotes(journal)
        self._faults = faults
        self._settings = settings
        self._dispatcher = dispatcher
        self.registrations: Hooks = Hooks()
        self.apps: dict[str, Post] = {}
        self._queue = DeliveryQueue(
            clock, settings, f"{seed}/webhooks", bounds.webhooks, dispatcher, self._post, self._outcome
        )
        self._deliveries: deque[Delivery] = deque(maxlen=MOST_KEPT)
        self._dead: deque[Delivery] = deque(maxlen=MOST_KEPT)
        self._made = 0
        self._closed = False

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """The latest 1,000 deliveries, in the order in which their events happened."""
        return tuple(self._deliveries)

    @property
    def dead(self) -> tuple[Delivery, ...]:
        """The dead letters: the latest 1,000 deliveries whose every attempt has failed, oldest first."""
        return tuple(self._dead)

    @property
    def waiting(self) -> tuple[Delivery, ...]:
        """The deliveries that wait for an attempt, or are under way, oldest first."""
        return self._queue.waiting

    @property
    def dropped(self) -> int:
        """How many deliveries were dropped because too many were waiting."""
        return self._queue.dropped

    def wants(self, type: WebhookType | str, line: str = "") -> tuple[Hook, ...]:
        """The webhooks that an event is sent to.

        Raises:
            ConfigError: the type is unknown.
        """
        type = check_webhook_type(type)
        hooks = self.registrations.of(type)
        if type is WebhookType.RECEIVE:
            return tuple(hook for hook in hooks if not hook.lines or line in hook.lines)
        url = self._settings().webhook_url
        if type is WebhookType.CALL_LOG and url and all(hook.url != url for hook in hooks):
            return (*hooks, Hook(url))
        return hooks

    def send(
        self,
        type: WebhookType | str,
        event: Mapping[str, Json],
        *,
        line: str = "",
        about: str = "",
        number: str = "",
    ) -> tuple[Delivery, ...]:
        """Have an event delivered to every webhook that wants it. It returns at once.

        Args:
            type: the type of the event.
            event: what is posted.
            line: the line that it belongs to.
            about: what it is about, for example the channel of a call: events about the same arrive in order.
            number: the number of the other side, for faults and the journal.

        Returns:
            The deliveries, one for each webhook that wants it, those that a fault has lost included.

        Raises:
            ConfigError: an argument is of the wrong type, or the event is not JSON of at most 256 KiB.
        """
        return self._send(self.wants(type, line), type, event, line, about, number)

    def send_to(
        self,
        url: str,
        type: WebhookType | str,
        event: Mapping[str, Json],
        *,
        line: str = "",
        about: str = "",
        number: str = "",
    ) -> tuple[Delivery, ...]:
        """Have an event delivered to one URL that a request named, and that is not registered; see `send`.

        Raises:
            ConfigError: an argument is of the wrong type, or the event is not JSON of at most 256 KiB.
        """
        return self._send((Hook(check_text(url, "url")),), type, event, line, about, number)

    def _send(
        self,
        hooks: tuple[Hook, ...],
        type: WebhookType | str,
        event: Mapping[str, Json],
        line: str,
        about: str,
        number: str,
    ) -> tuple[Delivery, ...]:
        if not hooks or self._closed:
            return ()
        type, body = check_webhook_type(type), _encoded(event)
        for name, text in (("line", line), ("about", about), ("number", number)):
            check_text(text, name)

        def made(hook: Hook) -> Delivery:
            return self._make(type, hook.url, hook.secret, body, about, line, number)

        sent: list[Delivery] = []
        for hook in hooks:
            sent += self._sent(hook, made)
        return tuple(sent)

    def replay(self, id: str) -> Delivery:
        """Send an event once more to the same webhook, with the secret that this has now.

        Args:
            id: the id of a kept delivery; a dead letter is one no more.

        Returns:
            The new delivery.

        Raises:
            ConfigError: no delivery with this id is kept.
        """
        check_text(id, "id")
        old = next((delivery for delivery in (*self._dead, *self._deliveries) if delivery.id == id), None)
        if old is None:
            raise ConfigError(f"no webhook delivery with the id {quoted(id)} is kept: the latest {MOST_KEPT} are")
        if old in self._dead:
            self._dead.remove(old)
        hook = next((hook for hook in self.registrations.of(old.type) if hook.url == old.url), None)
        secret = old.secret if hook is None else hook.secret
        new = self._make(old.type, old.url, secret, old.body, old.about, old.line, old.number)
        new.replay_of = old.id
        self._queue.add(new)
        return new

    def close(self) -> None:
        """Deliver nothing more: the tenant was removed. Idempotent."""
        self._closed = True
        self._queue.close()

    def _make(
        self, type: WebhookType, url: str, secret: Secret | None, body: bytes, about: str, line: str, number: str
    ) -> Delivery:
        self._made += 1
        delivery = Delivery(
            id=f"wh_{self._made}",
            type=type,
            url=url,
            about=about,
            line=line,
            number=number,
            body=body,
            sent_wall_s=self._clock.wall_s(),
            secret=secret or self.registrations.global_secret,
            deadline_s=self._clock.monotonic_s() + self._settings().webhook_deadline_s,
        )
        self._deliveries.append(delivery)
        return delivery

    def _sent(self, hook: Hook, made: Callable[[Hook], Delivery]) -> list[Delivery]:
        """Send an event to one webhook, as a fault says."""
        delivery = made(hook)
        fault = self._fault_of(delivery)
        match None if fault is None else fault.effect:
            case WebhookLate(by_s=by_s):
                self._apply(fault, delivery, f"{delivery} is {by_s:g} s late")
                self._queue.add(delivery, delay_s=by_s)
            case WebhookLost():
                delivery.state = DeliveryState.LOST
                self._apply(fault, delivery, f"{delivery} is lost")
            case WebhookDoubled():
                self._apply(fault, delivery, f"{delivery} is delivered twice")
                again = made(hook)
                again.by_fault, again.replay_of = delivery.by_fault, delivery.id
                for each in (delivery, again):
                    self._queue.add(each)
                return [delivery, again]
            case WebhookOvertaken(within_s=within_s):
                overtaken = partial(self._apply, fault, delivery, f"{delivery} was overtaken by the next one")
                if not self._queue.hold(delivery, within_s, overtaken):
                    self._queue.add(delivery)
            case _:
                self._queue.add(delivery)
        return [delivery]

    def _fault_of(self, delivery: Delivery) -> Fault | None:
        for fault in self._faults.matching(WebhookEffect, delivery.number or None, delivery.about or None):
            if isinstance(fault.effect, WebhookEffect) and fault.effect.type in {None, delivery.type}:
                return fault
        return None

    def _apply(self, fault: Fault | None, delivery: Delivery, what: str) -> None:
        assert fault is not None
        if not fault.spent:
            delivery.by_fault = fault.name
            self._faults.applied(fault, what, delivery.number or None, delivery.about or None)

    async def _post(self, delivery: Delivery) -> PostAnswer:
        headers = [("User-Agent", "offhook-mock"), ("Content-Type", "application/json")]
        if delivery.secret is not None:
            secret = delivery.secret.reveal()
            headers.append((SECRET_HEADER, secret))
            if self._settings().webhook_signature:
                headers.append((SIGNATURE_HEADER, _signature(secret, int(self._clock.wall_s()), delivery.body)))
        post = self.apps.get(delivery.url, self._dispatcher.post)
        return await post(delivery.url, headers, delivery.body)

    def _outcome(self, delivery: Delivery, outcome: Outcome, pause_s: float | None) -> None:
        if outcome is Outcome.DEAD:
            self._dead.append(delivery)
        self._notes.add(delivery, outcome, pause_s, self._queue)


def _encoded(event: object) -> bytes:
    if not isinstance(event, Mapping):
        raise wrong("event", "a dict that JSON can hold", event)
    event = dict(cast("Mapping[str, Json]", event))
    try:
        body = json.dumps(event, allow_nan=False, separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise wrong("event", f"a dict that JSON can hold ({error})", event) from None
    if len(body) > MOST_EVENT_BYTES:
        raise ConfigError(f"an event may have {MOST_EVENT_BYTES} bytes, and this one has {len(body)}")
    return body


def _signature(secret: str, now_s: int, body: bytes) -> str:
    digest = hmac.new(secret.encode("ascii"), f"{now_s}.".encode("ascii") + body, hashlib.sha256).hexdigest()
    return f"t={now_s},v1={digest}"
