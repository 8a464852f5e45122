"""The handle of a test: a mock of its own, callees to write, and what they heard, in real and in virtual time."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

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
    "mock",
]

_HOMES: Final[Mapping[str, str]] = {
    "CallHandle": "testkit.calls",
    "CalleeEnd": "callees.ends",
    "CalleeHandle": "testkit.callee",
    "ClockHandle": "testkit.clock",
    "Faults": "tenants.faults",
    "JournalHandle": "testkit.journal",
    "MockHandle": "testkit.handle",
    "MockOptions": "testkit.options",
    "MomentCode": "callees.moments",
    "NotFinished": "testkit.not_finished",
    "NotVirtual": "testkit.virtual_guard",
    "ScriptFailed": "testkit.not_finished",
    "ServerThread": "testkit.server_thread",
    "Started": "testkit.started",
    "mock": "testkit.making",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"offhook_mockserver.{_HOMES[name]}"), name)
