"""A receiver of Sendblue's webhooks, as an ASGI application: it checks, removes duplicates, reports, answers quickly.

Mount it in Starlette or FastAPI, or serve it by itself. It needs no framework.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, cast

from offhook import Phone
from offhook.arguments import check_function, check_methods, check_seconds, check_whole, is_several
from offhook.call import clock_in_process
from offhook.errors import OffhookError
from offhook.interfaces import Environment
from offhook_sendblue.webhook_events import CallEvent, Message, event_of, happened_s
from offhook_sendblue.webhook_queue import EventQueue
from offhook_sendblue.webhook_reports import report_of
from offhook_sendblue.webhook_request import (
    Refused,
    answer,
    check_head,
    check_kind,
    headers_of,
    object_in,
    read_body,
)
from offhook_sendblue.webhook_secrets import carries, check_secrets, is_signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    from offhook.interfaces import CarrierReport, Clock
    from offhook.secret import Secret
    from offhook_sendblue.webhook_events import WebhookEvent
    from offhook_sendblue.webhook_request import Receive, Scope, Send

_log: Final = logging.getLogger("offhook.sendblue")

#: How many events are remembered, so that each is handled once.
MOST_REMEMBERED: Final = 10_000
_OK: Final = b'{"status":"OK"}'


class TakesReports(Protocol):
    """A phone, as the receiver needs it."""

    def report(self, report: CarrierReport) -> bool: ...


@dataclass(slots=True)
class WebhookCounts:
    """What became of the requests to a receiver.

    Attributes:
        rejected: they were refused: another method, a wrong secret, a body that is too long or not JSON.
        accepted: their event was new, and was handled.
        duplicates: their event had come before.
        stale: their event happened too long ago.
        unknown: their event is of no type that this version knows.
        reported: their event ended a call of a phone, or amended its record.
    """

    rejected: int = 0
    accepted: int = 0
    duplicates: int = 0
    stale: int = 0
    unknown: int = 0
    reported: int = 0


class WebhookReceiver:
    """Receives the events that Sendblue posts to a webhook.

    It accepts POST requests with JSON that carry the secret, in the header ``sb-signing-secret``. That proves that the
    sender has the secret; it protects neither the body nor against a request that is sent again. So each event is
    handled once, old ones are ignored, and no order is assumed. Every request that carries the secret and holds an
    event is answered with 200 before the application's function is called.

    The type of an event is in its body or, as Sendblue does not document that, at the end of the URL: register
    ``https://…/sendblue/call_log`` for call logs.

    Args:
        secret: the secret of the webhook, or several while it is changed: a `Secret` or text.
        phone: a `Phone`, or several, to which the ends of calls are reported. They must be used on the event loop that
            serves the application.
        on_event: called with each new event, one at a time, in the order of their arrival; awaited if it is async. A
            plain function runs on the event loop, so it must not block.
        signature_keys: a key, or several, for the header ``X-Sendblue-Signature``, which is then required as well. No
            documentation describes it for account webhooks: by default it is not looked at.
        most_bytes: how long a body may be.
        timeout_s: how long a body may take to arrive.
        most_age_s: how old an event may be, by its own dates and the clock; older ones are ignored.
        most_waiting: how many events may wait for `on_event`; beyond that, the oldest is dropped.
        handler_timeout_s: how long `on_event` may take for one event.
        clock: the time; by default that of the first phone, or the machine's if there is none. In a test in virtual
            time it is the test's.

    Raises:
        ConfigError: an argument is of the wrong type or out of range, or `secret` is empty.

    Attributes:
        counts: what became of the requests so far.
    """

    def __init__(
        self,
        secret: Secret | str | Iterable[Secret | str],
        *,
        phone: TakesReports | Iterable[TakesReports] | None = None,
        on_event: Callable[[WebhookEvent], object] | None = None,
        signature_keys: Secret | str | Iterable[Secret | str] | None = None,
        most_bytes: int = 1024 * 1024,
        timeout_s: float = 10.0,
        most_age_s: float = 2 * 3600.0,
        most_waiting: int = 1000,
        handler_timeout_s: float = 60.0,
        clock: Clock | None = None,
    ) -> None:
        self.counts: WebhookCounts = WebhookCounts()
        self._secrets = check_secrets(secret, "secret")
        self._keys = None if signature_keys is None else check_secrets(signature_keys, "signature_keys")
        self._phones = _phones(phone)
        self._most_bytes = check_whole(most_bytes, "most_bytes", least=1, unit="bytes")
        self._timeout_s = check_seconds(timeout_s, "timeout_s")
        self._most_age_s = check_seconds(most_age_s, "most_age_s")
        phones = (phone for phone in self._phones if isinstance(phone, Phone))
        self._own_clock = clock if clock is not None else next((phone.clock for phone in phones), None)
        self._usual_clock = Environment(clock=clock).clock  # which checks it
        most = check_whole(most_waiting, "most_waiting", least=1, unit="events")
        handler_timeout_s = check_seconds(handler_timeout_s, "handler_timeout_s")
        self._queue: EventQueue | None = None
        if on_event is not None:
            check_function(on_event, "on_event", ("an event",), may_be_async=True)
            self._queue = EventQueue(on_event, most, handler_timeout_s)
        #: Hashes of the events that came, the oldest first.
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._logged: set[str] = set()

    @property
    def dropped(self) -> int:
        """How many events `on_event` was not called with, because too many waited or the receiver was closed."""
        return self._queue.dropped if self._queue is not None else 0

    @property
    def failed(self) -> int:
        """How many times `on_event` raised, or took too long."""
        return self._queue.failed if self._queue is not None else 0

    @property
    def _clock(self) -> Clock:
        """Looked up at each use: a receiver may be made long before the test in which it receives."""
        return self._own_clock or clock_in_process() or self._usual_clock

    def __repr__(self) -> str:
        return f"WebhookReceiver({len(self._phones)} phones, {self.counts})"

    # ---- its life

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self, *, timeout_s: float = 2.0) -> None:
        """Wait until `on_event` was called with every event, but at most `timeout_s`; drop the rest. Idempotent.

        Raises:
            ConfigError: `timeout_s` is not a number of seconds from 0 up.
        """
        timeout_s = check_seconds(timeout_s, "timeout_s", zero=True)
        if self._queue is not None:
            await self._queue.aclose(timeout_s)

    # ---- ASGI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; also the events of a server's start and end, where this is the whole application."""
        kind = scope.get("type")
        if kind == "lifespan":
            await self._live(receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        elif kind == "http":
            result = await self._take(scope, receive)
            if isinstance(result, Refused):
                self.counts.rejected += 1
                body = json.dumps({"status": "ERROR", "message": result.message}).encode()
                await answer(send, result.status, body, result.headers)
            elif result:
                await answer(send, 200, _OK)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message.get("type") == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _take(self, scope: Scope, receive: Receive) -> Refused | bool:
        """Take one request; returns whether its client is still there, or why it is refused."""
        refused = check_head(scope)
        if refused is not None:
            return refused
        headers = headers_of(scope)
        if not carries(headers, self._secrets):
            return Refused(401, "the header sb-signing-secret does not carry the secret of this webhook")
        refused = check_kind(headers, self._most_bytes)
        if refused is not None:
            return refused
        body = await read_body(receive, self._most_bytes, self._timeout_s)
        if body is None or isinstance(body, Refused):
            return body or False
        if self._keys is not None and not is_signed(headers, body, self._keys, self._clock.wall_s()):
            return Refused(401, "the header x-sendblue-signature is not a valid, recent signature of the body")
        found = object_in(body)
        if isinstance(found, Refused):
            return found
        self._handle(found, body, str(scope.get("path") or "").rstrip("/").rpartition("/")[2])
        return True

    # ---- events

    def _handle(self, document: dict[str, object], body: bytes, path_type: str) -> None:
        """Handle the event in a body, unless it is unknown, too old, or came before."""
        event = event_of(document, path_type)
        if event is None:
            self.counts.unknown += 1
            return
        at_s = happened_s(document)
        if at_s is not None and self._clock.wall_s() - at_s > self._most_age_s:
            self.counts.stale += 1
            return
        key = _identity(event, body)
        if key in self._seen:
            self._seen.move_to_end(key)
            self.counts.duplicates += 1
            return
        self._seen[key] = None
        if len(self._seen) > MOST_REMEMBERED:
            self._seen.popitem(last=False)
        self.counts.accepted += 1
        self._report(event)
        if self._queue is not None:
            self._queue.put(event)

    def _report(self, event: WebhookEvent) -> None:
        report = report_of(event)
        if report is None:
            return
        changed = False
        for phone in self._phones:
            try:
                changed = phone.report(report) or changed
            except Exception as error:  # the request is answered, and the other phones are asked
                why = error.message if isinstance(error, OffhookError) else f"it raised {type(error).__name__}"
                if why not in self._logged:
                    self._logged.add(why)
                    _log.warning("a phone did not take the report of a webhook: %s. This is logged once", why)
        self.counts.reported += changed


def _identity(event: WebhookEvent, body: bytes) -> bytes:
    """The hash of what makes an event the same: the id of its call or message and what became of it; else its body."""
    parts: tuple[str | None, ...] = ()
    if isinstance(event, CallEvent) and event.call_id:
        parts = event.type, event.call_id, event.disposition
    elif isinstance(event, Message) and event.message_handle:
        parts = event.type, event.message_handle, event.status
    known = json.dumps(parts).encode() if parts else body
    return hashlib.sha256(known).digest()


def _phones(given: object) -> tuple[TakesReports, ...]:
    """Check the phones.

    Raises:
        ConfigError: one of them takes no reports.
    """
    phones = tuple(cast("Iterable[object]", given)) if is_several(given) else () if given is None else (given,)
    for phone in phones:
        check_methods(phone, "phone", ("report",), "a Phone, or several")
    return cast("tuple[TakesReports, ...]", phones)
