"""The APIs of a mock, each imported and built for its first request: few mocks are asked through all of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from offhook.plugin import Plugins
    from offhook.secret import Secret
    from offhook_mockserver.faces.control.api import ControlApi
    from offhook_mockserver.faces.sendblue.api import SendblueApi
    from offhook_mockserver.tenants.calls import Calls
    from offhook_mockserver.tenants.tenant import Tenant, Tenants

#: The modules that the first calls need, and that are not imported for listening.
FOR_CALLS: Final = (
    "offhook_mockserver.faces.sendblue.api",
    "offhook_mockserver.callees.callee",
    "offhook_mockserver.callees.numbers",
    "offhook_mockserver.callees.script_source",
)
#: The module of the control API.
FOR_CONTROL: Final = "offhook_mockserver.faces.control.api"


class LazyApis:
    """What answers requests that are not for a door.

    Args:
        tenants: the tenants.
        first: the first tenant.
        calls: returns what starts and owns calls.
        plugins: returns what opens audio.
        recordings: the folder for what callees hear, or None.
        environment_of: returns the settings with which a program calls through the mock, with the keys of a tenant.
        control_token: what requests for the control API must prove to have.
    """

    def __init__(
        self,
        *,
        tenants: Tenants,
        first: Tenant,
        calls: Callable[[], Calls],
        plugins: Callable[[], Plugins],
        recordings: Path | None,
        environment_of: Callable[[Tenant], Mapping[str, str]],
        control_token: Secret,
    ) -> None:
        self._tenants = tenants
        self._first = first
        self._calls = calls
        self._plugins = plugins
        self._recordings = recordings
        self._environment_of = environment_of
        self._control_token = control_token
        self._closed = False

    @cached_property
    def sendblue(self) -> SendblueApi:
        """Sendblue's API."""
        from offhook_mockserver.faces.sendblue.api import SendblueApi

        return SendblueApi(self._tenants, self._calls(), self._first)

    @cached_property
    def documents(self) -> Starlette:
        """The documents of Sendblue's API; requests for anything else are passed on to the API."""
        from starlette.applications import Starlette

        from offhook_mockserver.faces.sendblue.documents import ApiDocuments

        documents = Starlette(routes=ApiDocuments().routes(), exception_handlers={Exception: _internal_error})
        not_found = documents.router.default

        async def rest(scope: Scope, receive: Receive, send: Send) -> None:
            await (self.sendblue if scope["type"] == "http" else not_found)(scope, receive, send)

        documents.router.default = rest
        return documents

    @cached_property
    def control(self) -> ControlApi:
        """The control API."""
        from offhook_mockserver.faces.control.api import ControlApi, control_openapi
        from offhook_mockserver.faces.control.measuring import Measuring
        from offhook_mockserver.faces.control.operation import Controlled
        from offhook_mockserver.faces.control.waits import Waits

        parts = Controlled(
            tenants=self._tenants,
            first=self._first,
            plugins=self._plugins(),
            recordings=self._recordings,
            environment_of=self._environment_of,
            waits=Waits(),
            measuring=Measuring(),
            documents=Measuring(),
            document=control_openapi,
        )
        control = ControlApi(parts, self._control_token)
        if self._closed:
            control.close()
        return control

    def close(self) -> None:
        """End the requests that wait in the control API. Idempotent."""
        self._closed = True
        if "control" in vars(self):
            self.control.close()


async def _internal_error(request: Request, error: Exception) -> Response:
    from offhook_mockserver.faces.sendblue.api import internal_error

    return internal_error()
