"""One mock, behind a socket or on a test's loop, with the guard and the limits of its HTTP.

Its names are imported on first use, so that each needs only its own libraries.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.server.asgi_transport import NetworkFault
    from offhook_mockserver.server.in_process import InProcessMock
    from offhook_mockserver.server.socket_server import MockServer, MockSettings
    from offhook_mockserver.tenants.tenant import Tenant, TenantSettings

__all__ = ["InProcessMock", "MockServer", "MockSettings", "NetworkFault", "Tenant", "TenantSettings"]

_HOMES: Final[Mapping[str, str]] = {
    "InProcessMock": "offhook_mockserver.server.in_process",
    "MockServer": "offhook_mockserver.server.socket_server",
    "MockSettings": "offhook_mockserver.server.socket_server",
    "NetworkFault": "offhook_mockserver.server.asgi_transport",
    "Tenant": "offhook_mockserver.tenants.tenant",
    "TenantSettings": "offhook_mockserver.tenants.tenant",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
