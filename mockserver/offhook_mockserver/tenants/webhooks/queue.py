"""The deliveries of one tenant that wait: bounded, attempted again with growing pauses, and dead letters in the end."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from offhook.interfaces import Ids
from offhook_mockserver.tenants.webhooks.delivery import DeliveryState
from offhook_mockserver.tenants.webhooks.receiver import Receiver
from offhook_mockserver.tenants.webhooks.targets import NotDelivered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook_mockserver.rooms.timers import Timer
    from offhook_mockserver.tenants.clock import TenantClock
    from offhook_mockserver.tenants.settings import TenantSettings
    from offhook_mockserver.tenants.webhooks.delivery import Delivery
    from offhook_mockserver.tenants.webhooks.dispatcher import Dispatcher
    from offhook_mockserver.tenants.webhooks.post_answer import PostAnswer


_log: Final = logging.getLogger(__name__)

#: The longest pause between two attempts, before jitter.
_LONGEST_PAUSE_S: Final = 300.0
#: The answer of a receiver that is gone for good (RFC 9110, section 15.5.11).
_GONE: Final = 410


class Outcome(StrEnum):
    """How an attempt ended, or how a delivery ended without one."""

    DELIVERED = "delivered"
    FAILED = "failed"
    DEAD = "dead"
    DROPPED = "dropped"


@dataclass(slots=True)
class _Held:
    """A delivery that waits for a later one to overtake it."""

    delivery: Delivery
    on_overtaken: Callable[[], object]
    timer: Timer | None = None


class DeliveryQueue:
    """What waits, for all webhooks of one tenant.

    Args:
        clock: the tenant's time, by which pauses and deadlines run.
        settings: returns the tenant's settings.
        seed: the jitter follows from it.
        limit: how many deliveries may wait; the oldest is dropped for a further one.
        dispatcher: makes the attempts.
        post: makes one attempt: it posts a delivery and returns the answer.
        on_outcome: called with the outcome of each attempt: the delivery, and after how many seconds the next attempt
            follows, if there is one.

    Attributes:
        limit: see above.
        dropped: how many deliveries were dropped.
    """

    def __init__(
        self,
        clock: TenantClock,
        settings: Callable[[], TenantSettings],
        seed: str,
        limit: int,
        dispatcher: Dispatcher,
        post: Callable[[Delivery], Awaitable[PostAnswer]],
        on_outcome: Callable[[Delivery, Outcome, float | None], None],
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._ids = Ids(seed)
        self.limit: int = limit
        self._dispatcher = dispatcher
        self._post = post
        self._on_outcome = on_outcome
        #: Oldest first.
        self._waiting: dict[Delivery, None] = {}
        self._new: list[Callable[[], None]] = []
        self._receivers: dict[str, Receiver] = {}
        self._held: dict[str, _Held] = {}
        self._tasks: set[asyncio.Task[object]] = set()
        self._closed = False
        self.dropped: int = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def waiting(self) -> tuple[Delivery, ...]:
        """What waits, or is under way, oldest first."""
        return tuple(self._waiting)

    def add(self, delivery: Delivery, *, delay_s: float = 0.0) -> None:
        """Have a delivery attempted, after `delay_s`; those after it that are about the same do not wait so long."""
        if delay_s > 0:
            self._enter(delivery, lambda: self._later(delivery, delay_s, lambda: self._ready(delivery)))
        else:
            self._enter(delivery, lambda: self._ready(delivery))

    def hold(self, delivery: Delivery, within_s: float, on_overtaken: Callable[[], object]) -> bool:
        """Have a delivery attempted after the next one to the same webhook, or after `within_s` if none follows.

        Returns:
            Whether it is held: only one of a webhook is at a time.
        """
        if delivery.url in self._held:
            return False
        delivery.ordered = False
        held = self._held[delivery.url] = _Held(delivery, on_overtaken)

        def begin() -> None:
            if self._held.get(delivery.url) is held:
                held.timer = self._clock.call_later(within_s, lambda: self._release(delivery.url))

        self._enter(delivery, begin)
        return True

    def drop_oldest(self) -> None:
        """Drop the delivery that waits longest; not one that is under way."""
        oldest = next((delivery for delivery in self._waiting if not delivery.flying), None)
        if oldest is not None:
            self.dropped += 1
            self._end(oldest, DeliveryState.DROPPED, Outcome.DROPPED)

    def close(self) -> None:
        """Attempt nothing more, and cut off what is under way; what waits stays as it is. Idempotent."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        for receiver in self._receivers.values():
            receiver.clear()
        for delivery in self._waiting:
            _stop(delivery)
        for held in self._held.values():
            if held.timer is not None:
                held.timer.cancel()
        self._dispatcher.forget(self)

    async def attempt(self, receiver: Receiver, delivery: Delivery) -> None:
        """Make one attempt, and settle what follows from it."""
        final = self._clock.monotonic_s() > delivery.deadline_s
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if final:
                delivery.problem, delivery.late = "its deadline has passed", True
            else:
                final = await self._attempted(delivery)
        finally:
            self._tasks.discard(task)
            receiver.flying -= 1
            delivery.flying = False
        receiver.failing = bool(delivery.problem)
        if not delivery.problem:
            self._end(delivery, DeliveryState.DELIVERED, Outcome.DELIVERED)
        else:
            pause_s = self._pause_s(delivery.attempts)
            over = delivery.attempts >= self._settings().webhook_attempts
            if final or over or self._clock.monotonic_s() + pause_s > delivery.deadline_s:
                self._end(delivery, DeliveryState.DEAD, Outcome.DEAD)
            else:
                self._later(delivery, pause_s, lambda: self._again(receiver, delivery))
                self._on_outcome(delivery, Outcome.FAILED, pause_s)
        self._dispatcher.serve(receiver, self)

    async def _attempted(self, delivery: Delivery) -> bool:
        """Post it once; returns whether another attempt would fail likewise."""
        delivery.attempts += 1
        delivery.status, delivery.problem, delivery.late = None, "", False
        limit_s = self._settings().webhook_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                answer = await self._post(delivery)
        except TimeoutError:
            delivery.problem, delivery.late = f"no answer within {limit_s:g} s", True
        except NotDelivered as error:
            delivery.problem = error.problem
            return error.final
        except Exception:
            _log.exception("the mock failed to post a webhook")
            delivery.problem = "the mock itself failed; its log shows why"
        else:
            delivery.status, delivery.problem = answer.status, answer.problem
        return delivery.status == _GONE

    def _pause_s(self, attempts: int) -> float:
        """The pause after this number of attempts: doubled each time, and half of it longer or shorter by chance."""
        pause_s = self._settings().webhook_backoff_s * 2.0 ** min(attempts - 1, 30)
        return min(pause_s, _LONGEST_PAUSE_S) * (0.5 + self._ids.fraction())

    def _enter(self, delivery: Delivery, begin: Callable[[], None]) -> None:
        if len(self._waiting) >= self.limit:
            self.drop_oldest()
        self._dispatcher.make_room(self)
        self._waiting[delivery] = None
        self._new.append(lambda: begin() if delivery.state is DeliveryState.WAITING else None)
        if len(self._new) == 1:  # one call for all that are added in one turn of the loop
            self._dispatcher.soon(self._begin_new)

    def _begin_new(self) -> None:
        new, self._new = self._new, []
        if not self._closed:
            for begin in new:
                begin()

    def _ready(self, delivery: Delivery) -> None:
        receiver = self._receivers.get(delivery.url)
        if receiver is None:
            receiver = self._receivers[delivery.url] = Receiver(delivery.url)
        receiver.add(delivery)
        self._dispatcher.serve(receiver, self)

    def _again(self, receiver: Receiver, delivery: Delivery) -> None:
        receiver.again(delivery)
        self._dispatcher.serve(receiver, self)

    def _later(self, delivery: Delivery, delay_s: float, call: Callable[[], object]) -> None:
        def due() -> None:
            delivery.timer = None
            call()

        delivery.timer = self._clock.call_later(delay_s, due)

    def _release(self, url: str, *, overtaken: bool = False) -> None:
        """Attempt the delivery that is held at a webhook."""
        held = self._held.pop(url, None)
        if held is None:
            return
        if held.timer is not None:
            held.timer.cancel()
        if held.delivery.state is DeliveryState.WAITING:
            if overtaken:
                held.on_overtaken()
            self._ready(held.delivery)

    def _end(self, delivery: Delivery, state: DeliveryState, outcome: Outcome) -> None:
        delivery.state = state
        _stop(delivery)
        self._waiting.pop(delivery, None)
        if not self._waiting:
            self._dispatcher.forget(self)
        held = self._held.get(delivery.url)
        if held is not None and held.delivery is delivery:
            self._held.pop(delivery.url)
            if held.timer is not None:
                held.timer.cancel()
        elif state is not DeliveryState.DROPPED:  # before the next of its lane is attempted
            self._release(delivery.url, overtaken=True)
        receiver = self._receivers.get(delivery.url)
        if receiver is not None:
            receiver.remove(delivery)
            if receiver.empty and not receiver.flying:
                del self._receivers[delivery.url]
        self._on_outcome(delivery, outcome, None)


def _stop(delivery: Delivery) -> None:
    if delivery.timer is not None:
        delivery.timer.cancel()
        delivery.timer = None
