"""A valid call of everything of the mock's test kit that takes arguments, for `test_public_arguments`.

An argument that is ``...`` is left out, and the call is not made: what waits refuses to run inside the test's loop.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from offhook.plugin import Plugins
from offhook_mockserver.server import EntryKind, TenantBounds, TenantSettings
from offhook_mockserver.testkit import MockOptions, MomentCode, ServerThread, mock

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_mockserver.server import InProcessMock, MockServer
    from offhook_mockserver.testkit import MockHandle

    #: What is called, and valid arguments.
    Valid = tuple[Callable[..., object], dict[str, object]]

_URL: Final = "https://app.example/hooks"


def kit_calls(handle: MockHandle, in_process: InProcessMock, server: MockServer) -> dict[str, Valid]:
    """The calls by their names."""
    return {**_handles(handle), **_faults(handle), **_tenants(in_process, server)}


def _handles(handle: MockHandle) -> dict[str, Valid]:
    callee, journal, clock = handle.callee(), handle.journal, handle.clock
    started = handle.start(_forever())
    webhooks = handle.webhooks
    webhooks.register(_URL, type="call_log")
    (delivery,) = webhooks.send("call_log", {})
    limit: dict[str, object] = {"timeout_s": ...}

    def run(**arguments: Any) -> object:
        return handle.run(**(arguments if "coroutine" in arguments else {"coroutine": _forever(), **arguments}))

    def arun(**arguments: Any) -> object:
        return handle.arun(**(arguments if "coroutine" in arguments else {"coroutine": _forever(), **arguments}))

    return {
        "CalleeHandle.aanswered": (callee.aanswered, limit),
        "CalleeHandle.aended": (callee.aended, limit),
        "CalleeHandle.afinished": (callee.afinished, limit),
        "CalleeHandle.answered": (callee.answered, limit),
        "CalleeHandle.at_s": (callee.at_s, {"code": MomentCode.ANSWERED}),
        "CalleeHandle.ended": (callee.ended, limit),
        "CalleeHandle.finished": (callee.finished, limit),
        "ClockHandle.advance": (clock.advance, {"seconds": 1}),
        "ClockHandle.set_wall": (clock.set_wall, {"wall_s": 0}),
        "JournalHandle.await_for": (journal.await_for, limit),
        "JournalHandle.search": (journal.search, {}),
        "JournalHandle.wait_for": (journal.wait_for, limit),
        "MockHandle.arun": (arun, {"coroutine": ..., "timeout_s": ...}),
        "MockHandle.asleep": (handle.asleep, {"seconds": 0}),
        "MockHandle.await_for": (handle.await_for, limit),
        "MockHandle.callee": (handle.callee, {"number": "+14155550124"}),
        "MockHandle.phone": (handle.phone, {}),
        "MockHandle.renew": (handle.renew, {"channel": ...}),
        "MockHandle.run": (run, {"coroutine": ..., "timeout_s": ...}),
        "MockHandle.sleep": (handle.sleep, {"seconds": ...}),
        "MockHandle.start": (handle.start, {"coroutine": ...}),
        "MockHandle.wait_for": (handle.wait_for, limit),
        "MockOptions.__init__": (MockOptions, {}),
        "ServerThread.__init__": (ServerThread, {"plugins": Plugins()}),
        "Started.aresult": (started.aresult, limit),
        "Started.result": (started.result, limit),
        "WebhooksHandle.await_for": (webhooks.await_for, limit),
        "WebhooksHandle.deliver_to": (webhooks.deliver_to, {"app": _app, "url": _URL}),
        "WebhooksHandle.inbound_call": (webhooks.inbound_call, {"from_number": "+14155550124"}),
        "WebhooksHandle.register": (webhooks.register, {"url": _URL, "type": "call_log"}),
        "WebhooksHandle.replay": (webhooks.replay, {"delivery": delivery}),
        "WebhooksHandle.send": (webhooks.send, {"type": "call_log", "event": {}}),
        "WebhooksHandle.wait_for": (webhooks.wait_for, limit),
        "mock": (mock, {}),
    }


def _faults(handle: MockHandle) -> dict[str, Valid]:
    faults = handle.faults
    return {
        "Faults.blackout": (faults.blackout, {}),
        "Faults.channel_gone": (faults.channel_gone, {}),
        "Faults.delay": (faults.delay, {"delay_s": 1}),
        "Faults.dribble": (faults.dribble, {}),
        "Faults.duplicate_uid": (faults.duplicate_uid, {}),
        "Faults.error_in_200": (faults.error_in_200, {}),
        "Faults.garbage": (faults.garbage, {}),
        "Faults.gzip_bomb": (faults.gzip_bomb, {}),
        "Faults.html": (faults.html, {}),
        "Faults.huge": (faults.huge, {}),
        "Faults.join_never_answers": (faults.join_never_answers, {}),
        "Faults.kick": (faults.kick, {}),
        "Faults.doubled_webhooks": (faults.doubled_webhooks, {}),
        "Faults.late_webhooks": (faults.late_webhooks, {"by_s": 1}),
        "Faults.lost_webhooks": (faults.lost_webhooks, {}),
        "Faults.reordered_webhooks": (faults.reordered_webhooks, {}),
        "Faults.lost_answer": (faults.lost_answer, {}),
        "Faults.lost_request": (faults.lost_request, {}),
        "Faults.malformed_grant": (faults.malformed_grant, {"flaw": "missing agora"}),
        "Faults.media": (faults.media, {"loss": 0.5}),
        "Faults.redirect": (faults.redirect, {"to_url": "https://example.com/"}),
        "Faults.renewal_refused": (faults.renewal_refused, {}),
        "Faults.reset": (faults.reset, {}),
        "Faults.retry_after": (faults.retry_after, {"value": 5}),
        "Faults.status": (faults.status, {"status": 500}),
        "Faults.token": (faults.token, {"flaw": "expired"}),
        "Faults.truncated": (faults.truncated, {}),
    }


def _tenants(in_process: InProcessMock, server: MockServer) -> dict[str, Valid]:
    tenants, tenant = in_process.tenants, in_process.tenant
    return {
        "InProcessMock.environment_of": (in_process.environment_of, {"tenant": tenant}),
        "Journal.add": (tenant.journal.add, {"kind": EntryKind.NOTE, "text": "x"}),
        "Journal.search": (tenant.journal.search, {}),
        "Journal.wait_for": (tenant.journal.wait_for, {"timeout_s": 0, "kind": EntryKind.NOTE}),
        "Journal.watch": (tenant.journal.watch, {"on_entry": repr}),
        "MockServer.environment_of": (server.environment_of, {"tenant": ...}),
        "Tenant.export": (tenant.export, {}),
        "TenantBounds.__init__": (TenantBounds, {}),
        "TenantBounds.from_json": (TenantBounds.from_json, {"document": {}}),
        "TenantClock.advance": (tenant.clock.advance, {"seconds": 1}),
        "TenantClock.set_wall": (tenant.clock.set_wall, {"wall_s": 0}),
        "TenantSettings.from_json": (TenantSettings.from_json, {"document": {}}),
        "Tenants.create": (tenants.create, {}),
        "Tenants.end_calls": (tenants.end_calls, {"tenant": tenants.create()}),
        "Tenants.remove": (tenants.remove, {"tenant": tenants.create()}),
        "Tenants.restore": (tenants.restore, {"document": tenant.export()}),
    }


async def _app(scope: object, receive: object, send: object) -> None:
    """An ASGI application that does not answer."""


async def _forever() -> None:
    """An application that waits for its end."""
    await asyncio.Event().wait()
