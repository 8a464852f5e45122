"""Makes the attempts to deliver webhooks, for all tenants of a mock: bounded, and beside what else the loop does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from offhook_mockserver.tenants.webhooks.targets import Targets

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from offhook_mockserver.tenants.webhooks.delivery import Delivery
    from offhook_mockserver.tenants.webhooks.http_post import Headers, HttpPost
    from offhook_mockserver.tenants.webhooks.post_answer import PostAnswer
    from offhook_mockserver.tenants.webhooks.receiver import Receiver
    from offhook_mockserver.tenants.webhooks.targets import Resolver

    #: Posts a body to a URL and returns the answer. It raises `NotDelivered` if no answer arrives.
    Post: TypeAlias = Callable[[str, Headers, bytes], Awaitable[PostAnswer]]


#: Attempts of all tenants that may be under way at once.
MOST_FLYING: Final = 128
#: Deliveries of all tenants that may wait at once.
MOST_WAITING: Final = 20_000
_STOP_TIMEOUT_S: Final = 0.2


class WaitingDeliveries(Protocol):
    """The queue of one tenant, as the dispatcher knows it."""

    def __len__(self) -> int: ...

    def drop_oldest(self) -> None:
        """Drop the delivery that waits longest."""
        ...

    async def attempt(self, receiver: Receiver, delivery: Delivery) -> None:
        """Make one attempt; it does not raise."""
        ...


class Dispatcher:
    """Makes attempts, at most 128 at once. It does nothing before the first one.

    Args:
        hosts: where webhooks may be posted, beside this machine; see `Targets`.
        resolve: looks names up; by default, the system does.

    Raises:
        ConfigError: one of `hosts` is not a host.

    Attributes:
        post: how a webhook is posted; by default, over HTTP.
        soon: has a function called soon on the loop of the mock; by default, the loop must run.
    """

    def __init__(self, hosts: Sequence[str] = (), *, resolve: Resolver | None = None) -> None:
        self._targets = Targets(hosts, resolve=resolve)
        self._http: HttpPost | None = None
        self.post: Post = self._post
        self.soon: Callable[[Callable[[], object]], object] = _soon
        self._tasks: set[asyncio.Task[None]] = set()
        #: Receivers that could be attempted, if fewer attempts were under way; the first is served next.
        self._hungry: dict[Receiver, WaitingDeliveries] = {}
        self._queues: set[WaitingDeliveries] = set()
        self._closed = False

    def make_room(self, queue: WaitingDeliveries) -> None:
        """A delivery of `queue` is about to wait: drop the oldest of the longest queue if too many would."""
        self._queues.add(queue)
        if sum(map(len, self._queues)) >= MOST_WAITING:
            max(self._queues, key=len).drop_oldest()

    def forget(self, queue: WaitingDeliveries) -> None:
        """Nothing of `queue` waits any more. Idempotent."""
        self._queues.discard(queue)

    def serve(self, receiver: Receiver, queue: WaitingDeliveries) -> None:
        """Begin the attempts at a webhook that can be made now."""
        while not self._closed:
            if len(self._tasks) >= MOST_FLYING:
                self._hungry[receiver] = queue
                return
            delivery = receiver.take()
            if delivery is None:
                return
            task = asyncio.create_task(queue.attempt(receiver, delivery))
            self._tasks.add(task)
            task.add_done_callback(self._over)

    async def aclose(self) -> None:
        """Cut off what is under way, and attempt nothing more. Idempotent and bounded."""
        self._closed = True
        self._hungry.clear()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_TIMEOUT_S)
        if self._http is not None:
            self._http.close()
            self._http = None

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        while self._hungry and len(self._tasks) < MOST_FLYING:
            receiver = next(iter(self._hungry))
            self.serve(receiver, self._hungry.pop(receiver))

    async def _post(self, url: str, headers: Headers, body: bytes) -> PostAnswer:
        if self._http is None:
            from offhook_mockserver.tenants.webhooks.http_post import HttpPost  # most mocks post nothing

            self._http = HttpPost(self._targets)
        return await self._http(url, headers, body)


def _soon(call: Callable[[], object]) -> None:
    asyncio.get_running_loop().call_soon(call)
