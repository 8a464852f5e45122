"""The handle of a test: a mock of its own, callees to write, and what they heard, in real and in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook_mockserver.extra import lazy_name as _lazy_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.callees.ends import CalleeEnd
    from offhook_mockserver.callees.moments import MomentCode
    from offhook_mockserver.tenants.faults import Faults
    from offhook_mockserver.testkit.callee import CalleeHandle
    from offhook_mockserver.testkit.calls import CallHandle
    from offhook_mockserver.testkit.clock import ClockHandle
    from offhook_mockserver.testkit.handle import MockHandle
    from offhook_mockserver.testkit.journal import JournalHandle
    from offhook_mockserver.testkit.making import mock
    from offhook_mockserver.testkit.not_finished import NotFinished, ScriptFailed
    from offhook_mockserver.testkit.options import MockOptions
    from offhook_mockserver.testkit.server_thread import ServerThread
    from offhook_mockserver.testkit.started import Started
    from offhook_mockserver.testkit.virtual_guard import NotVirtual
    from offhook_mockserver.testkit.webhooks import WebhooksHandle

__all__ = [
    "CallHandle",
    "CalleeEnd",
    "CalleeHandle",
    "ClockHandle",
    "Faults",
    "JournalHandle",
    "MockHandle",
    "MockOptions",
    "MomentCode",
    "NotFinished",
    "NotVirtual",
    "ScriptFailed",
    "ServerThread",
    "Started",
    "WebhooksHandle",
    "mock",
]

_HOMES: Final[Mapping[str, str]] = {
    "CallHandle": "offhook_mockserver.testkit.calls",
    "CalleeEnd": "offhook_mockserver.callees.ends",
    "CalleeHandle": "offhook_mockserver.testkit.callee",
    "ClockHandle": "offhook_mockserver.testkit.clock",
    "Faults": "offhook_mockserver.tenants.faults",
    "JournalHandle": "offhook_mockserver.testkit.journal",
    "MockHandle": "offhook_mockserver.testkit.handle",
    "MockOptions": "offhook_mockserver.testkit.options",
    "MomentCode": "offhook_mockserver.callees.moments",
    "NotFinished": "offhook_mockserver.testkit.not_finished",
    "NotVirtual": "offhook_mockserver.testkit.virtual_guard",
    "ScriptFailed": "offhook_mockserver.testkit.not_finished",
    "ServerThread": "offhook_mockserver.testkit.server_thread",
    "Started": "offhook_mockserver.testkit.started",
    "WebhooksHandle": "offhook_mockserver.testkit.webhooks",
    "mock": "offhook_mockserver.testkit.making",
}


def __getattr__(name: str) -> object:
    return _lazy_name(__name__, name, _HOMES)
